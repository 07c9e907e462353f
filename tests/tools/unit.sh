#!/bin/bash
# Runs unit tests side by side (one per processor); prints a line each, and the whole output of those that fail.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export dir
touch "$dir/passed" "$dir/failed"

one() {
    log="$dir/$(echo "$1" | tr / _)"
    if "$1" >"$log" 2>&1; then
        printf '%s\t%s\n' "ok" "$(grep -oE '\[  PASSED  \] [0-9]+ test' "$log" | tail -n 1 | grep -oE '[0-9]+') $1" >>"$dir/passed"
    else
        echo "not ok $1"
        cat "$log"
        echo "$1" >>"$dir/failed"
    fi
}
export -f one

# shellcheck disable=SC2016 # $0 is the inner shell's
printf '%s\0' "$@" | xargs -0 -n 1 -P "$(nproc)" bash -c 'one "$0"'
passed=$(awk '{ n += $2 } END { print n + 0 }' "$dir/passed")
failed=$(wc -l <"$dir/failed")
echo "unit: $passed tests in $# programs, $failed programs failed"
[ "$failed" -eq 0 ]
