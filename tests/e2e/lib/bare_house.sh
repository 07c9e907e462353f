#!/bin/bash
# SPDX-License-Identifier: MIT
# bare_house.sh DIR: everything with its defaults, in surroundings that bare.sh made. DIR has bin/ and demo/, and takes the logs.
set -eu
dir=$1 bin=$1/bin
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true' EXIT

fail() {
    echo "failed: $*" >&2
    exit 1
}

start() { # name command...
    local name=$1
    shift
    "$@" >"$dir/$name.log" 2>&1 &
    pids+=($!)
}

await() { # command...
    local i
    for ((i = 0; i < 400; i++)); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.05
    done
    fail "never: $*"
}

# The surroundings are what they are said to be.
for place in / /etc /usr /var/tmp /run /dev/shm "$HOME"; do
    if (: >"$place/presence-was-here") 2>/dev/null; then fail "$place can be written"; fi
done
[ "$(id -u)" -ne 0 ] || fail 'root'
grep -q '^CapEff:[[:space:]]*0*$' /proc/self/status || fail 'capabilities'
! grep -qs . /proc/net/if_inet6 || fail 'an IPv6 address'

mkdir "$dir/redis"
start redis redis-server --save '' --dir "$dir/redis"
await redis-cli ping
for program in presence-ws presence-api presence-expiryd; do start "$program" "$bin/$program"; done
for port in 3000 3001 3002; do
    await curl -fsS "http://127.0.0.1:$port/readyz"
    curl -fsS "http://localhost:$port/healthz" >/dev/null
done
for program in presence-ws presence-api presence-expiryd; do
    [ "$(grep -c listen_partial "$dir/$program.log")" -eq 1 ] || fail "$program: one warning"
    grep -q 'warn .* listen_partial address=\[::1\]:300. ' "$dir/$program.log" || fail "$program: the warning"
done

for server in ws://127.0.0.1:3000 ws://localhost:3000; do
    "$bin/presence-sim" mobile --server "$server" --users 3 --dashboards 2 --duration 2s --quiet
done
start phone "$bin/presence-sim" mobile --prefix resident
await "$bin/presence-ctl" wait resident1 online --timeout 10s
curl -fsS -X POST http://localhost:3001/api/presence/status -H 'Content-Type: application/json' -d '{"userIds":["resident1"]}' |
    grep -q '"status":"online"' || fail 'the API knows'
for redis in localhost 127.0.0.1; do REDIS_HOST=$redis "$bin/presence-ctl" doctor; done

# What is written by hand must be there; a name stands for what is.
for address in '[::1]:0' '127.0.0.1:0,[::1]:0'; do
    for program in presence-ws presence-api presence-expiryd; do
        code=0
        timeout 10 "$bin/$program" --listen "$address" >"$dir/by-hand.log" 2>&1 || code=$?
        [ "$code" -eq 3 ] || fail "$program --listen $address: $code"
        grep -q "^$program: can't listen on \[::1\]:0: " "$dir/by-hand.log" || fail "$program --listen $address"
    done
done
start by-name "$bin/presence-ws" --listen localhost:0
await grep -q 'listening address=127.0.0.1:' "$dir/by-name.log"
code=0
timeout 10 "$bin/presence-ws" >"$dir/in-use.log" 2>&1 || code=$?
if [ "$code" -ne 3 ] || ! grep -q 'port 3000 is in use (127.0.0.1:3000)' "$dir/in-use.log"; then fail "a port in use: $code"; fi

kill "${pids[@]}"
wait
pids=()
DEMO_SECONDS=5 DEMO_PHONES=20 PRESENCE_TTL=5s PRESENCE_BIN=$bin "$dir/demo/demo.sh" >"$dir/demo.log"
echo 'the house stands'
