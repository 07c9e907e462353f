#include "wire/client_field.h"

#include "base/mem.h"

enum field_kind { FIELD_TEXT, FIELD_MS, FIELD_REV, FIELD_COUNT, FIELD_STATUS };

struct field {
    struct span key;
    enum field_kind kind;
    size_t offset;
};

#define KEY(literal)                                                                                         \
    {                                                                                                        \
        (literal), sizeof(literal) - 1                                                                       \
    }

static const struct field state_fields[] = {
    {KEY("userId"), FIELD_TEXT, offsetof(struct client_state, user)},
    {KEY("status"), FIELD_STATUS, offsetof(struct client_state, online)},
    {KEY("timestamp"), FIELD_MS, offsetof(struct client_state, timestamp_ms)},
    {KEY("lastSeen"), FIELD_MS, offsetof(struct client_state, last_seen_ms)},
    {KEY("deviceId"), FIELD_TEXT, offsetof(struct client_state, device)},
    {KEY("rev"), FIELD_REV, offsetof(struct client_state, rev)},
    {KEY("reason"), FIELD_TEXT, offsetof(struct client_state, reason)},
};
#define SEEN_STATUS (1u << 1)

static const struct field payload_fields[] = {
    {KEY("timestamp"), FIELD_MS, offsetof(struct client_message, timestamp_ms)},
    {KEY("serverTime"), FIELD_MS, offsetof(struct client_message, timestamp_ms)},
    {KEY("rev"), FIELD_REV, offsetof(struct client_message, rev)},
    {KEY("epoch"), FIELD_TEXT, offsetof(struct client_message, epoch)},
    {KEY("totalOnline"), FIELD_COUNT, offsetof(struct client_message, total_online)},
    {KEY("heartbeatInterval"), FIELD_MS, offsetof(struct client_message, heartbeat_interval_ms)},
    {KEY("ttl"), FIELD_MS, offsetof(struct client_message, ttl_ms)},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static int set_number(void *place, enum field_kind kind, const struct cursor_value *v)
{
    if (v->kind == CURSOR_UINT64 ? kind != FIELD_REV : v->kind != CURSOR_INT || v->number < 0)
        return -1;
    if (kind == FIELD_COUNT)
        *(size_t *)place = (size_t)v->number;
    else if (kind == FIELD_REV)
        *(uint64_t *)place = (uint64_t)v->number;
    else
        *(int64_t *)place = v->number;
    return 0;
}

static int set_text(struct span *place, const struct cursor_value *v)
{
    if (v->kind == CURSOR_STR)
        *place = v->text;
    return v->kind == CURSOR_STR || v->kind == CURSOR_NIL ? 0 : -1;
}

static int set_status(bool *place, const struct cursor_value *v)
{
    *place = cursor_is_text(v, SPAN("online"));
    return *place || cursor_is_text(v, SPAN("offline")) ? 0 : -1;
}

static int set_field(const struct field *fields, size_t count, void *base, client_seen *seen, struct span key,
                     const struct cursor_value *value)
{
    size_t i = 0;
    char *place;

    while (i < count && !span_equal(fields[i].key, key))
        i++;
    if (i == count)
        return 0;
    if (*seen & 1u << i)
        return -1;
    *seen |= 1u << i;
    place = (char *)base + fields[i].offset;
    switch (fields[i].kind) {
    case FIELD_TEXT: return set_text((struct span *)place, value);
    case FIELD_STATUS: return set_status((bool *)place, value);
    default: return set_number(place, fields[i].kind, value);
    }
}

int client_set_state(struct client_state *s, client_seen *seen, struct span key,
                     const struct cursor_value *value)
{
    return set_field(state_fields, COUNT_OF(state_fields), s, seen, key, value);
}

int client_set_payload(struct client_message *m, client_seen *seen, struct span key,
                       const struct cursor_value *value)
{
    return set_field(payload_fields, COUNT_OF(payload_fields), m, seen, key, value);
}

bool client_state_complete(const struct client_state *s, client_seen seen)
{
    return s->user.len != 0 && (seen & SEEN_STATUS);
}

/* Doubles at each power of two; what a message declares is not trusted. */
struct client_state *client_add_state(struct client_message *m)
{
    size_t count = m->state_count;

    if ((count & (count - 1)) == 0)
        m->states = mem_realloc(m->states, (count ? 2 * count : 1) * sizeof(*m->states));
    m->states[count] = (struct client_state){0};
    m->state_count++;
    return &m->states[count];
}

struct span client_list_key(int64_t type)
{
    if (type == MESSAGE_SNAPSHOT)
        return SPAN("users");
    return type == MESSAGE_BATCH ? SPAN("updates") : SPAN_NONE;
}

bool client_type_known(int64_t type)
{
    return type == MESSAGE_UPDATE || type == MESSAGE_SNAPSHOT || type == MESSAGE_BATCH ||
           type == MESSAGE_HELLO;
}

static int set_message_id(const struct cursor_value *value, uint64_t *ret)
{
    if (value->kind == CURSOR_STR)
        return span_to_u64(value->text, UINT64_MAX, ret);
    return value->kind == CURSOR_NIL ? 0 : set_number(ret, FIELD_REV, value);
}

/* Another program's message may carry any id. */
int client_set_head(struct client_message *m, int64_t type, const struct cursor_value *to,
                    const struct cursor_value *message_id)
{
    m->type = type;
    m->to = to->kind == CURSOR_STR ? to->text : SPAN_NONE;
    return set_message_id(message_id, &m->message_id) < 0 && client_type_known(type) ? -1 : 0;
}
