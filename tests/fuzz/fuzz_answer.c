/* SPDX-License-Identifier: MIT */
/* What a Redis that was meddled with may answer: bytes through hiredis's reader into every reader of answers.
 */
#include "store/keyspace.h"
#include "store/reads.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_nodes(const struct redisReply *pairs)
{
    for (size_t i = 0; i < reply_count(pairs) / 2; i++) {
        struct node node;
        if (store_node_read(pairs, i, &node) == 0)
            store_node_finish(&node);
    }
}

static void read_roster(const struct load_answer *a)
{
    for (size_t i = 0; i < a->count; i++) {
        struct store_load_user user;
        store_load_user(a, i, &user);
    }
}

static void read_revoked(const struct revoke_answer *a)
{
    for (size_t i = 0; i < a->count; i++) {
        struct span name;
        int64_t issued_s, until_ms;
        (void)store_revoke_entry(a, i, &name, &issued_s, &until_ms);
    }
}

static void read_as_all(const struct redisReply *reply)
{
    struct apply_answer apply;
    struct expire_answer expire;
    struct load_answer load;
    struct node_answer node;
    struct audit_answer audit;
    struct revoke_answer revoke;
    struct status_answer status;
    (void)store_read_apply(reply, &apply);
    (void)store_read_expire(reply, &expire);
    (void)store_read_audit(reply, &audit);
    (void)store_read_status(reply, 0, reply_at(reply, 0), &status);
    if (store_read_load(reply, &load) == 0)
        read_roster(&load);
    if (store_read_node(reply, &node) == 0)
        read_nodes(node.nodes);
    if (store_read_revoke(reply, &revoke) == 0)
        read_revoked(&revoke);
    read_nodes(reply);
}

/* hiredis allocates what a count declares: Redis is trusted with that, as SECURITY.md says. */
static bool declares_much(struct span bytes)
{
    size_t digits = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        bool counts = bytes.data[i] >= '0' && bytes.data[i] <= '9';
        digits = counts ? digits + 1 : 0;
        if (digits > 5)
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (declares_much((struct span){(const char *)data, size}))
        return 0;
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    redisReaderFeed(reader, (const char *)data, size);
    while (redisReaderGetReply(reader, &reply) == REDIS_OK && reply) {
        read_as_all(reply);
        freeReplyObject(reply);
    }
    redisReaderFree(reader);
    return 0;
}
