/* Tokens: JWTs in, claims out (contract section 2).
 *
 * The algorithm is pinned to the key, never taken from the token. Signatures are checked by OpenSSL, public
 * keys parsed once; libjwt only mints (1.10.2 writes past its buffer on "..", takes a public key as an HMAC
 * secret and checks no exp). Time is an argument, in seconds since 1970. Secrets and tokens never appear in
 * error texts. */
#ifndef AUTH_TOKEN_H
#define AUTH_TOKEN_H

#include "presence/identity.h"

#define TOKEN_SIZE_MAX 8192

struct token_keys; /* immutable once loaded, so that threads may share it */

struct token_config {
    const char *secret;          /* HS256/384/512; NULL: none */
    const char *public_key_file; /* PEM (one or several keys) or JWKS for RS256/ES256/EdDSA; NULL: none */
    bool require_exp;
    int64_t leeway_s; /* 60 */
};

/* No key at all, one of the well-known default secrets, or a file that can't be read: -1 with a sentence in
 * error that names the setting (SECRET_KEY or JWT_PUBLIC_KEY_FILE) and never the value. A secret under 32
 * bytes sets *ret_weak. */
int token_keys_load(const struct token_config *config, struct token_keys **ret, bool *ret_weak, char *error,
                    size_t size);
void token_keys_destroy(struct token_keys *keys);

enum token_result {
    TOKEN_OK,
    TOKEN_MISSING,   /* empty */
    TOKEN_MALFORMED, /* over TOKEN_SIZE_MAX, not three base64url parts, no JSON objects, duplicate keys, crit
                      */
    TOKEN_ALGORITHM, /* none, unknown, or not the key's */
    TOKEN_KEY,       /* no key with that kid */
    TOKEN_SIGNATURE,
    TOKEN_EXPIRED,
    TOKEN_NOT_YET,     /* nbf */
    TOKEN_WITHOUT_EXP, /* while JWT_REQUIRE_EXP */
    TOKEN_USER,        /* no valid user id */
    TOKEN_GROUPS,      /* a groups claim that is no list of valid ids, or too long */
    TOKEN_ROLE,        /* only unknown roles: 403, the others are 401 */
};

struct token {
    char user[USER_ID_MAX + 1];
    size_t user_len;
    enum role role;
    int64_t expires_s;         /* 0: never */
    int64_t issued_s;          /* 0: not said */
    char id[TOKEN_ID_MAX + 1]; /* jti, "" without */
    bool has_groups; /* the claim `groups` or `channelIds` was there (integers count as their decimal text) */
    struct span *groups;
    size_t group_count;
    char *text; /* owns the groups' bytes */
};

/* On TOKEN_OK the caller owns *ret and calls token_finish; otherwise *ret is untouched. */
enum token_result token_verify(const struct token_keys *keys, struct span text, int64_t now_s,
                               struct token *ret);
void token_finish(struct token *token);
/* A sentence for the client: "Token expired", "Token without exp (JWT_REQUIRE_EXP is set)" … */
const char *token_result_text(enum token_result result);

struct token_claims {
    const char *user;
    const char *role; /* NULL: no claim */
    const char *const *groups;
    size_t group_count;
    bool has_groups;
    int64_t issued_s, expires_s; /* 0: left out */
    const char *id;              /* NULL: left out */
};

/* An HS256 token, for presence-ctl token and the simulator. 0, or -1 when it can't be built. */
int token_mint(const char *secret, const struct token_claims *claims, struct bytes *out);

#endif
