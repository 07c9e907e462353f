#!/bin/bash
# SPDX-License-Identifier: MIT
# For a CI job: starts an app that is to be USER's phone, sees it come online, kills it, and sees it go offline.
#
#   await-offline.sh USER COMMAND [ARGUMENT...]
#   await-offline.sh user123 node examples/mobile-client-presence.js
#
# REDIS_HOST and the like, or REDIS_URL, say where (see presence-ctl --help). COME (10s) and GO (70s: the TTL of 60 s and some) are
# how long each may take; KILL_SIGNAL (KILL) is what the app gets: with STOP its network falls silent, as it were.
# Exits 0: it came and went; 1: it did not; 2: usage; 3 and above: as presence-ctl, the installation is to blame and not the app.
set -u

if [ $# -lt 2 ]; then
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
user=$1
shift

app=
# shellcheck disable=SC2317 # the trap calls it
end() {
    [ -z "$app" ] || kill -KILL "$app" 2>/dev/null
}
trap end EXIT
trap 'exit 130' INT TERM

# A user who is there already proves nothing.
presence-ctl status "$user" >/dev/null
code=$?
case $code in
    0)
        echo "$user is online already: choose a user of the test's own" >&2
        exit 1
        ;;
    1) ;;
    *) exit "$code" ;;
esac

await() { # status timeout
    presence-ctl wait "$user" "$1" --timeout "$2"
    code=$?
    case $code in
        0) return ;;
        5)
            presence-ctl why "$user" >&2
            exit 1
            ;;
        *) exit "$code" ;;
    esac
}

"$@" &
app=$!
await online "${COME:-10s}"
if ! kill -s "${KILL_SIGNAL:-KILL}" "$app"; then
    echo "the app ended by itself" >&2
    exit 1
fi
await offline "${GO:-70s}"
presence-ctl why "$user"
