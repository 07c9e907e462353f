/* SPDX-License-Identifier: MIT */
#include "auth/jwks.h"

#include "auth/certificate.h"
#include "auth/pem.h"
#include "base/base64.h"
#include "base/utf8.h"

#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <string.h>

#define COORDINATE   32
#define RSA_PART_MAX 1024

static const char *member(const json_t *jwk, const char *name)
{
    return json_string_value(json_object_get(jwk, name));
}

static bool member_is(const json_t *jwk, const char *name, const char *text)
{
    const char *value = member(jwk, name);
    return value && strcmp(value, text) == 0;
}

/* Base64url of min to max bytes, appended to out: 0, or -1. */
static int part_decode(const json_t *jwk, const char *name, size_t min, size_t max, struct bytes *out)
{
    size_t before = out->len;
    if (base64url_decode(span_of(member(jwk, name)), out) < 0)
        return -1;
    return out->len - before >= min && out->len - before <= max ? 0 : -1;
}

static EVP_PKEY *key_build(const char *kind, OSSL_PARAM *params)
{
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
    if (!context || !params || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(context);
    return pkey;
}

static BIGNUM *number(const struct bytes *b)
{
    return BN_bin2bn((const unsigned char *)b->data, (int)b->len, NULL);
}

static EVP_PKEY *rsa_build(BIGNUM *n, BIGNUM *e)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    if (builder && n && e && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY *pkey = key_build("RSA", params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    return pkey;
}

static EVP_PKEY *rsa_read(const json_t *jwk)
{
    bytes_auto modulus = BYTES_INIT;
    bytes_auto exponent = BYTES_INIT;
    if (part_decode(jwk, "n", 1, RSA_PART_MAX, &modulus) < 0 || part_decode(jwk, "e", 1, 8, &exponent) < 0)
        return NULL;
    BIGNUM *n = number(&modulus);
    BIGNUM *e = number(&exponent);
    EVP_PKEY *pkey = rsa_build(n, e);
    BN_free(n);
    BN_free(e);
    return pkey;
}

static EVP_PKEY *p256_read(const json_t *jwk)
{
    bytes_auto point = BYTES_INIT;
    bytes_append_char(&point, 0x04); /* uncompressed (SEC 1, 2.3.3) */
    if (part_decode(jwk, "x", COORDINATE, COORDINATE, &point) < 0 ||
        part_decode(jwk, "y", COORDINATE, COORDINATE, &point) < 0)
        return NULL;
    char group[] = "prime256v1";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data, point.len),
        OSSL_PARAM_construct_end(),
    };
    return key_build("EC", params);
}

static EVP_PKEY *ed25519_read(const json_t *jwk)
{
    bytes_auto point = BYTES_INIT;
    if (part_decode(jwk, "x", COORDINATE, COORDINATE, &point) < 0)
        return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const unsigned char *)point.data, point.len);
}

struct key_kind {
    const char *kty, *crv, *alg;
    EVP_PKEY *(*read)(const json_t *jwk);
};

static const struct key_kind kinds[] = {
    {"RSA", NULL, "RS256", rsa_read},
    {"EC", "P-256", "ES256", p256_read},
    {"OKP", "Ed25519", "EdDSA", ed25519_read},
};

/* The key stands in a certificate alone. */
static bool is_certified(const json_t *jwk)
{
    return json_array_size(json_object_get(jwk, "x5c")) > 0 && !json_object_get(jwk, "n") &&
           !json_object_get(jwk, "x");
}

static const struct key_kind *kind_find(const json_t *jwk)
{
    bool any_curve = is_certified(jwk) && !json_object_get(jwk, "crv");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (member_is(jwk, "kty", kinds[i].kty) &&
            (any_curve || !kinds[i].crv || member_is(jwk, "crv", kinds[i].crv)))
            return &kinds[i];
    }
    return NULL;
}

