#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs unit tests side by side (one per processor); prints the whole output of those that fail, and keeps it in build/failed/unit, with the
# place of a core dump where the kernel writes one.
set -u
kept=build/failed/unit
rm -rf "$kept"
ulimit -c unlimited 2>/dev/null || true
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export dir kept
touch "$dir/passed" "$dir/failed"

one() {
    log="$dir/$(echo "$1" | tr / _)"
    "$1" >"$log" 2>&1
    code=$?
    if [ "$code" = 0 ]; then
        printf '%s\t%s\n' "ok" "$(grep -oE '\[  PASSED  \] [0-9]+ test' "$log" | tail -n 1 | grep -oE '[0-9]+') $1" >>"$dir/passed"
    else
        echo "not ok $1"
        [ "$code" -le 128 ] || echo "died of signal $((code - 128)); core dumps go to $(cat /proc/sys/kernel/core_pattern)" >>"$log"
        cat "$log"
        mkdir -p "$kept"
        cp "$log" "$kept/"
        echo "$1" >>"$dir/failed"
    fi
}
export -f one

# shellcheck disable=SC2016 # $0 is the inner shell's
printf '%s\0' "$@" | xargs -0 -n 1 -P "$(nproc)" bash -c 'one "$0"'
passed=$(awk '{ n += $2 } END { print n + 0 }' "$dir/passed")
failed=$(wc -l <"$dir/failed")
echo "unit: $passed tests in $# programs, $failed programs failed"
[ "$failed" -eq 0 ] || echo "unit: the output of those that failed is kept in $kept"
[ "$failed" -eq 0 ]
