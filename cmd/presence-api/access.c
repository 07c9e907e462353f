/* SPDX-License-Identifier: MIT */
/* Who may ask what (HTTP.md): with a token, what it allows; without, what PRESENCE_API_AUTH says,
 * and a proxy's word that the asker is elsewhere. */
#include "base/clock.h"
#include "base/log.h"
#include "http/gate_query.h"
#include "http/host.h"
#include "server.h"

#define OPEN_HINT                                                                                            \
    "anybody who reaches it may list who is online without a token; PRESENCE_API_AUTH=jwt asks for one"

#define GROUPS_LOG_MS 10000

/* False: there are no keys to check a token by. */
static bool verify(struct server *s, struct span text, struct token *ret, enum token_result *ret_result)
{
    if (s->access.keys)
        *ret_result = token_verify(s->access.keys, text, clock_wall_ms() / 1000, ret);
    return s->access.keys;
}

/* A phone sees itself and whom its groups share; the status of users whose ids it knows is the guide's. */
static bool bounds(const struct token *token, enum reach reach)
{
    return token->has_groups || (token->role == ROLE_MOBILE && reach != REACH_KNOWN);
}

/* Its holder sees nobody but himself. Every request brings its token: one line tells for all of a while. */
static void log_groups_problem(struct server *s, const struct token *t)
{
    int64_t now_ms = clock_mono_ms();
    if (!t->groups_problem ||
        (s->access.groups_logged_ms && now_ms - s->access.groups_logged_ms < GROUPS_LOG_MS))
        return;
    s->access.groups_logged_ms = now_ms;
    log_warn("groups_unknown", LOG_S("user", ((struct span){t->user, t->user_len})),
             LOG_T("role", role_name(t->role)), LOG_T("reason", t->groups_problem));
}

/* Takes the token over. */
static void hold(struct call *c, enum reach reach, const struct token *token)
{
    c->held = (struct scope){.bounded = bounds(token, reach), .token = *token};
    c->scope = &c->held;
}

static int take_token(struct call *c, enum reach reach, enum token_result result, const struct token *token)
{
    if (result == TOKEN_KEY)
        jwks_fetch_unknown_key(c->server->access.jwks);
    if (result == TOKEN_KEYS_AWAITED) {
        call_refuse_for_now(c, token_result_text(result));
        return -1;
    }
    if (result != TOKEN_OK) {
        call_refuse(c, token_result_status(result), token_result_text(result));
        return -1;
    }
    log_groups_problem(c->server, token);
    view_saw_issuer(&c->server->view, token->issued_s, clock_mono_ms());
    hold(c, reach, token);
    return 0;
}

void access_warn_open(struct server *s)
{
    if (s->config.auth != AUTH_NONE || s->access.open)
        return;
    s->access.open = true;
    log_warn("api_open", LOG_T("auth", "none"), LOG_T("hint", OPEN_HINT));
}

static bool host_is_ours(const struct call *c)
{
    const struct config *config = &c->server->config;
    return host_allowed(config->allowed_hosts, config->allowed_origins, c->request->host);
}

/* Nobody has said who he is. Where anybody may ask, a page under a foreign name must not (host.h); what auto
 * lets through from proxies strangers may ask anyway. */
static int take_stranger(struct call *c, enum reach reach)
{
    int auth = c->server->config.auth;
    bool forwarded = c->request->forwarded;
    if (auth == AUTH_AUTO && forwarded && reach == REACH_KNOWN)
        return 0;
    if (auth == AUTH_NONE || (auth == AUTH_AUTO && !forwarded)) {
        if (host_is_ours(c))
            return 0;
        call_refuse(c, 421, "This server does not go by that Host; PRESENCE_ALLOWED_HOSTS lists its names");
        return -1;
    }
    call_refuse(
        c, 401,
        "Behind a proxy a token is required for this; PRESENCE_API_AUTH=none says that none is needed");
    return -1;
}

int access_check(struct call *c, enum reach reach)
{
    struct token token;
    enum token_result result;
    struct span text = SPAN_NONE;
    bool given = gate_bearer(c->request->authorization, &text); /* other schemes are the proxy's in front */
    if (c->request->forwarded)
        access_warn_open(c->server);
    if ((given || c->server->config.auth == AUTH_JWT) && verify(c->server, text, &token, &result))
        return take_token(c, reach, result, &token);
    return take_stranger(c, reach);
}

static void refuse_others(struct call *c, const struct redisReply *const *replies)
{
    call_refuse(c, 403,
                "A phone's token without groups sees its own user alone; POST /api/presence/status tells "
                "the status of users by their ids");
}

int access_check_user(struct call *c, struct span user)
{
    if (!scope_is_alone(c->scope) || scope_is_self(c->scope, user))
        return 0;
    call_ask(c, 0, refuse_others);
    return -1;
}

int access_numbers(struct call *c)
{
    const struct http_request *r = c->request;
    struct token token;
    enum token_result result;
    struct span text = SPAN_NONE;
    if (r->local && !r->forwarded && host_is_ours(c))
        return 1;
    if (!gate_bearer(r->authorization, &text) || !verify(c->server, text, &token, &result) ||
        result != TOKEN_OK)
        return 0;
    hold(c, REACH_ALL, &token);
    return c->scope->bounded ? 0 : -1;
}
