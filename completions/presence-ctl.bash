# bash completion for presence-ctl; made by presence-ctl --completions bash
_presence_ctl() {
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
                *:--redis-host) ((i++)) ;;
                *:--redis-port) ((i++)) ;;
                *:--redis-username) ((i++)) ;;
                *:--redis-db) ((i++)) ;;
                *:--redis-timeout) ((i++)) ;;
                *:--config) ((i++)) ;;
                *:--completions) ((i++)) ;;
                status:--ttl) ((i++)) ;;
                status:--heartbeat-min) ((i++)) ;;
                status:--offline-grace) ((i++)) ;;
                status:--drain-grace) ((i++)) ;;
                status:--holdback) ((i++)) ;;
                status:--repair-interval) ((i++)) ;;
                status:--log-max) ((i++)) ;;
                status:--prefix) ((i++)) ;;
                status:--group-key) ((i++)) ;;
                list:--limit | list:-l) ((i++)) ;;
                list:--ttl) ((i++)) ;;
                list:--heartbeat-min) ((i++)) ;;
                list:--offline-grace) ((i++)) ;;
                list:--drain-grace) ((i++)) ;;
                list:--holdback) ((i++)) ;;
                list:--repair-interval) ((i++)) ;;
                list:--log-max) ((i++)) ;;
                list:--prefix) ((i++)) ;;
                list:--group-key) ((i++)) ;;
                count:--ttl) ((i++)) ;;
                count:--heartbeat-min) ((i++)) ;;
                count:--offline-grace) ((i++)) ;;
                count:--drain-grace) ((i++)) ;;
                count:--holdback) ((i++)) ;;
                count:--repair-interval) ((i++)) ;;
                count:--log-max) ((i++)) ;;
                count:--prefix) ((i++)) ;;
                count:--group-key) ((i++)) ;;
                watch:--since) ((i++)) ;;
                watch:--users) ((i++)) ;;
                watch:--groups) ((i++)) ;;
                watch:--count | watch:-n) ((i++)) ;;
                watch:--timeout | watch:-t) ((i++)) ;;
                watch:--ttl) ((i++)) ;;
                watch:--heartbeat-min) ((i++)) ;;
                watch:--offline-grace) ((i++)) ;;
                watch:--drain-grace) ((i++)) ;;
                watch:--holdback) ((i++)) ;;
                watch:--repair-interval) ((i++)) ;;
                watch:--log-max) ((i++)) ;;
                watch:--prefix) ((i++)) ;;
                watch:--group-key) ((i++)) ;;
                wait:--timeout | wait:-t) ((i++)) ;;
                wait:--ttl) ((i++)) ;;
                wait:--heartbeat-min) ((i++)) ;;
                wait:--offline-grace) ((i++)) ;;
                wait:--drain-grace) ((i++)) ;;
                wait:--holdback) ((i++)) ;;
                wait:--repair-interval) ((i++)) ;;
                wait:--log-max) ((i++)) ;;
                wait:--prefix) ((i++)) ;;
                wait:--group-key) ((i++)) ;;
                online:--device | online:-d) ((i++)) ;;
                online:--ttl) ((i++)) ;;
                online:--heartbeat-min) ((i++)) ;;
                online:--offline-grace) ((i++)) ;;
                online:--drain-grace) ((i++)) ;;
                online:--holdback) ((i++)) ;;
                online:--repair-interval) ((i++)) ;;
                online:--log-max) ((i++)) ;;
                online:--prefix) ((i++)) ;;
                online:--group-key) ((i++)) ;;
                offline:--ttl) ((i++)) ;;
                offline:--heartbeat-min) ((i++)) ;;
                offline:--offline-grace) ((i++)) ;;
                offline:--drain-grace) ((i++)) ;;
                offline:--holdback) ((i++)) ;;
                offline:--repair-interval) ((i++)) ;;
                offline:--log-max) ((i++)) ;;
                offline:--prefix) ((i++)) ;;
                offline:--group-key) ((i++)) ;;
                heartbeat:--device | heartbeat:-d) ((i++)) ;;
                heartbeat:--ttl) ((i++)) ;;
                heartbeat:--heartbeat-min) ((i++)) ;;
                heartbeat:--offline-grace) ((i++)) ;;
                heartbeat:--drain-grace) ((i++)) ;;
                heartbeat:--holdback) ((i++)) ;;
                heartbeat:--repair-interval) ((i++)) ;;
                heartbeat:--log-max) ((i++)) ;;
                heartbeat:--prefix) ((i++)) ;;
                heartbeat:--group-key) ((i++)) ;;
                publish:--ttl) ((i++)) ;;
                publish:--heartbeat-min) ((i++)) ;;
                publish:--offline-grace) ((i++)) ;;
                publish:--drain-grace) ((i++)) ;;
                publish:--holdback) ((i++)) ;;
                publish:--repair-interval) ((i++)) ;;
                publish:--log-max) ((i++)) ;;
                publish:--prefix) ((i++)) ;;
                publish:--group-key) ((i++)) ;;
                sessions:--ttl) ((i++)) ;;
                sessions:--heartbeat-min) ((i++)) ;;
                sessions:--offline-grace) ((i++)) ;;
                sessions:--drain-grace) ((i++)) ;;
                sessions:--holdback) ((i++)) ;;
                sessions:--repair-interval) ((i++)) ;;
                sessions:--log-max) ((i++)) ;;
                sessions:--prefix) ((i++)) ;;
                sessions:--group-key) ((i++)) ;;
                why:--limit | why:-l) ((i++)) ;;
                why:--ttl) ((i++)) ;;
                why:--heartbeat-min) ((i++)) ;;
                why:--offline-grace) ((i++)) ;;
                why:--drain-grace) ((i++)) ;;
                why:--holdback) ((i++)) ;;
                why:--repair-interval) ((i++)) ;;
                why:--log-max) ((i++)) ;;
                why:--prefix) ((i++)) ;;
                why:--group-key) ((i++)) ;;
                token:--role | token:-r) ((i++)) ;;
                token:--groups) ((i++)) ;;
                token:--ttl) ((i++)) ;;
                token:--id) ((i++)) ;;
                metrics:--interval | metrics:-i) ((i++)) ;;
                metrics:--address | metrics:-a) ((i++)) ;;
                metrics:--ttl) ((i++)) ;;
                metrics:--heartbeat-min) ((i++)) ;;
                metrics:--offline-grace) ((i++)) ;;
                metrics:--drain-grace) ((i++)) ;;
                metrics:--holdback) ((i++)) ;;
                metrics:--repair-interval) ((i++)) ;;
                metrics:--log-max) ((i++)) ;;
                metrics:--prefix) ((i++)) ;;
                metrics:--group-key) ((i++)) ;;
                doctor:--address | doctor:-a) ((i++)) ;;
                doctor:--ttl) ((i++)) ;;
                doctor:--heartbeat-min) ((i++)) ;;
                doctor:--offline-grace) ((i++)) ;;
                doctor:--drain-grace) ((i++)) ;;
                doctor:--holdback) ((i++)) ;;
                doctor:--repair-interval) ((i++)) ;;
                doctor:--log-max) ((i++)) ;;
                doctor:--prefix) ((i++)) ;;
                doctor:--group-key) ((i++)) ;;
                kick:--device | kick:-d) ((i++)) ;;
                kick:--ttl) ((i++)) ;;
                kick:--heartbeat-min) ((i++)) ;;
                kick:--offline-grace) ((i++)) ;;
                kick:--drain-grace) ((i++)) ;;
                kick:--holdback) ((i++)) ;;
                kick:--repair-interval) ((i++)) ;;
                kick:--log-max) ((i++)) ;;
                kick:--prefix) ((i++)) ;;
                kick:--group-key) ((i++)) ;;
                repair:--ttl) ((i++)) ;;
                repair:--heartbeat-min) ((i++)) ;;
                repair:--offline-grace) ((i++)) ;;
                repair:--drain-grace) ((i++)) ;;
                repair:--holdback) ((i++)) ;;
                repair:--repair-interval) ((i++)) ;;
                repair:--log-max) ((i++)) ;;
                repair:--prefix) ((i++)) ;;
                repair:--group-key) ((i++)) ;;
                esac
            fi
        elif [[ -z $command ]]; then
            command=${COMP_WORDS[i]}
        else
            ((position++))
        fi
    done
    case $command:$prev in
    status:--ttl) :; return ;;
    status:--heartbeat-min) :; return ;;
    status:--offline-grace) :; return ;;
    status:--drain-grace) :; return ;;
    status:--holdback) :; return ;;
    status:--repair-interval) :; return ;;
    status:--log-max) :; return ;;
    status:--prefix) :; return ;;
    status:--group-key) :; return ;;
    list:--limit | list:-l) :; return ;;
    list:--ttl) :; return ;;
    list:--heartbeat-min) :; return ;;
    list:--offline-grace) :; return ;;
    list:--drain-grace) :; return ;;
    list:--holdback) :; return ;;
    list:--repair-interval) :; return ;;
    list:--log-max) :; return ;;
    list:--prefix) :; return ;;
    list:--group-key) :; return ;;
    count:--ttl) :; return ;;
    count:--heartbeat-min) :; return ;;
    count:--offline-grace) :; return ;;
    count:--drain-grace) :; return ;;
    count:--holdback) :; return ;;
    count:--repair-interval) :; return ;;
    count:--log-max) :; return ;;
    count:--prefix) :; return ;;
    count:--group-key) :; return ;;
    watch:--since) :; return ;;
    watch:--users) :; return ;;
    watch:--groups) :; return ;;
    watch:--count | watch:-n) :; return ;;
    watch:--timeout | watch:-t) :; return ;;
    watch:--ttl) :; return ;;
    watch:--heartbeat-min) :; return ;;
    watch:--offline-grace) :; return ;;
    watch:--drain-grace) :; return ;;
    watch:--holdback) :; return ;;
    watch:--repair-interval) :; return ;;
    watch:--log-max) :; return ;;
    watch:--prefix) :; return ;;
    watch:--group-key) :; return ;;
    wait:--timeout | wait:-t) :; return ;;
    wait:--ttl) :; return ;;
    wait:--heartbeat-min) :; return ;;
    wait:--offline-grace) :; return ;;
    wait:--drain-grace) :; return ;;
    wait:--holdback) :; return ;;
    wait:--repair-interval) :; return ;;
    wait:--log-max) :; return ;;
    wait:--prefix) :; return ;;
    wait:--group-key) :; return ;;
    online:--device | online:-d) :; return ;;
    online:--ttl) :; return ;;
    online:--heartbeat-min) :; return ;;
    online:--offline-grace) :; return ;;
    online:--drain-grace) :; return ;;
    online:--holdback) :; return ;;
    online:--repair-interval) :; return ;;
    online:--log-max) :; return ;;
    online:--prefix) :; return ;;
    online:--group-key) :; return ;;
    offline:--ttl) :; return ;;
    offline:--heartbeat-min) :; return ;;
    offline:--offline-grace) :; return ;;
    offline:--drain-grace) :; return ;;
    offline:--holdback) :; return ;;
    offline:--repair-interval) :; return ;;
    offline:--log-max) :; return ;;
    offline:--prefix) :; return ;;
    offline:--group-key) :; return ;;
    heartbeat:--device | heartbeat:-d) :; return ;;
    heartbeat:--ttl) :; return ;;
    heartbeat:--heartbeat-min) :; return ;;
    heartbeat:--offline-grace) :; return ;;
    heartbeat:--drain-grace) :; return ;;
    heartbeat:--holdback) :; return ;;
    heartbeat:--repair-interval) :; return ;;
    heartbeat:--log-max) :; return ;;
    heartbeat:--prefix) :; return ;;
    heartbeat:--group-key) :; return ;;
    publish:--ttl) :; return ;;
    publish:--heartbeat-min) :; return ;;
    publish:--offline-grace) :; return ;;
    publish:--drain-grace) :; return ;;
    publish:--holdback) :; return ;;
    publish:--repair-interval) :; return ;;
    publish:--log-max) :; return ;;
    publish:--prefix) :; return ;;
    publish:--group-key) :; return ;;
    sessions:--ttl) :; return ;;
    sessions:--heartbeat-min) :; return ;;
    sessions:--offline-grace) :; return ;;
    sessions:--drain-grace) :; return ;;
    sessions:--holdback) :; return ;;
    sessions:--repair-interval) :; return ;;
    sessions:--log-max) :; return ;;
    sessions:--prefix) :; return ;;
    sessions:--group-key) :; return ;;
    why:--limit | why:-l) :; return ;;
    why:--ttl) :; return ;;
    why:--heartbeat-min) :; return ;;
    why:--offline-grace) :; return ;;
    why:--drain-grace) :; return ;;
    why:--holdback) :; return ;;
    why:--repair-interval) :; return ;;
    why:--log-max) :; return ;;
    why:--prefix) :; return ;;
    why:--group-key) :; return ;;
    token:--role | token:-r) mapfile -t COMPREPLY < <(compgen -W 'mobile web dashboard' -- "$cur"); return ;;
    token:--groups) :; return ;;
    token:--ttl) :; return ;;
    token:--id) :; return ;;
    metrics:--interval | metrics:-i) :; return ;;
    metrics:--address | metrics:-a) :; return ;;
    metrics:--ttl) :; return ;;
    metrics:--heartbeat-min) :; return ;;
    metrics:--offline-grace) :; return ;;
    metrics:--drain-grace) :; return ;;
    metrics:--holdback) :; return ;;
    metrics:--repair-interval) :; return ;;
    metrics:--log-max) :; return ;;
    metrics:--prefix) :; return ;;
    metrics:--group-key) :; return ;;
    doctor:--address | doctor:-a) :; return ;;
    doctor:--ttl) :; return ;;
    doctor:--heartbeat-min) :; return ;;
    doctor:--offline-grace) :; return ;;
    doctor:--drain-grace) :; return ;;
    doctor:--holdback) :; return ;;
    doctor:--repair-interval) :; return ;;
    doctor:--log-max) :; return ;;
    doctor:--prefix) :; return ;;
    doctor:--group-key) :; return ;;
    kick:--device | kick:-d) :; return ;;
    kick:--ttl) :; return ;;
    kick:--heartbeat-min) :; return ;;
    kick:--offline-grace) :; return ;;
    kick:--drain-grace) :; return ;;
    kick:--holdback) :; return ;;
    kick:--repair-interval) :; return ;;
    kick:--log-max) :; return ;;
    kick:--prefix) :; return ;;
    kick:--group-key) :; return ;;
    repair:--ttl) :; return ;;
    repair:--heartbeat-min) :; return ;;
    repair:--offline-grace) :; return ;;
    repair:--drain-grace) :; return ;;
    repair:--holdback) :; return ;;
    repair:--repair-interval) :; return ;;
    repair:--log-max) :; return ;;
    repair:--prefix) :; return ;;
    repair:--group-key) :; return ;;
    *:--redis-host) mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur"); return ;;
    *:--redis-port) :; return ;;
    *:--redis-username) :; return ;;
    *:--redis-db) :; return ;;
    *:--redis-timeout) :; return ;;
    *:--config) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    *:--completions) mapfile -t COMPREPLY < <(compgen -W 'bash zsh fish' -- "$cur"); return ;;
    esac
    if [[ $cur == -* ]]; then
        flags=' --json --redis-host --redis-port --redis-username --redis-db --redis-timeout --config --check-config --help --version --completions'
        case $command in
        status) flags+=' --enabled --ttl --heartbeat-min --offline-grace --drain-grace --holdback --repair-interval --log-max --prefix --group-key' ;;
        list) flags+=' --limit --enabled --ttl --heartbeat-min --offline-grace --drain-grace --holdback --repair-interval --log-max --prefix --group-key' ;;
        count) flags+=' --enabled --ttl --heartbeat-min --offline-grace --drain-grace --holdback --repair-interval --log-max --prefix --group-key' ;;
        watch) flags+=' --since --users --groups --count --timeout --enabled --ttl --heartbeat-min --offline-grace --drain-grace --holdback --repair-interval --log-max --prefix --group-key' ;;
        wait) flags+=' --timeout --enabled --ttl --heartbeat-min --offline-grace --drain-grace --holdback --repair-interval --log-max --prefix --group-key' ;;
        online) flags+=' --device --enabled --ttl --heartbeat-min --offline-grace --drain-grace --holdback --repair-interval --log-max --prefix --group-key' ;;
        offline) flags+=' --enabled --ttl --heartbeat-min --offline-grace --drain-grace --holdback --repair-interval --log-max --prefix --group-key' ;;
        heartbeat) flags+=' --device --enabled --ttl --heartbeat-min --offline-grace --drain-grace --holdback --repair-interval --log-max --prefix --group-key' ;;
        publish) flags+=' --enabled --ttl --heartbeat-min --offline-grace --drain-grace --holdback --repair-interval --log-max --prefix --group-key' ;;
        sessions) flags+=' --enabled --ttl --heartbeat-min --offline-grace --drain-grace --holdback --repair-interval --log-max --prefix --group-key' ;;
        why) flags+=' --limit --enabled --ttl --heartbeat-min --offline-grace --drain-grace --holdback --repair-interval --log-max --prefix --group-key' ;;
        token) flags+=' --role --groups --ttl --id' ;;
        metrics) flags+=' --interval --address --enabled --ttl --heartbeat-min --offline-grace --drain-grace --holdback --repair-interval --log-max --prefix --group-key' ;;
        doctor) flags+=' --address --enabled --ttl --heartbeat-min --offline-grace --drain-grace --holdback --repair-interval --log-max --prefix --group-key' ;;
        kick) flags+=' --device --enabled --ttl --heartbeat-min --offline-grace --drain-grace --holdback --repair-interval --log-max --prefix --group-key' ;;
        repair) flags+=' --enabled --ttl --heartbeat-min --offline-grace --drain-grace --holdback --repair-interval --log-max --prefix --group-key' ;;
        esac
        mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$cur")
        return
    fi
    case $command:$position in
    :*) mapfile -t COMPREPLY < <(compgen -W 'status list count watch wait online offline heartbeat publish sessions why token metrics doctor kick repair' -- "$cur") ;;
    wait:1) mapfile -t COMPREPLY < <(compgen -W 'online offline' -- "$cur") ;;
    publish:1) mapfile -t COMPREPLY < <(compgen -W 'online offline' -- "$cur") ;;
    esac
}
complete -F _presence_ctl presence-ctl
