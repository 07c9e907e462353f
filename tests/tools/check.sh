#!/bin/bash
# SPDX-License-Identifier: MIT
# `make check`: everything, in the order in which it fails soonest. Under sanitizers play the unit tests, the corpora, and the end-to-end
# tests of what comes from outside. PRESENCE_FULL=1, as CI has it, plays all end-to-end tests under them, and adds the faults on real
# processes, hostile neighbours, and all of it again on Debian 13, which takes an hour.
set -u
cd "$(dirname "$0")/../.." || exit
start=$SECONDS
logs=build/check
passed=0
failed=()
rm -rf $logs
mkdir -p $logs

step() { # name command...
    local name=$1 began=$SECONDS status=0 out tee
    shift
    echo "== $name"
    exec {out}> >(tee "$logs/$name.log")
    tee=$!
    "$@" >&"$out" 2>&1 {out}>&- || status=$?
    exec {out}>&-
    # What a test left running may hold the pipe open, which must not hold this one up.
    timeout 5 tail --pid=$tee -s 0.1 -f /dev/null
    if [ $status -eq 0 ]; then
        passed=$((passed + 1))
        echo "== $name: ok, $((SECONDS - began)) s"
    else
        failed+=("$name")
        echo "== $name: FAILED, $((SECONDS - began)) s"
    fi
}

# What failed stands at the end, too: of a long log often only that is kept.
repeat_failure() { # name
    echo
    echo "== $1: FAILED; the end of $logs/$1.log, and the lines that report a failure:"
    tail -n 30 "$logs/$1.log"
    echo '...'
    grep -aE '^ *(✖|not ok)|FAILED|[Ee]rror:|: error|make.*Error' "$logs/$1.log" | cut -c 1-200 | tail -n 20
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
for name in "${failed[@]}"; do repeat_failure "$name"; done
echo "$passed passed, ${#failed[@]} failed${failed[*]:+: $(printf '%s; ' "${failed[@]}" | sed 's/; $//')}"
[ ${#failed[@]} -eq 0 ]
