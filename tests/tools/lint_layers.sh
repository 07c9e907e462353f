#!/bin/bash
# SPDX-License-Identifier: MIT
# Includes only go down, and each foreign header stands in the files named for it: exit 1 and a line per breach.
set -eu
cd "$(dirname "$0")/../.."

declare -A below=(
    [base]='base'
    [presence]='presence base'
    [wire]='wire presence base'
    [auth]='auth presence base'
    [net]='net base'
    [redis]='redis net base'
    [store]='store redis net wire presence base'
    [http]='http net auth wire presence base'
    [relay]='relay http net auth wire presence base'
    [fanout]='fanout http net wire presence base'
)
# header prefix -> the only files that may include it
declare -A homes=(
    [uv.h]='lib/net/* lib/redis/redis_* lib/http/* lib/relay/upstream.c lib/fanout/websocket* cmd/presence-sim/ws_client.c'
    [curl]='lib/http/http_get.c lib/http/https_get.c'
    [libwebsockets.h]='lib/fanout/websocket*'
    [hiredis]='lib/redis/*'
    [msgpack]='lib/wire/encoder.h'
    [jansson.h]='lib/wire/json_reader.h lib/auth/* lib/store/reads.c'
    [jwt.h]='lib/auth/hmac.*'
    [openssl]='lib/auth/* lib/redis/redis_tls.c lib/http/handshake.c'
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
