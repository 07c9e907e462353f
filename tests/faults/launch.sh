#!/bin/bash
# SPDX-License-Identifier: MIT
# launch.sh NAME SCRATCH COMMAND...: starts a process of the house in an environment of its own.
#   CLOCKED="redis ws1"     their wall clock is ahead by the seconds in SCRATCH/clock.NAME (build/faults/clock.so)
#   DESCRIPTORS_ws1=200     so many descriptors    LOG_ws1=/dev/full     where its log goes
#   TLS_FLAGS="--port 0 …"  more arguments of each redis-server, by which it speaks TLS
name=$1 scratch=$2
shift 2
eval "descriptors=\${DESCRIPTORS_$name:-} log=\${LOG_$name:-}"
case " ${CLOCKED:-} " in
*" $name "*)
    echo 0 >"$scratch/clock.$name"
    WALL_CLOCK=$scratch/clock.$name LD_PRELOAD=$PWD/build/faults/clock.so
    export WALL_CLOCK LD_PRELOAD
    ;;
esac
[ -z "$descriptors" ] || ulimit -n "$descriptors"
[ -z "$log" ] || exec 2>"$log"
read -ra flags <<<"${TLS_FLAGS:-}"
[ "$1" = redis-server ] || flags=()
exec "$@" "${flags[@]}"
