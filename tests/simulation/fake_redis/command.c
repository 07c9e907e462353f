/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct command *const tables[] = {commands_keys, commands_hash, commands_zset, commands_stream,
                                               commands_server};

void answer_ok(struct call *c)
{
    bytes_append_text(c->out, "+OK\r\n");
}

static void line(struct call *c, char kind, int64_t value)
{
    bytes_append_char(c->out, kind);
    bytes_append_i64(c->out, value);
    bytes_append(c->out, "\r\n", 2);
}

void answer_integer(struct call *c, int64_t value)
{
    line(c, ':', value);
}

void answer_bulk(struct call *c, struct span text)
{
    line(c, '$', (int64_t)text.len);
    bytes_append_span(c->out, text);
    bytes_append(c->out, "\r\n", 2);
}

void answer_nil(struct call *c)
{
    bytes_append_text(c->out, "$-1\r\n");
}

void answer_array(struct call *c, size_t count)
{
    model_works(c->model, 0, count);
    line(c, '*', (int64_t)count);
}

void answer_error(struct call *c, const char *text)
{
    bytes_append_char(c->out, '-');
    bytes_append_text(c->out, text);
    bytes_append(c->out, "\r\n", 2);
}

void answer_score(struct call *c, double score)
{
    char text[40];
    bool whole = score == floor(score) && fabs(score) < 1e17;
    if (whole)
        snprintf(text, sizeof(text), "%.0f", score);
    else
        snprintf(text, sizeof(text), "%.17g", score);
    answer_bulk(c, span_of(text));
}

static void wrong_type(struct call *c)
{
    answer_error(c, "WRONGTYPE Operation against a key holding the wrong kind of value");
}

struct value *call_get(struct call *c, size_t arg, enum value_type type, bool *ret_wrong)
{
    struct value *v = model_key(c->model, c->args[arg]);
    *ret_wrong = v && v->type != type;
    if (*ret_wrong)
        wrong_type(c);
    return *ret_wrong ? NULL : v;
}

struct value *call_obtain(struct call *c, size_t arg, enum value_type type)
{
    bool wrong;
    struct value *v = call_get(c, arg, type, &wrong);
    return v || wrong ? v : dataset_obtain(model_data(c->model), c->args[arg], type);
}

void call_settle(struct call *c, struct value *v)
{
    if (value_count(v) == 0)
        dataset_remove(model_data(c->model), v);
}

int call_integer(struct call *c, size_t arg, int64_t *ret)
{
    struct span text = c->args[arg];
    bool negative = text.len > 0 && text.data[0] == '-';
    struct span digits = {text.data + negative, text.len - negative};
    uint64_t value;
    if (span_to_u64(digits, INT64_MAX, &value) < 0) {
        answer_error(c, "ERR value is not an integer or out of range");
        return -1;
    }
    *ret = negative ? -(int64_t)value : (int64_t)value;
    return 0;
}

bool call_is(const struct call *c, size_t arg, const char *word)
{
    return span_equal_nocase(c->args[arg], span_of(word));
}

static const struct command *find(struct span name)
{
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        for (const struct command *at = tables[i]; at->name; at++)
            if (span_equal_nocase(name, span_of(at->name)))
                return at;
    return NULL;
}

/* Most commands come from scripts, in upper case: found by a small cache over their names. */
static const struct command *lookup(struct span name)
{
    static struct {
        const struct command *command;
    } cache[256];
    unsigned hash = 0;
    for (size_t i = 0; i < name.len; i++)
        hash = hash * 31 + (unsigned char)name.data[i];
    const struct command *known = cache[hash & 255].command;
    if (known && span_equal_nocase(name, span_of(known->name)))
        return known;
    return cache[hash & 255].command = find(name);
}

static bool arity_fits(const struct command *command, size_t count)
{
    return command->arity < 0 ? count >= (size_t)-command->arity : count == (size_t)command->arity;
}

void command_execute(struct call *c)
{
    const struct command *command = lookup(c->args[0]);
    char text[200];
    model_works(c->model, 1, 0);
    if (!command) {
        snprintf(text, sizeof(text),
                 c->in_script ? "ERR Unknown Redis command called from script"
                              : "ERR unknown command '%.*s', with args beginning with: ",
                 (int)(c->args[0].len < 100 ? c->args[0].len : 100), c->args[0].data);
        answer_error(c, text);
    } else if (!arity_fits(command, c->count)) {
        if (c->in_script)
            snprintf(text, sizeof(text), "ERR Wrong number of args calling Redis command from script");
        else
            snprintf(text, sizeof(text), "ERR wrong number of arguments for '%s' command", command->name);
        answer_error(c, text);
    } else if (c->in_script && (command->flags & COMMAND_NO_SCRIPT)) {
        answer_error(c, "ERR This Redis command is not allowed from script");
    } else if (model_full(c->model) && (command->flags & COMMAND_NEEDS_ROOM) && !c->may_oom) {
        answer_error(c, "OOM command not allowed when used memory > 'maxmemory'.");
    } else if (model_replica(c->model) && (command->flags & COMMAND_WRITES)) {
        answer_error(c, "READONLY You can't write against a read only replica.");
    } else {
        command->run(c);
    }
}
