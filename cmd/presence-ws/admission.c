/* Who is let in beyond what the gate asks: quotas, and whether there is anything to serve (contract section
 * 2). */
#include "base/mem.h"
#include "server.h"

#include <stdio.h>
#include <stdlib.h>

/* Connections of one address, counted only when they are bounded. */
struct address {
    size_t count;
    char text[64];
};

static struct span address_key(const void *object)
{
    return span_of(((const struct address *)object)->text);
}

void admission_add(struct server *s, const char *peer)
{
    if (s->config.max_per_address == 0)
        return;
    s->addresses.key_of = address_key;
    struct address *a = map_get(&s->addresses, span_of(peer));
    if (!a) {
        a = mem_zalloc(sizeof(*a));
        snprintf(a->text, sizeof(a->text), "%s", peer);
        map_put(&s->addresses, a);
    }
    a->count++;
}

void admission_remove(struct server *s, const char *peer)
{
    if (s->config.max_per_address == 0)
        return;
    struct address *a = map_get(&s->addresses, span_of(peer));
    if (a && --a->count == 0)
        free(map_remove(&s->addresses, span_of(peer)));
}

static bool address_full(const struct server *s, const char *peer)
{
    if (s->config.max_per_address == 0 || s->addresses.count == 0)
        return false;
    const struct address *a = map_get(&s->addresses, span_of(peer));
    return a && a->count >= (size_t)s->config.max_per_address;
}

static bool user_full(const struct server *s, struct span user)
{
    int64_t count = (int64_t)dashboards_of_user(s, user);
    for (const struct session *at = ledger_user(&s->ledger, user); at; at = at->next)
        count += at->owner != NULL;
    return s->config.max_per_user > 0 && count >= s->config.max_per_user;
}

bool client_revoked(void *arg, const struct token *token, struct span device)
{
    const struct server *s = arg;
    struct bearer b = {.user = {token->user, token->user_len},
                       .device = device,
                       .token_id = span_of(token->id),
                       .issued_s = token->issued_s};
    return revocations_refuse(&s->revoker.list, &b, store_now(s));
}

int client_admit(void *arg, const struct gate_request *request, struct gate_refusal *refusal)
{
    struct server *s = arg;
    struct span user = {request->token.user, request->token.user_len};
    if (user_full(s, user))
        *refusal = (struct gate_refusal){429, "Too many connections of this user", "quota", 30};
    else if (address_full(s, request->peer))
        *refusal = (struct gate_refusal){429, "Too many connections from this address", "quota", 30};
    else if (s->draining)
        *refusal = (struct gate_refusal){503, "The server is restarting", "unavailable", 1};
    else if (websocket_count(s->endpoint) + s->arrival_count >= (size_t)s->config.max_connections)
        *refusal = (struct gate_refusal){503, "Too many connections to this server", "unavailable", 5};
    else if (request->token.role != ROLE_MOBILE && !watchers_admissible(s))
        *refusal =
            (struct gate_refusal){503, "Presence is not known yet: Redis can't be reached", "unavailable", 1};
    else
        return 0;
    return -1;
}
