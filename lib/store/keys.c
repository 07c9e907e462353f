/* SPDX-License-Identifier: MIT */
#include "store/keys.h"

#include <string.h>

static const char *const names[] = {
    [KEY_DUE] = "due",
    [KEY_REV] = "rev",
    [KEY_EPOCH] = "epoch",
    [KEY_LOG] = "log",
    [KEY_NODES] = "nodes",
    [KEY_FENCE] = "fence",
    [KEY_REVOKED] = "revoked",
    [KEY_REFUSED] = "refused",
    [CHANNEL_ONLINE] = "online",
    [CHANNEL_OFFLINE] = "offline",
    [CHANNEL_UPDATES] = "updates",
    [CHANNEL_CONTROL] = "control",
};

static const char *const user_names[] = {
    [USER_KEY_PRESENCE] = "user:",
    [USER_KEY_META] = "meta:",
    [USER_KEY_SESSIONS] = "sessions:",
};

void keys_name(const char *prefix, enum key key, struct bytes *out)
{
    bytes_append_text(out, prefix);
    bytes_append_text(out, names[key]);
}

void keys_user(const char *prefix, enum user_key key, struct span user, struct bytes *out)
{
    bytes_append_text(out, prefix);
    bytes_append_text(out, user_names[key]);
    bytes_append_span(out, user);
}

static void escaped_prefix(const char *prefix, struct bytes *out)
{
    for (const char *p = prefix; *p; p++) {
        if (strchr("*?[]\\^", *p))
            bytes_append_char(out, '\\');
        bytes_append_char(out, *p);
    }
}

void keys_pattern(const char *prefix, struct bytes *out)
{
    escaped_prefix(prefix, out);
    bytes_append_char(out, '*');
}

void keys_user_pattern(const char *prefix, enum user_key key, struct bytes *out)
{
    escaped_prefix(prefix, out);
    bytes_append_text(out, user_names[key]);
    bytes_append_char(out, '*');
}

int keys_user_of(const char *prefix, enum user_key key, struct span name, struct span *ret_user)
{
    size_t prefix_len = strlen(prefix), kind_len = strlen(user_names[key]);
    if (name.len <= prefix_len + kind_len || memcmp(name.data, prefix, prefix_len) != 0 ||
        memcmp(name.data + prefix_len, user_names[key], kind_len) != 0)
        return -1;
    *ret_user = (struct span){name.data + prefix_len + kind_len, name.len - prefix_len - kind_len};
    return 0;
}

void keys_group(const char *pattern, struct span group, struct bytes *out)
{
    const char *place = strstr(pattern, "{group}");
    if (!place) {
        bytes_append_text(out, pattern);
        return;
    }
    bytes_append(out, pattern, (size_t)(place - pattern));
    bytes_append_span(out, group);
    bytes_append_text(out, place + strlen("{group}"));
}
