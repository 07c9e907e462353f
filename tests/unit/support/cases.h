/* SPDX-License-Identifier: MIT */
/* For tables of cases: a failure names its case. */
#ifndef TEST_SUPPORT_CASES_H
#define TEST_SUPPORT_CASES_H

#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define expect_int(name, got, expected)                                                                      \
    do {                                                                                                     \
        if ((int64_t)(got) != (int64_t)(expected))                                                           \
            fail_msg("%s: %s is %lld, not %lld", (name), #got, (long long)(got), (long long)(expected));     \
    } while (0)

#define expect_span(name, got, expected)                                                                     \
    do {                                                                                                     \
        struct span got_ = (got), expected_ = (expected);                                                    \
        if (!span_equal(got_, expected_))                                                                    \
            fail_msg("%s: %s is '%.*s' (%zu), not '%.*s' (%zu)", (name), #got, (int)got_.len,                \
                     got_.data ? got_.data : "", got_.len, (int)expected_.len,                               \
                     expected_.data ? expected_.data : "", expected_.len);                                   \
    } while (0)

#endif
