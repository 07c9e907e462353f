#!/bin/bash
# Includes only go down, and each foreign header stands in the files named for it: exit 1 and a line per breach.
set -eu
cd "$(dirname "$0")/../.."

declare -A below=(
    [base]='base'
    [presence]='presence base'
    [wire]='wire presence base'
    [auth]='auth presence base'
    [store]='store wire presence base'
    [net]='net store auth wire presence base'
    [model]='model store wire presence base'
    [world]='world model net store auth wire presence base'
)
# header prefix -> the only files that may include it
declare -A homes=(
    [lua.h]='lib/model/script*'
    [uv.h]='lib/net/*'
    [libwebsockets.h]='lib/net/websocket*'
    [hiredis]='lib/store/reply.c lib/net/redis_* lib/world/redis_adapter.c'
    [msgpack]='lib/wire/packer.*'
    [jansson.h]='lib/wire/jsontext.h lib/auth/* lib/store/reads.c'
    [jwt.h]='lib/auth/hmac.*'
    [openssl]='lib/auth/* lib/net/ws_handshake.c'
    [microhttpd.h]='cmd/presence-api/http*'
)
bad=0

complain() { echo "$1"; bad=1; }

for file in lib/*/*.[ch]; do
    layer=${file#lib/}
    layer=${layer%%/*}
    while read -r target; do
        case " ${below[$layer]} " in
            *" ${target%%/*} "*) ;;
            *) complain "$file: $layer may not include $target" ;;
        esac
    done < <(sed -n 's|^#include "\([a-z]*/[^"]*\)".*|\1|p' "$file")
done

allowed() { # file patterns...
    local file=$1 pattern
    shift
    for pattern; do
        # shellcheck disable=SC2053 # a pattern is wanted
        [[ $file == $pattern ]] && return 0
    done
    return 1
}

for file in lib/*/*.[ch] cmd/*/*.[ch]; do
    for header in "${!homes[@]}"; do
        grep -qE "^#include <$header" "$file" || continue
        # shellcheck disable=SC2086 # a list of patterns
        allowed "$file" ${homes[$header]} || complain "$file: <$header> belongs in ${homes[$header]}"
    done
done
exit $bad
