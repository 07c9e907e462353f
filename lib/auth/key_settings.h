/* SPDX-License-Identifier: MIT */
/* Where the keys that check tokens come from (PROTOCOL.md), as settings shared by presence-ws and
 * presence-api. */
#ifndef AUTH_KEY_SETTINGS_H
#define AUTH_KEY_SETTINGS_H

#include "auth/token.h"
#include "base/settings.h"

struct key_settings {
    char *secret;                  /* SECRET_KEY or JWT_SECRET, or either with _FILE; a secret */
    int secret_encoding;           /* SECRET_KEY_ENCODING: enum secret_encoding */
    char *public_key_file;         /* JWT_PUBLIC_KEY_FILE */
    char *jwks_url, *jwks_ca_file; /* JWT_JWKS_URL, JWT_JWKS_CA_FILE */
    bool require_exp;              /* JWT_REQUIRE_EXP */
    bool require_groups;           /* JWT_REQUIRE_GROUPS */
    char *user_claim, *role_claim, *groups_claim; /* JWT_USER_CLAIM … */
    char *audience, *issuer;                      /* JWT_AUDIENCE, JWT_ISSUER */
};

/* Rows for `struct key_settings`. */
#define KEY_SETTINGS_COUNT 12
extern const struct setting key_settings[KEY_SETTINGS_COUNT];

/* Whether a key is named at all. */
bool key_settings_given(const struct key_settings *s);
/* Loads the keys: 0, or -1 with *error. fetched: as in struct token_config. */
int key_settings_load(const struct key_settings *s, struct span fetched, struct token_keys **ret,
                      struct token_warnings *warnings, struct settings_error *error);
/* Adds a warning for each. */
void key_settings_warn(const struct token_warnings *warnings, struct settings_report *report);

#endif
