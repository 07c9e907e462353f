/* SPDX-License-Identifier: MIT */
#include "auth/hmac.h"

#include <jwt.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <stdlib.h>

static const EVP_MD *digest_of(enum algorithm alg)
{
    switch (alg) {
    case ALGORITHM_HS256: return EVP_sha256();
    case ALGORITHM_HS384: return EVP_sha384();
    case ALGORITHM_HS512: return EVP_sha512();
    default: return NULL;
    }
}

bool hmac_verify(struct span signed_part, struct span signature, enum algorithm alg, struct span secret)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    const EVP_MD *digest = digest_of(alg);
    if (!digest || secret.len == 0 || secret.len > INT_MAX)
        return false;
    if (!HMAC(digest, secret.data, (int)secret.len, (const unsigned char *)signed_part.data, signed_part.len,
              mac, &len))
        return false;
    return len == signature.len && CRYPTO_memcmp(mac, signature.data, len) == 0;
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
    if (!text)
        return -1;
    bytes_append_text(out, text);
    free(text);
    return 0;
}
