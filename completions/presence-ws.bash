# bash completion for presence-ws; made by presence-ws --completions bash
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
                *:--ping-interval) ((i++)) ;;
                *:--pong-timeout) ((i++)) ;;
                *:--stuck-timeout) ((i++)) ;;
                *:--head-timeout) ((i++)) ;;
                *:--drain-timeout) ((i++)) ;;
                *:--batch-window) ((i++)) ;;
                *:--ring-size) ((i++)) ;;
                *:--max-connections) ((i++)) ;;
                *:--max-per-user) ((i++)) ;;
                *:--max-per-address) ((i++)) ;;
                *:--trusted-proxies) ((i++)) ;;
                *:--max-byte-rate) ((i++)) ;;
                *:--jwt-public-key-file) ((i++)) ;;
                *:--ttl) ((i++)) ;;
                *:--heartbeat-min) ((i++)) ;;
                *:--offline-grace) ((i++)) ;;
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
                *:--log-level) ((i++)) ;;
                *:--config) ((i++)) ;;
                *:--completions) ((i++)) ;;
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
    *:--ping-interval) :; return ;;
    *:--pong-timeout) :; return ;;
    *:--stuck-timeout) :; return ;;
    *:--head-timeout) :; return ;;
    *:--drain-timeout) :; return ;;
    *:--batch-window) :; return ;;
    *:--ring-size) :; return ;;
    *:--max-connections) :; return ;;
    *:--max-per-user) :; return ;;
    *:--max-per-address) :; return ;;
    *:--trusted-proxies) :; return ;;
    *:--max-byte-rate) :; return ;;
    *:--jwt-public-key-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    *:--ttl) :; return ;;
    *:--heartbeat-min) :; return ;;
    *:--offline-grace) :; return ;;
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
    *:--log-level) mapfile -t COMPREPLY < <(compgen -W 'error warn info debug' -- "$cur"); return ;;
    *:--config) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    *:--completions) mapfile -t COMPREPLY < <(compgen -W 'bash zsh fish' -- "$cur"); return ;;
    esac
    if [[ $cur == -* ]]; then
        flags=' --listen --reuseport --auth --allowed-origins --refresh-on-pong --ping-interval --pong-timeout --stuck-timeout --head-timeout --drain-timeout --batch-window --ring-size --max-connections --max-per-user --max-per-address --trusted-proxies --max-byte-rate --jwt-public-key-file --jwt-require-exp --enabled --ttl --heartbeat-min --offline-grace --drain-grace --holdback --repair-interval --log-max --prefix --group-key --redis-host --redis-port --redis-username --redis-db --redis-timeout --redis-sentinels --redis-master --log-level --config --check-config --help --version --completions'
        case $command in
        esac
        mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$cur")
        return
    fi
}
complete -F _presence_ws presence-ws
