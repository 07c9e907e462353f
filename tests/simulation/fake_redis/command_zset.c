/* SPDX-License-Identifier: MIT */
/* Sorted sets. */
#include "base/mem.h"
#include "command.h"

#include <math.h>
#include <stdlib.h>

static int read_score(struct call *c, size_t arg, double *ret)
{
    char text[64], *end;
    if (span_copy(c->args[arg], text, sizeof(text)) == 0 && text[0]) {
        *ret = strtod(text, &end);
        if (!*end && !isnan(*ret))
            return 0;
    }
    answer_error(c, "ERR value is not a valid float");
    return -1;
}

/* ZADD key [XX] score member …: XX adds none. */
static void run_zadd(struct call *c)
{
    bool only_known = call_is(c, 2, "XX"), only_new = call_is(c, 2, "NX");
    size_t first = only_known || only_new ? 3 : 2;
    int64_t fresh = 0;
    double score;
    if (c->count <= first || (c->count - first) % 2) {
        answer_error(c, "ERR syntax error");
        return;
    }
    for (size_t i = first; i < c->count; i += 2)
        if (read_score(c, i, &score) < 0)
            return;
    struct value *v = call_obtain(c, 1, VALUE_ZSET);
    if (!v)
        return;
    for (size_t i = first; i < c->count; i += 2) {
        read_score(c, i, &score);
        bool is_known = value_item(v, c->args[i + 1]);
        if (is_known ? !only_new : !only_known)
            fresh += zset_put(v, c->args[i + 1], score);
    }
    call_settle(c, v);
    answer_integer(c, fresh);
}

static void run_zrem(struct call *c)
{
    bool wrong;
    int64_t gone = 0;
    struct value *v = call_get(c, 1, VALUE_ZSET, &wrong);
    if (wrong)
        return;
    for (size_t i = 2; v && i < c->count; i++)
        gone += zset_take(v, c->args[i]);
    if (v)
        call_settle(c, v);
    answer_integer(c, gone);
}

static void answer_score_of(struct call *c, const struct value *v, struct span name)
{
    const struct item *item = v ? value_item(v, name) : NULL;
    if (item)
        answer_score(c, item->score);
    else
        answer_nil(c);
}

static void run_zscore(struct call *c)
{
    bool wrong;
    const struct value *v = call_get(c, 1, VALUE_ZSET, &wrong);
    if (!wrong)
        answer_score_of(c, v, c->args[2]);
}

static void run_zcard(struct call *c)
{
    bool wrong;
    const struct value *v = call_get(c, 1, VALUE_ZSET, &wrong);
    if (!wrong)
        answer_integer(c, v ? (int64_t)v->items.count : 0);
}

static void answer_range(struct call *c, const struct value *v, size_t from, size_t to, bool scores)
{
    size_t n = to > from ? to - from : 0;
    answer_array(c, scores ? 2 * n : n);
    for (size_t i = from; i < from + n; i++) {
        answer_bulk(c, item_name(v->sorted[i]));
        if (scores)
            answer_score(c, v->sorted[i]->score);
    }
}

/* ZRANGE key first last [WITHSCORES], by rank. */
static void run_zrange(struct call *c)
{
    bool wrong;
    int64_t first, last;
    const struct value *v = call_get(c, 1, VALUE_ZSET, &wrong);
    int64_t count = v ? (int64_t)v->items.count : 0;
    if (wrong || call_integer(c, 2, &first) < 0 || call_integer(c, 3, &last) < 0)
        return;
    first = first < 0 ? first + count : first;
    last = last < 0 ? last + count : last;
    first = first < 0 ? 0 : first;
    last = last >= count ? count - 1 : last;
    answer_range(c, v, (size_t)first, last < first ? (size_t)first : (size_t)last + 1, c->count == 5);
}

/* ZRANGEBYSCORE key -inf most [WITHSCORES] [LIMIT 0 n] */
static void run_zrangebyscore(struct call *c)
{
    bool wrong, scores = false;
    double least, most;
    int64_t limit = INT64_MAX;
    const struct value *v = call_get(c, 1, VALUE_ZSET, &wrong);
    if (wrong || read_score(c, 2, &least) < 0 || read_score(c, 3, &most) < 0)
        return;
    for (size_t i = 4; i < c->count; i++) {
        if (call_is(c, i, "WITHSCORES"))
            scores = true;
        else if (i + 2 < c->count && call_is(c, i, "LIMIT") && call_integer(c, i + 2, &limit) == 0)
            i += 2;
    }
    size_t from = v ? zset_lower(v, least) : 0, to = from;
    while (v && to < v->items.count && v->sorted[to]->score <= most && (int64_t)(to - from) < limit)
        to++;
    answer_range(c, v, from, to, scores);
}

const struct command commands_zset[] = {
    {"ZADD", -4, COMMAND_WRITES | COMMAND_NEEDS_ROOM, run_zadd},
    {"ZREM", -3, COMMAND_WRITES, run_zrem},
    {"ZSCORE", 3, 0, run_zscore},
    {"ZCARD", 2, 0, run_zcard},
    {"ZRANGE", -4, 0, run_zrange},
    {"ZRANGEBYSCORE", -4, 0, run_zrangebyscore},
    {NULL, 0, 0, NULL},
};
