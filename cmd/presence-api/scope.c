#include "scope.h"

#include "store/keys.h"
#include "store/resp.h"
#include "wire/control.h"

#include <string.h>

void scope_finish(struct scope *s)
{
    token_finish(&s->token);
    memset(s, 0, sizeof(*s));
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

static bool claims_one(const struct scope *s, struct span text)
{
    struct span groups[GROUPS_MAX];
    size_t count;
    bool found = false;
    void *json = text.len ? groups_read(text, groups, &count) : NULL;
    for (size_t i = 0; json && i < count && !found; i++)
        found = scope_has(s, groups[i]);
    groups_read_finish(json);
    return found;
}

bool scope_sees(const struct scope *s, struct redisReply *const *replies, const struct span *users, size_t i)
{
    struct span self = {s->token.user, s->token.user_len};
    if (!s->bounded || span_equal(users[i], self))
        return true;
    for (size_t group = 0; group < s->token.group_count; group++)
        if (reply_integer(reply_at(replies[group], i), 0) == 1)
            return true;
    return claims_one(s, reply_text(replies[s->token.group_count + i]));
}
