/* SPDX-License-Identifier: MIT */
#include "wire/control.h"

#include "wire/encoder.h"
#include "wire/json_reader.h"

#define CONTROL_SIZE_MAX 262144 /* holds GROUPS_UNION_MAX groups */

/* A script's JSON encoder writes an empty list as {}. */
static bool is_list(const json_t *value)
{
    return json_is_array(value) || (json_is_object(value) && json_object_size(value) == 0);
}

static int read_groups(const json_t *array, struct span groups[GROUPS_UNION_MAX], size_t *ret_count)
{
    size_t count = json_array_size(array);
    if (!is_list(array) && !json_reader_is_nothing(array))
        return -1;
    if (count > GROUPS_UNION_MAX)
        count = GROUPS_UNION_MAX;
    for (size_t i = 0; i < count; i++) {
        groups[i] = json_reader_span(json_array_get(array, i));
        if (!identity_group_valid(groups[i]))
            return -1;
    }
    *ret_count = count;
    return 0;
}

/* An order about one device must not reach all of them for a slip of the pen. */
static int read_device(const json_t *value, struct span *ret)
{
    *ret = json_reader_span(value);
    return json_reader_is_nothing(value) || identity_device_valid(*ret) ? 0 : -1;
}

static int read_db(const json_t *value, int64_t *ret)
{
    *ret = json_is_integer(value) ? json_integer_value(value) : -1;
    return json_reader_is_nothing(value) || *ret >= 0 ? 0 : -1;
}

static int read_time(const json_t *value, int64_t *ret)
{
    *ret = json_integer_value(value);
    return json_reader_is_nothing(value) || (json_is_integer(value) && *ret >= 0) ? 0 : -1;
}

static int read_revocation(const json_t *root, struct control *ret)
{
    ret->name = json_reader_span(json_object_get(root, "name"));
    if (read_time(json_object_get(root, "issued"), &ret->issued_s) < 0)
        return -1;
    return read_time(json_object_get(root, "until"), &ret->until_ms);
}

static int read_control(const json_t *root, struct span groups[GROUPS_UNION_MAX], struct control *ret)
{
    ret->cmd = json_reader_span(json_object_get(root, "cmd"));
    ret->user = json_reader_span(json_object_get(root, "userId"));
    ret->group_count = 0;
    ret->rev = json_integer_value(json_object_get(root, "rev")) > 0
                   ? (uint64_t)json_integer_value(json_object_get(root, "rev"))
                   : 0;
    if (ret->cmd.len == 0 || (json_object_get(root, "userId") && !identity_user_valid(ret->user)))
        return -1;
    if (read_device(json_object_get(root, "deviceId"), &ret->device) < 0 ||
        read_db(json_object_get(root, "db"), &ret->db) < 0 || read_revocation(root, ret) < 0)
        return -1;
    return read_groups(json_object_get(root, "groups"), groups, &ret->group_count);
}

int control_read(struct span text, struct span groups[GROUPS_UNION_MAX], struct control *ret)
{
    json_t *root = text.len <= CONTROL_SIZE_MAX ? json_reader_load(text) : NULL;
    if (!json_is_object(root) || read_control(root, groups, ret) < 0) {
        json_decref(root);
        return -1;
    }
    ret->json = root;
    return 0;
}

void control_finish(struct control *c)
{
    json_decref(c->json);
}

void control_write_kick(struct span user, struct span device, int64_t db, struct bytes *out)
{
    struct encoder e = encoder_begin(ENCODING_JSON, out);
    encoder_map(&e, NULL, 4);
    encoder_text(&e, "cmd", "kick");
    encoder_str(&e, "userId", user);
    if (device.len > 0)
        encoder_str(&e, "deviceId", device);
    encoder_uint(&e, "db", (uint64_t)db);
    encoder_end_map(&e);
    encoder_finish(&e);
}

void *control_groups_read(struct span text, struct span groups[GROUPS_UNION_MAX], size_t *ret_count)
{
    *ret_count = 0;
    json_t *array = text.len > 0 ? json_reader_load(text) : NULL;
    if (!json_is_array(array) || read_groups(array, groups, ret_count) < 0)
        *ret_count = 0;
    return array;
}

void control_groups_finish(void *owner)
{
    json_decref(owner);
}

void control_groups_write(const struct span *groups, size_t count, struct bytes *out)
{
    if (count == 0)
        return;
    struct encoder e = encoder_begin(ENCODING_JSON, out);
    encoder_array(&e, NULL, count);
    for (size_t i = 0; i < count; i++)
        encoder_str(&e, NULL, groups[i]);
    encoder_end_array(&e);
    encoder_finish(&e);
}
