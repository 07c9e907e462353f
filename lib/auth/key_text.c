/* SPDX-License-Identifier: MIT */
#include "auth/key_text.h"

#include "auth/jwks.h"
#include "auth/pem.h"

#include <string.h>

static struct span past_mark(struct span text)
{
    if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
        return (struct span){text.data + 3, text.len - 3};
    return text;
}

int key_text_read(struct span text, struct public_keys *keys, const char **ret_problem)
{
    size_t start = 0;
    text = past_mark(text);
    while (start < text.len && strchr(" \t\r\n", text.data[start]))
        start++;
    bool json = start < text.len && text.data[start] == '{';
    if ((json ? jwks_read : pem_keys_read)(text, keys, ret_problem) < 0)
        return -1;
    if (keys->count == 0) {
        *ret_problem = "has no key for RS256, ES256 or EdDSA";
        return -1;
    }
    return 0;
}
