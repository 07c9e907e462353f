/* SPDX-License-Identifier: MIT */
/* One row of settings: its value as text and back, and what it wants. For the files of the settings. */
#ifndef BASE_SETTINGS_VALUE_H
#define BASE_SETTINGS_VALUE_H

#include "base/settings.h"

/* One value into its field: 0, or -1 when it is not what the row wants. A TEXT's former value is freed. */
int setting_parse(const struct setting *row, struct span text, void *field);
/* As setting_parse takes it. */
void setting_format(const struct setting *row, const void *field, struct bytes *out);
/* What the row wants: "a whole number, 1 to 65535". */
void setting_expect(const struct setting *row, struct bytes *out);

#endif
