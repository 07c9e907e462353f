/* SPDX-License-Identifier: MIT */
#include "arguments.h"

#include "base/mem.h"
#include "base/printable.h"
#include "presence/identity.h"

#include <stdlib.h>
#include <string.h>

static int wrong_id(struct ctl *c, const char *what, struct span id)
{
    bytes_auto shown = BYTES_INIT;
    printable_append(&shown, id.len > USER_ID_MAX ? (struct span){id.data, USER_ID_MAX} : id);
    return ctl_fail(c, EXIT_USAGE, "'%s' is no %s: 1-128 bytes of UTF-8 without control characters",
                    bytes_text(&shown), what);
}

int argument_user(struct ctl *c, const char *text, struct span *ret)
{
    *ret = span_of(text);
    return identity_user_valid(*ret) ? 0 : wrong_id(c, "user id", *ret);
}

int argument_status(struct ctl *c, const char *text, bool *ret_online)
{
    *ret_online = !strcmp(text, "online");
    if (!*ret_online && strcmp(text, "offline") != 0)
        return ctl_fail(c, EXIT_USAGE, "a status is online or offline");
    return 0;
}

int argument_device(struct ctl *c, struct span id)
{
    if (!identity_device_valid(id))
        return ctl_fail(c, EXIT_USAGE, "--device: 1-128 bytes of UTF-8 without control characters");
    return 0;
}

int argument_ids(struct ctl *c, const char *what, const char *list, struct span **ret_ids, size_t *ret_count)
{
    struct span rest = span_of(list), *ids = mem_array(rest.len / 2 + 1, sizeof(*ids));
    size_t count = 0;
    while (rest.len) {
        struct span id = span_split(&rest, ',');
        if (!identity_user_valid(id)) {
            free(ids);
            return wrong_id(c, what, id);
        }
        ids[count++] = id;
    }
    *ret_ids = ids;
    *ret_count = count;
    return 0;
}
