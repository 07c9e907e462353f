/* SPDX-License-Identifier: MIT */
/* list: everyone who is online, page by page (ZSCAN in load.lua, never KEYS), each once. */
#include "base/map.h"
#include "base/mem.h"
#include "ctl.h"
#include "show.h"
#include "wire/control.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 500

struct listed {
    int64_t last_seen_ms, last_heartbeat_ms;
    struct span user, device, groups;
    char text[];
};

struct listing {
    struct ctl *c;
    struct map users; /* of struct listed; what a scan finds twice is shown once */
    char cursor[32];
    int64_t now_ms;
};

static struct span key_of(const void *object)
{
    return ((const struct listed *)object)->user;
}

static struct listed *listed_create(const struct store_load_user *u, const struct status_answer *live)
{
    const struct span texts[] = {u->user, live->device, u->groups};
    struct listed *l = mem_alloc(sizeof(*l) + u->user.len + live->device.len + u->groups.len);
    struct span *copies[] = {&l->user, &l->device, &l->groups};
    char *at = l->text;
    for (size_t i = 0; i < 3; i++) {
        memcpy(at, texts[i].data ? texts[i].data : "", texts[i].len);
        *copies[i] = (struct span){at, texts[i].len};
        at += texts[i].len;
    }
    l->last_seen_ms = live->last_seen_ms;
    l->last_heartbeat_ms = live->last_heartbeat_ms;
    return l;
}

static void show_json(const struct listed *l, struct bytes *out)
{
    struct span groups[GROUPS_UNION_MAX];
    bytes_auto claim = BYTES_INIT;
    size_t count;
    /* As meta holds it, a JSON array; empty when it is none. */
    void *owner = control_groups_read(l->groups, groups, &count);
    bytes_append_char(&claim, '[');
    for (size_t i = 0; i < count; i++) {
        bytes_append_text(&claim, i ? "," : "");
        bytes_append_json(&claim, groups[i]);
    }
    bytes_append_char(&claim, ']');
    control_groups_finish(owner);
    show_line(out, SHOW_TEXT("userId", l->user), SHOW_STATUS(true), SHOW_TIME("lastSeen", l->last_seen_ms),
              SHOW_TIME("lastHeartbeat", l->last_heartbeat_ms), SHOW_OPTIONAL("deviceId", l->device),
              SHOW_JSON("groups", &claim));
}

static bool enough(const struct listing *l)
{
    return l->c->config.limit > 0 && l->users.count >= (size_t)l->c->config.limit;
}

/* The live times of a page's users; who went meanwhile is left out. */
static int take_page(struct listing *l, const struct load_answer *page, struct redisReply **replies,
                     struct bytes *out)
{
    for (size_t i = 0; i < page->count && !enough(l); i++) {
        struct status_answer live;
        struct store_load_user u;
        store_load_user(page, i, &u);
        if (store_read_status(replies[0], i, replies[1 + i], &live) < 0)
            return ctl_refused(l->c, replies[0]);
        if (!live.online || map_get(&l->users, u.user))
            continue;
        struct listed *listed = listed_create(&u, &live);
        map_put(&l->users, listed);
        if (l->c->config.json)
            show_json(listed, out);
    }
    return 0;
}

static int ask_live(struct listing *l, const struct load_answer *page, struct bytes *out)
{
    struct redisReply **replies = mem_array(1 + page->count, sizeof(*replies));
    struct span *users = mem_array(page->count, sizeof(*users));
    bytes_auto commands = BYTES_INIT;
    for (size_t i = 0; i < page->count; i++) {
        struct store_load_user u;
        store_load_user(page, i, &u);
        users[i] = u.user;
    }
    store_status(&l->c->store, users, page->count, &commands);
    int code = ctl_ask(l->c, bytes_span(&commands), replies, 1 + page->count);
    if (code == 0) {
        code = take_page(l, page, replies, out);
        ctl_free_replies(replies, 1 + page->count);
    }
    free(users);
    free(replies);
    return code;
}

static int load_page(struct listing *l, struct bytes *out)
{
    bytes_auto command = BYTES_INIT;
    reply_auto *reply = NULL;
    struct load_answer page;
    store_load(&l->c->store, span_of(l->cursor), PAGE, &command);
    int code = ctl_script(l->c, bytes_span(&command), &reply);
    if (code != 0)
        return code;
    if (store_read_load(reply, &page) < 0 || span_copy(page.cursor, l->cursor, sizeof(l->cursor)) < 0)
        return ctl_refused(l->c, reply);
    l->now_ms = page.state.now_ms;
    return page.count > 0 ? ask_live(l, &page, out) : 0;
}

static int by_user(const void *a, const void *b)
{
    struct span x = (*(const struct listed *const *)a)->user, y = (*(const struct listed *const *)b)->user;
    int order = memcmp(x.data, y.data, x.len < y.len ? x.len : y.len);
    return order ? order : (x.len > y.len) - (x.len < y.len);
}

static void show_table(const struct listing *l, struct bytes *out)
{
    static const char *const headings[] = {"USER", "LAST HEARTBEAT", "DEVICE", "GROUPS", NULL};
    struct listed **sorted = mem_array(l->users.count + 1, sizeof(*sorted));
    struct table table;
    size_t at = 0, count = 0;
    while ((sorted[count] = map_next(&l->users, &at)))
        count++;
    qsort(sorted, count, sizeof(*sorted), by_user);
    show_table_init(&table, headings);
    for (size_t i = 0; i < count; i++) {
        show_table_cell(&table, COLOR_NONE, sorted[i]->user);
        show_table_time(&table, sorted[i]->last_heartbeat_ms, l->now_ms);
        show_table_cell(&table, COLOR_NONE, sorted[i]->device);
        show_table_cell(&table, COLOR_FAINT, sorted[i]->groups);
    }
    show_table_write(&table, l->c->color, out);
    show_table_finish(&table);
    free(sorted);
}

static int list(struct ctl *c, char **args, size_t count)
{
    struct listing l = {.c = c, .cursor = "0"};
    bytes_auto out = BYTES_INIT;
    size_t at = 0;
    void *user;
    int code;
    map_init(&l.users, key_of);
    do {
        code = load_page(&l, &out);
        if (c->config.json)
            show_out(&out);
    } while (code == 0 && strcmp(l.cursor, "0") != 0 && !enough(&l));
    if (code == 0 && !c->config.json)
        show_table(&l, &out);
    show_out(&out);
    while ((user = map_next(&l.users, &at)))
        free(user);
    map_finish(&l.users);
    return code;
}

static const struct setting_table tables[] = {CONFIG_LIMIT, CONFIG_PRESENCE};

const struct command command_list = {
    .info = {"list", "", "everyone who is online", CONFIG_OF_COMMAND(tables)},
    .run = list,
};
