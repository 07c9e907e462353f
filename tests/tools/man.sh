#!/bin/bash
# SPDX-License-Identifier: MIT
# The manual pages: each document that begins with `title:` and `section:`, as lowdown reads them, is the page TITLE.SECTION.
#   man.sh --names       prints the names of the pages
#   man.sh --check       makes them into a directory of its own, and has them read where mandoc and man are installed
#   man.sh DIRECTORY     makes them
# VERSION stands in their footers; their date is SOURCE_DATE_EPOCH, else that of the last commit.
set -euo pipefail
cd "$(dirname "$0")/../.."

# Not from git, which a source archive is without.
documents() {
    find cmd lib examples \( -name node_modules -o -name build \) -prune -o -name '*.md' -print | LC_ALL=C sort | while read -r file; do
        if [[ $(head -n 1 "$file") == title:* ]]; then echo "$file"; fi
    done
}

field() { # file key
    sed -n "1,/^\$/s/^$2: *//p" "$1"
}

name() { # file
    echo "$(field "$1" title).$(field "$1" section)"
}

date_of_pages() {
    local seconds
    seconds=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
    date -u -d "@$seconds" +%Y-%m-%d
}

# Tables as lowdown writes them give every column the same width. Where all cells but those of the last column are short, they
# decide the width of their columns here, and the last column takes what is left.
narrow_tables() {
    awk -v most=48 '
        function end_row() {
            for (i = 1; i < columns; i++) {
                plain = plain cells[i] "|"
                if (length(cells[i]) > width[i]) width[i] = length(cells[i])
                if (cells[i] ~ /[|\n]/ || cells[i] ~ /^[.\x27]/) width[i] = most + 1
            }
            plain = plain "T{\n" cells[columns] "\nT}\n"
            columns = 0
        }
        function end_table() {
            sum = 0
            for (i in width) sum += width[i]
            printf "%s", sum <= most ? plain : whole
            whole = plain = ""; split("", width)
        }
        /^\.TS$/ { table = 1 }
        !table { print; next }
        { whole = whole $0 "\n" }
        /^\.TE$/ { table = 0; plain = plain $0 "\n"; end_table(); print ".PP"; next }
        /^T\{$/ { inside = 1; cell = ""; next }
        inside && /^T\}/ { cells[++columns] = cell; cell = ""; if ($0 == "T}") { inside = 0; end_row() } next }
        inside { cell = cell (cell == "" ? "" : "\n") $0; next }
        /^tab\(/ { sub(/ expand/, "") }
        /^lb?( lb?)*$/ { sub(/$/, "x") }
        /^l( l)*\.$/ { sub(/\.$/, "x.") }
        { plain = plain $0 "\n" }'
}

# Links among documents are names of pages already; code is bold, since terminals have no other font for it; section headings
# are in capitals, as in other pages.
make_page() { # file
    sed -E 's/\[([^]]+)\]\([^)]*\)/\1/g' "$1" |
        lowdown -s -Tman --out-no-smarty --parse-no-autolink -m source="presence ${VERSION-}" -m date="$(date_of_pages)" |
        sed -E 's/\\f(\(C[A-Z]|\[C[A-Z]*\]|C)/\\fB/g' |
        awk 'heading { $0 = toupper($0); heading = 0 } /^\.SH$/ { heading = 1 } { print }' |
        narrow_tables
}

make_pages() { # directory
    mkdir -p "$1"
    documents | while read -r file; do
        make_page "$file" >"$1/$(name "$file")"
    done
}

read_pages() { # directory
    local page bad=0
    for page in "$1"/*; do
        if command -v mandoc >/dev/null && ! mandoc -T lint -W error "$page"; then bad=1; fi
        # How narrow the columns of a table are is no error.
        if command -v man >/dev/null && man --warnings -l "$page" 2>&1 >/dev/null | grep -i error; then bad=1; fi
        if command -v lexgrog >/dev/null && ! lexgrog "$page" >/dev/null; then echo "$page: no name and description" && bad=1; fi
    done
    return $bad
}

case ${1-} in
    --names) documents | while read -r file; do name "$file"; done ;;
    --check)
        if ! command -v lowdown >/dev/null; then echo 'the manual pages are looked at only where lowdown is installed' && exit 0; fi
        scratch=$(mktemp -d)
        trap 'rm -rf "$scratch"' EXIT
        make_pages "$scratch"
        read_pages "$scratch"
        ;;
    '' | -*) echo "man.sh --names | --check | DIRECTORY" >&2 && exit 2 ;;
    *)
        command -v lowdown >/dev/null || { echo 'man.sh: lowdown is not installed: make deps-man' >&2 && exit 1; }
        make_pages "$1"
        ;;
esac
