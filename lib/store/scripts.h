/* SPDX-License-Identifier: MIT */
/* The Lua scripts as the build embedded them, each behind the prelude. */
#ifndef STORE_SCRIPTS_H
#define STORE_SCRIPTS_H

#include "base/bytes.h"

enum script {
    SCRIPT_APPLY,
    SCRIPT_EXPIRE,
    SCRIPT_LOAD,
    SCRIPT_NODE,
    SCRIPT_AUDIT,
    SCRIPT_REPAIR,
    SCRIPT_REVOKE,
    SCRIPT_TRIAL
};
#define SCRIPTS 8

struct script_info {
    const char *name;
    const char *text;
    const size_t *len;
    const char *sha1; /* 40 hex characters: what EVALSHA wants */
};

const struct script_info *script_info(enum script script);

#endif
