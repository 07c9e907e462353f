/* SPDX-License-Identifier: MIT */
#include "auth/token.h"

#include "auth/hmac.h"
#include "auth/token_keys.h"
#include "auth/token_text.h"

#include <stdlib.h>

static bool key_fits(const struct public_key *key, const struct token_text *parsed)
{
    return key->alg == parsed->alg &&
           (!parsed->kid.data || !key->kid || span_equal(parsed->kid, span_of(key->kid)));
}

static bool kid_known(const struct public_keys *keys, const struct token_text *parsed)
{
    for (size_t i = 0; i < keys->count && parsed->kid.data; i++) {
        if (keys->items[i].kid && span_equal(parsed->kid, span_of(keys->items[i].kid)))
            return true;
    }
    return false;
}

static bool algorithm_served(const struct public_keys *keys, const struct token_text *parsed)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (keys->items[i].alg == parsed->alg)
            return true;
    }
    return false;
}

/* Whether one of the keys signed it; *tried grows by those that could have. */
static bool any_signed(const struct public_keys *keys, const struct token_text *parsed, size_t *tried)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (!key_fits(&keys->items[i], parsed))
            continue;
        (*tried)++;
        if (public_key_verify(&keys->items[i], parsed->signed_part, bytes_span(&parsed->signature)))
            return true;
    }
    return false;
}

/* Why no key proves it: its own may be fetched yet; those that fit did not sign it; the named key, or every
 * key, is for another algorithm; or there is none of that name. */
static enum token_result unproven_result(const struct token_keys *keys, const struct token_text *parsed,
                                         size_t tried)
{
    bool named = kid_known(&keys->public_keys, parsed) || kid_known(&keys->fetched, parsed);
    bool served = algorithm_served(&keys->public_keys, parsed) || algorithm_served(&keys->fetched, parsed);
    if (keys->fetches && keys->fetched.count == 0 && !named)
        return TOKEN_KEYS_AWAITED;
    if (keys->fetches && parsed->kid.data && !named)
        return TOKEN_KEY;
    if (tried > 0)
        return TOKEN_SIGNATURE;
    return served && !named ? TOKEN_KEY : TOKEN_ALGORITHM;
}

static enum token_result public_signature_check(const struct token_keys *keys,
                                                const struct token_text *parsed)
{
    size_t tried = 0;
    if (any_signed(&keys->public_keys, parsed, &tried) || any_signed(&keys->fetched, parsed, &tried))
        return TOKEN_OK;
    return unproven_result(keys, parsed, tried);
}

/* The secret serves HMAC alone and a public key its own algorithm alone, whatever the token asks for (RFC
 * 8725, 3.1). */
static enum token_result signature_check(const struct token_keys *keys, const struct token_text *parsed)
{
    if (!algorithm_is_hmac(parsed->alg))
        return public_signature_check(keys, parsed);
    if (!keys->secret)
        return TOKEN_ALGORITHM;
    struct span secret = {keys->secret, keys->secret_len};
    bool good = hmac_verify(parsed->signed_part, bytes_span(&parsed->signature), parsed->alg, secret);
    return good ? TOKEN_OK : TOKEN_SIGNATURE;
}

enum token_result token_verify(const struct token_keys *keys, struct span text, int64_t now_s,
                               struct token *ret)
{
    struct token_text parsed;
    enum token_result result = token_text_parse(text, &parsed);
    if (result != TOKEN_OK)
        return result;
    result = signature_check(keys, &parsed);
    if (result == TOKEN_OK)
        result = token_claims_read(parsed.claims, &keys->rules, now_s, ret);
    token_text_finish(&parsed);
    return result;
}

void token_finish(struct token *token)
{
    free(token->groups);
    free(token->text);
    token->groups = NULL;
    token->text = NULL;
    token->group_count = 0;
}

int token_result_status(enum token_result result)
{
    if (result == TOKEN_KEYS_AWAITED)
        return 503;
    return result == TOKEN_ROLE || result == TOKEN_WITHOUT_GROUPS ? 403 : 401;
}

const char *token_result_text(enum token_result result)
{
    switch (result) {
    case TOKEN_OK: return "Token accepted";
    case TOKEN_MISSING: return "Token missing";
    case TOKEN_MALFORMED: return "Malformed token";
    case TOKEN_ALGORITHM: return "Token algorithm not accepted";
    case TOKEN_KEY: return "Token signed with an unknown key";
    case TOKEN_KEYS_AWAITED: return "The keys that tokens are checked with were not fetched yet";
    case TOKEN_SIGNATURE: return "Token signature is wrong";
    case TOKEN_EXPIRED: return "Token expired";
    case TOKEN_NOT_YET: return "Token not valid yet";
    case TOKEN_WITHOUT_EXP: return "Token without exp (JWT_REQUIRE_EXP is set)";
    case TOKEN_AUDIENCE: return "Token for another audience (its aud is not in JWT_AUDIENCE)";
    case TOKEN_ISSUER: return "Token of another issuer (its iss is not in JWT_ISSUER)";
    case TOKEN_USER: return "Token without a valid user id";
    case TOKEN_GROUPS: return "Token with an invalid groups claim";
    case TOKEN_MANY_GROUPS: return "Token with more than 256 groups";
    case TOKEN_WITHOUT_GROUPS: return "Token without groups (JWT_REQUIRE_GROUPS is set)";
    case TOKEN_ROLE: return "Token role not accepted";
    }
    return "Token refused";
}
