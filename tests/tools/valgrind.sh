#!/bin/bash
# SPDX-License-Identifier: MIT
# The end-to-end tests with every program under valgrind: valgrind.sh BIN TEST... Exit 1 when valgrind has something to say. Programs that
# are thirty times slower miss deadlines of tests, which is no finding: such tests are counted, and may fail.
set -u
cd "$(dirname "$0")/../.." || exit
bin=$PWD/$1 under=build/valgrind
shift
rm -rf "$under"
mkdir -p "$under/bin" "$under/log"
for program in "$bin"/presence-*; do
    name=$(basename "$program")
    printf '#!/bin/sh\nexec valgrind -q --leak-check=full --show-leak-kinds=definite --log-file=%s/%s.%%p %s "$@"\n' \
        "$PWD/$under/log" "$name" "$program" >"$under/bin/$name"
    chmod +x "$under/bin/$name"
done
PRESENCE_PATIENCE=8 PRESENCE_BIN=$under/bin PRESENCE_SANITIZED=valgrind \
    node --test --test-concurrency=3 --test-timeout=600000 "$@" >"$under/tests" 2>&1
grep -E '^# (pass|fail) ' "$under/tests"
echo "valgrind: $(find "$under/log" -type f | wc -l) processes"
found=$(find "$under/log" -type f -size +0)
[ -z "$found" ] && exit 0
echo "$found" | xargs head -n 40
exit 1
