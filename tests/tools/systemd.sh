#!/bin/bash
# SPDX-License-Identifier: MIT
# Puts the units of examples/systemd in place, or takes them away: systemd.sh install|uninstall [DESTDIR [PREFIX]]
# Installing also makes /etc/presence, and a random key there when there is none.
set -euo pipefail
cd "$(dirname "$0")/../../examples/systemd"
units=${2:-}/etc/systemd/system
settings=${2:-}/etc/presence
bin=${3:-/usr/local}/bin

write_units() {
    local unit
    install -d "$units"
    for unit in *; do
        sed "s|^ExecStart=/usr/local/bin/|ExecStart=$bin/|" "$unit" >"$units/$unit"
        chmod 644 "$units/$unit"
        echo "$units/$unit"
    done
}

# Never over a key that is there: noclobber opens it only when it is new.
write_key() {
    local key=$settings/secret-key
    [ -d "$settings" ] || install -d -m 700 "$settings"
    if [ -e "$key" ] || [ -L "$key" ]; then
        echo "$key: left as it is"
        return
    fi
    (umask 077 && set -o noclobber && od -An -N 32 -v -t x1 /dev/urandom | tr -d ' \n' >"$key")
    echo "$key: a new one; a backend that signs tokens needs it, or put the backend's own there"
}

case $1 in
    install)
        write_units
        write_key
        cat <<'EOF'
next, as root:
  systemctl daemon-reload
  systemctl enable --now presence-ws.socket presence-ws presence-api presence-expiryd
  presence-ctl doctor
EOF
        ;;
    uninstall)
        for unit in *; do rm -f "$units/$unit"; done
        [ ! -d "$settings" ] || echo "$settings: left as it is, with its key"
        ;;
    *)
        echo 'systemd.sh: install or uninstall?' >&2
        exit 2
        ;;
esac
