#include "auth/hmac.h"

#include "auth/token.h"

#include <jwt.h>
#include <stdlib.h>

static jwt_alg_t libjwt_algorithm(enum algorithm alg)
{
    switch (alg) {
    case ALGORITHM_HS256: return JWT_ALG_HS256;
    case ALGORITHM_HS384: return JWT_ALG_HS384;
    case ALGORITHM_HS512: return JWT_ALG_HS512;
    default: return JWT_ALG_NONE;
    }
}

bool hmac_verify(struct span text, enum algorithm alg, struct span secret)
{
    char copy[TOKEN_SIZE_MAX + 1];
    jwt_alg_t wanted = libjwt_algorithm(alg);
    /* Without a key libjwt checks nothing and says yes. */
    if (wanted == JWT_ALG_NONE || secret.len == 0 || span_copy(text, copy, sizeof(copy)) < 0)
        return false;
    jwt_t *jwt = NULL;
    if (jwt_decode(&jwt, copy, (const unsigned char *)secret.data, (int)secret.len) != 0)
        return false;
    bool good = jwt_get_alg(jwt) == wanted;
    jwt_free(jwt);
    return good;
}

int hmac_sign(const char *claims, struct span secret, struct bytes *out)
{
    jwt_t *jwt = NULL;
    if (jwt_new(&jwt) != 0)
        return -1;
    char *text = NULL;
    if (jwt_add_grants_json(jwt, claims) == 0 &&
        jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)secret.data, (int)secret.len) == 0)
        text = jwt_encode_str(jwt);
    jwt_free(jwt);
    if (text == NULL)
        return -1;
    bytes_append_text(out, text);
    free(text);
    return 0;
}
