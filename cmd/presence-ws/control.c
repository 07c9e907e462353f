/* SPDX-License-Identifier: MIT */
#include "control.h"

#include "base/clock.h"
#include "server.h"

static void on_kick(struct server *s, const struct control *c)
{
    if (c->user.len == 0)
        return;
    handoffs_kick(s->handoffs, c->user, c->device);
    connections_kick(s->connections, c->user, c->device);
}

static void on_revoke(struct server *s, const struct control *c)
{
    revocation_sync_control(&s->redis.revocation_sync, c);
}

static void on_node(struct server *s, const struct control *c)
{
    node_registry_probe(&s->redis.registry, clock_mono_ms());
}

static void on_assert(struct server *s, const struct control *c)
{
    sessions_assert_user(&s->redis.sessions, c->user, clock_mono_ms());
    redis_glue_dirty(&s->redis);
}

void control_received(void *arg, const struct control *control)
{
    static const struct {
        const char *kind;
        void (*handle)(struct server *s, const struct control *c);
    } kinds[] = {{"kick", on_kick}, {"revoke", on_revoke}, {"node", on_node}, {"assert", on_assert}};
    struct server *s = arg;
    if (control->db >= 0 && control->db != s->redis.store.db)
        return;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (span_equal(control->cmd, span_of(kinds[i].kind)))
            kinds[i].handle(s, control);
}
