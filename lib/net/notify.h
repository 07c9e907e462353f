/* Tells the process manager how things stand, by the protocol of systemd's sd_notify(3): a datagram to the
 * socket that NOTIFY_SOCKET names. Where there is none, nothing happens. */
#ifndef NET_NOTIFY_H
#define NET_NOTIFY_H

#define NOTIFY_READY    "READY=1"
#define NOTIFY_STOPPING "STOPPING=1"

/* 0 when told, 1 when nobody asked (no NOTIFY_SOCKET), -1 with errno. Never blocks. */
int notify_send(const char *state);

#endif
