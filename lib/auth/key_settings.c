/* SPDX-License-Identifier: MIT */
#include "auth/key_settings.h"

#define LEEWAY_S  60
#define AT(field) offsetof(struct key_settings, field)

const struct setting key_settings[] = {
    SETTING_SECRET("SECRET_KEY", AT(secret), "secret of HS256/384/512 tokens; no default",
                   .env_alt = "JWT_SECRET"),
    SETTING_CHOICE("secret-key-encoding", "SECRET_KEY_ENCODING", AT(secret_encoding), "text", "text|base64",
                   "base64: the secret's bytes are written in base64 or base64url"),
    SETTING_TEXT("jwt-public-key-file", "JWT_PUBLIC_KEY_FILE", AT(public_key_file), NULL, "<file>",
                 "public keys of RS256, ES256 and EdDSA tokens: PEM (keys or X.509 certificates), JWKS, or "
                 "JSON of certificates by kid"),
    SETTING_TEXT("jwt-jwks-url", "JWT_JWKS_URL", AT(jwks_url), NULL, "<url>",
                 "https URL of more such keys, fetched again as its Cache-Control says (5 min to 24 h), for "
                 "an unknown kid, and on SIGHUP"),
    SETTING_TEXT("jwt-jwks-ca-file", "JWT_JWKS_CA_FILE", AT(jwks_ca_file), NULL, "<file>",
                 "PEM with the authorities that vouch for that URL (default: the system's)"),
    SETTING_BOOL("jwt-require-exp", "JWT_REQUIRE_EXP", AT(require_exp), "false", "refuse tokens without exp"),
    SETTING_BOOL("jwt-require-groups", "JWT_REQUIRE_GROUPS", AT(require_groups), "false",
                 "refuse dashboards whose token names no groups, instead of showing them everyone"),
    SETTING_TEXT("jwt-user-claim", "JWT_USER_CLAIM", AT(user_claim), NULL, "<name,name>",
                 "claims that name the user, the first that is there counts; a.b: b within a (default: "
                 "uid,user_id,userId,sub,id)",
                 .repeat = true),
    SETTING_TEXT("jwt-role-claim", "JWT_ROLE_CLAIM", AT(role_claim), NULL, "<name,name>",
                 "claims that name the role, likewise (default: role)", .repeat = true),
    SETTING_TEXT("jwt-groups-claim", "JWT_GROUPS_CLAIM", AT(groups_claim), NULL, "<name,name>",
                 "claims that list the groups to see, likewise (default: groups,channelIds)", .repeat = true),
    SETTING_TEXT("jwt-audience", "JWT_AUDIENCE", AT(audience), NULL, "<name,name>",
                 "refuse tokens whose aud names none of these (default: aud is not looked at)",
                 .repeat = true),
    SETTING_TEXT("jwt-issuer", "JWT_ISSUER", AT(issuer), NULL, "<name,name>",
                 "refuse tokens whose iss is none of these (default: iss is not looked at)", .repeat = true),
};

bool key_settings_given(const struct key_settings *s)
{
    return s->secret || s->public_key_file || s->jwks_url;
}

int key_settings_load(const struct key_settings *s, struct span fetched, struct token_keys **ret,
                      struct token_warnings *warnings, struct settings_error *error)
{
    struct token_config config = {
        .secret = s->secret,
        .secret_encoding = (enum secret_encoding)s->secret_encoding,
        .public_key_file = s->public_key_file,
        .fetches = s->jwks_url,
        .fetched = fetched,
        .require_exp = s->require_exp,
        .require_groups = s->require_groups,
        .leeway_s = LEEWAY_S,
        .user_claim = s->user_claim,
        .role_claim = s->role_claim,
        .groups_claim = s->groups_claim,
        .audience = s->audience,
        .issuer = s->issuer,
    };
    return token_keys_load(&config, ret, warnings, error->text, sizeof(error->text));
}

void key_settings_warn(const struct token_warnings *warnings, struct settings_report *report)
{
    if (warnings->weak_secret)
        settings_warn(report, "weak_secret", "SECRET_KEY is shorter than 32 bytes");
    if (warnings->outdated_certificates > 0)
        settings_warn(report, "outdated_certificate",
                      "JWT_PUBLIC_KEY_FILE has %zu certificates that are not valid now; their keys are used",
                      warnings->outdated_certificates);
    if (warnings->any_party)
        settings_warn(
            report, "any_issuer",
            "public keys without JWT_AUDIENCE and JWT_ISSUER: whoever else these keys sign for gets in, too");
}
