#!/bin/bash
# SPDX-License-Identifier: MIT
# Plays the seeds that once failed, some of each kind of play, and a fixed set of others: hunt.sh [seeds]. Exit 1 when one breaks a promise.
set -u
cd "$(dirname "$0")/../.." || exit
simulate=build/bin/simulate
# kind, first seed, seeds, minutes
kinds='crowd 2 1 1, stranger 1 2 10, ttls 1 1 10, sessions 1 1 1, views 1 1 2, router 1 2 10'
bad=0 count=0
out=$(mktemp -d) || exit
trap 'rm -rf "$out"' EXIT

play_kinds() {
    local kind seed seeds minutes failed=0
    while read -r kind seed seeds minutes; do
        printf '%s ' "$kind"
        "$simulate" --quiet --play "$kind" --seed "$seed" --seeds "$seeds" --minutes "$minutes" || failed=1
    done <<<"${kinds//, /$'\n'}"
    return $failed
}

# A process uses one core: the others play beside the known seeds.
"$simulate" --quiet --seed 5000 --seeds "${1:-12}" --minutes 10 >"$out/others" 2>&1 &
others=$!
play_kinds >"$out/kinds" 2>&1 &
each=$!

while read -r seed minutes kind why; do
    [[ $seed =~ ^[0-9]+$ ]] || continue
    count=$((count + 1))
    "$simulate" --quiet --seed "$seed" --seeds 1 --minutes "$minutes" --play "$kind" >"$out/known" 2>&1 && continue
    echo "again: seed $seed ($why)"
    cat "$out/known"
    bad=1
done <tests/hunt/regressions
echo "hunt: $count seeds that once failed"
wait $others || bad=1
wait $each || bad=1
cat "$out/others" "$out/kinds"
exit $bad
