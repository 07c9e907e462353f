#!/bin/sh
# SPDX-License-Identifier: MIT
# sentinels.sh SCRATCH MASTER_PORT PORT...: writes a configuration for a sentinel on each port.
scratch=$1 master=$2
shift 2
for port; do
    printf '%s\n' "port $port" 'bind 127.0.0.1' "dir $scratch" "sentinel monitor main 127.0.0.1 $master 2" \
        'sentinel down-after-milliseconds main 2000' 'sentinel failover-timeout main 3000' >"$scratch/sentinel$port.conf"
done
