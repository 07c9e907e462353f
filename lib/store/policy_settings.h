/* SPDX-License-Identifier: MIT */
/* The settings of struct policy: one table for all five programs, so that a name means the same everywhere. */
#ifndef STORE_POLICY_SETTINGS_H
#define STORE_POLICY_SETTINGS_H

#include "base/settings.h"
#include "presence/policy.h"

#define POLICY_SETTINGS_COUNT 11
extern const struct setting policy_settings[POLICY_SETTINGS_COUNT];

/* What no single row can say (the prefix's form, the group key's `{group}`): 0, or -1 with *error. Bounds
 * what other settings bound. */
int policy_settings_check(struct policy *p, struct settings_error *error);

#endif
