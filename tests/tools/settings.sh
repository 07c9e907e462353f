#!/bin/bash
# Writes the settings' tables of README.md from the programs' --help; with --check fails when they differ.
# PRESENCE_BIN: where the programs are (build/bin).
set -eu
cd "$(dirname "$0")/../.."
bin=${PRESENCE_BIN:-build/bin}

# A section of a program's --help as rows of a Markdown table.
rows() { # program section
    "$bin/$1" --help | awk -v wanted="$2:" '
        function emit() {
            if (name == "") return
            gsub(/\|/, "\\|", name); gsub(/\|/, "\\|", help); gsub(/\|/, "\\|", where)
            split(where, part, "; ")
            variable = part[1]; rest = ""
            if (variable ~ /^default /) { rest = variable; variable = "" }
            for (i = 2; i in part; i++) rest = rest (rest == "" ? "" : "; ") part[i]
            sub(/^default /, "", rest)
            gsub(/</, "\\&lt;", help)
            if (name !~ /^-/) name = ""
            printf "| %s | %s | %s | %s |\n", name == "" ? "" : "`" name "`", variable == "" ? "" : "`" variable "`", rest, help
            name = help = where = ""; split("", part)
        }
        /^[A-Z][A-Za-z ]*:$/ { emit(); on = $0 == wanted; next }
        !on { next }
        /^ +[-A-Z]/ && !/^                    / {
            emit()
            line = $0; sub(/^ +/, "", line)
            at = match(line, /  +/)
            name = at ? substr(line, 1, at - 1) : line
            help = at ? substr(line, at + RLENGTH) : ""
            next
        }
        /^                    / {
            line = $0; sub(/^ +/, "", line)
            if (line ~ /^\[.*\]$/) where = substr(line, 2, length(line) - 2)
            else help = help (help == "" ? "" : " ") line
        }
        END { emit() }'
}

table() { # title program section
    local body
    body=$(rows "$2" "$3")
    [ -n "$body" ] || { echo "settings: $2 has no section $3" >&2 && exit 1; }
    printf '\n**%s**\n\n| flag | variable | default; bounds | meaning |\n|---|---|---|---|\n%s\n' "$1" "$body"
}

tables() {
    table 'All: presence' presence-ws Presence
    table 'All: Redis' presence-ws Redis
    table 'presence-ws, presence-api: tokens' presence-ws Tokens
    table 'The daemons: log' presence-ws Log
    table 'presence-ws' presence-ws Server
    table 'presence-api' presence-api Server
    table 'presence-expiryd' presence-expiryd Expiry
    table 'presence-ctl' presence-ctl Output
    table 'presence-sim' presence-sim 'Common to all commands'
}

fresh=$(mktemp)
trap 'rm -f "$fresh"' EXIT
{
    sed '/<!-- settings: begin/q' README.md
    tables
    echo
    sed -n '/<!-- settings: end/,$p' README.md
} >"$fresh"
if [ "${1-}" = --check ]; then
    diff -u README.md "$fresh" || { echo 'settings: README.md differs from --help; run tests/tools/settings.sh' >&2 && exit 1; }
else
    cp "$fresh" README.md
fi