static bool verify_listed(const json_t *ops)
{
    for (size_t i = 0; i < json_array_size(ops); i++) {
        const char *op = json_string_value(json_array_get(ops, i));
        if (op && strcmp(op, "verify") == 0)
            return true;
    }
    return false;
}

static bool is_for_us(const json_t *jwk, const struct key_kind *kind)
{
    const json_t *ops = json_object_get(jwk, "key_ops");
    return (!json_object_get(jwk, "alg") || member_is(jwk, "alg", kind->alg)) &&
           (!json_object_get(jwk, "use") || member_is(jwk, "use", "sig")) && (!ops || verify_listed(ops));
}

static struct span kid_of(const json_t *jwk)
{
    return span_of(json_string_value(json_object_get(jwk, "kid")));
}

static int x5c_add(const json_t *jwk, struct public_keys *keys, const char **ret_problem)
{
    const char *text = json_string_value(json_array_get(json_object_get(jwk, "x5c"), 0));
    bytes_auto der = BYTES_INIT;
    if (base64_decode(span_of(text), &der) < 0) {
        *ret_problem = "has an x5c that is no base64";
        return -1;
    }
    return certificate_add(keys, bytes_span(&der), kid_of(jwk), ret_problem);
}

static int jwk_add(const json_t *jwk, struct public_keys *keys, const char **ret_problem)
{
    const struct key_kind *kind = kind_find(jwk);
    if (!kind)
        return 0;
    if (json_object_get(jwk, "d")) {
        *ret_problem = "holds a private key; give the public one";
        return -1;
    }
    if (!is_for_us(jwk, kind))
        return 0;
    const json_t *kid = json_object_get(jwk, "kid");
    bool named = !kid || json_is_string(kid);
    if (named && is_certified(jwk))
        return x5c_add(jwk, keys, ret_problem);
    EVP_PKEY *pkey = named ? kind->read(jwk) : NULL;
    if (!pkey) {
        *ret_problem = "has a JWK that can't be read as a key";
        return -1;
    }
    return public_keys_add(keys, pkey, kid_of(jwk), ret_problem);
}

/* {"kid": "-----BEGIN CERTIFICATE-----…", …} */
static bool is_certificate_map(const json_t *set)
{
    const char *kid;
    json_t *value;
    json_object_foreach((json_t *)set, kid, value)
    {
        const char *text = json_string_value(value);
        if (!text || !strstr(text, "-----BEGIN CERTIFICATE-----"))
            return false;
    }
    return json_object_size(set) > 0;
}

static int certificate_map_add(const json_t *map, struct public_keys *keys, const char **ret_problem)
{
    const char *kid;
    json_t *value;
    json_object_foreach((json_t *)map, kid, value)
    {
        if (pem_named_keys_read(span_of(json_string_value(value)), span_of(kid), keys, ret_problem) < 0)
            return -1;
    }
    return 0;
}

static int set_add(const json_t *set, struct public_keys *keys, const char **ret_problem)
{
    if (json_object_get(set, "kty"))
        return jwk_add(set, keys, ret_problem);
    if (is_certificate_map(set))
        return certificate_map_add(set, keys, ret_problem);
    const json_t *list = json_object_get(set, "keys");
    if (!json_is_array(list)) {
        *ret_problem = "is a JSON object without the list \"keys\"";
        return -1;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (jwk_add(json_array_get(list, i), keys, ret_problem) < 0)
            return -1;
    }
    return 0;
}

int jwks_read(struct span text, struct public_keys *keys, const char **ret_problem)
{
    text = utf8_without_mark(text);
    /* jansson 2.14 takes a raw NUL behind a number or literal. */
    json_t *set = text.len > 0 && !memchr(text.data, '\0', text.len)
                      ? json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL)
                      : NULL;
    if (!set) {
        *ret_problem = "is no valid JSON";
        return -1;
    }
    int result = set_add(set, keys, ret_problem);
    json_decref(set);
    ERR_clear_error();
    return result;
}
