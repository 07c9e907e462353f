#!/bin/bash
# SPDX-License-Identifier: MIT
# Writes the settings of the manual pages from the programs' --help; with --check fails when they differ.
# The places are marked: <!-- settings: begin --> to <!-- settings: end --> for what a whole program takes, and
# <!-- settings of COMMAND: begin --> to <!-- settings of COMMAND: end --> for what a command takes beside that.
# PRESENCE_BIN: where the programs are (build/bin).
set -eu
cd "$(dirname "$0")/../.."
bin=${PRESENCE_BIN:-build/bin}

# A section of the --help on standard input, as a list.
items() { # section
    awk -v wanted="$1:" '
        function item() {
            line = name ~ /^-/ ? "**`" name "`**" : "**`" variable "`**"
            if (name ~ /^-/ && variable != "") line = line ", `" variable "`"
            printf "- %s%s: %s\n", line, rest == "" ? "" : " (" rest ")", help
        }
        function emit() {
            if (name == "") return
            split(where, part, "; ")
            variable = part[1]; rest = ""
            if (variable ~ /^default /) { rest = variable; variable = "" }
            for (i = 2; i in part; i++) rest = rest (rest == "" ? "" : "; ") part[i]
            gsub(/</, "\\&lt;", help)
            item()
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

# The names of the sections of settings, one a line.
sections() { # program [command]
    "$bin/$1" ${2:+"$2"} --help | sed -n 's/^\([A-Z][A-Za-z ]*\):$/\1/p'
}

list() { # program section [command]
    local body
    body=$("$bin/$1" ${3:+"$3"} --help | items "$2")
    [ -n "$body" ] || { echo "settings: $1 ${3-} has no section $2" >&2 && exit 1; }
    printf '\n**%s**\n\n%s\n' "$2" "$body"
}

lists_of_program() { # program
    local section
    while read -r section; do
        list "$1" "$section"
    done < <(sections "$1")
    # The commands of presence-ctl have this one in common.
    if [ "$1" = presence-ctl ]; then list "$1" Presence status; fi
}

lists_of_command() { # program command
    local section
    while read -r section; do
        if [ "$section" != Presence ]; then list "$1" "$section" "$2"; fi
    done < <(sections "$1" "$2" | grep -vxF "$(sections "$1")")
}

# The file on standard input, with what stands between its markers made anew.
fill() { # program
    local line command skip=
    while IFS= read -r line; do
        [[ $line != '<!-- settings'*': end'* ]] || skip=
        [ -n "$skip" ] || printf '%s\n' "$line"
        [[ $line == '<!-- settings'*': begin'* ]] || continue
        skip=1
        command=${line#<!-- settings}
        command=${command%%:*}
        if [ -z "$command" ]; then lists_of_program "$1"
        else lists_of_command "$1" "${command# of }"; fi
        echo
    done
}

bad=0
fresh=$(mktemp)
trap 'rm -f "$fresh"' EXIT
for file in cmd/*/*.[0-9].md; do
    name=${file##*/}
    fill "${name%%.*}" <"$file" >"$fresh"
    if [ "${1-}" != --check ]; then
        cmp -s "$fresh" "$file" || cp "$fresh" "$file"
    elif ! diff -u "$file" "$fresh"; then
        echo "settings: $file differs from --help; run tests/tools/settings.sh" >&2
        bad=1
    fi
done
exit $bad
