#include "auth/token.h"

#include "auth/hmac.h"
#include "auth/token_keys.h"
#include "auth/token_text.h"

#include <stdlib.h>

static bool key_fits(const struct public_key *key, const struct token_text *parsed)
{
    return key->alg == parsed->alg &&
           (parsed->kid.data == NULL || key->kid == NULL || span_equal(parsed->kid, span_of(key->kid)));
}

/* Why no key fits: the named key, or every key, is for another algorithm; or there is none of that name. */
static enum token_result no_key_result(const struct public_keys *keys, const struct token_text *parsed)
{
    bool algorithm_served = false;
    for (size_t i = 0; i < keys->count; i++) {
        const struct public_key *key = &keys->items[i];
        algorithm_served |= key->alg == parsed->alg;
        if (key->kid != NULL && parsed->kid.data != NULL && span_equal(parsed->kid, span_of(key->kid)))
            return TOKEN_ALGORITHM;
    }
    return algorithm_served ? TOKEN_KEY : TOKEN_ALGORITHM;
}

static enum token_result public_signature_check(const struct public_keys *keys,
                                                const struct token_text *parsed)
{
    size_t tried = 0;
    for (size_t i = 0; i < keys->count; i++) {
        if (!key_fits(&keys->items[i], parsed))
            continue;
        tried++;
        if (public_key_verify(&keys->items[i], parsed->signed_part, bytes_span(&parsed->signature)))
            return TOKEN_OK;
    }
    return tried > 0 ? TOKEN_SIGNATURE : no_key_result(keys, parsed);
}

/* The secret serves HMAC alone and a public key its own algorithm alone, whatever the token asks for (RFC
 * 8725, 3.1). */
static enum token_result signature_check(const struct token_keys *keys, const struct token_text *parsed)
{
    if (!algorithm_is_hmac(parsed->alg))
        return public_signature_check(&keys->public_keys, parsed);
    if (keys->secret == NULL)
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

const char *token_result_text(enum token_result result)
{
    switch (result) {
    case TOKEN_OK: return "Token accepted";
    case TOKEN_MISSING: return "Token missing";
    case TOKEN_MALFORMED: return "Malformed token";
    case TOKEN_ALGORITHM: return "Token algorithm not accepted";
    case TOKEN_KEY: return "Token signed with an unknown key";
    case TOKEN_SIGNATURE: return "Token signature is wrong";
    case TOKEN_EXPIRED: return "Token expired";
    case TOKEN_NOT_YET: return "Token not valid yet";
    case TOKEN_WITHOUT_EXP: return "Token without exp (JWT_REQUIRE_EXP is set)";
    case TOKEN_USER: return "Token without a valid user id";
    case TOKEN_GROUPS: return "Token with an invalid groups claim";
    case TOKEN_ROLE: return "Token role not accepted";
    }
    return "Token refused";
}
