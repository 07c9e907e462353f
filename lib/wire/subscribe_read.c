#include "wire/subscribe_read.h"

#include "base/mem.h"

#include <stdlib.h>

/* A MessagePack integer of one byte is three characters at most, and so on down: 9 bytes, 20 characters. JSON
 * only shrinks. */
#define TEXT_GROWTH 3

int subscribe_open_list(struct subscribe *s, enum subscribe_list list, size_t count)
{
    bool *seen = list == SUBSCRIBE_GROUPS ? &s->has_groups : &s->has_users;
    struct span **ids = list == SUBSCRIBE_GROUPS ? &s->groups : &s->users;

    if (*seen || count > (list == SUBSCRIBE_GROUPS ? GROUPS_MAX : SUBSCRIBE_USERS_MAX))
        return -1;
    *seen = true;
    if (count)
        *ids = mem_array(count, sizeof(**ids));
    return 0;
}

/* What was appended to the text since `start`. */
static struct span text_since(const struct subscribe *s, size_t start)
{
    return (struct span){s->text.data + start, s->text.len - start};
}

static int add(struct subscribe *s, enum subscribe_list list, struct span id)
{
    if (list == SUBSCRIBE_GROUPS) {
        s->groups[s->group_count++] = id;
        return group_id_valid(id) ? 0 : -1;
    }
    s->users[s->user_count++] = id;
    return user_id_valid(id) ? 0 : -1;
}

int subscribe_add_text(struct subscribe *s, enum subscribe_list list, struct span id)
{
    size_t start = s->text.len;

    bytes_append_span(&s->text, id);
    return add(s, list, text_since(s, start));
}

int subscribe_add_number(struct subscribe *s, enum subscribe_list list, int64_t number)
{
    size_t start = s->text.len;

    bytes_append_i64(&s->text, number);
    return add(s, list, text_since(s, start));
}

int subscribe_set_epoch(struct subscribe *s, struct span epoch)
{
    size_t start = s->text.len;

    if (epoch.len == 0 || epoch.len > SUBSCRIBE_EPOCH_MAX || !utf8_valid_plain(epoch))
        return -1;
    bytes_append_span(&s->text, epoch);
    s->since_epoch = text_since(s, start);
    return 0;
}

enum message_result message_read_subscribe(enum encoding encoding, struct span message, struct subscribe *ret)
{
    struct subscribe s = {0};
    int result;

    if (message.len > SUBSCRIBE_SIZE_MAX)
        return MESSAGE_MALFORMED;
    bytes_reserve(&s.text, TEXT_GROWTH * message.len);
    result =
        encoding == ENCODING_JSON ? subscribe_read_json(message, &s) : subscribe_read_msgpack(message, &s);
    if (result < 0) {
        subscribe_finish(&s);
        return MESSAGE_MALFORMED;
    }
    *ret = s;
    return MESSAGE_OK;
}

void subscribe_finish(struct subscribe *s)
{
    free(s->groups);
    free(s->users);
    bytes_finish(&s->text);
    *s = (struct subscribe){0};
}
