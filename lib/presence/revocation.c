/* SPDX-License-Identifier: MIT */
#include "presence/revocation.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)

static struct span name_of(const void *object)
{
    return span_of(((const struct revocation *)object)->name);
}

static void write_name(const char *kind, struct span first, struct span second, struct bytes *out)
{
    bytes_append_text(out, kind);
    bytes_append_span(out, first);
    if (second.len == 0)
        return;
    bytes_append_char(out, '\t');
    bytes_append_span(out, second);
}

void revocation_name_user(struct span user, struct bytes *out)
{
    write_name("u:", user, SPAN_NONE, out);
}

void revocation_name_device(struct span user, struct span device, struct bytes *out)
{
    write_name("d:", user, device, out);
}

void revocation_name_token(struct span token_id, struct bytes *out)
{
    write_name("t:", token_id, SPAN_NONE, out);
}

static bool name_valid(struct span name)
{
    if (name.len < 3 || name.data[1] != ':')
        return false;
    struct span rest = {name.data + 2, name.len - 2};
    switch (name.data[0]) {
    case 'u': return identity_user_valid(rest);
    case 't': return identity_token_valid(rest);
    case 'd': return identity_user_valid(span_split(&rest, '\t')) && identity_device_valid(rest);
    default: return false;
    }
}

void revocations_init(struct revocations *r)
{
    map_init(&r->by_name, name_of);
}

void revocations_finish(struct revocations *r)
{
    struct revocation *one;
    for (size_t at = 0; (one = map_next(&r->by_name, &at));)
        free(one);
    map_finish(&r->by_name);
}

bool revocations_put(struct revocations *r, struct span name, int64_t issued_s, int64_t until_ms)
{
    struct revocation *one = map_get(&r->by_name, name);
    if (!one && (!name_valid(name) || r->by_name.count >= REVOCATIONS_MAX))
        return false;
    if (!one) {
        one = mem_zalloc(sizeof(*one) + name.len + 1);
        memcpy(one->name, name.data, name.len);
        map_put(&r->by_name, one);
    } else if (issued_s <= one->issued_s && until_ms <= one->until_ms) {
        return false;
    }
    one->issued_s = issued_s > one->issued_s ? issued_s : one->issued_s;
    one->until_ms = until_ms > one->until_ms ? until_ms : one->until_ms;
    return true;
}

bool revocation_covers(int64_t until_s, int64_t issued_s, int64_t now_ms)
{
    return issued_s <= until_s || issued_s <= 0 || issued_s > now_ms / 1000 + ISSUER_LEAD_MAX_S;
}

static bool covers(const struct revocations *r, const struct bytes *name, const struct bearer *b,
                   int64_t now_ms)
{
    const struct revocation *one = map_get(&r->by_name, bytes_span(name));
    return one && now_ms < one->until_ms && revocation_covers(one->issued_s, b->issued_s, now_ms);
}

bool revocations_refuse(const struct revocations *r, const struct bearer *b, int64_t now_ms)
{
    if (r->by_name.count == 0)
        return false;
    bytes_auto name = BYTES_INIT;
    revocation_name_user(b->user, &name);
    bool refused = covers(r, &name, b, now_ms);
    if (!refused && b->device.len > 0) {
        bytes_reset(&name);
        revocation_name_device(b->user, b->device, &name);
        refused = covers(r, &name, b, now_ms);
    }
    if (!refused && b->token_id.len > 0) {
        bytes_reset(&name);
        revocation_name_token(b->token_id, &name);
        refused = covers(r, &name, b, now_ms);
    }
    return refused;
}

/* In two walks, since a removal moves others: to begin again after each would be quadratic. */
void revocations_prune(struct revocations *r, int64_t now_ms)
{
    struct revocation *one, **over = NULL;
    size_t count = 0;
    for (size_t at = 0; (one = map_next(&r->by_name, &at));) {
        if (one->until_ms > now_ms)
            continue;
        if (!over)
            over = mem_array(r->by_name.count, sizeof(*over));
        over[count++] = one;
    }
    for (size_t i = 0; i < count; i++)
        free(map_remove(&r->by_name, span_of(over[i]->name)));
    free(over);
}

const struct revocation *revocations_next(const struct revocations *r, size_t *at)
{
    return map_next(&r->by_name, at);
}

static void turn_day(struct issuer_lead *l, int64_t now_ms)
{
    int64_t day = now_ms / DAY_MS;
    if (day == l->day)
        return;
    l->most_s[1] = day == l->day + 1 ? l->most_s[0] : 0;
    l->most_s[0] = 0;
    l->day = day;
}

bool revocation_issuer_lead_see(struct issuer_lead *l, int64_t issued_s, int64_t now_ms)
{
    int64_t lead_s = issued_s - now_ms / 1000;
    if (issued_s <= 0 || lead_s <= 0 || lead_s > ISSUER_LEAD_MAX_S)
        return false;
    bool grown = lead_s > revocation_issuer_lead_s(l, now_ms);
    turn_day(l, now_ms);
    if (lead_s > l->most_s[0])
        l->most_s[0] = lead_s;
    return grown;
}

int64_t revocation_issuer_lead_s(const struct issuer_lead *l, int64_t now_ms)
{
    struct issuer_lead today = *l;
    turn_day(&today, now_ms);
    return today.most_s[0] > today.most_s[1] ? today.most_s[0] : today.most_s[1];
}
