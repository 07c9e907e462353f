/* SPDX-License-Identifier: MIT */
#include "wire/event.h"

#include "base/utf8.h"
#include "wire/json_reader.h"

#include <inttypes.h>
#include <stdio.h>

/* An integer id is the same user as its decimal text (PROTOCOL.md): it is put in the number's place,
 * so that the parsed object owns it. */
static int read_user(json_t *root, struct change *c)
{
    const json_t *user = json_object_get(root, "userId");
    char digits[24];
    int64_t number;
    if (json_reader_integer(user, &number)) {
        snprintf(digits, sizeof(digits), "%" PRId64, number);
        json_object_set_new(root, "userId", json_string(digits));
        user = json_object_get(root, "userId");
    }
    c->user = json_reader_span(user);
    return identity_user_valid(c->user) ? 0 : -1;
}

static int read_status(const json_t *root, struct change *c)
{
    struct span status = json_reader_span(json_object_get(root, "status"));
    c->online = span_equal(status, SPAN("online"));
    return c->online || span_equal(status, SPAN("offline")) ? 0 : -1;
}

/* Keys that others publish too: of another type they count as not said. */
static int64_t shared_time(const json_t *root, const char *key)
{
    int64_t number;
    return json_reader_integer(json_object_get(root, key), &number) && number > 0 ? number : 0;
}

static struct span shared_device(const json_t *root)
{
    struct span device = json_reader_span(json_object_get(root, "deviceId"));
    return identity_device_valid(device) ? device : SPAN_NONE;
}

static int read_text(const json_t *root, const char *key, struct span *ret)
{
    const json_t *value = json_object_get(root, key);
    if (json_reader_is_nothing(value))
        return 0;
    if (!json_is_string(value) || !utf8_valid_plain(json_reader_span(value)))
        return -1;
    *ret = json_reader_span(value);
    return 0;
}

/* A number, or its decimal text, but no double: what a script's JSON encoder rounds above 14 digits is sent
 * as text. Redis counts to INT64_MAX. */
static int read_rev(const json_t *root, uint64_t *ret)
{
    const json_t *value = json_object_get(root, "rev");
    if (json_reader_is_nothing(value))
        return 0;
    if (json_is_string(value))
        return span_to_u64(json_reader_span(value), INT64_MAX, ret);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return -1;
    *ret = (uint64_t)json_integer_value(value);
    return 0;
}

static int read_db(const json_t *root, int64_t *ret)
{
    const json_t *value = json_object_get(root, "db");
    if (json_reader_is_nothing(value))
        return 0;
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return -1;
    *ret = json_integer_value(value);
    return 0;
}

static int read_groups(const json_t *root, struct event *e)
{
    const json_t *value = json_object_get(root, "groups"), *group;
    size_t i;
    if (json_reader_is_nothing(value))
        return 0;
    /* A script's JSON encoder writes an empty list as {}. */
    if (json_is_object(value) && json_object_size(value) == 0)
        return 0;
    if (!json_is_array(value))
        return -1;
    json_array_foreach(value, i, group)
    {
        if (i == GROUPS_UNION_MAX)
            break;
        e->groups[i] = json_reader_span(group);
        if (!identity_group_valid(e->groups[i]))
            return -1;
    }
    e->change.groups = e->groups;
    e->change.group_count = i;
    return 0;
}

static int read_event(json_t *root, struct event *e)
{
    struct change *c = &e->change;
    if (!json_is_object(root) || read_user(root, c) < 0 || read_status(root, c) < 0)
        return -1;
    c->timestamp_ms = shared_time(root, "timestamp");
    c->last_seen_ms = shared_time(root, "lastSeen");
    c->device = shared_device(root);
    if (read_rev(root, &c->rev) < 0 || read_text(root, "epoch", &e->epoch) < 0 || read_db(root, &e->db) < 0)
        return -1;
    if (read_text(root, "reason", &c->reason) < 0 || read_text(root, "node", &c->node) < 0)
        return -1;
    return read_groups(root, e);
}

static void clear(struct event *e)
{
    e->change = (struct change){0};
    e->epoch = SPAN_NONE;
    e->db = -1;
}

int event_read(struct span text, struct event *ret)
{
    json_t *root;
    if (text.len > EVENT_SIZE_MAX || !(root = json_reader_load(text)))
        return -1;
    clear(ret);
    if (read_event(root, ret) < 0) {
        json_decref(root);
        return -1;
    }
    /* Neither says anything without the other. */
    if (!ret->epoch.len || !ret->change.rev) {
        ret->epoch = SPAN_NONE;
        ret->change.rev = 0;
    }
    ret->json = root;
    return 0;
}

void event_finish(struct event *e)
{
    json_decref(e->json);
    e->json = NULL;
}
