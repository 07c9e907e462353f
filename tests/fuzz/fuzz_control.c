/* SPDX-License-Identifier: MIT */
/* What anybody may publish on presence:control, or write into the keys that hold lists, sessions and daemons.
 */
#include "presence/revocation.h"
#include "store/reads.h"
#include "wire/control.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool held)
{
    if (!held)
        abort();
}

static void try_control(struct span text)
{
    struct span groups[GROUPS_UNION_MAX];
    struct revocations list;
    struct control c;
    if (control_read(text, groups, &c) < 0)
        return;
    need(c.cmd.len > 0 && c.group_count <= GROUPS_UNION_MAX && c.issued_s >= 0 && c.until_ms >= 0 &&
         c.db >= -1);
    need(c.user.len == 0 || identity_user_valid(c.user));
    need(c.device.len == 0 || identity_device_valid(c.device));
    for (size_t i = 0; i < c.group_count; i++)
        need(identity_group_valid(groups[i]));
    revocations_init(&list);
    if (revocations_put(&list, c.name, c.issued_s, c.until_ms))
        need(c.name.len <= REVOCATION_NAME_SIZE_MAX &&
             !revocations_put(&list, c.name, c.issued_s, c.until_ms));
    revocations_finish(&list);
    control_finish(&c);
}

static void try_groups(struct span text)
{
    struct span groups[GROUPS_UNION_MAX], again[GROUPS_UNION_MAX];
    size_t count, count_again;
    bytes_auto out = BYTES_INIT;
    void *owner = control_groups_read(text, groups, &count);
    need(count <= GROUPS_UNION_MAX);
    control_groups_write(groups, count, &out);
    void *second = control_groups_read(bytes_span(&out), again, &count_again);
    need(count == count_again);
    for (size_t i = 0; i < count; i++)
        need(span_equal(groups[i], again[i]));
    control_groups_finish(owner);
    control_groups_finish(second);
}

static void try_session(struct span text)
{
    struct stored_session s;
    if (store_session_value_read(SPAN("node/7"), text, &s) == 0)
        need(s.deadline_ms >= 0 && s.device.len <= text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span text = {(const char *)data, size};
    int64_t issued_s, until_ms;
    try_control(text);
    try_groups(text);
    try_session(text);
    if (store_revocation_read(text, &issued_s, &until_ms) == 0)
        need(issued_s >= 0 && until_ms >= 0);
    return 0;
}
