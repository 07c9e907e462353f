/* SPDX-License-Identifier: MIT */
#include "wire/status.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "wire/encoder.h"
#include "wire/integer.h"
#include "wire/json_reader.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_SIZE 24                /* an int64_t as text */
#define IDS_ERROR   "Invalid userIds" /* the guide's words, "Input Validation" */

static bool has_control(struct span text)
{
    uint32_t c;
    for (size_t len; (len = utf8_next(text, &c)); text = (struct span){text.data + len, text.len - len})
        if (utf8_is_control(c))
            return true;
    return false;
}

static const char *fault_of_text(struct span id)
{
    if (id.len == 0)
        return "is empty";
    if (id.len > USER_ID_MAX)
        return "is longer than 128 bytes";
    return has_control(id) ? "contains a control character" : NULL;
}

static const char *fault_of_number(double number)
{
    if (fabs(number) >= 0x1p63)
        return "is an integer beyond 64 bits";
    return fabs(number) > INTEGER_REAL_MAX ? "is a double that is not exact" : "is a number with a fraction";
}

/* NULL, or what is wrong with it. */
static const char *read_id(const json_t *value, char *number, struct status_id *id)
{
    int64_t integer;
    id->number = json_reader_integer(value, &integer);
    if (id->number) {
        int len = snprintf(number, NUMBER_SIZE, "%" PRId64, integer);

        id->id = (struct span){number, (size_t)len};
        return NULL;
    }
    id->id = json_reader_span(value);
    if (json_is_real(value))
        return fault_of_number(json_real_value(value));
    return json_is_string(value) ? fault_of_text(id->id) : "is neither a string nor an integer";
}

static const char *fault_of_list(const json_t *root, const json_t *list)
{
    if (!json_is_object(root))
        return "the body is no object";
    if (!list)
        return "the key is missing";
    return json_is_array(list) ? NULL : "must be an array";
}

static int refuse_list(char error[STATUS_ERROR_SIZE], const char *fault)
{
    snprintf(error, STATUS_ERROR_SIZE, IDS_ERROR ": %s", fault);
    return -1;
}

static int read_ids(const json_t *root, struct status_request *r, char error[STATUS_ERROR_SIZE])
{
    const json_t *value, *list = json_object_get(root, "userIds");
    const char *fault = fault_of_list(root, list);
    size_t i;
    if (fault)
        return refuse_list(error, fault);
    r->count = json_array_size(list);
    if (r->count > STATUS_IDS_MAX) {
        snprintf(error, STATUS_ERROR_SIZE, IDS_ERROR ": %zu items, at most %d are allowed", r->count,
                 STATUS_IDS_MAX);
        return -1;
    }
    r->ids = mem_array(r->count, sizeof(*r->ids));
    r->numbers = mem_array(r->count, NUMBER_SIZE);
    json_array_foreach(list, i, value)
    {
        if ((fault = read_id(value, r->numbers + i * NUMBER_SIZE, &r->ids[i]))) {
            snprintf(error, STATUS_ERROR_SIZE, IDS_ERROR ": item %zu (userIds[%zu]) %s", i + 1, i, fault);
            return -1;
        }
    }
    return 0;
}

int status_request_read(struct span body, struct status_request *ret, char error[STATUS_ERROR_SIZE])
{
    struct status_request r = {0};
    if (body.len > STATUS_BODY_MAX) {
        strcpy(error, "Body too large");
        return -1;
    }
    r.json = json_reader_load(body);
    if (!r.json) {
        strcpy(error, "Invalid JSON");
        return -1;
    }
    if (read_ids(r.json, &r, error) < 0) {
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

__attribute__((flatten)) void status_write_user(struct status_id id, const struct status *status, bool first,
                                                struct bytes *out)
{
    struct encoder e = encoder_begin(ENCODING_JSON, out);
    if (!first)
        encoder_comma(&e);
    encoder_map(&e, NULL, 5);
    if (id.number)
        encoder_json_verbatim(&e, "userId", id.id);
    else
        encoder_str(&e, "userId", id.id);
    encoder_str(&e, "status", status->online ? SPAN("online") : SPAN("offline"));
    encoder_ms(&e, "lastSeen", status->last_seen_ms);
    if (status->device.data)
        encoder_str(&e, "deviceId", status->device);
    else
        encoder_nil(&e, "deviceId");
    encoder_ms(&e, "lastHeartbeat", status->last_heartbeat_ms);
    encoder_end_map(&e);
    encoder_finish(&e);
}

void status_write_end(int64_t timestamp_ms, struct bytes *out)
{
    struct encoder e = encoder_begin(ENCODING_JSON, out);
    encoder_end_array(&e);
    encoder_ms(&e, "timestamp", timestamp_ms);
    encoder_end_map(&e);
    encoder_finish(&e);
}

void status_write_error(const char *error, struct bytes *out)
{
    struct encoder e = encoder_begin(ENCODING_JSON, out);
    encoder_map(&e, NULL, 2);
    encoder_bool(&e, "success", false);
    encoder_str(&e, "error", span_of(error));
    encoder_end_map(&e);
    encoder_finish(&e);
}
