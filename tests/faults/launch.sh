#!/bin/sh
# launch.sh NAME SCRATCH COMMAND...: starts a process of the house in an environment of its own.
#   CLOCKED="redis ws1"     their wall clock is what SCRATCH/clock.NAME says (faketime's +3600s)
#   DESCRIPTORS_ws1=200     so many descriptors    LOG_ws1=/dev/full     where its log goes
name=$1 scratch=$2
shift 2
eval "descriptors=\${DESCRIPTORS_$name:-} log=\${LOG_$name:-}"
case " ${CLOCKED:-} " in
*" $name "*)
    echo +0s >"$scratch/clock.$name"
    FAKETIME_TIMESTAMP_FILE=$scratch/clock.$name FAKETIME_NO_CACHE=1 DONT_FAKE_MONOTONIC=1
    LD_PRELOAD=$(find /usr/lib -name libfaketime.so.1 | head -1)
    [ -n "$LD_PRELOAD" ] || exit 69
    export FAKETIME_TIMESTAMP_FILE FAKETIME_NO_CACHE DONT_FAKE_MONOTONIC LD_PRELOAD
    ;;
esac
[ -z "$descriptors" ] || ulimit -n "$descriptors"
[ -z "$log" ] || exec 2>"$log"
exec "$@"
