#!/bin/bash
# Plays the seeds that once failed, and a fixed set of others: hunt.sh [seeds]. Exit 1 when one breaks a promise.
set -u
cd "$(dirname "$0")/../.." || exit
sim=build/bin/presence-sim
bad=0 count=0

while read -r seed minutes why; do
    [[ $seed =~ ^[0-9]+$ ]] || continue
    count=$((count + 1))
    "$sim" hunt --quiet --seed "$seed" --seeds 1 --minutes "$minutes" >/tmp/presence-hunt.$$ 2>&1 && continue
    echo "again: seed $seed ($why)"
    cat /tmp/presence-hunt.$$
    bad=1
done <tests/hunt/regressions
rm -f /tmp/presence-hunt.$$
echo "hunt: $count seeds that once failed"
"$sim" hunt --quiet --seed 5000 --seeds "${1:-12}" --minutes 10 || bad=1
exit $bad
