/* SPDX-License-Identifier: MIT */
/* Tokens, in five ways out of the same bytes: as a token's text, as the payload of a rightly signed token (so
 * that the claims are reached), as a header of one, as a key file, and as the Cache-Control of fetched keys.
 * What is accepted must keep the promises of auth/token.h. */
#include "auth/certificate.h"
#include "auth/jwks.h"
#include "auth/jwks_schedule.h"
#include "auth/key_text.h"
#include "auth/pem.h"
#include "auth/token.h"
#include "base/base64.h"

#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET "fuzzing-secret-0123456789-abcdef"
#define NOW    INT64_C(1700000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool held, const char *what)
{
    if (!held) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

static const struct token_keys *server_keys(void)
{
    static struct token_keys *keys;
    if (keys == NULL) {
        struct token_config config = {.secret = SECRET,
                                      .leeway_s = 60,
                                      .user_claim = "uid,user_id,userId,sub,id,who.id",
                                      .role_claim = "role,realm_access.roles",
                                      .groups_claim = "groups,channelIds,org.teams.ids"};
        struct token_warnings warnings;
        char error[256];
        need(token_keys_load(&config, &keys, &warnings, error, sizeof(error)) == 0, "the keys load");
    }
    return keys;
}

static void check_token(const struct token *token)
{
    need(identity_user_valid((struct span){token->user, token->user_len}), "the user is valid");
    need(token->user[token->user_len] == '\0', "the user is terminated");
    need(token->expires_s == 0 || token->expires_s > NOW - 60, "the token lives");
    need(token->role == ROLE_MOBILE || token->role == ROLE_WEB || token->role == ROLE_DASHBOARD,
         "the role is known");
    need(strlen(token->id) <= TOKEN_ID_MAX, "the id is terminated");
    need(token->group_count <= GROUPS_MAX, "the groups are bounded");
    need(token->has_groups || token->group_count == 0, "groups come from a claim");
    need(token->groups_problem == NULL || (token->has_groups && token->group_count == 0),
         "groups that can't be known are none");
    for (size_t i = 0; i < token->group_count; i++)
        need(identity_group_valid(token->groups[i]), "a group is valid");
}

static void verify(struct span text)
{
    struct token token;
    enum token_result result = token_verify(server_keys(), text, NOW, &token);
    need(token_result_text(result) != NULL, "each result has its text");
    if (result != TOKEN_OK)
        return;
    check_token(&token);
    token_finish(&token);
}

static void verify_signed(struct span header, struct span payload)
{
    unsigned char mac[32];
    bytes_auto text = BYTES_INIT;
    base64url_encode(header, &text);
    bytes_append_char(&text, '.');
    base64url_encode(payload, &text);
    HMAC(EVP_sha256(), SECRET, sizeof(SECRET) - 1, (const unsigned char *)text.data, text.len, mac, NULL);
    bytes_append_char(&text, '.');
    base64url_encode((struct span){(const char *)mac, sizeof(mac)}, &text);
    verify(bytes_span(&text));
}

static void read_keys(struct span text, int (*reader)(struct span, struct public_keys *, const char **))
{
    struct public_keys keys = {0};
    const char *problem = NULL;
    if (reader(text, &keys, &problem) < 0)
        need(problem != NULL, "a refused key file has a reason");
    need(keys.outdated <= keys.count, "an outdated certificate's key is a key");
    need(keys.count <= PUBLIC_KEYS_MAX, "the keys are bounded");
    for (size_t i = 0; i < keys.count; i++)
        need(!algorithm_is_hmac(keys.items[i].alg), "a public key is no secret");
    public_keys_finish(&keys);
}

static int read_certificate(struct span der, struct public_keys *keys, const char **ret_problem)
{
    return certificate_add(keys, der, SPAN_NONE, ret_problem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = {(const char *)data, size};
    verify(input);
    verify_signed(SPAN("{\"alg\":\"HS256\"}"), input);
    verify_signed(input, SPAN("{\"uid\":\"a\"}"));
    read_keys(input, pem_keys_read);
    read_keys(input, jwks_read);
    read_keys(input, key_text_read);
    read_keys(input, read_certificate);
    need(jwks_kept_s(input) >= JWKS_KEPT_MIN_S && jwks_kept_s(input) <= JWKS_KEPT_MAX_S,
         "keys are kept within bounds");
    return 0;
}
