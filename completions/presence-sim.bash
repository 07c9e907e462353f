# bash completion for presence-sim; made by tests/tools/completions.js
_presence_sim() {
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
                *:--server | *:-s) ((i++)) ;;
                *:--auth) ((i++)) ;;
                *:--encoding) ((i++)) ;;
                *:--source) ((i++)) ;;
                *:--seed) ((i++)) ;;
                *:--history) ((i++)) ;;
                *:--connect-timeout) ((i++)) ;;
                *:--connect-rate) ((i++)) ;;
                *:--ttl) ((i++)) ;;
                *:--late) ((i++)) ;;
                *:--delivery) ((i++)) ;;
                *:--skew) ((i++)) ;;
                *:--drain-grace) ((i++)) ;;
                *:--config) ((i++)) ;;
                mobile:--users | mobile:-n) ((i++)) ;;
                mobile:--prefix) ((i++)) ;;
                mobile:--groups) ((i++)) ;;
                mobile:--beat) ((i++)) ;;
                mobile:--churn) ((i++)) ;;
                mobile:--away) ((i++)) ;;
                mobile:--silent) ((i++)) ;;
                mobile:--roam) ((i++)) ;;
                mobile:--settle) ((i++)) ;;
                mobile:--dashboards) ((i++)) ;;
                mobile:--duration | mobile:-d) ((i++)) ;;
                web:--viewer) ((i++)) ;;
                web:--groups) ((i++)) ;;
                web:--watch-groups) ((i++)) ;;
                web:--watch-users) ((i++)) ;;
                web:--dashboards) ((i++)) ;;
                web:--duration | web:-d) ((i++)) ;;
                run:--set) ((i++)) ;;
                run:--timeout | run:-t) ((i++)) ;;
                run:--patience) ((i++)) ;;
                load:--phones | load:-n) ((i++)) ;;
                load:--rate) ((i++)) ;;
                load:--changes) ((i++)) ;;
                load:--changers) ((i++)) ;;
                load:--warmup) ((i++)) ;;
                load:--repeat) ((i++)) ;;
                load:--account) ((i++)) ;;
                load:--prefix) ((i++)) ;;
                load:--upstream) ((i++)) ;;
                load:--talk-rate) ((i++)) ;;
                load:--talk-size) ((i++)) ;;
                load:--talk-group) ((i++)) ;;
                load:--dashboards) ((i++)) ;;
                load:--duration | load:-d) ((i++)) ;;
                router:--listen) ((i++)) ;;
                esac
            fi
        elif [[ -z $command ]]; then
            command=${COMP_WORDS[i]}
        else
            ((position++))
        fi
    done
    case $command:$prev in
    mobile:--users | mobile:-n) :; return ;;
    mobile:--prefix) :; return ;;
    mobile:--groups) :; return ;;
    mobile:--beat) :; return ;;
    mobile:--churn) :; return ;;
    mobile:--away) :; return ;;
    mobile:--silent) :; return ;;
    mobile:--roam) :; return ;;
    mobile:--settle) :; return ;;
    mobile:--dashboards) :; return ;;
    mobile:--duration | mobile:-d) :; return ;;
    web:--viewer) :; return ;;
    web:--groups) :; return ;;
    web:--watch-groups) :; return ;;
    web:--watch-users) :; return ;;
    web:--dashboards) :; return ;;
    web:--duration | web:-d) :; return ;;
    run:--set) :; return ;;
    run:--timeout | run:-t) :; return ;;
    run:--patience) :; return ;;
    load:--phones | load:-n) :; return ;;
    load:--rate) :; return ;;
    load:--changes) :; return ;;
    load:--changers) :; return ;;
    load:--warmup) :; return ;;
    load:--repeat) :; return ;;
    load:--account) :; return ;;
    load:--prefix) :; return ;;
    load:--upstream) :; return ;;
    load:--talk-rate) :; return ;;
    load:--talk-size) :; return ;;
    load:--talk-group) :; return ;;
    load:--dashboards) :; return ;;
    load:--duration | load:-d) :; return ;;
    router:--listen) :; return ;;
    *:--server | *:-s) :; return ;;
    *:--auth) mapfile -t COMPREPLY < <(compgen -W 'jwt none' -- "$cur"); return ;;
    *:--encoding) mapfile -t COMPREPLY < <(compgen -W 'msgpack json plain' -- "$cur"); return ;;
    *:--source) :; return ;;
    *:--seed) :; return ;;
    *:--history) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    *:--connect-timeout) :; return ;;
    *:--connect-rate) :; return ;;
    *:--ttl) :; return ;;
    *:--late) :; return ;;
    *:--delivery) :; return ;;
    *:--skew) :; return ;;
    *:--drain-grace) :; return ;;
    *:--config) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    esac
    if [[ $cur == -* ]]; then
        flags=' --server --auth --encoding --source --seed --history --json --quiet --connect-timeout --connect-rate --ttl --late --delivery --skew --drain-grace --config --check-config --help --version'
        case $command in
        mobile) flags+=' --users --prefix --groups --beat --churn --away --silent --roam --settle --dashboards --batch --duration' ;;
        web) flags+=' --viewer --groups --watch-groups --watch-users --dashboards --batch --duration' ;;
        run) flags+=' --set --timeout --patience --keep --verbose' ;;
        load) flags+=' --phones --rate --changes --changers --warmup --repeat --account --prefix --upstream --talk-rate --talk-size --talk-group --dashboards --batch --duration' ;;
        router) flags+=' --listen' ;;
        esac
        mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$cur")
        return
    fi
    case $command:$position in
    :*) mapfile -t COMPREPLY < <(compgen -W 'mobile web run load router' -- "$cur") ;;
    run:0) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    esac
}
complete -F _presence_sim presence-sim
