/* SPDX-License-Identifier: MIT */
/* Public keys as people have them: certificates in PEM, by kid in JSON, and in JWKs. */
#include "auth/key_text.h"
#include "base/base64.h"
#include "support/signer.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DAY_S 86400

struct fixture {
    EVP_PKEY *rsa, *p256, *p384, *ed25519;
};

static struct fixture f;

/* Signed by itself; good from `from_s` to `to_s`, counted from now. */
static X509 *certificate(EVP_PKEY *pkey, long from_s, long to_s)
{
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);
    signer_need(X509_set_version(x, 2) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1 &&
                    X509_gmtime_adj(X509_getm_notBefore(x), from_s) != NULL &&
                    X509_gmtime_adj(X509_getm_notAfter(x), to_s) != NULL &&
                    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"issuer", -1,
                                               -1, 0) == 1 &&
                    X509_set_issuer_name(x, name) == 1 && X509_set_pubkey(x, pkey) == 1 &&
                    X509_sign(x, pkey, EVP_PKEY_is_a(pkey, "ED25519") ? NULL : EVP_sha256()) > 0,
                "a certificate");
    return x;
}

static void write_der(EVP_PKEY *pkey, long from_s, long to_s, struct bytes *out)
{
    X509 *x = certificate(pkey, from_s, to_s);
    unsigned char *der = NULL;
    int len = i2d_X509(x, &der);
    signer_need(len > 0, "DER");
    bytes_append(out, der, (size_t)len);
    OPENSSL_free(der);
    X509_free(x);
}

static void write_pem(EVP_PKEY *pkey, long from_s, long to_s, struct bytes *out)
{
    X509 *x = certificate(pkey, from_s, to_s);
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    signer_need(PEM_write_bio_X509(bio, x) == 1, "PEM");
    long len = BIO_get_mem_data(bio, &text);
    bytes_append(out, text, (size_t)len);
    BIO_free(bio);
    X509_free(x);
}

static void write_valid(EVP_PKEY *pkey, struct bytes *out)
{
    write_pem(pkey, -DAY_S, DAY_S, out);
}

static void take(const struct bytes *text, struct public_keys *keys)
{
    const char *problem = NULL;
    *keys = (struct public_keys){0};
    if (key_text_read(bytes_span(text), keys, &problem) < 0)
        fail_msg("%s", problem);
    assert_int_equal(ERR_peek_error(), 0);
}

static void refuse(struct span text, const char *part)
{
    struct public_keys keys = {0};
    const char *problem = NULL;
    assert_int_equal(key_text_read(text, &keys, &problem), -1);
    if (strstr(problem, part) == NULL)
        fail_msg("\"%s\", wanted: %s", problem, part);
    public_keys_finish(&keys);
    assert_int_equal(ERR_peek_error(), 0);
}

static void check_key(const struct public_key *key, EVP_PKEY *pkey, enum algorithm alg, const char *kid)
{
    assert_int_equal(EVP_PKEY_eq(key->pkey, pkey), 1);
    assert_int_equal(key->alg, alg);
    if (kid)
        assert_string_equal(key->kid, kid);
    else
        assert_null(key->kid);
}

static void test_pem(void **state)
{
    bytes_auto text = BYTES_INIT;
    struct public_keys keys;
    bytes_append_text(&text, "\xef\xbb\xbf"
                             "subject=CN = issuer\n");
    write_valid(f.rsa, &text);
    signer_pem(f.p256, false, &text);
    write_valid(f.ed25519, &text);
    take(&text, &keys);
    assert_int_equal(keys.count, 3);
    check_key(&keys.items[0], f.rsa, ALGORITHM_RS256, NULL);
    check_key(&keys.items[1], f.p256, ALGORITHM_ES256, NULL);
    check_key(&keys.items[2], f.ed25519, ALGORITHM_EDDSA, NULL);
    assert_int_equal(keys.outdated, 0);
    public_keys_finish(&keys);
}

static void test_outdated(void **state)
{
    bytes_auto text = BYTES_INIT;
    struct public_keys keys;
    write_valid(f.rsa, &text);
    write_pem(f.p256, -2 * DAY_S, -DAY_S, &text);
    write_pem(f.ed25519, DAY_S, 2 * DAY_S, &text);
    take(&text, &keys);
    assert_int_equal(keys.count, 3);
    assert_int_equal(keys.outdated, 2);
    public_keys_finish(&keys);
    assert_int_equal(keys.outdated, 0);
}

static void test_map(void **state)
{
    bytes_auto text = BYTES_INIT;
    bytes_auto first = BYTES_INIT;
    bytes_auto second = BYTES_INIT;
    struct public_keys keys;
    write_valid(f.rsa, &first);
    write_valid(f.p256, &second);
    bytes_append_text(&text, " {\"a1b2\": ");
    bytes_append_json(&text, bytes_span(&first));
    bytes_append_text(&text, ",\n\"c3\": ");
    bytes_append_json(&text, bytes_span(&second));
    bytes_append_text(&text, "}\n");
    take(&text, &keys);
    assert_int_equal(keys.count, 2);
    size_t rsa = keys.items[0].alg == ALGORITHM_RS256 ? 0 : 1;
    check_key(&keys.items[rsa], f.rsa, ALGORITHM_RS256, "a1b2");
    check_key(&keys.items[1 - rsa], f.p256, ALGORITHM_ES256, "c3");
    public_keys_finish(&keys);
}

