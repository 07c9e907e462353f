#!/bin/bash
# SPDX-License-Identifier: MIT
# Installs what is missing, from Debian's packages, and says what and why: deps.sh build|demo|check|fuzz|bench|valgrind|debian13|valkey|compdb|man ...
set -eu

need=()

want() { # package why
    dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed' && return
    printf 'missing: %-26s %s\n' "$1" "$2"
    need+=("$1")
}

# The first of the alternatives that this Debian has.
want_one() { # why package...
    local why=$1 package
    shift
    for package; do
        if dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed'; then return; fi
    done
    for package; do
        if apt-cache show "$package" >/dev/null 2>&1; then
            want "$package" "$why"
            return
        fi
    done
    need+=("$1")
}

# A command that may come from elsewhere than Debian.
want_command() { # command package why
    command -v "$1" >/dev/null || want "$2" "$3"
}

build() {
    want_command cc gcc 'compiler'
    want libc6-dev 'headers of the C library'
    want pkg-config 'finds the libraries'
    want libuv1-dev 'event loop'
    want libwebsockets-dev 'WebSocket connections'
    want libwebsockets-evlib-uv 'libwebsockets on libuv (a plugin of its own)'
    want libhiredis-dev 'Redis client'
    want_one 'MessagePack' libmsgpack-c-dev libmsgpack-dev
    want libjansson-dev 'JSON'
    want libjwt-dev 'tokens'
    want libssl-dev 'signatures'
    want libcurl4-openssl-dev 'fetches the keys of JWT_JWKS_URL'
    want libmicrohttpd-dev 'HTTP server of presence-api'
    want liblua5.1-0-dev 'runs the scripts in the simulation, as Redis does'
}

demo() {
    want_command redis-server redis-server 'the store (Debian starts one on port 6379 by itself)'
    want_command redis-cli redis-tools 'to look into the store'
    want_command nginx nginx-light 'in front of two servers (Debian starts one on port 80 by itself)'
    want_command curl curl 'the guide asks with it'
}

check() {
    want libcmocka-dev 'unit tests'
    want_command node nodejs 'clients of the end-to-end tests'
    want_command npm npm 'installs those clients'
    want chromium 'the page, and new WebSocket() of a browser'
    want_command openssl openssl 'certificates for wss, and for TLS to Redis'
    want_command shellcheck shellcheck 'reads the shell scripts'
    want_command luac5.1 lua5.1 'reads the Lua scripts'
    want_command clang-format clang-format 'looks at the layout'
    want_command cppcheck cppcheck 'looks for mistakes'
    want_command haproxy haproxy 'speaks the PROXY protocol'
    want_command systemd-analyze systemd 'reads the units'
    want_command ip iproute2 'networks of its own: without IPv6, and with the default ports'
    want_command zsh zsh 'loads the completions'
    want_command fish fish 'loads the completions'
}

fuzz() {
    want_command clang clang 'libFuzzer'
    want_one 'libFuzzer runtime' libclang-rt-14-dev libclang-rt-19-dev libclang-rt-dev
}

bench() {
    want_command wrk wrk 'asks presence-api for status, faster than a client in Node could'
    want mosquitto 'a broker of MQTT to compare with (Debian starts one on port 1883 by itself)'
}

valgrind() {
    want_command valgrind valgrind 'looks for errors and leaks of memory'
}

debian13() {
    want_command mmdebstrap mmdebstrap 'makes a Debian 13 to test in'
    want debian-archive-keyring 'the keys that its packages are signed with'
}

valkey() {
    want_command valkey-server valkey-server 'the store in place of Redis (Debian 13 and newer)'
}

man() {
    want_command lowdown lowdown 'makes the manual pages of the documents'
    want_command man man-db 'reads them'
    want_command mandoc mandoc 'looks for mistakes in them'
}

compdb() {
    want_command bear bear 'writes compile_commands.json'
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

for part; do "$part"; done
[ ${#need[@]} -eq 0 ] && exit 0

echo "installing with apt-get: ${need[*]}"
as_root apt-get update -qq || echo 'apt-get update failed; trying with the lists at hand' >&2
export DEBIAN_FRONTEND=noninteractive
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null
