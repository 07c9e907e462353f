/* SPDX-License-Identifier: MIT */
#include "filter.h"

#include "arguments.h"
#include "wire/control.h"

#include <stdlib.h>
#include <string.h>

#define READ_EVERY_MS 10000
#define PAGE          500

int filter_init(struct filter *f, struct ctl *c, const char *users, const char *groups)
{
    struct span *ids;
    size_t count;
    *f = (struct filter){.c = c, .all = !users && !groups};
    idset_init(&f->users);
    idset_init(&f->members);
    idset_init(&f->claimants);
    int code = argument_ids(c, "user id", users, &ids, &count);
    if (code != 0)
        return code;
    for (size_t i = 0; i < count; i++)
        idset_add(&f->users, ids[i]);
    free(ids);
    return argument_ids(c, "group", groups, &f->groups, &f->group_count);
}

void filter_finish(struct filter *f)
{
    idset_finish(&f->users);
    idset_finish(&f->members);
    idset_finish(&f->claimants);
    free(f->groups);
}

static int load_members(struct filter *f, int64_t now_ms)
{
    idset_finish(&f->members);
    idset_init(&f->members);
    f->read_ms = now_ms + READ_EVERY_MS;
    for (size_t i = 0; i < f->group_count; i++) {
        bytes_auto command = BYTES_INIT;
        reply_auto *reply = NULL;
        store_group(f->c->config.policy.group_key, f->groups[i], &command);
        int code = ctl_ask(f->c, bytes_span(&command), &reply, 1);
        if (code != 0)
            return code;
        for (size_t k = 0; k < reply_count(reply); k++)
            idset_add(&f->members, reply_text(reply_at(reply, k)));
    }
    return 0;
}

static void note_claims(struct filter *f, struct span user, const struct span *groups, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < f->group_count; k++)
            if (span_equal(groups[i], f->groups[k])) {
                idset_add(&f->claimants, user);
                return;
            }
    idset_remove(&f->claimants, user);
}

static int load_claimants(struct filter *f)
{
    char cursor[32] = "0";
    do {
        bytes_auto command = BYTES_INIT;
        reply_auto *reply = NULL;
        struct load_answer answer;
        store_load(&f->c->store, span_of(cursor), PAGE, &command);
        int code = ctl_script(f->c, bytes_span(&command), &reply);
        if (code != 0)
            return code;
        if (store_read_load(reply, &answer) < 0 || span_copy(answer.cursor, cursor, sizeof(cursor)) < 0)
            return ctl_refused(f->c, reply);
        for (size_t i = 0; i < answer.count; i++) {
            struct span groups[GROUPS_UNION_MAX];
            struct store_load_user u;
            size_t count;
            store_load_user(&answer, i, &u);
            void *owner = control_groups_read(u.groups, groups, &count);
            note_claims(f, u.user, groups, count);
            control_groups_finish(owner);
        }
    } while (strcmp(cursor, "0") != 0);
    return 0;
}

int filter_load(struct filter *f, int64_t now_ms)
{
    if (f->group_count == 0)
        return 0;
    int code = load_members(f, now_ms);
    return code == 0 ? load_claimants(f) : code;
}

int filter_refresh(struct filter *f, int64_t now_ms)
{
    return f->group_count > 0 && now_ms >= f->read_ms ? load_members(f, now_ms) : 0;
}

bool filter_wants(struct filter *f, const struct change *change)
{
    if (f->all || idset_has(&f->users, change->user))
        return true;
    if (f->group_count == 0)
        return false;
    /* An offline change does not say which groups the user had claimed. */
    bool claimed = idset_has(&f->claimants, change->user);
    if (change->rev > 0)
        note_claims(f, change->user, change->groups, change->online ? change->group_count : 0);
    return claimed || idset_has(&f->claimants, change->user) || idset_has(&f->members, change->user);
}

void filter_control(struct filter *f, struct span payload)
{
    struct span groups[GROUPS_UNION_MAX];
    struct control control;
    if (f->group_count == 0 || control_read(payload, groups, &control) < 0)
        return;
    if (span_equal(control.cmd, SPAN("groups")) && control.db == f->c->store.db)
        note_claims(f, control.user, groups, control.group_count);
    control_finish(&control);
}
