/* The whole of presence-ws: what the parts share. The parts are
 *   admission.c     quotas
 *   arrival.c       phones until their session stands in the store
 *   client.c        a connection: its session, its timer, its end
 *   inbox.c         the messages it sends
 *   watcher.c       viewers: who they are, what they choose to see
 *   watcher_view.c  what they are told: changes out
 *   store.c         Redis: the asserter and the follower on the links
 *   health.c        /healthz, /readyz, /metrics
 *   serving.c       all these together, from the start to the end of the drain
 *   main.c          the process: listeners, signals, keys */
#ifndef PRESENCE_WS_SERVER_H
#define PRESENCE_WS_SERVER_H

#include "base/wheel.h"
#include "config.h"
#include "net/redis_link.h"
#include "net/websocket.h"
#include "presence/feed.h"
#include "presence/ledger.h"
#include "store/asserter.h"
#include "store/follower.h"
#include "store/keys.h"
#include "store/revoker.h"

struct server;

/* What a pending answer belongs to; one of each may be under way. */
struct request {
    struct server *server;
    int tag;
};

struct server {
    struct config config;
    int argc;
    char **argv;
    char node[DAEMON_NODE_ID_SIZE];
    char address[128];
    struct loop *loop;
    struct listen_set listen;
    struct listener *listener;
    struct gate *gate;
    struct token_keys *keys;
    struct websocket_endpoint *endpoint;
    struct wheel wheel;
    struct loop_timer *wheel_timer; /* advances the wheel, ticks the store's machines */
    struct map addresses;           /* connections by address, for max_per_address */
    struct list clients;
    size_t phones;

    /* Phones between gate and WebSocket (arrival.c). */
    struct list arrivals, arrived;
    struct loop_task *arrival_task;
    struct session *entering; /* of the connection that is being made */
    size_t arrival_count;

    /* Redis. */
    struct redis_link *link;
    struct redis_subscriber *subscriber;
    struct store store;
    struct redis_time time;
    struct ledger ledger;
    struct asserter asserter;
    struct follower follower;
    struct revoker revoker;
    struct request asserter_requests[ASSERTER_TAGS], follower_requests[FOLLOWER_TAGS];
    struct loop_task *flush_task;   /* urgent operations: before the loop waits */
    struct loop_timer *flush_timer; /* or when they, or beats, have gathered for a moment */
    int64_t flush_ms, flushed_ms;   /* when it fires; when last was flushed */
    int64_t beat_gather_ms;
    char updates_channel[KEYS_CHANNEL_SIZE], control_channel[KEYS_CHANNEL_SIZE];
    int64_t online; /* users, as Redis last said; -1: not yet */

    /* Viewers. */
    struct feed feed;
    struct list watchers;
    size_t watcher_count;
    bool resumers_wait; /* some know more than this server: looked at with each tick */
    struct loop_task *tell_task;
    struct loop_timer *window_timer;
    int64_t told_ms;   /* the last flush */
    int64_t tidied_ms; /* when what no viewer waits for was last looked for */
    uint64_t observed; /* entries whose latency was taken */

    bool draining;
    int64_t drain_until_ms;
    int exit_code;
};

/* store.c */
void store_start(struct server *s);
void store_stop(struct server *s);
void store_tick(struct server *s, int64_t now_ms);
/* The ledger has something to say: at once, or with the next gathering. */
void store_dirty(struct server *s);
int store_follower_send(void *arg, enum follower_tag tag, struct span command);
bool store_up(const struct server *s);
/* Redis's clock, as this server reckons it. */
int64_t store_now(const struct server *s);

/* watcher.c, watcher_view.c */
struct watcher;
struct client;
void watchers_start(struct server *s);
void watchers_stop(struct server *s);
/* Whether a viewer could be served: a roster was loaded once, or can be now. */
bool watchers_admissible(const struct server *s);
size_t dashboards_of_user(const struct server *s, struct span user);
/* Dashboards see something at once; phones, when they ask (message 33). The token's groups bound what is
 * seen. */
struct watcher *watcher_create(struct server *s, struct client *client, struct gate_request *request);
void watcher_destroy(struct server *s, struct watcher *w);
/* A message 33. */
void watcher_subscribe(struct server *s, struct watcher *w, const struct subscribe *subscribe);
void watcher_writable(struct server *s, struct watcher *w);
void watchers_tick(struct server *s);
/* When to give up a viewer whose socket takes nothing; INT64_MAX: it takes. */
int64_t watcher_stuck_at(const struct server *s, const struct watcher *w);
struct span watcher_user(const struct watcher *w);
/* Empty: it gave none. */
struct span watcher_device(const struct watcher *w);
void watchers_kick(struct server *s, struct span user);
extern const struct follower_hooks watcher_hooks_of_follower;

/* arrival.c */
void arrivals_start(struct server *s);
void arrivals_stop(struct server *s);
/* At once, whoever still waits. */
void arrivals_let_in(struct server *s);
bool arrival_awaits(const struct server *s, const struct gate_request *request);
/* As websocket_adopt, later. Takes over the socket and the token. */
void arrival_begin(struct server *s, int fd, struct gate_request *request, struct span synthetic_request,
                   const char *protocol);

/* client.c */
struct session *client_open_session(struct server *s, const struct gate_request *request, void *owner);
extern const struct websocket_hooks client_hooks;
/* admission.c: the gate's last question; connections by address, as they come and go. */
int client_admit(void *arg, const struct gate_request *request, struct gate_refusal *refusal);
void admission_add(struct server *s, const char *peer);
void admission_remove(struct server *s, const char *peer);
/* Whether its token was revoked: the gate's question. */
bool client_revoked(void *arg, const struct token *token, struct span device);
/* presence:control's kick: a user's connections, or those of one device. */
void clients_kick(struct server *s, struct span user, struct span device);
/* Closes those whose tokens were revoked. */
void clients_check_revoked(struct server *s);
/* All sessions live on for the drain grace. */
void clients_drain_begin(struct server *s);
/* Closes up to `most` connections for a restart; returns how many are left. */
size_t clients_drain(struct server *s, size_t most);
void client_kick(struct server *s, struct client *c);
void client_close(struct server *s, struct client *c, unsigned code, const char *reason,
                  const char *session_reason);
/* Something with a deadline has begun: plans the next look at the client. */
void client_schedule(struct client *c);
/* Sends to a client; false when it is gone. *ret_full: wait for writable. */
bool client_write(struct client *c, const struct feed_piece *piece, bool *ret_full);

/* serving.c: with config, node, address and loop set. 0, or -1 when the WebSocket library can't start. */
int serving_start(struct server *s);
void serving_upgrade(void *arg, int fd, struct gate_request *request, struct span synthetic_request,
                     const char *protocol);
/* Says goodbye to all connections, and stops the loop when that is done. */
void serving_drain(struct server *s);
/* After loop_run has returned. */
void serving_stop(struct server *s);

/* health.c */
int health_serve(void *arg, struct span path, struct bytes *body, const char **content_type);
void health_refused(void *arg, int status, const char *reason, const char *peer);

#endif
