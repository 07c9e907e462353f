#!/bin/bash
# SPDX-License-Identifier: MIT
# asserted.sh SOCKET USERS SECONDS: waits until so many users stand in Redis again; fails when that took less than so many seconds, since
# nothing was tried then.
begun=$SECONDS
until [ "$(redis-cli -s "$1" ZCARD presence:due)" -ge "$2" ]; do sleep 0.2; done
echo "asserted in $((SECONDS - begun)) s"
[ $((SECONDS - begun)) -ge "$3" ]
