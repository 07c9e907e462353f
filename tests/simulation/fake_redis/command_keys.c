/* SPDX-License-Identifier: MIT */
/* Keys and strings. */
#include "base/mem.h"
#include "command.h"

#include <stdlib.h>

#define SCAN_COUNT 10

static void run_get(struct call *c)
{
    bool wrong;
    struct value *v = call_get(c, 1, VALUE_STRING, &wrong);
    if (v)
        answer_bulk(c, bytes_span(&v->text));
    else if (!wrong)
        answer_nil(c);
}

static int64_t now_ms(struct call *c)
{
    return model_now_us(c->model) / 1000;
}

/* SET key value [PXAT ms [GET] | PX ms | EX s] */
static void run_set(struct call *c)
{
    int64_t expires_ms = NEVER_EXPIRES;
    bool gets = c->count == 6 && call_is(c, 5, "GET");
    if (c->count >= 5) {
        if (call_integer(c, 4, &expires_ms) < 0)
            return;
        if (expires_ms <= 0) {
            answer_error(c, "ERR invalid expire time in 'set' command");
            return;
        }
        if (call_is(c, 3, "PX"))
            expires_ms += now_ms(c);
        else if (call_is(c, 3, "EX"))
            expires_ms = now_ms(c) + expires_ms * 1000;
        expires_ms = expires_ms < NEVER_EXPIRES ? expires_ms : NEVER_EXPIRES - 1;
    }
    struct value *v = model_key(c->model, c->args[1]);
    if (gets && v && v->type != VALUE_STRING) {
        answer_error(c, "WRONGTYPE Operation against a key holding the wrong kind of value");
        return;
    }
    if (gets && v)
        answer_bulk(c, bytes_span(&v->text));
    else if (gets)
        answer_nil(c);
    if (v)
        dataset_remove(model_data(c->model), v);
    v = dataset_obtain(model_data(c->model), c->args[1], VALUE_STRING);
    v->expires_ms = expires_ms;
    bytes_append_span(&v->text, c->args[2]);
    if (!gets)
        answer_ok(c);
}

static void run_del(struct call *c)
{
    int64_t count = 0;
    for (size_t i = 1; i < c->count; i++) {
        struct value *v = model_key(c->model, c->args[i]);
        if (!v)
            continue;
        model_works(c->model, 0, value_count(v));
        dataset_remove(model_data(c->model), v);
        count++;
    }
    answer_integer(c, count);
}

static void run_exists(struct call *c)
{
    int64_t count = 0;
    for (size_t i = 1; i < c->count; i++)
        count += model_key(c->model, c->args[i]) != NULL;
    answer_integer(c, count);
}

static void run_type(struct call *c)
{
    static const char *const names[] = {"string", "hash", "set", "zset", "stream"};
    const struct value *v = model_key(c->model, c->args[1]);
    bytes_append_char(c->out, '+');
    bytes_append_text(c->out, v ? names[v->type] : "none");
    bytes_append(c->out, "\r\n", 2);
}

/* PEXPIREAT key ms [GT]: a key without an end counts as the latest for GT; an end that has passed deletes. */
static void run_pexpireat(struct call *c)
{
    int64_t at_ms;
    if (call_integer(c, 2, &at_ms) < 0)
        return;
    struct value *v = model_key(c->model, c->args[1]);
    bool later_only = c->count == 4 && call_is(c, 3, "GT");
    if (!v || (later_only && at_ms <= v->expires_ms)) {
        answer_integer(c, 0);
        return;
    }
    if (at_ms <= now_ms(c))
        dataset_remove(model_data(c->model), v);
    else
        v->expires_ms = at_ms;
    answer_integer(c, 1);
}

static void run_pttl(struct call *c)
{
    const struct value *v = model_key(c->model, c->args[1]);
    if (!v)
        answer_integer(c, -2);
    else if (v->expires_ms == NEVER_EXPIRES)
        answer_integer(c, -1);
    else
        answer_integer(c, v->expires_ms - now_ms(c));
}

static void run_pexpiretime(struct call *c)
{
    const struct value *v = model_key(c->model, c->args[1]);
    if (!v)
        answer_integer(c, -2);
    else
        answer_integer(c, v->expires_ms == NEVER_EXPIRES ? -1 : v->expires_ms);
}

struct found {
    uint32_t place;
    struct span name;
    double score;
};

static int by_place(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    return (x->place > y->place) - (x->place < y->place);
}

