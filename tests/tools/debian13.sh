#!/bin/bash
# SPDX-License-Identifier: MIT
# `make check` and `make check-valkey` in a Debian 13 of its own, whatever Debian this machine has: debian13.sh [COMMAND...] runs another command there.
# The root is made once, in build/debian13, from the mirror and with the proxies and certificates that apt and npm use here.
set -eu
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || exec sudo "$PWD/tests/tools/debian13.sh" "$@"

root=$PWD/build/debian13
release=trixie

# Mounts and processes of a run end with it, so that nothing of this machine is left below the root.
inside() { # command...
    unshare --mount --pid --fork --kill-child "$@"
}

if ! inside true; then
    echo 'debian13: no namespace of its own can be had here; an unprivileged container has none' >&2
    exit 1
fi

# Where this machine's own release comes from, the other one is too.
mirror() {
    local own uri
    own=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    uri=$(apt-get indextargets --format "\$(RELEASE) \$(REPO_URI)" 'Created-By: Packages' | sed -n "s/^$own //p" | head -n 1)
    [ -n "$uri" ] || { echo "debian13: apt names no mirror for $own" >&2 && return 1; }
    echo "$uri"
}

copy_certificates() { # directory
    local own=/usr/local/share/ca-certificates
    mkdir -p "$1$own"
    [ ! -d $own ] || cp -r $own/. "$1$own/"
}

make_root() {
    local from options
    from=$(mirror)
    options=$(mktemp)
    apt-config dump Acquire >"$options"
    rm -rf "$root" "$root.new"
    mkdir -p "$root.new"
    copy_certificates "$root.new"
    mmdebstrap --quiet --mode=root --variant=apt --include=ca-certificates,make --aptopt="$options" \
        --dpkgopt=force-unsafe-io --skip=check/empty "$release" "$root.new" "deb $from $release main"
    rm -f "$options"
    # Nothing that is installed there starts its service.
    printf '#!/bin/sh\nexit 101\n' >"$root.new/usr/sbin/policy-rc.d"
    chmod +x "$root.new/usr/sbin/policy-rc.d"
    mv "$root.new" "$root"
}

# Of this machine's environment: how the network is reached, and how patient the tests are.
settings() {
    local name value
    for name in http_proxy https_proxy no_proxy NODE_EXTRA_CA_CERTS PRESENCE_PATIENCE; do
        [ -z "${!name:-}" ] || echo "$name=${!name}"
    done
    command -v npm >/dev/null || return 0
    for name in registry cafile proxy https-proxy noproxy; do
        value=$(npm config get "$name")
        [ -z "$value" ] || [ "$value" = null ] || echo "npm_config_${name//-/_}=$value"
    done
}

# A file that a setting names is there, too.
copy_named_files() { # settings...
    local file
    for file; do
        file=${file#*=}
        [[ $file == /* && -f $file && ! -e $root$file ]] || continue
        mkdir -p "$root${file%/*}"
        cp "$file" "$root$file"
    done
}

copy_tree() {
    rm -rf "$root/presence"
    mkdir "$root/presence"
    tar --exclude=./build --exclude=./.git --exclude=node_modules -cf - . | tar -xf - -C "$root/presence"
}

tests/tools/deps.sh debian13
[ -d "$root" ] || make_root
copy_tree
mapfile -t environment < <(settings)
copy_named_files "${environment[@]}"
[ $# -gt 0 ] || set -- sh -c 'make check && make check-valkey'
# shellcheck disable=SC2016 # the inner shell's
inside sh -eu -c '
    root=$1
    shift
    mount --make-rprivate /
    # A mount point, or nobody there could unshare mounts in turn.
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount --rbind /dev "$root/dev"
    cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
    status=0
    # The shell stays, since the first process is the one that takes in orphans.
    chroot "$root" "$@" || status=$?
    exit $status' sh "$root" \
    env -i HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive \
    "${environment[@]}" sh -c 'cd /presence && exec "$@"' sh "$@"
