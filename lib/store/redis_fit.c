/* SPDX-License-Identifier: MIT */
#include "store/redis_fit.h"

#include "redis/redis_greeting.h"
#include "store/commands.h"

#include <stdio.h>
#include <string.h>

#define NAMES_MAX 6 /* commands that are named; of more the count is enough */

static bool contains(struct span text, const char *part)
{
    return text.len > 0 && memmem(text.data, text.len, part, strlen(part));
}

/* What the server said stands behind it, without the arguments that some repeat. */
static void tell(struct redis_fit *f, enum redis_fault fault, const char *what, struct span said)
{
    static const char repeated[] = ", with args beginning with";
    struct span line = span_split(&said, '\n');
    const char *args = line.len ? memmem(line.data, line.len, repeated, sizeof(repeated) - 1) : NULL;
    if (args)
        line.len = (size_t)(args - line.data);
    int len = (int)(line.len < 200 ? line.len : 200);
    f->fault = fault;
    if (len > 0)
        snprintf(f->why, sizeof(f->why), "%s: %.*s", what, len, line.data);
    else
        snprintf(f->why, sizeof(f->why), "%s", what);
}

static bool is_cluster(struct span error)
{
    static const char *const signs[] = {"MOVED ",       "ASK ",          "CROSSSLOT",      "CLUSTERDOWN",
                                        "cluster node", "the same slot", "cluster support"};
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
        if (contains(error, signs[i]))
            return true;
    return false;
}

/* What a whole script, or a command in it, ended with. Returns whether that explains everything. */
static bool explain(struct redis_fit *f, struct span error)
{
    if (is_cluster(error))
        tell(f, REDIS_FAULT_CLUSTER,
             "this is a node of a Redis Cluster; this version needs a single Redis or one master with "
             "replicas",
             error);
    else if (contains(error, "READONLY"))
        tell(f, REDIS_FAULT_REPLICA, "this is a read-only replica: nobody's presence can be written", error);
    else
        return false;
    return true;
}

static bool is_unknown(struct span error)
{
    return contains(error, "nknown command") || contains(error, "nknown Redis command") ||
           contains(error, "not supported") || contains(error, "unsupported");
}

static void read_error(struct span error, struct redis_fit *f)
{
    if (explain(f, error))
        return;
    f->ask_who = true;
    if (contains(error, "NOPERM"))
        tell(f, REDIS_FAULT_LACKS, "this user of Redis may not run scripts (EVAL, EVALSHA)", error);
    else if (contains(error, "ompiling script") || contains(error, "Unexpected flag"))
        tell(f, REDIS_FAULT_NO_SCRIPTS,
             "scripts with flags (EVAL of #!lua) are not supported; Redis 7.0 or Valkey is needed", error);
    else if (is_unknown(error))
        tell(f, REDIS_FAULT_NO_SCRIPTS, "this server has no scripting (EVAL, EVALSHA); is it a proxy?",
             error);
    else
        tell(f, REDIS_FAULT_REFUSES, "Redis refuses scripts", error);
}

static void add_names(const struct redisReply *failed, char *out, size_t size)
{
    size_t count = reply_count(failed) / 2, len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count && i < NAMES_MAX && len < size; i++) {
        struct span name = reply_text(reply_at(failed, 2 * i));
        len += (size_t)snprintf(out + len, size - len, "%s%.*s", i ? ", " : "",
                                (int)(name.len < 20 ? name.len : 20), name.data ? name.data : "");
    }
    if (count > NAMES_MAX && len < size)
        snprintf(out + len, size - len, " and %zu more", count - NAMES_MAX);
}

static bool not_permitted(struct span error)
{
    return contains(error, "NOPERM") || contains(error, "can't run this command") ||
           contains(error, "can't access") || contains(error, "permission");
}

static void read_failures(const struct redisReply *failed, const char *user, struct redis_fit *f)
{
    struct span error = reply_text(reply_at(failed, 1));
    char names[160], what[300];
    if (span_equal(reply_text(reply_at(failed, 0)), SPAN("FOREIGN"))) {
        tell(f, REDIS_FAULT_FOREIGN, "a key of another program stands in the place of one of presence's",
             error);
        return;
    }
    if (explain(f, error))
        return;
    add_names(failed, names, sizeof(names));
    f->ask_who = !not_permitted(error);
    if (not_permitted(error))
        snprintf(what, sizeof(what), "not permitted to user %.60s: %s", user && *user ? user : "default",
                 names);
    else
        snprintf(what, sizeof(what), "this server can't run %s", names);
    tell(f, REDIS_FAULT_LACKS, what, error);
}

void redis_fit_read(const struct redisReply *reply, const char *user, struct redis_fit *ret)
{
    const struct redisReply *failed;
    *ret = (struct redis_fit){.fault = REDIS_FAULT_NONE};
    if (reply_is_error(reply))
        read_error(reply_error(reply), ret);
    else if (store_read_trial(reply, &failed) != 0 || !reply_is_array(failed))
        read_error(SPAN("the answer has an unexpected form"), ret);
    else if (reply_count(failed) > 1)
        read_failures(failed, user, ret);
}

static void name_server(struct redis_fit *f, const char *name, struct span version)
{
    size_t len = strlen(f->why);
    snprintf(f->why + len, sizeof(f->why) - len, "; this is %s %.*s", name,
             (int)(version.len < 20 ? version.len : 20), version.data);
}

void redis_fit_who(const struct redisReply *reply, struct redis_fit *f)
{
    static const struct {
        const char *field, *name;
    } servers[] = {{"valkey_version", "Valkey"},
                   {"dragonfly_version", "Dragonfly"},
                   {"keydb_version", "KeyDB"},
                   {"redis_version", "Redis"}};
    struct span info = reply_text(reply);
    f->ask_who = false;
    if (span_equal(redis_info_value(info, SPAN("redis_mode")), SPAN("sentinel"))) {
        tell(f, REDIS_FAULT_IS_SENTINEL, "this is a Sentinel, and no Redis", SPAN_NONE);
        return;
    }
    for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
        struct span version = redis_info_value(info, span_of(servers[i].field));
        if (version.len == 0)
            continue;
        name_server(f, servers[i].name, version);
        return;
    }
}
