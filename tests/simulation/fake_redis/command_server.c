/* SPDX-License-Identifier: MIT */
/* What concerns the server as a whole: time, messages, scripts, settings. */
#include "command.h"
#include "script.h"

#include <stdio.h>
#include <string.h>

static void run_time(struct call *c)
{
    int64_t now_us = model_now_us(c->model);
    bytes_auto text = BYTES_INIT;
    answer_array(c, 2);
    bytes_append_i64(&text, now_us / 1000000);
    answer_bulk(c, bytes_span(&text));
    bytes_reset(&text);
    bytes_append_i64(&text, now_us % 1000000);
    answer_bulk(c, bytes_span(&text));
}

static void run_ping(struct call *c)
{
    bytes_append_text(c->out, "+PONG\r\n");
}

static void run_info(struct call *c)
{
    bytes_auto text = BYTES_INIT;
    bytes_printf(&text, "# Server\r\nredis_version:7.0.15\r\nrun_id:%s\r\n", redis_model_run_id(c->model));
    answer_bulk(c, bytes_span(&text));
}

/* One confirmation for each channel, as pushes they come. */
static void run_subscribe(struct call *c)
{
    for (size_t i = 1; i < c->count; i++) {
        model_subscribe(c->client, c->args[i]);
        answer_array(c, 3);
        answer_bulk(c, SPAN("subscribe"));
        answer_bulk(c, c->args[i]);
        answer_integer(c, (int64_t)i);
    }
}

static void run_publish(struct call *c)
{
    answer_integer(c, (int64_t)model_publish(c->model, c->args[1], c->args[2]));
}

static void run_script(struct call *c)
{
    if (call_is(c, 1, "FLUSH")) {
        script_host_flush(model_scripts(c->model));
        answer_ok(c);
    } else {
        answer_error(c, "ERR unknown subcommand");
    }
}

static void run_config(struct call *c)
{
    char *flags = model_notify_flags(c->model);
    if (!call_is(c, 2, "notify-keyspace-events")) {
        answer_array(c, 0);
    } else if (call_is(c, 1, "GET")) {
        answer_array(c, 2);
        answer_bulk(c, SPAN("notify-keyspace-events"));
        answer_bulk(c, span_of(flags));
    } else if (c->count == 4 && span_copy(c->args[3], flags, 32) == 0) {
        answer_ok(c);
    } else {
        answer_error(c, "ERR CONFIG SET failed");
    }
}

static void run_flushall(struct call *c)
{
    struct dataset *d = model_data(c->model);
    dataset_finish(d);
    dataset_init(d);
    answer_ok(c);
}

const struct command commands_server[] = {
    {"TIME", 1, 0, run_time},
    {"PING", 1, 0, run_ping},
    {"INFO", -1, 0, run_info},
    {"SUBSCRIBE", -2, COMMAND_NO_SCRIPT, run_subscribe},
    {"PUBLISH", 3, 0, run_publish},
    {"EVAL", -3, COMMAND_NO_SCRIPT, script_eval},
    {"EVALSHA", -3, COMMAND_NO_SCRIPT, script_evalsha},
    {"SCRIPT", -2, COMMAND_NO_SCRIPT, run_script},
    {"CONFIG", -3, COMMAND_NO_SCRIPT, run_config},
    {"FLUSHALL", -1, COMMAND_WRITES, run_flushall},
    {NULL, 0, 0, NULL},
};
