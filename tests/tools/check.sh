#!/bin/bash
# SPDX-License-Identifier: MIT
# `make check`: everything, in the order in which it fails soonest. Under sanitizers play the unit tests, the corpora, and the end-to-end
# tests of what comes from outside. PRESENCE_FULL=1, as CI has it, plays all end-to-end tests under them, and adds the faults on real
# processes, hostile neighbours, and all of it again on Debian 13, which takes an hour.
set -u
cd "$(dirname "$0")/../.." || exit
start=$SECONDS
passed=0 failed=0

step() { # name command...
    local name=$1 began=$SECONDS
    shift
    echo "== $name"
    if "$@"; then
        passed=$((passed + 1))
        echo "== $name: ok, $((SECONDS - began)) s"
    else
        failed=$((failed + 1))
        echo "== $name: FAILED, $((SECONDS - began)) s"
    fi
}

jobs=$(nproc)
step build make --no-print-directory -j "$jobs" WERROR=1 all
step lint make --no-print-directory lint
step 'unit tests' make --no-print-directory -j "$jobs" WERROR=1 check-unit
step 'simulation' make --no-print-directory check-hunt
step 'end-to-end tests' make --no-print-directory check-e2e
step 'sanitizer build and unit tests' make --no-print-directory -j "$jobs" SAN=address,undefined check-unit
sanitized=('SAN=address,undefined' check-e2e)
outside='access api closing conduct frames gate groups presence proxy_protocol quotas refused router tokens upstream viewers'
# shellcheck disable=SC2086 # a word for each
[ -n "${PRESENCE_FULL:-}" ] || sanitized+=("E2E=$(printf 'tests/e2e/%s.test.js ' $outside)")
step 'end-to-end tests under sanitizers' env PRESENCE_PATIENCE=4 make --no-print-directory "${sanitized[@]}"
step 'completions' node tests/tools/completions.js --check build/bin
step 'settings in the manual pages' tests/tools/settings.sh --check
[ -z "${PRESENCE_FULL:-}" ] || step 'faults' env PRESENCE_PATIENCE=4 JOBS=3 make --no-print-directory check-faults
[ -z "${PRESENCE_FULL:-}" ] || step 'hostile neighbours' make --no-print-directory check-hostile
[ -z "${PRESENCE_FULL:-}" ] || step 'Debian 13' make --no-print-directory check-debian13
step 'demo' env DEMO_SECONDS=10 make --no-print-directory demo
echo "make check: $((SECONDS - start)) s"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
