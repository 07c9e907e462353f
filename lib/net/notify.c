/* SPDX-License-Identifier: MIT */
#include "net/notify.h"

#include "base/bytes.h"
#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* '/…' is a path, '@…' a name in the abstract namespace. Returns the address's length, or 0. */
static socklen_t address_of(const char *name, struct sockaddr_un *ret)
{
    size_t len = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || len >= sizeof(ret->sun_path))
        return 0;
    memset(ret, 0, sizeof(*ret));
    ret->sun_family = AF_UNIX;
    memcpy(ret->sun_path, name, len);
    if (name[0] == '@')
        ret->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

int notify_send(const char *state)
{
    const char *name = getenv("NOTIFY_SOCKET");
    if (!name || !*name)
        return 1;
    struct sockaddr_un to;
    socklen_t len = address_of(name, &to);
    if (!len) {
        errno = EINVAL;
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    ssize_t sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to, len);
    int why = errno;
    close(fd);
    errno = why;
    return sent < 0 ? -1 : 0;
}

int notify_reloading(void)
{
    char text[80];
    snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_mono_us());
    return notify_send(text);
}

/* The variables are inherited: those of a parent's watchdog name the parent. */
static bool is_for_us(const char *pid)
{
    uint64_t number;
    return !pid || (span_to_u64(span_of(pid), INT32_MAX, &number) == 0 && (pid_t)number == getpid());
}

int64_t notify_watchdog_ms(void)
{
    const char *usec = getenv("WATCHDOG_USEC");
    uint64_t number;
    if (!usec || !is_for_us(getenv("WATCHDOG_PID")) || span_to_u64(span_of(usec), INT64_MAX, &number) < 0)
        return 0;
    /* One of less than two milliseconds can't be kept up, but it is there. */
    return number == 0 ? 0 : number < 2000 ? 2 : (int64_t)(number / 1000);
}
