#!/bin/sh
# Writes completions/ from what the programs print themselves: completions.sh [--check] [DIRECTORY OF THE PROGRAMS]
# With --check nothing is written: exit 1, and a line for each file that differs.
set -eu

check=
if [ "${1:-}" = --check ]; then
    check=1
    shift
fi
root=$(cd "$(dirname "$0")/../.." && pwd)
bin=$(cd "${1:-$root/build/bin}" && pwd)
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

for program in presence-ws presence-api presence-expiryd presence-ctl presence-sim; do
    "$bin/$program" --completions bash > "$fresh/$program.bash"
    "$bin/$program" --completions zsh > "$fresh/_$program"
    "$bin/$program" --completions fish > "$fresh/$program.fish"
done

if [ -z "$check" ]; then
    mkdir -p "$root/completions"
    cp "$fresh"/* "$root/completions/"
    exit 0
fi
bad=0
for file in "$fresh"/*; do
    name=${file##*/}
    if ! cmp -s "$file" "$root/completions/$name"; then
        echo "completions/$name differs from what the program prints: run tests/tools/completions.sh"
        bad=1
    fi
done
for file in "$root"/completions/*; do
    if [ ! -e "$fresh/${file##*/}" ]; then
        echo "completions/${file##*/} belongs to no program"
        bad=1
    fi
done
exit "$bad"
