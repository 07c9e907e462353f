/* SPDX-License-Identifier: MIT */
/* The log: a stream whose ids are revisions, `rev-0`. */
#include "command.h"

#include <stdio.h>
#include <string.h>

static int read_id(struct span text, uint64_t *ret)
{
    struct span head = span_split(&text, '-');
    if (span_equal(head, SPAN("-")) || head.len == 0)
        *ret = 0;
    else if (span_equal(head, SPAN("+")))
        *ret = UINT64_MAX;
    else
        return span_to_u64(head, UINT64_MAX, ret);
    return 0;
}

/* XADD key MAXLEN ~ n id field value … */
static void run_xadd(struct call *c)
{
    uint64_t id;
    int64_t most;
    bytes_auto fields = BYTES_INIT;
    if (c->count < 8 || !call_is(c, 2, "MAXLEN") || call_integer(c, 4, &most) < 0 ||
        read_id(c->args[5], &id) < 0) {
        answer_error(c, "ERR syntax error");
        return;
    }
    bool wrong;
    struct value *v = call_get(c, 1, VALUE_STREAM, &wrong);
    if (wrong)
        return;
    if (v && id <= v->last_id) {
        answer_error(c, "ERR The ID specified in XADD is equal or smaller than the target stream top item");
        return;
    }
    if (!v)
        v = dataset_obtain(model_data(c->model), c->args[1], VALUE_STREAM);
    struct call into = *c;
    into.out = &fields;
    for (size_t i = 6; i < c->count; i++)
        answer_bulk(&into, c->args[i]);
    stream_append(v, id, bytes_span(&fields), c->count - 6);
    stream_trim(v, (size_t)most);
    answer_bulk(c, c->args[5]);
}

static void answer_entry(struct call *c, const struct stream_entry *e)
{
    char id[32];
    snprintf(id, sizeof(id), "%llu-0", (unsigned long long)e->id);
    answer_array(c, 2);
    answer_bulk(c, span_of(id));
    answer_array(c, e->field_count);
    bytes_append(c->out, e->fields, e->fields_len);
}

/* XRANGE key first last [COUNT n] */
static void run_xrange(struct call *c)
{
    bool wrong;
    uint64_t first, last;
    int64_t most = INT64_MAX;
    const struct value *v = call_get(c, 1, VALUE_STREAM, &wrong);
    if (wrong || read_id(c->args[2], &first) < 0 || read_id(c->args[3], &last) < 0 ||
        (c->count == 6 && call_integer(c, 5, &most) < 0))
        return;
    size_t from = v ? stream_lower(v, first) : 0, to = from;
    while (v && to < v->entry_count && stream_at(v, to)->id <= last && (int64_t)(to - from) < most)
        to++;
    answer_array(c, to - from);
    for (size_t i = from; i < to; i++)
        answer_entry(c, stream_at(v, i));
}

const struct command commands_stream[] = {
    {"XADD", -5, COMMAND_WRITES | COMMAND_NEEDS_ROOM, run_xadd},
    {"XRANGE", -4, 0, run_xrange},
    {NULL, 0, 0, NULL},
};
