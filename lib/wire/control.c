#include "wire/control.h"

#include "wire/jsontext.h"

#define CONTROL_SIZE_MAX 65536

/* A script's JSON encoder writes an empty list as {}. */
static bool is_list(const json_t *value)
{
    return json_is_array(value) || (json_is_object(value) && json_object_size(value) == 0);
}

static int read_groups(const json_t *array, struct span groups[GROUPS_MAX], size_t *ret_count)
{
    size_t count = json_array_size(array);
    if ((!is_list(array) && !jsontext_is_nothing(array)) || count > GROUPS_MAX)
        return -1;
    for (size_t i = 0; i < count; i++) {
        groups[i] = jsontext_span(json_array_get(array, i));
        if (!group_id_valid(groups[i]))
            return -1;
    }
    *ret_count = count;
    return 0;
}

/* An order about one device must not reach all of them for a slip of the pen. */
static int read_device(const json_t *value, struct span *ret)
{
    *ret = jsontext_span(value);
    return jsontext_is_nothing(value) || device_id_valid(*ret) ? 0 : -1;
}

static int read_db(const json_t *value, int64_t *ret)
{
    *ret = json_is_integer(value) ? json_integer_value(value) : -1;
    return jsontext_is_nothing(value) || *ret >= 0 ? 0 : -1;
}

static int read_time(const json_t *value, int64_t *ret)
{
    *ret = json_integer_value(value);
    return jsontext_is_nothing(value) || (json_is_integer(value) && *ret >= 0) ? 0 : -1;
}

static int read_revocation(const json_t *root, struct control *ret)
{
    ret->name = jsontext_span(json_object_get(root, "name"));
    if (read_time(json_object_get(root, "issued"), &ret->issued_s) < 0)
        return -1;
    return read_time(json_object_get(root, "until"), &ret->until_ms);
}

static int read_control(const json_t *root, struct span groups[GROUPS_MAX], struct control *ret)
{
    ret->cmd = jsontext_span(json_object_get(root, "cmd"));
    ret->user = jsontext_span(json_object_get(root, "userId"));
    ret->group_count = 0;
    if (ret->cmd.len == 0 || (json_object_get(root, "userId") && !user_id_valid(ret->user)))
        return -1;
    if (read_device(json_object_get(root, "deviceId"), &ret->device) < 0 ||
        read_db(json_object_get(root, "db"), &ret->db) < 0 || read_revocation(root, ret) < 0)
        return -1;
    return read_groups(json_object_get(root, "groups"), groups, &ret->group_count);
}

int control_read(struct span text, struct span groups[GROUPS_MAX], struct control *ret)
{
    json_t *root = text.len <= CONTROL_SIZE_MAX ? jsontext_load(text) : NULL;
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
    bytes_append_text(out, "{\"cmd\":\"kick\",\"userId\":");
    bytes_append_json(out, user);
    if (device.len > 0) {
        bytes_append_text(out, ",\"deviceId\":");
        bytes_append_json(out, device);
    }
    bytes_append_text(out, ",\"db\":");
    bytes_append_i64(out, db);
    bytes_append_char(out, '}');
}

void *groups_read(struct span text, struct span groups[GROUPS_MAX], size_t *ret_count)
{
    *ret_count = 0;
    json_t *array = text.len > 0 ? jsontext_load(text) : NULL;
    if (!json_is_array(array) || read_groups(array, groups, ret_count) < 0)
        *ret_count = 0;
    return array;
}

void groups_read_finish(void *owner)
{
    json_decref(owner);
}

void groups_write(const struct span *groups, size_t count, struct bytes *out)
{
    if (count == 0)
        return;
    bytes_append_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            bytes_append_char(out, ',');
        bytes_append_json(out, groups[i]);
    }
    bytes_append_char(out, ']');
}
