#!/bin/bash
# SPDX-License-Identifier: MIT
# bare.sh HOSTS COMMAND...: runs it as containers often run: without IPv6, by a user without capabilities, on a file system that is
# read-only but for /tmp. HOSTS becomes /etc/hosts. Exit 77 where namespaces can't be made; the reason stands on stderr.
set -eu

if [ "$1" != --inside ]; then
    as=()
    [ "$(id -u)" -eq 0 ] || as=(--user --map-root-user)
    unshare "${as[@]}" --net --mount --pid --fork --mount-proc true || exit 77
    exec unshare "${as[@]}" --net --mount --pid --fork --kill-child --mount-proc bash "$0" --inside "$(id -u)" "$@"
fi
uid=$2 hosts=$3
shift 3

echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
ip link set lo up
mount --bind "$hosts" /etc/hosts
mount --rbind /tmp /tmp
# What a mount forbids already must be said again.
findmnt -rnuo TARGET,VFS-OPTIONS | while read -r target options; do
    target=$(printf '%b' "$target")
    case $target in
    /tmp | /tmp/* | /proc | /proc/*) ;;
    *) mount -o "remount,bind,ro,${options#rw,}" "$target" ;;
    esac
done
if [ "$uid" -eq 0 ]; then
    exec setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all --inh-caps -all --no-new-privs "$@"
fi
# Root of a namespace has no other user to become: one of its own within.
exec unshare --user --map-user 65534 --map-group 65534 setpriv --no-new-privs "$@"
