/* list: everyone who is online, page by page (ZSCAN in load.lua, never KEYS), each once. */
#include "base/map.h"
#include "base/mem.h"
#include "ctl.h"
#include "show.h"
#include "store/keys.h"
#include "store/resp.h"
#include "wire/control.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 500

struct listed {
    int64_t last_seen_ms;
    struct span user, device, groups;
    char text[];
};

struct list_of_users {
    struct ctl *c;
    struct map users; /* of struct listed; what a scan tells twice is told once */
    char cursor[32];
    int64_t now_ms;
};

static struct span key_of(const void *object)
{
    return ((const struct listed *)object)->user;
}

static size_t put(struct listed *l, size_t at, struct span text, struct span *ret)
{
    memcpy(l->text + at, text.data ? text.data : "", text.len);
    *ret = (struct span){l->text + at, text.len};
    return at + text.len;
}

static struct listed *listed_create(const struct load_user *u, const struct status_answer *live)
{
    struct listed *l = mem_alloc(sizeof(*l) + u->user.len + live->device.len + u->groups.len);
    size_t at = put(l, 0, u->user, &l->user);

    at = put(l, at, live->device, &l->device);
    put(l, at, u->groups, &l->groups);
    l->last_seen_ms = live->last_seen_ms;
    return l;
}

/* The claim as meta holds it, a JSON array; left out when it is none. */
static void json_groups(struct json_line *line, struct span text)
{
    struct span groups[GROUPS_MAX];
    size_t count;
    void *owner = groups_read(text, groups, &count);

    json_name(line, "groups");
    bytes_append_char(line->out, '[');
    for (size_t i = 0; i < count; i++) {
        bytes_append_text(line->out, i ? "," : "");
        bytes_append_json(line->out, groups[i]);
    }
    bytes_append_char(line->out, ']');
    groups_read_finish(owner);
}

static void show_json(const struct listed *l, struct bytes *out)
{
    struct json_line line = json_begin(out);

    json_text(&line, "userId", l->user);
    json_status(&line, true);
    json_time(&line, "lastSeen", l->last_seen_ms);
    json_text_or_null(&line, "deviceId", l->device);
    json_groups(&line, l->groups);
    json_end(&line);
}

static bool enough(const struct list_of_users *l)
{
    return l->c->config.limit > 0 && l->users.count >= (size_t)l->c->config.limit;
}

/* The live times of a page's users; who went meanwhile is left out. */
static int take_page(struct list_of_users *l, const struct load_answer *page, struct redisReply **replies,
                     struct bytes *out)
{
    for (size_t i = 0; i < page->count && !enough(l); i++) {
        struct status_answer live;
        struct load_user u;
        load_user(page, i, &u);
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

static int ask_live(struct list_of_users *l, const struct load_answer *page, struct bytes *out)
{
    struct redisReply **replies = mem_array(1 + page->count, sizeof(*replies));
    struct span *users = mem_array(page->count, sizeof(*users));
    bytes_auto commands = BYTES_INIT;

    for (size_t i = 0; i < page->count; i++) {
        struct load_user u;
        load_user(page, i, &u);
        users[i] = u.user;
    }
    store_status(&l->c->store, users, page->count, &commands);
    int code = ctl_ask(l->c, bytes_span(&commands), replies, 1 + page->count);
    if (code == 0) {
        code = take_page(l, page, replies, out);
        replies_free(replies, 1 + page->count);
    }
    free(users);
    free(replies);
    return code;
}

static void write_load(void *arg, bool text, struct bytes *out)
{
    struct list_of_users *l = arg;

    store_load(&l->c->store, span_of(l->cursor), PAGE, text, out);
}

static int load_page(struct list_of_users *l, struct bytes *out)
{
    struct load_answer page;
    struct redisReply *reply;

    int code = ctl_script(l->c, write_load, l, &reply);
    if (code != 0)
        return code;
    if (store_read_load(reply, &page) < 0 || span_copy(page.cursor, l->cursor, sizeof(l->cursor)) < 0) {
        code = ctl_refused(l->c, reply);
    } else {
        l->now_ms = page.state.now_ms;
        code = page.count > 0 ? ask_live(l, &page, out) : 0;
    }
    reply_free(reply);
    return code;
}

static int by_user(const void *a, const void *b)
{
    struct span x = (*(const struct listed *const *)a)->user, y = (*(const struct listed *const *)b)->user;
    int order = memcmp(x.data, y.data, x.len < y.len ? x.len : y.len);

    return order ? order : (x.len > y.len) - (x.len < y.len);
}

static void show_table(const struct list_of_users *l, struct bytes *out)
{
    static const char *const headings[] = {"USER", "LAST SEEN", "DEVICE", "GROUPS", NULL};
    struct listed **sorted = mem_array(l->users.count + 1, sizeof(*sorted));
    struct table table;
    size_t at = 0, count = 0;

    while ((sorted[count] = map_next(&l->users, &at)))
        count++;
    qsort(sorted, count, sizeof(*sorted), by_user);
    table_init(&table, headings);
    for (size_t i = 0; i < count; i++) {
        table_cell(&table, TINT_NONE, sorted[i]->user);
        table_time(&table, sorted[i]->last_seen_ms, l->now_ms);
        table_cell(&table, TINT_NONE, sorted[i]->device);
        table_cell(&table, TINT_FAINT, sorted[i]->groups);
    }
    table_write(&table, l->c->colour, out);
    table_finish(&table);
    free(sorted);
}

int command_list(struct ctl *c, char **args, size_t count)
{
    struct list_of_users l = {.c = c, .cursor = "0"};
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
