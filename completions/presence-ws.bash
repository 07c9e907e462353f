# bash completion for presence-ws; made by tests/tools/completions.js
_presence_ws() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local command='' position=0 flags i
    COMPREPLY=()
    if [[ $cur == = ]]; then
        cur=
    elif [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ ${COMP_WORDS[i]} == -* ]]; then
            if [[ ${COMP_WORDS[i + 1]} == = ]]; then
                ((i += 2))
            else
                case $command:${COMP_WORDS[i]} in
                *:--listen) ((i++)) ;;
                *:--auth) ((i++)) ;;
                *:--allowed-origins) ((i++)) ;;
                *:--allowed-hosts) ((i++)) ;;
                *:--ping-interval) ((i++)) ;;
                *:--pong-timeout) ((i++)) ;;
                *:--stuck-timeout) ((i++)) ;;
                *:--head-timeout) ((i++)) ;;
                *:--drain-delay) ((i++)) ;;
                *:--drain-timeout) ((i++)) ;;
                *:--batch-window) ((i++)) ;;
                *:--batch-share) ((i++)) ;;
                *:--ring-size) ((i++)) ;;
                *:--max-connections) ((i++)) ;;
                *:--max-per-user) ((i++)) ;;
                *:--max-connects-per-user) ((i++)) ;;
                *:--max-per-address) ((i++)) ;;
                *:--trusted-proxies) ((i++)) ;;
                *:--max-byte-rate) ((i++)) ;;
                *:--upstream) ((i++)) ;;
                *:--upstream-roles) ((i++)) ;;
                *:--upstream-timeout) ((i++)) ;;
                *:--upstream-message-max) ((i++)) ;;
                *:--secret-key-encoding) ((i++)) ;;
                *:--jwt-public-key-file) ((i++)) ;;
                *:--jwt-jwks-url) ((i++)) ;;
                *:--jwt-jwks-ca-file) ((i++)) ;;
                *:--jwt-user-claim) ((i++)) ;;
                *:--jwt-role-claim) ((i++)) ;;
                *:--jwt-groups-claim) ((i++)) ;;
                *:--jwt-audience) ((i++)) ;;
                *:--jwt-issuer) ((i++)) ;;
                *:--ttl) ((i++)) ;;
                *:--heartbeat-min) ((i++)) ;;
                *:--offline-grace) ((i++)) ;;
                *:--abort-grace) ((i++)) ;;
                *:--drain-grace) ((i++)) ;;
                *:--holdback) ((i++)) ;;
                *:--repair-interval) ((i++)) ;;
                *:--log-max) ((i++)) ;;
                *:--prefix) ((i++)) ;;
                *:--group-key) ((i++)) ;;
                *:--redis-host) ((i++)) ;;
                *:--redis-port) ((i++)) ;;
                *:--redis-username) ((i++)) ;;
                *:--redis-db) ((i++)) ;;
                *:--redis-timeout) ((i++)) ;;
                *:--redis-sentinels) ((i++)) ;;
                *:--redis-master) ((i++)) ;;
                *:--redis-tls-ca-file) ((i++)) ;;
                *:--redis-tls-cert-file) ((i++)) ;;
                *:--redis-tls-key-file) ((i++)) ;;
                *:--redis-tls-server-name) ((i++)) ;;
                *:--log-level) ((i++)) ;;
                *:--config) ((i++)) ;;
                esac
            fi
        elif [[ -z $command ]]; then
            command=${COMP_WORDS[i]}
        else
            ((position++))
        fi
    done
    case $command:$prev in
    *:--listen) :; return ;;
    *:--auth) mapfile -t COMPREPLY < <(compgen -W 'jwt none' -- "$cur"); return ;;
    *:--allowed-origins) :; return ;;
    *:--allowed-hosts) :; return ;;
    *:--ping-interval) :; return ;;
    *:--pong-timeout) :; return ;;
    *:--stuck-timeout) :; return ;;
    *:--head-timeout) :; return ;;
    *:--drain-delay) :; return ;;
    *:--drain-timeout) :; return ;;
    *:--batch-window) :; return ;;
    *:--batch-share) :; return ;;
    *:--ring-size) :; return ;;
    *:--max-connections) :; return ;;
    *:--max-per-user) :; return ;;
    *:--max-connects-per-user) :; return ;;
    *:--max-per-address) :; return ;;
    *:--trusted-proxies) :; return ;;
    *:--max-byte-rate) :; return ;;
    *:--upstream) :; return ;;
    *:--upstream-roles) :; return ;;
    *:--upstream-timeout) :; return ;;
    *:--upstream-message-max) :; return ;;
    *:--secret-key-encoding) mapfile -t COMPREPLY < <(compgen -W 'text base64' -- "$cur"); return ;;
    *:--jwt-public-key-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    *:--jwt-jwks-url) :; return ;;
    *:--jwt-jwks-ca-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    *:--jwt-user-claim) :; return ;;
    *:--jwt-role-claim) :; return ;;
    *:--jwt-groups-claim) :; return ;;
    *:--jwt-audience) :; return ;;
    *:--jwt-issuer) :; return ;;
    *:--ttl) :; return ;;
    *:--heartbeat-min) :; return ;;
    *:--offline-grace) :; return ;;
    *:--abort-grace) :; return ;;
    *:--drain-grace) :; return ;;
    *:--holdback) :; return ;;
    *:--repair-interval) :; return ;;
    *:--log-max) :; return ;;
    *:--prefix) :; return ;;
    *:--group-key) :; return ;;
    *:--redis-host) mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur"); return ;;
    *:--redis-port) :; return ;;
    *:--redis-username) :; return ;;
    *:--redis-db) :; return ;;
    *:--redis-timeout) :; return ;;
    *:--redis-sentinels) :; return ;;
    *:--redis-master) :; return ;;
    *:--redis-tls-ca-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    *:--redis-tls-cert-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    *:--redis-tls-key-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    *:--redis-tls-server-name) :; return ;;
    *:--log-level) mapfile -t COMPREPLY < <(compgen -W 'error warn info debug' -- "$cur"); return ;;
    *:--config) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    esac
    if [[ $cur == -* ]]; then
        flags=' --listen --reuseport --auth --allowed-origins --allowed-hosts --refresh-on-pong --ping-interval --pong-timeout --stuck-timeout --head-timeout --drain-delay --drain-timeout --batch-window --batch-share --ring-size --max-connections --max-per-user --max-connects-per-user --max-per-address --trusted-proxies --proxy-protocol --max-byte-rate --upstream --upstream-roles --upstream-timeout --upstream-message-max --secret-key-encoding --jwt-public-key-file --jwt-jwks-url --jwt-jwks-ca-file --jwt-require-exp --jwt-require-groups --jwt-user-claim --jwt-role-claim --jwt-groups-claim --jwt-audience --jwt-issuer --enabled --ttl --heartbeat-min --offline-grace --abort-grace --drain-grace --holdback --repair-interval --log-max --prefix --group-key --redis-host --redis-port --redis-username --redis-db --redis-timeout --redis-sentinels --redis-master --redis-tls --redis-tls-ca-file --redis-tls-cert-file --redis-tls-key-file --redis-tls-server-name --log-level --config --check-config --help --version'
        case $command in
        esac
        mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$cur")
        return
    fi
}
complete -F _presence_ws presence-ws
