#!/bin/bash
# What the readers say: layers, layout, C, shell, Lua. Exit 1 when one of them complains.
set -u
cd "$(dirname "$0")/../.." || exit
bad=0

try() {
    "$@" || { echo "lint: $1 ${2-} complains" && bad=1; }
}

mapfile -t c_files < <(git ls-files 'lib/*.[ch]' 'cmd/*.[ch]' 'tests/*.[ch]')
mapfile -t shell_files < <(git ls-files '*.sh' .ci/run 'completions/*.bash')
try tests/tools/lint_layers.sh
if clang-format --version | grep -q 'version 14'; then
    try clang-format --dry-run --Werror "${c_files[@]}"
else
    echo 'lint: layout is looked at with clang-format 14 only'
fi
try cppcheck --quiet --error-exitcode=1 --enable=warning,portability --inline-suppr -j "$(nproc)" -Ilib -D_GNU_SOURCE \
    --suppress=unknownMacro --suppress=missingIncludeSystem --suppress=varFuncNullUB --suppress=identicalInnerCondition lib cmd
try shellcheck "${shell_files[@]}"
for script in lib/store/scripts/*.lua; do
    [ "$script" = lib/store/scripts/prelude.lua ] && continue
    # The shebang is Redis's own; every script stands behind the prelude.
    sed 1d lib/store/scripts/prelude.lua | cat - "$script" | luac5.1 -p - || { echo "lint: $script" && bad=1; }
done
exit $bad
