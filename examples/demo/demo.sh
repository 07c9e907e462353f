#!/bin/bash
# SPDX-License-Identifier: MIT
# A live installation: own Redis, two presence-ws, presence-api, presence-expiryd, nginx in front as in the guide's multi-server
# setup, and phones that come and go. Ends with Ctrl-C, or after DEMO_SECONDS; then says what the dashboards saw against what the
# phones did, and exits 0 only if they agree. DEMO_PORT (3000), DEMO_PHONES (200).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "${PRESENCE_BIN:-$here/../../build/bin}" && pwd)
port=${DEMO_PORT:-3000}
phones=${DEMO_PHONES:-200}
dir=$(mktemp -d)
pids=()
sim=

# shellcheck disable=SC2317 # the trap calls it
end() {
    local code=$? pid
    trap - EXIT INT TERM
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    if [ "$code" -ne 0 ] && [ "$code" -ne 130 ]; then
        for log in "$dir"/*.log; do
            echo "--- ${log##*/}"
            tail -n 20 "$log"
        done >&2
    fi
    rm -rf "$dir"
    exit "$code"
}
trap end EXIT
# Ctrl-C ends the phones, which brings the summary; then all else.
trap '[ -z "$sim" ] || kill -INT "$sim" 2>/dev/null || true' INT TERM

for address in 127.0.0.1 '[::1]'; do
    if (exec 3<>"/dev/tcp/${address//[\[\]]/}/$port") 2>/dev/null; then
        echo "demo: port $port is in use on $address; choose another with DEMO_PORT=… make demo" >&2
        exit 3
    fi
done

start() { # name command...
    local name=$1
    shift
    # A session of its own: Ctrl-C reaches this script alone, which ends the others in order.
    setsid "$@" >"$dir/$name.log" 2>&1 &
    pids=($! "${pids[@]}")
}

await() { # what command...
    local what=$1 i
    shift
    for ((i = 0; i < 200; i++)); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.05
    done
    echo "demo: $what does not answer" >&2
    exit 1
}

# Of an installation of the user's own nothing may get in.
unset "${!SECRET_KEY@}" "${!JWT_@}" "${!REDIS_@}"
head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$dir/secret"
export SECRET_KEY_FILE=$dir/secret REDIS_URL=unix://$dir/redis.sock PRESENCE_TTL=${PRESENCE_TTL:-10s}

start redis redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --dir "$dir"
await Redis redis-cli -s "$dir/redis.sock" ping
start ws1 env PRESENCE_WS_LISTEN="unix:$dir/ws1.sock" "$bin/presence-ws"
start ws2 env PRESENCE_WS_LISTEN="unix:$dir/ws2.sock" "$bin/presence-ws"
start api env PRESENCE_API_LISTEN="unix:$dir/api.sock" "$bin/presence-api"
start expiryd env PRESENCE_EXPIRYD_LISTEN="unix:$dir/expiryd.sock" "$bin/presence-expiryd"
# As root nginx would give its workers to www-data, who may not touch the sockets.
[ "$(id -u)" -ne 0 ] || echo "user $(id -un) $(id -gn);" >"$dir/nginx.conf"
# nginx does not start with an address that the machine lacks.
without=
grep -qs '^0*1 ' /proc/net/if_inet6 || without='/listen \[::1\]/d;'
sed "$without s|@DIR@|$dir|g; s|@PORT@|$port|g" "$here/nginx.conf" >>"$dir/nginx.conf"
start nginx nginx -p "$dir" -c "$dir/nginx.conf" -e "$dir/nginx-error.log"
await 'presence-api' curl -fsS "http://127.0.0.1:$port/readyz"
for server in ws1 ws2; do await "$server" curl -fsS --unix-socket "$dir/$server.sock" http://localhost/readyz; done

token=$("$bin/presence-ctl" token --role dashboard --ttl 12h demo)
cat <<TEXT
presence is up: $phones phones come and go; silent ones are offline after $PRESENCE_TTL.

  the live page   http://localhost:$port/#token=$token

  ask             curl -X POST http://localhost:$port/api/presence/status \\
                    -H "Content-Type: application/json" \\
                    -d '{"userIds": ["user1", "user2", "user3"]}'

  from a shell    export REDIS_URL=$REDIS_URL SECRET_KEY_FILE=$SECRET_KEY_FILE PRESENCE_TTL=$PRESENCE_TTL
                  $bin/presence-ctl count
                  $bin/presence-ctl status user1 user2
                  $bin/presence-ctl why user1
                  $bin/presence-ctl watch
                  $bin/presence-ctl doctor

TEXT
[ -n "${DEMO_SECONDS:-}" ] || echo "Ctrl-C ends it."

"$bin/presence-sim" mobile --server "ws://127.0.0.1:$port" --source 127.n.0.1 --users "$phones" --prefix user --churn 15s \
    --silent 20 --beat 4s --ttl "$PRESENCE_TTL" --dashboards 4 ${DEMO_SECONDS:+--duration "${DEMO_SECONDS}s"} &
sim=$!
code=0
# A signal interrupts wait: the phones are still ending then.
while kill -0 "$sim" 2>/dev/null; do wait "$sim" && code=0 || code=$?; done
wait "$sim" 2>/dev/null || code=$?
[ "$code" -eq 127 ] && code=0
exit "$code"
