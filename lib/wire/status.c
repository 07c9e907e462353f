#include "wire/status.h"

#include "base/mem.h"
#include "wire/jsonput.h"
#include "wire/jsontext.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBER_SIZE 24 /* an int64_t as text */

static const char error_json[] = "Invalid JSON";
static const char error_ids[] = "Invalid userIds"; /* the guide's words, "Input Validation" */
static const char error_large[] = "Body too large";

static int read_id(const json_t *value, char *number, struct status_id *id)
{
    id->number = json_is_integer(value);
    if (id->number) {
        int len = snprintf(number, NUMBER_SIZE, "%" PRId64, (int64_t)json_integer_value(value));

        id->id = (struct span){number, (size_t)len};
    } else {
        id->id = jsontext_span(value);
    }
    return user_id_valid(id->id) ? 0 : -1;
}

static int read_ids(const json_t *list, struct status_request *r)
{
    const json_t *value;
    size_t i;

    if (!json_is_array(list) || json_array_size(list) > STATUS_IDS_MAX)
        return -1;
    r->count = json_array_size(list);
    r->ids = mem_array(r->count, sizeof(*r->ids));
    r->numbers = mem_array(r->count, NUMBER_SIZE);
    json_array_foreach(list, i, value)
    {
        if (read_id(value, r->numbers + i * NUMBER_SIZE, &r->ids[i]) < 0)
            return -1;
    }
    return 0;
}

int status_request_read(struct span body, struct status_request *ret, const char **ret_error)
{
    struct status_request r = {0};

    if (body.len > STATUS_BODY_MAX) {
        *ret_error = error_large;
        return -1;
    }
    r.json = jsontext_load(body);
    if (!r.json) {
        *ret_error = error_json;
        return -1;
    }
    if (read_ids(json_object_get(r.json, "userIds"), &r) < 0) {
        *ret_error = error_ids;
        status_request_finish(&r);
        return -1;
    }
    *ret = r;
    return 0;
}

void status_request_finish(struct status_request *r)
{
    json_decref(r->json);
    free(r->ids);
    free(r->numbers);
    *r = (struct status_request){0};
}

void status_write_begin(struct bytes *out)
{
    bytes_append_text(out, "{\"success\":true,\"users\":[");
}

void status_write_user(struct status_id id, const struct status *status, bool first, struct bytes *out)
{
    bytes_append_text(out, first ? "{\"userId\":" : ",{\"userId\":");
    if (id.number)
        bytes_append_span(out, id.id);
    else
        bytes_append_json(out, id.id);
    bytes_append_text(out, status->online ? ",\"status\":\"online\",\"lastSeen\":"
                                          : ",\"status\":\"offline\",\"lastSeen\":");
    jsonput_ms(out, status->last_seen_ms);
    bytes_append_text(out, ",\"deviceId\":");
    if (status->device.data)
        bytes_append_json(out, status->device);
    else
        bytes_append_text(out, "null");
    bytes_append_char(out, '}');
}

void status_write_end(int64_t timestamp_ms, struct bytes *out)
{
    bytes_append_text(out, "],\"timestamp\":");
    jsonput_ms(out, timestamp_ms);
    bytes_append_char(out, '}');
}

void status_write_error(const char *error, struct bytes *out)
{
    bytes_append_text(out, "{\"success\":false,\"error\":");
    bytes_append_json(out, span_of(error));
    bytes_append_char(out, '}');
}
