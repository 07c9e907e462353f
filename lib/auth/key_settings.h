/* Where the keys that check tokens come from (contract section 2), as settings shared by presence-ws and
 * presence-api. */
#ifndef AUTH_KEY_SETTINGS_H
#define AUTH_KEY_SETTINGS_H

#include "auth/token.h"
#include "base/settings.h"

struct key_settings {
    char *secret;          /* SECRET_KEY or JWT_SECRET, or either with _FILE; a secret */
    char *public_key_file; /* JWT_PUBLIC_KEY_FILE */
    bool require_exp;      /* JWT_REQUIRE_EXP */
};

/* Rows for `struct key_settings`. */
#define KEY_SETTINGS_COUNT 3
extern const struct setting key_settings[KEY_SETTINGS_COUNT];

/* Loads the keys: 0, or -1 with *error. *ret_weak: a secret under 32 bytes, worth a warning. */
int key_settings_load(const struct key_settings *s, struct token_keys **ret, bool *ret_weak,
                      struct settings_error *error);

#endif
