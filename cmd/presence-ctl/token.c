/* SPDX-License-Identifier: MIT */
/* token: a JWT as the users' own backend would mint it, for tests. */
#include "auth/token.h"
#include "arguments.h"
#include "auth/name_list.h"
#include "base/clock.h"
#include "base/mem.h"
#include "show.h"

#include <stdio.h>
#include <stdlib.h>

struct options {
    char *secret; /* SECRET_KEY */
    int secret_encoding;
    char *user_claim, *role_claim, *groups_claim, *audience,
        *issuer; /* JWT_USER_CLAIM …: the first of each */
    char *role, *groups, *id;
    int64_t valid_ms; /* 0: for ever */
};
CONFIG_OPTIONS_FIT(struct options);

static int mint(struct ctl *c, struct token_claims *claims)
{
    const struct options *options = (const void *)c->config.options;
    struct token_config config = {
        .secret = options->secret,
        .secret_encoding = (enum secret_encoding)options->secret_encoding,
    };
    bytes_auto token = BYTES_INIT, out = BYTES_INIT;
    struct token_warnings warnings;
    struct token_keys *keys;
    char error[512];
    /* What the servers would not start with is refused here too, with their words. */
    if (token_keys_load(&config, &keys, &warnings, error, sizeof(error)) < 0)
        return ctl_fail(c, EXIT_CONFIG, "%s", error);
    if (warnings.weak_secret)
        fprintf(stderr, "presence-ctl: SECRET_KEY is shorter than 32 bytes\n");
    claims->issued_s = clock_wall_ms() / 1000;
    if (options->valid_ms > 0)
        claims->expires_s = claims->issued_s + (options->valid_ms + 999) / 1000;
    int result = token_mint_by(keys, claims, &token);
    token_keys_destroy(keys);
    if (result < 0)
        return ctl_fail(c, EXIT_USAGE,
                        "no token can be made of this: at most 256 groups, --id at most 128 bytes, all of it "
                        "UTF-8 without control characters, at most 8 KiB");
    if (c->config.json) {
        show_line(&out, SHOW_TEXT("userId", span_of(claims->user)), SHOW_TEXT("token", bytes_span(&token)),
                  SHOW_TIME("expires", claims->expires_s * 1000));
    } else {
        bytes_append_span(&out, bytes_span(&token));
        bytes_append_char(&out, '\n');
    }
    show_out(&out);
    return EXIT_YES;
}

struct named {
    const char *setting, *text;
    struct name_list list;
    struct span *first;
};

/* What the servers look for: the first name of each list. */
static int mint_as_named(struct ctl *c, struct token_claims *claims)
{
    const struct options *options = (const void *)c->config.options;
    struct named named[] = {
        {"JWT_USER_CLAIM", options->user_claim, {0}, &claims->user_name},
        {"JWT_ROLE_CLAIM", options->role_claim, {0}, &claims->role_name},
        {"JWT_GROUPS_CLAIM", options->groups_claim, {0}, &claims->groups_name},
        {"JWT_AUDIENCE", options->audience, {0}, &claims->audience},
        {"JWT_ISSUER", options->issuer, {0}, &claims->issuer},
    };
    const size_t count = sizeof(named) / sizeof(named[0]);
    const char *problem;
    int code = 0;
    for (size_t i = 0; i < count && code == 0; i++) {
        if (name_list_read(named[i].text, &named[i].list, &problem) < 0)
            code = ctl_fail(c, EXIT_CONFIG, "%s %s", named[i].setting, problem);
        else
            *named[i].first = named[i].list.names[0];
    }
    if (code == 0)
        code = mint(c, claims);
    for (size_t i = 0; i < count; i++)
        name_list_finish(&named[i].list);
    return code;
}

static int token(struct ctl *c, char **args, size_t count)
{
    const struct options *options = (const void *)c->config.options;
    struct token_claims claims = {.role = options->role, .id = options->id};
    struct span user, *ids;
    size_t id_count;
    int code = argument_user(c, args[0], &user);
    if (code == 0)
        code = argument_ids(c, "group", options->groups, &ids, &id_count);
    if (code != 0)
        return code;
    char **groups = mem_array(id_count + 1, sizeof(*groups));
    for (size_t i = 0; i < id_count; i++)
        groups[i] = mem_strndup(ids[i].data, ids[i].len);
    claims.user = args[0];
    claims.groups = (const char *const *)groups;
    claims.group_count = id_count;
    claims.has_groups = options->groups;
    code = mint_as_named(c, &claims);
    for (size_t i = 0; i < id_count; i++)
        free(groups[i]);
    free(groups);
    free(ids);
    return code;
}

#define AT(field) offsetof(struct options, field)

/* An own --ttl: how long a token is good for has nothing to do with PRESENCE_TTL. */
static const struct setting rows[] = {
    SETTING_SECRET("SECRET_KEY", AT(secret), "the secret the servers verify tokens with",
                   .env_alt = "JWT_SECRET"),
    SETTING_CHOICE("secret-key-encoding", "SECRET_KEY_ENCODING", AT(secret_encoding), "text", "text|base64",
                   "base64: the secret's bytes are written in base64 or base64url"),
    SETTING_TEXT(NULL, "JWT_USER_CLAIM", AT(user_claim), NULL, NULL,
                 "as the servers have it, like those that follow: the first name is the claim's"),
    SETTING_TEXT(NULL, "JWT_ROLE_CLAIM", AT(role_claim), NULL, NULL, "likewise"),
    SETTING_TEXT(NULL, "JWT_GROUPS_CLAIM", AT(groups_claim), NULL, NULL, "likewise"),
    SETTING_TEXT(NULL, "JWT_AUDIENCE", AT(audience), NULL, NULL, "the aud claim: the first"),
    SETTING_TEXT(NULL, "JWT_ISSUER", AT(issuer), NULL, NULL, "the iss claim: the first"),
    SETTING_TEXT("role", "PRESENCE_CTL_ROLE", AT(role), "mobile", "mobile|web|dashboard",
                 "the role claim; others are taken too, to see them refused", .letter = 'r'),
    SETTING_TEXT("groups", "PRESENCE_CTL_GROUPS", AT(groups), NULL, "<group,group>",
                 "the groups claim; without it a dashboard sees everyone", .repeat = true),
    SETTING_DURATION("ttl", "PRESENCE_CTL_TOKEN_TTL", AT(valid_ms), "1h", 0, 3650LL * CONFIG_DAY_MS,
                     "good for so long; 0: for ever (no exp)"),
    SETTING_TEXT("id", "PRESENCE_CTL_TOKEN_ID", AT(id), NULL, "<id>", "the jti claim"),
};
static const struct setting_table tables[] = {CONFIG_OPTIONS(rows, "Token")};

const struct command command_token = {
    .info = {"token", "USER", "mint a token for tests, signed with SECRET_KEY", CONFIG_OF_COMMAND(tables)},
    .run = token,
    .unconnected = true,
};
