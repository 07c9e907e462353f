#include "auth/key_settings.h"

#define LEEWAY_S  60
#define AT(field) offsetof(struct key_settings, field)

const struct setting key_settings[] = {
    {.env = "SECRET_KEY",
     .env_alt = "JWT_SECRET",
     .type = SETTING_TEXT,
     .offset = AT(secret),
     .secret = true,
     .from_file = true,
     .help = "secret of HS256/384/512 tokens; no default"},
    {.flag = "jwt-public-key-file",
     .env = "JWT_PUBLIC_KEY_FILE",
     .type = SETTING_TEXT,
     .offset = AT(public_key_file),
     .choices = "<file>",
     .help = "PEM or JWKS with the public keys of RS256, ES256 and EdDSA tokens"},
    {.flag = "jwt-require-exp",
     .env = "JWT_REQUIRE_EXP",
     .type = SETTING_BOOL,
     .offset = AT(require_exp),
     .fallback = "false",
     .help = "refuse tokens without exp"},
};

int key_settings_load(const struct key_settings *s, struct token_keys **ret, bool *ret_weak,
                      struct settings_error *error)
{
    struct token_config config = {
        .secret = s->secret,
        .public_key_file = s->public_key_file,
        .require_exp = s->require_exp,
        .leeway_s = LEEWAY_S,
    };
    return token_keys_load(&config, ret, ret_weak, error->text, sizeof(error->text));
}
