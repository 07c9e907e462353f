/* SPDX-License-Identifier: MIT */
/* Tokens: JWTs in, claims out (PROTOCOL.md).
 *
 * The algorithm is pinned to the key, never taken from the token. Signatures are checked by OpenSSL, public
 * keys parsed once; libjwt only mints (1.10.2 writes past its buffer on "..", takes a public key as an HMAC
 * secret and checks no exp). Time is an argument, in seconds since 1970. Secrets and tokens never appear in
 * error texts. */
#ifndef AUTH_TOKEN_H
#define AUTH_TOKEN_H

#include "presence/identity.h"

#define TOKEN_SIZE_MAX 8192

/* What is odd about keys that can be used. */
struct token_warnings {
    bool weak_secret; /* under 32 bytes */
    bool any_party;   /* public keys, and neither an audience nor an issuer is asked for */
    size_t outdated_certificates;
};

struct token_keys;

enum secret_encoding { SECRET_TEXT, SECRET_BASE64 };

struct token_config {
    const char *secret; /* HS256/384/512; NULL: none */
    enum secret_encoding secret_encoding;
    const char *public_key_file; /* PEM (keys or certificates) or JSON (key_text.h) for RS256/ES256/EdDSA;
                                    NULL: none */
    bool fetches;                /* more keys are fetched (JWT_JWKS_URL): see token_keys_refresh */
    struct span fetched;         /* what was fetched before, as text (key_text.h); SPAN_NONE: nothing yet */
    bool require_exp;
    bool require_groups; /* of dashboards */
    int64_t leeway_s;    /* 60 */
    /* Lists (name_list.h); NULL: the defaults of PROTOCOL.md. */
    const char *user_claim, *role_claim, *groups_claim;
    const char *audience, *issuer; /* likewise; NULL: any */
};

/* No key at all, one of the well-known default secrets, a file that can't be read, or a list that is none: -1
 * with a sentence in error that names the setting and never a secret's value. */
int token_keys_load(const struct token_config *config, struct token_keys **ret,
                    struct token_warnings *warnings, char *error, size_t size);
void token_keys_destroy(struct token_keys *keys);
/* Appends what a log may tell of the keys: "RS256:kid/1a2b3c4d", each with the first 8 hex digits of its
 * SHA-256 (of the DER of its SubjectPublicKeyInfo, as other tools print it). Of a secret "HS:1a2b3c4d" by a
 * key that this process made up, so that nobody can try guesses on it: the same only for the same secret in
 * the same process. NULL: nothing. */
void token_keys_describe(const struct token_keys *keys, struct bytes *out);
struct public_keys;
/* Exchanges the fetched keys for these. */
void token_keys_refresh(struct token_keys *keys, struct public_keys *fetched);

enum token_result {
    TOKEN_OK,
    TOKEN_MISSING,   /* empty */
    TOKEN_MALFORMED, /* over TOKEN_SIZE_MAX, not three base64url parts, no JSON objects, duplicate keys, crit
                      */
    TOKEN_ALGORITHM, /* none, unknown, or not the key's */
    TOKEN_KEY,       /* no key with that kid */
    TOKEN_KEYS_AWAITED, /* its key may be among those that were not fetched yet */
    TOKEN_SIGNATURE,
    TOKEN_EXPIRED,
    TOKEN_NOT_YET,        /* nbf */
    TOKEN_WITHOUT_EXP,    /* while JWT_REQUIRE_EXP */
    TOKEN_AUDIENCE,       /* aud names none of JWT_AUDIENCE */
    TOKEN_ISSUER,         /* iss is none of JWT_ISSUER */
    TOKEN_USER,           /* no valid user id */
    TOKEN_GROUPS,         /* a group that is no valid id */
    TOKEN_MANY_GROUPS,    /* more than GROUPS_MAX */
    TOKEN_WITHOUT_GROUPS, /* a dashboard's, while JWT_REQUIRE_GROUPS */
    TOKEN_ROLE,           /* only unknown roles */
};

struct token {
    char user[USER_ID_MAX + 1];
    size_t user_len;
    enum role role;
    int64_t expires_s;         /* 0: never */
    int64_t issued_s;          /* 0: not said */
    char id[TOKEN_ID_MAX + 1]; /* jti, "" without */
    /* A groups claim was there (integers count as their decimal text), or should have been. */
    bool has_groups;
    const char *groups_problem; /* why the groups can't be known, so that none are; static; NULL: they are */
    struct span *groups;
    size_t group_count;
    char *text; /* owns the groups' bytes */
};

/* On TOKEN_OK the caller owns *ret and calls token_finish; otherwise *ret is untouched. */
enum token_result token_verify(const struct token_keys *keys, struct span text, int64_t now_s,
                               struct token *ret);
void token_finish(struct token *token);
/* 401; 403 for who is known but may not; 503 for who can't be known yet. */
int token_result_status(enum token_result result);
/* A sentence for the client: "Token expired", "Token without exp (JWT_REQUIRE_EXP is set)" … */
const char *token_result_text(enum token_result result);

struct token_claims {
    const char *user;
    const char *role; /* NULL: no claim */
    const char *const *groups;
    size_t group_count;
    bool has_groups;
    int64_t issued_s, expires_s;                   /* 0: left out */
    const char *id;                                /* NULL: left out */
    struct span audience, issuer;                  /* without data: left out */
    struct span user_name, role_name, groups_name; /* of the claims; without data: uid, role, groups */
};

/* An HS256 token, for presence-ctl token and the simulator. 0, or -1 when it can't be built. */
int token_mint(const char *secret, const struct token_claims *claims, struct bytes *out);
/* Likewise, by the secret of loaded keys. */
int token_mint_by(const struct token_keys *keys, const struct token_claims *claims, struct bytes *out);

#endif
