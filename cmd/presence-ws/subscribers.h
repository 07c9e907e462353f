/* SPDX-License-Identifier: MIT */
/* The subscribers of presence-ws: clients that are sent who is online.
 *
 * Each has a subscription: what it may see and chose to see, and the view that is kept up to date. A view is
 * made in turns: whoever needs one waits, and one turn of the loop spends a few milliseconds on views. What a
 * small part of the roster decides is made at once; what needs the whole roster is made by a scan, one at a
 * time, between whose parts others are served. Changes that come within the batch window leave together.
 *
 * Clients are pointers here; what is done to them goes out through hooks. */
#ifndef PRESENCE_WS_SUBSCRIBERS_H
#define PRESENCE_WS_SUBSCRIBERS_H

#include "fanout/regroup.h"
#include "http/gate.h"
#include "redis_glue.h"

struct client;
struct subscribers;
struct subscription;

struct subscribers_hooks {
    /* Sends to a client; false when it is gone. *ret_full: wait for subscribers_writable. */
    bool (*write)(struct client *c, const struct fanout_chunk *chunk, bool *ret_full);
    /* The client takes nothing now: subscribers_stuck_at has changed. */
    void (*full)(struct client *c);
    /* All that there is was sent, as far as the socket takes it. */
    void (*sent)(struct client *c);
    /* It was too slow again after a new snapshot (PROTOCOL.md). */
    void (*too_slow)(struct client *c);
    void (*kick)(struct client *c);
};

/* All that it is given outlives it. */
struct subscribers *subscribers_create(const struct config *config, struct loop *loop,
                                       struct redis_glue *redis, const struct subscribers_hooks *hooks);
/* After the last subscription was removed. */
void subscribers_destroy(struct subscribers *s);
/* Every 20 ms or so, or less often while it is calm. */
void subscribers_tick(struct subscribers *s);
bool subscribers_calm(const struct subscribers *s);
void subscribers_gather_metrics(const struct subscribers *s);
/* Whether one could be served: a roster was loaded once, or can be now. */
bool subscribers_admissible(const struct subscribers *s);
/* To all of this user. */
void subscribers_kick(struct subscribers *s, struct span user);

/* Dashboards get a view at once; phones when they ask (message 33). The token's groups bound what is seen. */
struct subscription *subscribers_add(struct subscribers *s, struct client *client,
                                     const struct gate_request *request);
/* A phone's, which sees those of the groups in its session. */
struct subscription *subscribers_add_phone(struct subscribers *s, struct client *client,
                                           const struct session *session, enum encoding encoding);
void subscribers_remove(struct subscribers *s, struct subscription *w);
/* A message 33. */
void subscribers_choose(struct subscribers *s, struct subscription *w, const struct subscribe *subscribe);
void subscribers_writable(struct subscribers *s, struct subscription *w);
/* Whether a HELLO may be sent now: not within a message, and "up" only behind what has changed meanwhile. */
bool subscribers_may_send(const struct subscribers *s, const struct subscription *w);
/* Whole frames, beside what the fan-out has; only when they may be sent. */
void subscribers_send(struct subscribers *s, struct subscription *w, struct span frames);
/* In the middle of a message of several fragments: no other may be sent to it. */
bool subscribers_in_message(const struct subscription *w);
/* Nothing is sent to it while another's message of several fragments is. */
void subscribers_hold(struct subscribers *s, struct subscription *w, bool hold);
/* When to close one whose socket takes nothing; INT64_MAX: it takes. */
int64_t subscribers_stuck_at(const struct subscribers *s, const struct subscription *w);
/* Whose it is; the device is empty if it gave none. */
void subscribers_bearer(const struct subscription *w, struct bearer *ret);

/* The hooks of struct roster_sync. */
void subscribers_changed(struct subscribers *s, const struct change *change, struct span claims);
void subscribers_restarted(struct subscribers *s, uint64_t rev);
void subscribers_ready(struct subscribers *s);
void subscribers_set_changed(struct subscribers *s, struct group *group, const struct span *users,
                             size_t count);
void subscribers_regrouped(struct subscribers *s, struct span user, struct span before, struct span now);

#endif
