/* SPDX-License-Identifier: MIT */
#include "presence/session_op.h"

const char *session_op_refusal_name(enum refusal_reason reason)
{
    static const char *const names[] = {"from", "late", "type"};
    return names[reason];
}
