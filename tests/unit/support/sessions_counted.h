/* SPDX-License-Identifier: MIT */
/* What a session table counts, counted again. */
#ifndef TEST_SUPPORT_SESSIONS_COUNTED_H
#define TEST_SUPPORT_SESSIONS_COUNTED_H

#include "presence/sessions.h"

/* Fails the test of that name when the table has lost count. */
void sessions_counted_check(const char *name, const struct sessions *l);

#endif