static bool glob(struct span pattern, struct span text)
{
    while (pattern.len > 0) {
        if (pattern.data[0] == '*') {
            struct span rest = {pattern.data + 1, pattern.len - 1};
            for (size_t i = 0; i <= text.len; i++)
                if (glob(rest, (struct span){text.data + i, text.len - i}))
                    return true;
            return false;
        }
        size_t escaped = pattern.data[0] == '\\' && pattern.len > 1;
        if (pattern.data[0] == '[') {
            /* [abc] */
            size_t end = 1;
            bool hit = false;
            for (; end < pattern.len && pattern.data[end] != ']'; end++)
                hit |= text.len > 0 && text.data[0] == pattern.data[end];
            if (!hit || end == pattern.len)
                return false;
            escaped = end;
        } else if (text.len == 0 || pattern.data[escaped] != text.data[0]) {
            return false;
        }
        pattern.data += escaped + 1;
        pattern.len -= escaped + 1;
        text.data++;
        text.len--;
    }
    return text.len == 0;
}

/* The page of `count` names from place `cursor` on; those of one place are never parted. */
static size_t cut_page(struct found *all, size_t total, size_t count, uint64_t *ret_next)
{
    size_t n = count < total ? count : total;
    qsort(all, total, sizeof(*all), by_place);
    while (n > 0 && n < total && all[n].place == all[n - 1].place)
        n++;
    *ret_next = n < total ? all[n].place : 0;
    return n;
}

static void answer_cursor(struct call *c, uint64_t next)
{
    bytes_auto text = BYTES_INIT;
    bytes_append_u64(&text, next);
    answer_array(c, 2);
    answer_bulk(c, bytes_span(&text));
}

/* Options behind the cursor: MATCH pattern, COUNT n. */
static int scan_options(struct call *c, size_t at, struct span *pattern, int64_t *count)
{
    *pattern = SPAN("*");
    *count = SCAN_COUNT;
    for (; at + 1 < c->count; at += 2) {
        if (call_is(c, at, "MATCH"))
            *pattern = c->args[at + 1];
        else if (!call_is(c, at, "COUNT") || call_integer(c, at + 1, count) < 0)
            return -1;
    }
    return 0;
}

static void run_scan(struct call *c)
{
    struct dataset *d = model_data(c->model);
    struct span pattern;
    int64_t cursor, count;
    if (call_integer(c, 1, &cursor) < 0 || scan_options(c, 2, &pattern, &count) < 0)
        return;
    struct found *all = mem_array(d->keys.count + 1, sizeof(*all));
    size_t total = 0, at = 0, hits = 0;
    struct value *v;
    uint64_t next;
    while ((v = map_next(&d->keys, &at)))
        if (scan_place(value_name(v)) >= (uint32_t)cursor)
            all[total++] = (struct found){scan_place(value_name(v)), value_name(v), 0};
    size_t n = cut_page(all, total, (size_t)count, &next);
    for (size_t i = 0; i < n; i++)
        hits += glob(pattern, all[i].name);
    answer_cursor(c, next);
    answer_array(c, hits);
    for (size_t i = 0; i < n; i++)
        if (glob(pattern, all[i].name))
            answer_bulk(c, all[i].name);
    free(all);
}

static void run_zscan(struct call *c)
{
    struct span pattern;
    int64_t cursor, count;
    bool wrong;
    uint64_t next = 0;
    struct value *v = call_get(c, 1, VALUE_ZSET, &wrong);
    if (wrong || call_integer(c, 2, &cursor) < 0 || scan_options(c, 3, &pattern, &count) < 0)
        return;
    size_t total = 0, n = 0;
    struct found *all = mem_array((v ? v->items.count : 0) + 1, sizeof(*all));
    for (size_t i = 0; v && i < v->items.count; i++)
        if (scan_place(item_name(v->sorted[i])) >= (uint32_t)cursor)
            all[total++] = (struct found){scan_place(item_name(v->sorted[i])), item_name(v->sorted[i]),
                                          v->sorted[i]->score};
    if (total > 0)
        n = cut_page(all, total, (size_t)count, &next);
    answer_cursor(c, next);
    answer_array(c, 2 * n);
    for (size_t i = 0; i < n; i++) {
        answer_bulk(c, all[i].name);
        answer_score(c, all[i].score);
    }
    free(all);
}

const struct command commands_keys[] = {
    {"GET", 2, 0, run_get},
    {"SET", -3, COMMAND_WRITES | COMMAND_NEEDS_ROOM, run_set},
    {"DEL", -2, COMMAND_WRITES, run_del},
    {"EXISTS", -2, 0, run_exists},
    {"TYPE", 2, 0, run_type},
    {"PEXPIREAT", -3, COMMAND_WRITES, run_pexpireat},
    {"PTTL", 2, 0, run_pttl},
    {"PEXPIRETIME", 2, 0, run_pexpiretime},
    {"SCAN", -2, 0, run_scan},
    {"ZSCAN", -3, 0, run_zscan},
    {NULL, 0, 0, NULL},
};
