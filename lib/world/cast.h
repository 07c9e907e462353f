/* Who takes part in the play. */
#ifndef WORLD_CAST_H
#define WORLD_CAST_H

#include "world/daemons.h"
#include "world/phone.h"
#include "world/viewer.h"

#define CLIENT_HOSTS 3
#define SERVERS_MAX  4
#define EXPIRYDS_MAX 3
#define VIEWERS_MAX  12

/* A place where a daemon runs, one after the other. */
struct post {
    struct process *process;
    struct ws_daemon *ws; /* NULL: nobody is there now */
    struct expiryd_daemon *expiryd;
    int64_t trouble_until_us; /* it alone was cut off, paused or slow */
    size_t number;
    int64_t wall_offset_us;
};

struct cast {
    struct daemon_settings settings;
    struct process *hosts[CLIENT_HOSTS];
    struct post servers[SERVERS_MAX], expiryds[EXPIRYDS_MAX];
    size_t server_count, expiryd_count;
    struct phone **phones;
    size_t phone_count;
    struct watching *viewers[VIEWERS_MAX];
    bool viewer_absent[VIEWERS_MAX];
    size_t viewer_count;
    struct event *sets;
    bool still;
};

extern struct cast cast;

void cast_start_server(size_t i);
/* SIGKILL; nothing when nobody is there. */
void cast_kill_server(size_t i);
/* SIGTERM: another follows when it has ended. */
void cast_drain_server(size_t i);
void cast_start_expiryd(size_t i);
void cast_kill_expiryd(size_t i);
void cast_stop_expiryd(size_t i);

#endif
