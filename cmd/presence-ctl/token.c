/* token: a JWT as the users' own backend would mint it, for tests. */
#include "auth/token.h"
#include "base/clock.h"
#include "base/mem.h"
#include "ctl.h"
#include "show.h"

#include <stdio.h>
#include <stdlib.h>

/* What the servers would not start with is refused here too, with their words. */
static int check_secret(struct ctl *c)
{
    struct token_config config = {.secret = c->config.secret};
    struct token_keys *keys;
    char error[512];
    bool weak;

    if (token_keys_load(&config, &keys, &weak, error, sizeof(error)) < 0)
        return ctl_fail(c, EXIT_CONFIG, "%s", error);
    token_keys_destroy(keys);
    if (weak)
        fprintf(stderr, "presence-ctl: SECRET_KEY is shorter than 32 bytes\n");
    return 0;
}

static void show_token(struct ctl *c, const struct token_claims *claims, const struct bytes *token)
{
    bytes_auto out = BYTES_INIT;

    if (c->config.json) {
        struct json_line line = json_begin(&out);
        json_text(&line, "userId", span_of(claims->user));
        json_text(&line, "token", bytes_span(token));
        json_time(&line, "expires", claims->expires_s * 1000);
        json_end(&line);
    } else {
        bytes_append_span(&out, bytes_span(token));
        bytes_append_char(&out, '\n');
    }
    show_out(&out);
}

static int mint(struct ctl *c, struct token_claims *claims)
{
    bytes_auto token = BYTES_INIT;

    claims->issued_s = clock_wall_ms() / 1000;
    if (c->config.valid_ms > 0)
        claims->expires_s = claims->issued_s + (c->config.valid_ms + 999) / 1000;
    if (token_mint(c->config.secret, claims, &token) < 0)
        return ctl_fail(c, EXIT_USAGE,
                        "no token can be made of this: at most 256 groups, --id at most 128 bytes, all of it "
                        "UTF-8 without control characters, at most 8 KiB");
    show_token(c, claims, &token);
    return EXIT_YES;
}

int command_token(struct ctl *c, char **args, size_t count)
{
    struct token_claims claims = {.role = c->config.role, .id = c->config.token_id};
    struct span user, *ids;
    size_t id_count;

    int code = argument_user(c, args[0], &user);
    if (code == 0)
        code = check_secret(c);
    if (code == 0)
        code = argument_ids(c, "group", c->config.groups, &ids, &id_count);
    if (code != 0)
        return code;
    char **groups = mem_array(id_count + 1, sizeof(*groups));
    for (size_t i = 0; i < id_count; i++)
        groups[i] = mem_strndup(ids[i].data, ids[i].len);
    claims.user = args[0];
    claims.groups = (const char *const *)groups;
    claims.group_count = id_count;
    claims.has_groups = c->config.groups != NULL;
    code = mint(c, &claims);
    for (size_t i = 0; i < id_count; i++)
        free(groups[i]);
    free(groups);
    free(ids);
    return code;
}
