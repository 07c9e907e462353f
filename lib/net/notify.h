/* SPDX-License-Identifier: MIT */
/* Tells the process manager how things stand, by the protocol of systemd's sd_notify(3): a datagram to the
 * socket that NOTIFY_SOCKET names. Where there is none, nothing happens. */
#ifndef NET_NOTIFY_H
#define NET_NOTIFY_H

#include <stdint.h>

#define NOTIFY_READY    "READY=1"
#define NOTIFY_STOPPING "STOPPING=1"

#define NOTIFY_WATCHDOG "WATCHDOG=1"

/* 0 when told, 1 when nobody asked (no NOTIFY_SOCKET), -1 with errno. Never blocks. */
int notify_send(const char *state);
/* A reload begins, now; NOTIFY_READY ends it (Type=notify-reload). As notify_send. */
int notify_reloading(void);
/* The manager ends a process of which it hears no NOTIFY_WATCHDOG for so long; 0: it does not watch this one.
 */
int64_t notify_watchdog_ms(void);

#endif
