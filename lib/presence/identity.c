/* SPDX-License-Identifier: MIT */
#include "presence/identity.h"
#include "base/utf8.h"

static const char *const role_names[] = {"mobile", "web", "dashboard"};

static bool id_valid(struct span id, size_t max)
{
    return id.len >= 1 && id.len <= max && utf8_valid_plain(id);
}

bool identity_user_valid(struct span id)
{
    return id_valid(id, USER_ID_MAX);
}

bool identity_device_valid(struct span id)
{
    return id_valid(id, DEVICE_ID_MAX);
}

bool identity_token_valid(struct span id)
{
    return id_valid(id, TOKEN_ID_MAX);
}

bool identity_group_valid(struct span id)
{
    return id_valid(id, GROUP_ID_MAX);
}

int role_parse(struct span text, enum role *ret)
{
    for (size_t i = 0; i < sizeof(role_names) / sizeof(role_names[0]); i++) {
        if (!span_equal(text, span_of(role_names[i])))
            continue;
        *ret = (enum role)i;
        return 0;
    }
    return -1;
}

const char *role_name(enum role role)
{
    return role_names[role];
}
