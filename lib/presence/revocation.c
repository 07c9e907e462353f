#include "presence/revocation.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

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
    case 'u': return user_id_valid(rest);
    case 't': return token_id_valid(rest);
    case 'd': return user_id_valid(span_split(&rest, '\t')) && device_id_valid(rest);
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

static bool covers(const struct revocations *r, const struct bytes *name, const struct bearer *b,
                   int64_t now_ms)
{
    const struct revocation *one = map_get(&r->by_name, bytes_span(name));
    return one && b->issued_s <= one->issued_s && now_ms < one->until_ms;
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

void revocations_prune(struct revocations *r, int64_t now_ms)
{
    struct revocation *one;
    for (size_t at = 0; (one = map_next(&r->by_name, &at));)
        if (one->until_ms <= now_ms) {
            free(map_remove(&r->by_name, span_of(one->name)));
            at = 0;
        }
}

const struct revocation *revocations_next(const struct revocations *r, size_t *at)
{
    return map_next(&r->by_name, at);
}
