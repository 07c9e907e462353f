#!/bin/sh
# SPDX-License-Identifier: MIT
# sentinels.sh SCRATCH PORT_FLAG MASTER_PORT PORT...: writes a configuration for a sentinel on each port, which is plain (--port) or for
# TLS (--tls-port), and on a socket s1.sock, s2.sock and so on.
scratch=$1 directive=${2#--} master=$3 number=0
shift 3
for port; do
    number=$((number + 1))
    printf '%s\n' "$directive $port" "unixsocket $scratch/s$number.sock" 'bind 127.0.0.1' "dir $scratch" \
        "sentinel monitor main 127.0.0.1 $master 2" 'sentinel down-after-milliseconds main 2000' \
        'sentinel failover-timeout main 3000' >"$scratch/sentinel$port.conf"
done
