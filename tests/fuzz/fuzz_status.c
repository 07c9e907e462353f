/* SPDX-License-Identifier: MIT */
/* The body of the bulk question. */
#include "wire/json_reader.h"
#include "wire/status.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The answer is JSON whatever was asked. */
static void answer(const struct status_request *r)
{
    const struct status status = {.online = true, .last_seen_ms = 5, .device = SPAN("d")};
    bytes_auto out = BYTES_INIT;
    json_t *root;

    status_write_begin(&out);
    for (size_t i = 0; i < r->count; i++)
        status_write_user(r->ids[i], &status, i == 0, &out);
    status_write_end(5, &out);
    root = json_reader_load(bytes_span(&out));
    if (json_array_size(json_object_get(root, "users")) != r->count)
        abort();
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct status_request r;
    char error[STATUS_ERROR_SIZE] = "";
    if (status_request_read((struct span){(const char *)data, size}, &r, error) < 0) {
        if (!*error)
            abort();
        return 0;
    }
    if (r.count > STATUS_IDS_MAX)
        abort();
    for (size_t i = 0; i < r.count; i++)
        if (!identity_user_valid(r.ids[i].id))
            abort();
    answer(&r);
    status_request_finish(&r);
    return 0;
}
