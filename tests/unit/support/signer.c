/* SPDX-License-Identifier: MIT */
#include "signer.h"
#include "base/base64.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void signer_need(bool held, const char *what)
{
    if (!held) {
        fprintf(stderr, "OpenSSL: %s failed\n", what);
        abort();
    }
}

EVP_PKEY *signer_rsa(unsigned bits)
{
    EVP_PKEY *pkey = EVP_RSA_gen(bits);
    signer_need(pkey != NULL, "RSA generation");
    return pkey;
}

EVP_PKEY *signer_ec(const char *curve)
{
    EVP_PKEY *pkey = EVP_EC_gen(curve);
    signer_need(pkey != NULL, "EC generation");
    return pkey;
}

EVP_PKEY *signer_ed(const char *kind)
{
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, kind);
    signer_need(pkey != NULL, "Edwards generation");
    return pkey;
}

void signer_pem(EVP_PKEY *pkey, bool private_half, struct bytes *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int written = private_half ? PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL)
                               : PEM_write_bio_PUBKEY(bio, pkey);
    signer_need(written == 1, "PEM writing");
    char *text;
    long len = BIO_get_mem_data(bio, &text);
    bytes_append(out, text, (size_t)len);
    BIO_free(bio);
}

void signer_hmac(struct span secret, const EVP_MD *digest, struct span text, struct bytes *out)
{
    unsigned len = 0;
    unsigned char *to = (unsigned char *)bytes_reserve(out, EVP_MAX_MD_SIZE);
    HMAC(digest, secret.data, (int)secret.len, (const unsigned char *)text.data, text.len, to, &len);
    out->len += len;
}

void signer_sign(EVP_PKEY *pkey, const EVP_MD *digest, struct span text, struct bytes *out)
{
    size_t len = 1024;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char *to = (unsigned char *)bytes_reserve(out, len);
    signer_need(EVP_DigestSignInit(context, NULL, digest, NULL, pkey) == 1, "EVP_DigestSignInit");
    signer_need(EVP_DigestSign(context, to, &len, (const unsigned char *)text.data, text.len) == 1,
                "EVP_DigestSign");
    out->len += len;
    EVP_MD_CTX_free(context);
}

void signer_sign_raw(EVP_PKEY *pkey, struct span text, struct bytes *out)
{
    bytes_auto der = BYTES_INIT;
    signer_sign(pkey, EVP_sha256(), text, &der);
    const unsigned char *at = (const unsigned char *)der.data;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)der.len);
    signer_need(pair != NULL, "d2i_ECDSA_SIG");
    unsigned char *to = (unsigned char *)bytes_reserve(out, 64);
    BN_bn2binpad(ECDSA_SIG_get0_r(pair), to, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair), to + 32, 32);
    out->len += 64;
    ECDSA_SIG_free(pair);
}

static void signer_append_number(EVP_PKEY *pkey, const char *param, const char *name, int size,
                                 struct bytes *out)
{
    BIGNUM *n = NULL;
    signer_need(EVP_PKEY_get_bn_param(pkey, param, &n) == 1, "EVP_PKEY_get_bn_param");
    bytes_auto raw = BYTES_INIT;
    int len = size > 0 ? size : BN_num_bytes(n);
    BN_bn2binpad(n, (unsigned char *)bytes_reserve(&raw, (size_t)len), len);
    raw.len = (size_t)len;
    bytes_printf(out, ",\"%s\":\"", name);
    base64url_encode(bytes_span(&raw), out);
    bytes_append_char(out, '"');
    BN_free(n);
}

void signer_jwk(EVP_PKEY *pkey, const char *more, struct bytes *out)
{
    if (EVP_PKEY_is_a(pkey, "RSA")) {
        bytes_append_text(out, "{\"kty\":\"RSA\"");
        signer_append_number(pkey, OSSL_PKEY_PARAM_RSA_N, "n", 0, out);
        signer_append_number(pkey, OSSL_PKEY_PARAM_RSA_E, "e", 0, out);
    } else if (EVP_PKEY_is_a(pkey, "EC")) {
        int size = (EVP_PKEY_get_bits(pkey) + 7) / 8;
        bytes_printf(out, "{\"kty\":\"EC\",\"crv\":\"P-%d\"", EVP_PKEY_get_bits(pkey));
        signer_append_number(pkey, OSSL_PKEY_PARAM_EC_PUB_X, "x", size, out);
        signer_append_number(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, "y", size, out);
    } else {
        unsigned char raw[64];
        size_t len = sizeof(raw);
        signer_need(EVP_PKEY_get_raw_public_key(pkey, raw, &len) == 1, "EVP_PKEY_get_raw_public_key");
        bytes_append_text(out, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"");
        base64url_encode((struct span){(const char *)raw, len}, out);
        bytes_append_char(out, '"');
    }
    bytes_append_text(out, more);
    bytes_append_char(out, '}');
}

void signer_text(struct span header, struct span payload, struct bytes *out)
{
    base64url_encode(header, out);
    bytes_append_char(out, '.');
    base64url_encode(payload, out);
}

void signer_file(struct span text, char path[64])
{
    snprintf(path, 64, "/tmp/presence-key-XXXXXX");
    int fd = mkstemp(path);
    signer_need(fd >= 0 && write(fd, text.data, text.len) == (ssize_t)text.len, "writing a key file");
    close(fd);
}
