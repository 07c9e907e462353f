/* SPDX-License-Identifier: MIT */
#include "store/scripts.h"

#define DECLARE(name)                                                                                        \
    extern const char script_##name[];                                                                       \
    extern const size_t script_##name##_len;                                                                 \
    extern const char script_##name##_sha1[];
#define ROW(name)                                                                                            \
    {                                                                                                        \
#name, script_##name, &script_##name##_len, script_##name##_sha1                                     \
    }

DECLARE(apply)
DECLARE(expire)
DECLARE(load)
DECLARE(node)
DECLARE(audit)
DECLARE(repair)
DECLARE(revoke)
DECLARE(trial)

static const struct script_info scripts[SCRIPTS] = {
    [SCRIPT_APPLY] = ROW(apply),   [SCRIPT_EXPIRE] = ROW(expire), [SCRIPT_LOAD] = ROW(load),
    [SCRIPT_NODE] = ROW(node),     [SCRIPT_AUDIT] = ROW(audit),   [SCRIPT_REPAIR] = ROW(repair),
    [SCRIPT_REVOKE] = ROW(revoke), [SCRIPT_TRIAL] = ROW(trial),
};

const struct script_info *script_info(enum script script)
{
    return &scripts[script];
}
