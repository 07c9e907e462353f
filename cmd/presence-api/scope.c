/* SPDX-License-Identifier: MIT */
#include "scope.h"

#include "redis/resp.h"
#include "store/keys.h"
#include "wire/control.h"

#include <string.h>

void scope_finish(struct scope *s)
{
    token_finish(&s->token);
    memset(s, 0, sizeof(*s));
}

bool scope_is_self(const struct scope *s, struct span user)
{
    return span_equal(user, (struct span){s->token.user, s->token.user_len});
}

static bool is_phone(const struct scope *s)
{
    return s->token.user_len > 0 && s->token.role == ROLE_MOBILE;
}

bool scope_is_alone(const struct scope *s)
{
    return is_phone(s) && !s->token.has_groups;
}

bool scope_sees_details(const struct scope *s, struct span user)
{
    return !is_phone(s) || scope_is_self(s, user);
}

bool scope_has(const struct scope *s, struct span group)
{
    if (!s->bounded)
        return true;
    for (size_t i = 0; i < s->token.group_count; i++)
        if (span_equal(s->token.groups[i], group))
            return true;
    return false;
}

static void ask_members(const char *group_key, struct span group, const struct span *users, size_t count,
                        struct bytes *commands)
{
    bytes_auto name = BYTES_INIT;
    keys_group(group_key, group, &name);
    resp_begin(commands, 2 + count);
    resp_text(commands, "SMISMEMBER");
    resp_arg(commands, bytes_span(&name));
    for (size_t i = 0; i < count; i++)
        resp_arg(commands, users[i]);
}

static void ask_claims(const struct store *store, struct span user, struct bytes *commands)
{
    bytes_auto name = BYTES_INIT;
    keys_user(store->prefix, USER_KEY_META, user, &name);
    resp_begin(commands, 3);
    resp_text(commands, "HGET");
    resp_arg(commands, bytes_span(&name));
    resp_text(commands, "groups");
}

size_t scope_ask(const struct scope *s, const struct store *store, const char *group_key,
                 const struct span *users, size_t count, struct bytes *commands)
{
    if (!s->bounded || count == 0)
        return 0;
    for (size_t i = 0; i < s->token.group_count; i++)
        ask_members(group_key, s->token.groups[i], users, count, commands);
    for (size_t i = 0; i < count; i++)
        ask_claims(store, users[i], commands);
    return s->token.group_count + count;
}

bool scope_ask_revoked(const struct scope *s, const struct store *store, struct bytes *commands)
{
    bytes_auto key = BYTES_INIT, name = BYTES_INIT;
    if (s->token.user_len == 0)
        return false;
    keys_name(store->prefix, KEY_REVOKED, &key);
    resp_begin(commands, 4);
    resp_text(commands, "HMGET");
    resp_arg(commands, bytes_span(&key));
    revocation_name_user((struct span){s->token.user, s->token.user_len}, &name);
    resp_arg(commands, bytes_span(&name));
    bytes_reset(&name);
    revocation_name_token(span_of(s->token.id), &name);
    resp_arg(commands, bytes_span(&name));
    return true;
}

bool scope_revoked(const struct scope *s, const struct redisReply *reply, int64_t now_ms)
{
    for (size_t i = 0; i < reply_count(reply); i++) {
        struct span value = reply_text(reply_at(reply, i));
        int64_t issued_s, until_ms;
        if (value.len > 0 && store_revocation_read(value, &issued_s, &until_ms) == 0 && now_ms < until_ms &&
            revocation_covers(issued_s, s->token.issued_s, now_ms))
            return true;
    }
    return false;
}

static bool claims_one(const struct scope *s, struct span text)
{
    struct span groups[GROUPS_UNION_MAX];
    size_t count;
    bool found = false;
    void *json = text.len ? control_groups_read(text, groups, &count) : NULL;
    for (size_t i = 0; json && i < count && !found; i++)
        found = scope_has(s, groups[i]);
    control_groups_finish(json);
    return found;
}

bool scope_sees(const struct scope *s, const struct redisReply *const *replies, const struct span *users,
                size_t i)
{
    if (!s->bounded || scope_is_self(s, users[i]))
        return true;
    for (size_t group = 0; group < s->token.group_count; group++)
        if (reply_integer(reply_at(replies[group], i), 0) == 1)
            return true;
    return claims_one(s, reply_text(replies[s->token.group_count + i]));
}
