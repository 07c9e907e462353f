# bash completion for presence-expiryd; made by tests/tools/completions.js
_presence_expiryd() {
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
                *:--sweep-interval) ((i++)) ;;
                *:--drain-delay) ((i++)) ;;
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
    *:--sweep-interval) :; return ;;
    *:--drain-delay) :; return ;;
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
        flags=' --listen --reuseport --sweep-interval --keyspace-events --drain-delay --enabled --ttl --heartbeat-min --offline-grace --abort-grace --drain-grace --holdback --repair-interval --log-max --prefix --group-key --redis-host --redis-port --redis-username --redis-db --redis-timeout --redis-sentinels --redis-master --redis-tls --redis-tls-ca-file --redis-tls-cert-file --redis-tls-key-file --redis-tls-server-name --log-level --config --check-config --help --version'
        case $command in
        esac
        mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$cur")
        return
    fi
}
complete -F _presence_expiryd presence-expiryd
