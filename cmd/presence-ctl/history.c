#include "history.h"

#include "base/mem.h"
#include "wire/event.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 1000

static struct span keep(struct bytes *text, struct span value)
{
    size_t at = text->len;

    bytes_append_span(text, value);
    return (struct span){text->data + at, value.len};
}

/* A copy whose spans live as long as the history. */
static void add(struct history *h, const struct story_transition *t)
{
    struct bytes *text = mem_zalloc(sizeof(*text));

    if (h->count == h->capacity) {
        h->capacity = h->capacity ? 2 * h->capacity : 16;
        h->items = mem_realloc(h->items, h->capacity * sizeof(*h->items));
        h->texts = mem_realloc(h->texts, h->capacity * sizeof(*h->texts));
    }
    bytes_reserve(text, t->reason.len + t->device.len + t->node.len + 1);
    h->items[h->count] = *t;
    h->items[h->count].reason = keep(text, t->reason);
    h->items[h->count].device = keep(text, t->device);
    h->items[h->count].node = keep(text, t->node);
    h->texts[h->count++] = text;
}

/* Ids that JSON writes as they are can be looked for before an event is taken apart. */
static bool stands_plain(struct span id)
{
    for (size_t i = 0; i < id.len; i++)
        if ((unsigned char)id.data[i] <= ' ' || strchr("\"\\/\x7f", id.data[i]))
            return false;
    return true;
}

static void take_entry(struct history *h, struct span id, bool plain, struct span text)
{
    struct event event;

    if (plain && !memmem(text.data, text.len, id.data, id.len) && memchr(text.data, '\\', text.len) == NULL)
        return;
    if (event_read(text, &event) < 0)
        return;
    if (span_equal(event.change.user, id)) {
        struct story_transition t = {
            .online = event.change.online,
            .at_ms = event.change.timestamp_ms,
            .last_seen_ms = event.change.last_seen_ms,
            .rev = event.change.rev,
            .reason = event.change.reason,
            .device = event.change.device,
            .node = event.change.node,
        };
        add(h, &t);
    }
    event_finish(&event);
}

static int64_t entry_time(struct span text)
{
    struct event event;

    if (event_read(text, &event) < 0)
        return 0;
    int64_t at_ms = event.change.timestamp_ms;
    event_finish(&event);
    return at_ms;
}

/* The next page backwards; *last is where the one after it begins, 0 at the end. */
static int take_page(struct ctl *c, struct span id, size_t wanted, uint64_t *last, struct history *h)
{
    bytes_auto command = BYTES_INIT;
    struct redisReply *reply;
    struct span text = SPAN_NONE;
    uint64_t rev = 0;

    store_log_back(&c->store, *last, PAGE, &command);
    int code = ctl_ask_one(c, bytes_span(&command), &reply);
    if (code != 0)
        return code;
    for (size_t i = 0; i < reply_count(reply) && h->count < wanted; i++) {
        if (log_entry(reply, i, &rev, &text) == 0)
            take_entry(h, id, stands_plain(id), text);
    }
    if (text.data)
        h->reaches_ms = entry_time(text);
    *last = reply_count(reply) < PAGE || rev == 0 ? 0 : rev - 1;
    reply_free(reply);
    return 0;
}

static void take_meta(const struct user *user, struct history *h)
{
    struct span status = user_meta(user, "status"), device = user_meta(user, "sinceDevice");
    int64_t seen_ms = user_meta_number(user, "sinceSeen");
    struct story_transition t = {
        .online = span_equal(status, SPAN("online")),
        .at_ms = user_meta_number(user, "since"),
        .last_seen_ms = seen_ms ? seen_ms : user_meta_number(user, "lastSeen"),
        .rev = (uint64_t)user_meta_number(user, "rev"),
        .reason = user_meta(user, "reason"),
        .device = device.data ? device : user_meta(user, "deviceId"),
        .node = user_meta(user, "node"),
    };

    if (!status.data || t.at_ms <= 0)
        return;
    add(h, &t);
    h->from_meta = true;
}

int history_load(struct ctl *c, struct span id, const struct user *user, size_t limit, struct history *ret)
{
    struct history h = {0};
    uint64_t last = UINT64_MAX;
    int code = 0;

    do
        code = take_page(c, id, limit + 1, &last, &h);
    while (code == 0 && last != 0 && h.count <= limit);
    if (code != 0) {
        history_finish(&h);
        return code;
    }
    h.whole = last == 0;
    if (h.count == 0)
        take_meta(user, &h);
    *ret = h;
    return 0;
}

void history_finish(struct history *h)
{
    for (size_t i = 0; i < h->count; i++) {
        bytes_finish(h->texts[i]);
        free(h->texts[i]);
    }
    free(h->items);
    free(h->texts);
    *h = (struct history){0};
}
