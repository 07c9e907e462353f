#!/bin/bash
# SPDX-License-Identifier: MIT
# What the readers say: layers, layout, C, shell, Lua. Exit 1 when one of them complains.
set -u
cd "$(dirname "$0")/../.." || exit
bad=0

try() {
    "$@" || { echo "lint: $1 complains" && bad=1; }
}

# Not from git, which a source archive is without.
files() { # find's conditions...
    find . \( -name build -o -name node_modules -o -name .git \) -prune -o -type f \( "$@" \) -print
}

mapfile -t c_files < <(files -name '*.[ch]')
mapfile -t shell_files < <(files -name '*.sh' -o -path './completions/*.bash' -o -path ./.ci/run)
mapfile -t licensed < <(files -name '*.[ch]' -o -name '*.js' -o -name '*.lua' -o -name '*.sh')
for file in "${licensed[@]}"; do
    sed 2q "$file" | grep -q 'SPDX-License-Identifier: MIT' || { echo "lint: $file does not say its license" && bad=1; }
done
try tests/tools/lint_layers.sh
if clang-format --version | grep -q 'version 14'; then
    try clang-format --dry-run --Werror "${c_files[@]}"
else
    echo 'lint: layout is looked at with clang-format 14 only'
fi
try node tests/tools/style.js "${c_files[@]}"
# From 2.11 on cppcheck limits what it looks at unless told otherwise, and remarks that it does.
level=()
if cppcheck --help | grep -q -- --check-level; then level=(--check-level=exhaustive); fi
try cppcheck --quiet --error-exitcode=1 "${level[@]}" --enable=warning,portability --inline-suppr -j "$(nproc)" -Ilib -D_GNU_SOURCE \
    --suppress=unknownMacro --suppress=missingIncludeSystem --suppress=varFuncNullUB --suppress=identicalInnerCondition lib cmd
try shellcheck "${shell_files[@]}"
for script in lib/store/scripts/*.lua; do
    [ "$script" = lib/store/scripts/prelude.lua ] && continue
    # The shebang is Redis's own; every script stands behind the prelude.
    sed 1d lib/store/scripts/prelude.lua | cat - "$script" | luac5.1 -p - || { echo "lint: $script" && bad=1; }
done
try node tests/tools/documents.js
try node tests/tools/documents_pages.js
try tests/tools/man.sh --check
exit $bad