static void write_x5c(const char *members, EVP_PKEY *pkey, struct bytes *out)
{
    bytes_auto der = BYTES_INIT;
    write_der(pkey, -DAY_S, DAY_S, &der);
    bytes_printf(out, "{\"keys\":[{%s,\"x5c\":[\"", members);
    base64_encode(bytes_span(&der), out);
    bytes_append_text(out, "\",\"MII\"]}]}");
}

static void test_x5c(void **state)
{
    const struct {
        const char *members;
        EVP_PKEY *pkey;
        enum algorithm alg;
        const char *kid;
    } rows[] = {
        {"\"kty\":\"RSA\",\"kid\":\"k\",\"use\":\"sig\"", f.rsa, ALGORITHM_RS256, "k"},
        {"\"kty\":\"RSA\",\"alg\":\"RS256\"", f.rsa, ALGORITHM_RS256, NULL},
        {"\"kty\":\"EC\",\"kid\":\"e\"", f.p256, ALGORITHM_ES256, "e"},
        {"\"kty\":\"EC\",\"crv\":\"P-256\"", f.p256, ALGORITHM_ES256, NULL},
        {"\"kty\":\"OKP\",\"crv\":\"Ed25519\"", f.ed25519, ALGORITHM_EDDSA, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bytes_auto text = BYTES_INIT;
        struct public_keys keys;
        write_x5c(rows[i].members, rows[i].pkey, &text);
        take(&text, &keys);
        assert_int_equal(keys.count, 1);
        check_key(&keys.items[0], rows[i].pkey, rows[i].alg, rows[i].kid);
        public_keys_finish(&keys);
    }
}

static void refuse_x5c(const char *members, EVP_PKEY *pkey, const char *part)
{
    bytes_auto text = BYTES_INIT;
    write_x5c(members, pkey, &text);
    refuse(bytes_span(&text), part);
}

static void test_refused(void **state)
{
    bytes_auto short_pem = BYTES_INIT;
    bytes_auto map = BYTES_INIT;
    write_valid(f.p384, &short_pem);
    refuse(bytes_span(&short_pem), "EC P-256");
    refuse((struct span){short_pem.data, short_pem.len - 30}, "damaged");
    bytes_append_text(&map, "{\"a\":");
    bytes_append_json(&map, bytes_span(&short_pem));
    refuse_x5c("\"kty\":\"RSA\",\"use\":\"enc\"", f.rsa, "has no key");
    refuse_x5c("\"kty\":\"RSA\",\"alg\":\"PS256\"", f.rsa, "has no key");
    refuse_x5c("\"kty\":\"EC\",\"crv\":\"P-384\"", f.p384, "has no key");
    refuse_x5c("\"kty\":\"EC\"", f.p384, "EC P-256");
    refuse_x5c("\"kty\":\"RSA\",\"d\":\"AA\"", f.rsa, "private key");
    refuse_x5c("\"kty\":\"RSA\",\"kid\":7", f.rsa, "can't be read as a key");
    refuse(SPAN("{\"keys\":[{\"kty\":\"RSA\",\"x5c\":[\"MII?\"]}]}"), "no base64");
    refuse(SPAN("{\"keys\":[{\"kty\":\"RSA\",\"x5c\":[\"AAAA\"]}]}"), "a certificate that can't be read");
    refuse(SPAN("{\"keys\":[{\"kty\":\"RSA\",\"x5c\":[7]}]}"), "a certificate that can't be read");
    refuse(SPAN("{\"keys\":[{\"kty\":\"RSA\",\"x5c\":[]}]}"), "can't be read as a key");
    refuse(SPAN("{\"a\":\"-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\\n\"}"),
           "can't be read");
    refuse(SPAN("{\"a\":\"-----BEGIN CERTIFICATE-----\\n\",\"b\":7}"), "without the list");
    refuse(SPAN("{\"a\":\"text\"}"), "without the list");
    refuse(bytes_span(&map), "no valid JSON");
    bytes_append_char(&map, '}');
    refuse(bytes_span(&map), "EC P-256");
}

static void test_too_many(void **state)
{
    bytes_auto text = BYTES_INIT;
    struct public_keys keys;
    for (int i = 0; i < PUBLIC_KEYS_MAX; i++)
        write_valid(f.ed25519, &text);
    take(&text, &keys);
    assert_int_equal(keys.count, PUBLIC_KEYS_MAX);
    public_keys_finish(&keys);
    write_valid(f.ed25519, &text);
    refuse(bytes_span(&text), "more than 16");
}

static int set_up(void **state)
{
    f = (struct fixture){signer_rsa(2048), signer_ec("P-256"), signer_ec("P-384"), signer_ed("ED25519")};
    return 0;
}

static int tear_down(void **state)
{
    EVP_PKEY_free(f.rsa);
    EVP_PKEY_free(f.p256);
    EVP_PKEY_free(f.p384);
    EVP_PKEY_free(f.ed25519);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pem), cmocka_unit_test(test_outdated), cmocka_unit_test(test_map),
        cmocka_unit_test(test_x5c), cmocka_unit_test(test_refused),  cmocka_unit_test(test_too_many),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
