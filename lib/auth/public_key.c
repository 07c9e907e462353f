/* SPDX-License-Identifier: MIT */
#include "auth/public_key.h"

#include "base/mem.h"

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#define RSA_BITS_MIN   2048 /* RFC 7518, 3.3 */
#define RSA_BITS_MAX   8192
#define ES256_HALF     32
#define ES256_DER_SIZE 80

static bool is_p256(const EVP_PKEY *pkey)
{
    char group[32];
    size_t len;
    return EVP_PKEY_is_a(pkey, "EC") && EVP_PKEY_get_group_name(pkey, group, sizeof(group), &len) == 1 &&
           strcmp(group, "prime256v1") == 0;
}

static bool is_sized_rsa(const EVP_PKEY *pkey)
{
    int bits = EVP_PKEY_get_bits(pkey);
    return EVP_PKEY_is_a(pkey, "RSA") && bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX;
}

/* The one algorithm that the key serves: 0, or -1. */
static int pin(const EVP_PKEY *pkey, enum algorithm *ret)
{
    if (is_sized_rsa(pkey))
        *ret = ALGORITHM_RS256;
    else if (is_p256(pkey))
        *ret = ALGORITHM_ES256;
    else if (EVP_PKEY_is_a(pkey, "ED25519"))
        *ret = ALGORITHM_EDDSA;
    else
        return -1;
    return 0;
}

/* No exponent of 1, no prime modulus, no point off the curve. */
static bool is_sound(EVP_PKEY *pkey)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    bool sound = context && EVP_PKEY_public_check(context) == 1;
    EVP_PKEY_CTX_free(context);
    return sound;
}

int public_keys_add(struct public_keys *keys, EVP_PKEY *pkey, struct span kid, const char **ret_problem)
{
    struct public_key key = {.pkey = pkey};
    const char *problem = NULL;
    if (keys->count == PUBLIC_KEYS_MAX)
        problem = "has more than 16 keys";
    else if (pin(pkey, &key.alg) < 0)
        problem = "has a key other than RSA of 2048 to 8192 bits, EC P-256 and Ed25519";
    else if (!is_sound(pkey))
        problem = "has a key that is mathematically unsound";
    if (problem) {
        *ret_problem = problem;
        EVP_PKEY_free(pkey);
        return -1;
    }
    key.kid = !kid.data ? NULL : mem_strndup(kid.data, kid.len);
    keys->items[keys->count++] = key;
    return 0;
}

void public_keys_finish(struct public_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        EVP_PKEY_free(keys->items[i].pkey);
        free(keys->items[i].kid);
    }
    keys->count = keys->outdated = 0;
}

void public_key_fingerprint(const struct public_key *key, struct bytes *out)
{
    unsigned char *der = NULL, digest[EVP_MAX_MD_SIZE] = {0};
    int len = i2d_PUBKEY(key->pkey, &der);
    if (len > 0)
        EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL);
    for (size_t i = 0; i < 4; i++)
        bytes_printf(out, "%02x", digest[i]);
    OPENSSL_free(der);
}

/* OpenSSL wants r and s as DER. Gives the DER's length, or -1. */
static int es256_to_der(struct span signature, unsigned char der[ES256_DER_SIZE])
{
    if (signature.len != 2 * ES256_HALF)
        return -1;
    const unsigned char *raw = (const unsigned char *)signature.data;
    BIGNUM *r = BN_bin2bn(raw, ES256_HALF, NULL);
    BIGNUM *s = BN_bin2bn(raw + ES256_HALF, ES256_HALF, NULL);
    ECDSA_SIG *pair = ECDSA_SIG_new();
    int len = -1;
    if (r && s && pair && ECDSA_SIG_set0(pair, r, s) == 1) {
        r = s = NULL; /* the pair owns them now */
        len = i2d_ECDSA_SIG(pair, &der);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    return len;
}

static bool digest_verify(const struct public_key *key, struct span text, const unsigned char *signature,
                          size_t len)
{
    const EVP_MD *digest = key->alg == ALGORITHM_EDDSA ? NULL : EVP_sha256();
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context && EVP_DigestVerifyInit(context, NULL, digest, NULL, key->pkey) == 1 &&
                EVP_DigestVerify(context, signature, len, (const unsigned char *)text.data, text.len) == 1;
    EVP_MD_CTX_free(context);
    /* What is left in this thread's queue would be taken for the next caller's error. */
    if (!good)
        ERR_clear_error();
    return good;
}

bool public_key_verify(const struct public_key *key, struct span text, struct span signature)
{
    if (key->alg != ALGORITHM_ES256)
        return digest_verify(key, text, (const unsigned char *)signature.data, signature.len);
    unsigned char der[ES256_DER_SIZE];
    int len = es256_to_der(signature, der);
    return len > 0 && digest_verify(key, text, der, (size_t)len);
}
