/* SPDX-License-Identifier: MIT */
#include "http/jwks_fetch.h"

#include "auth/jwks_schedule.h"
#include "auth/key_text.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "http/https_get.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct jwks_fetch {
    struct loop *loop;
    struct jwks_fetch_hooks hooks;
    void *arg;
    struct loop_timer *timer;
    struct jwks_schedule schedule;
    struct https_get *get; /* under way; NULL: none */
    char *url, *ca_file;   /* NULL: none */
    struct bytes text;     /* the last good answer of that URL */
};

int jwks_fetch_check(const char *url, const char *ca_file, struct settings_error *error)
{
    const char *problem;
    if (!url)
        return 0;
    if (https_url_check(url, &problem) < 0) {
        snprintf(error->text, sizeof(error->text), "JWT_JWKS_URL %s", problem);
        return -1;
    }
    if (ca_file && access(ca_file, R_OK) < 0) {
        snprintf(error->text, sizeof(error->text), "JWT_JWKS_CA_FILE can't be read: %s", strerror(errno));
        return -1;
    }
    return 0;
}

static void log_fetched(const struct jwks_fetch *f, const struct public_keys *keys, int64_t kept_s)
{
    bytes_auto kids = BYTES_INIT;
    for (size_t i = 0; i < keys->count; i++) {
        bytes_append_text(&kids, i > 0 ? " " : "");
        bytes_append_text(&kids, keys->items[i].kid ? keys->items[i].kid : "-");
    }
    log_info("jwks_fetched", LOG_N("keys", keys->count), LOG_S("kids", bytes_span(&kids)),
             LOG_N("kept_s", kept_s));
}

static void plan(struct jwks_fetch *f)
{
    int64_t delay_ms = f->schedule.due_ms - clock_mono_ms();
    loop_timer_start(f->timer, delay_ms > 0 ? delay_ms : 0, 0);
}

static void fail(struct jwks_fetch *f, const char *why)
{
    jwks_schedule_failed(&f->schedule, clock_mono_ms());
    log_warn("jwks_failed", LOG_T("reason", why), LOG_T("kept", f->text.len > 0 ? "the last keys" : "none"),
             LOG_N("again_in_ms", f->schedule.due_ms - clock_mono_ms()));
    f->hooks.failed(f->arg);
    plan(f);
}

static void take(struct jwks_fetch *f, const struct https_answer *answer, struct public_keys *keys)
{
    int64_t kept_s = jwks_kept_s(answer->cache_control);
    bytes_reset(&f->text);
    bytes_append_span(&f->text, answer->body);
    jwks_schedule_fetched(&f->schedule, kept_s, clock_mono_ms());
    log_fetched(f, keys, kept_s);
    f->hooks.fetched(f->arg, keys);
    plan(f);
}

static void on_answer(void *arg, const struct https_answer *answer)
{
    struct jwks_fetch *f = arg;
    struct public_keys keys = {0};
    const char *problem;
    char why[64];
    f->get = NULL;
    snprintf(why, sizeof(why), "it answered %d", answer->status);
    if (answer->error)
        fail(f, answer->error);
    else if (answer->status != 200)
        fail(f, why);
    else if (key_text_read(answer->body, &keys, &problem) < 0)
        fail(f, problem);
    else
        take(f, answer, &keys);
    public_keys_finish(&keys);
}

static void on_due(void *arg)
{
    struct jwks_fetch *f = arg;
    if (f->get)
        return;
    f->get = https_get_start(f->loop, f->url, f->ca_file, on_answer, f);
    if (!f->get)
        fail(f, "libcurl can't start");
}

struct jwks_fetch *jwks_fetch_create(struct loop *loop, const struct jwks_fetch_hooks *hooks, void *arg)
{
    struct jwks_fetch *f = mem_zalloc(sizeof(*f));
    f->loop = loop;
    f->hooks = *hooks;
    f->arg = arg;
    f->timer = loop_timer_create(loop, on_due, f);
    jwks_schedule_init(&f->schedule, random_u64(), clock_mono_ms());
    return f;
}

static void forget(struct jwks_fetch *f)
{
    https_get_cancel(f->get);
    f->get = NULL;
    loop_timer_stop(f->timer);
    free(f->url);
    free(f->ca_file);
    f->url = f->ca_file = NULL;
}

void jwks_fetch_set(struct jwks_fetch *f, const char *url, const char *ca_file)
{
    if (!jwks_fetch_known(f, url).data)
        bytes_reset(&f->text);
    forget(f);
    if (!url)
        return;
    f->url = mem_strdup(url);
    f->ca_file = ca_file ? mem_strdup(ca_file) : NULL;
    jwks_schedule_now(&f->schedule, clock_mono_ms());
    plan(f);
}

struct span jwks_fetch_known(const struct jwks_fetch *f, const char *url)
{
    bool same = f && f->url && url && strcmp(url, f->url) == 0;
    return same && f->text.len > 0 ? bytes_span(&f->text) : SPAN_NONE;
}

void jwks_fetch_unknown_key(struct jwks_fetch *f)
{
    if (!f || !f->url || f->get)
        return;
    if (jwks_schedule_unknown_key(&f->schedule, clock_mono_ms()))
        plan(f);
}

void jwks_fetch_destroy(struct jwks_fetch *f)
{
    if (!f)
        return;
    forget(f);
    loop_timer_destroy(f->timer);
    bytes_finish(&f->text);
    free(f);
}
