/* SPDX-License-Identifier: MIT */
/* Loading keys: PEM, JWKS, secrets, and what stops the start. */
#include "auth/token.h"
#include "base/base64.h"
#include "support/signer.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#define SECRET "0123456789abcdef0123456789abcdef"
#define NOW    1300000000

struct fixture {
    EVP_PKEY *rsa, *rsa_short, *p256, *p384, *ed25519, *ed448;
};

static struct fixture f;

/* Loads from a file with this text. On failure `error` says why. */
static int load(const char *secret, struct span file, struct token_keys **ret, char error[256])
{
    char path[64];
    struct token_warnings warnings;
    signer_file(file, path);
    struct token_config config = {.secret = secret, .public_key_file = path, .leeway_s = 60};
    int result = token_keys_load(&config, ret, &warnings, error, 256);
    unlink(path);
    return result;
}

static void refuse(struct span file, const char *part)
{
    struct token_keys *keys = NULL;
    char error[256] = "";
    int result = load(SECRET, file, &keys, error);
    if (result == 0)
        fail_msg("loaded, wanted: %s", part);
    assert_null(keys);
    assert_int_equal(strncmp(error, "JWT_PUBLIC_KEY_FILE ", 20), 0);
    if (strstr(error, part) == NULL)
        fail_msg("\"%s\", wanted: %s", error, part);
    assert_int_equal(ERR_peek_error(), 0);
}

/* Loads the file and checks a token that `signer` signed. */
static enum token_result verify(struct span file, EVP_PKEY *signer, const char *header)
{
    bytes_auto text = BYTES_INIT;
    bytes_auto signature = BYTES_INIT;
    signer_text(span_of(header), SPAN("{\"uid\":1}"), &text);
    if (EVP_PKEY_is_a(signer, "EC"))
        signer_sign_raw(signer, bytes_span(&text), &signature);
    else
        signer_sign(signer, EVP_PKEY_is_a(signer, "RSA") ? EVP_sha256() : NULL, bytes_span(&text),
                    &signature);
    bytes_append_char(&text, '.');
    base64url_encode(bytes_span(&signature), &text);

    struct token_keys *keys;
    struct token token;
    char error[256] = "";
    if (load(NULL, file, &keys, error) < 0)
        fail_msg("%s", error);
    enum token_result result = token_verify(keys, bytes_span(&text), NOW, &token);
    if (result == TOKEN_OK)
        token_finish(&token);
    token_keys_destroy(keys);
    return result;
}

struct secret_row {
    const char *name, *secret;
    int result;
    bool weak;
    bool base64;
};

static const struct secret_row secret_rows[] = {
    {"none at all", NULL, -1, false, false},
    {"empty", "", -1, false, false},
    {"secret", "secret", -1, false, false},
    {"changeme", "changeme", -1, false, false},
    {"change-me", "change-me", -1, false, false},
    {"to-be-replaced", "to-be-replaced", -1, false, false},
    {"your-secret-key", "your-secret-key", -1, false, false},
    {"your-secret-key-here", "your-secret-key-here", -1, false, false},
    {"the router's own", "8d$F2@wZ9!RkP#Xq7N", -1, false, false},
    {"a public key", "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n", -1, false,
     false},
    {"a byte", "x", 0, true, false},
    {"31 bytes", "0123456789abcdef0123456789abcde", 0, true, false},
    {"32 bytes", SECRET, 0, false, false},
    {"a known one and more", "secretsecret", 0, true, false},
    {"32 bytes in base64", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", 0, false, true},
    {"32 bytes in base64url with a NUL", "AP-_Mzc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWZnaGk", 0, false, true},
    {"base64 in two lines", "MDEyMzQ1Njc4OWFiY2RlZjAx\nMjM0NTY3ODlhYmNkZWY=", 0, false, true},
    {"5 bytes in base64", "eHh4eHg=", 0, true, true},
    {"secret in base64", "c2VjcmV0", -1, false, true},
    {"changeme as it stands", "changeme", -1, false, true},
    {"no base64", "not base64!", -1, false, true},
    {"base64 cut off", "MDEyMzQ1N", -1, false, true},
    {"only padding", "====", -1, false, true},
};

#define SECRET_ROWS (sizeof(secret_rows) / sizeof(secret_rows[0]))

static void check_secret(void **state)
{
    const struct secret_row *row = *state;
    struct token_config config = {
        .secret = row->secret, .secret_encoding = row->base64 ? SECRET_BASE64 : SECRET_TEXT, .leeway_s = 60};
    struct token_keys *keys = NULL;
    struct token_warnings warnings = {.weak_secret = !row->weak};
    char error[256] = "";
    assert_int_equal(token_keys_load(&config, &keys, &warnings, error, sizeof(error)), row->result);
    if (row->result == 0) {
        assert_int_equal(warnings.weak_secret, row->weak);
        assert_string_equal(error, "");
        token_keys_destroy(keys);
        return;
    }
    assert_null(keys);
    assert_int_equal(warnings.weak_secret, !row->weak);
    assert_non_null(strstr(error, "SECRET_KEY"));
    if (row->secret != NULL && row->secret[0] != '\0')
        assert_null(strstr(error, strcmp(row->secret, "secret") == 0 ? "\"secret\"" : row->secret));
}

static void a_bad_secret_beside_a_file(void **state)
{
    bytes_auto pem = BYTES_INIT;
    struct token_keys *keys = NULL;
    char error[256] = "";
    signer_pem(f.ed25519, false, &pem);
    assert_int_equal(load("changeme", bytes_span(&pem), &keys, error), -1);
    assert_non_null(strstr(error, "SECRET_KEY"));
}

static void no_file(void **state)
{
    struct token_config config = {
        .secret = NULL, .public_key_file = "/nonexistent/secret-place", .leeway_s = 60};
    struct token_keys *keys = NULL;
    struct token_warnings warnings;
    char error[256] = "";
    assert_int_equal(token_keys_load(&config, &keys, &warnings, error, sizeof(error)), -1);
    assert_string_equal(error, "JWT_PUBLIC_KEY_FILE can't be read: No such file or directory");
    config.public_key_file = "/";
    assert_int_equal(token_keys_load(&config, &keys, &warnings, error, sizeof(error)), -1);
    assert_string_equal(error, "JWT_PUBLIC_KEY_FILE can't be read: Is a directory");
    config.public_key_file = "/dev/zero";
    assert_int_equal(token_keys_load(&config, &keys, &warnings, error, sizeof(error)), -1);
    assert_string_equal(error, "JWT_PUBLIC_KEY_FILE can't be read: File too large");
}

static void pem_taken(void **state)
{
    bytes_auto pem = BYTES_INIT;
    bytes_append_text(&pem, "Our keys, the new one first\n\n");
    signer_pem(f.p256, false, &pem);
    bytes_append_text(&pem, "\nand the old ones\n");
    signer_pem(f.rsa, false, &pem);
    signer_pem(f.ed25519, false, &pem);
    assert_int_equal(verify(bytes_span(&pem), f.rsa, "{\"alg\":\"RS256\"}"), TOKEN_OK);
    assert_int_equal(verify(bytes_span(&pem), f.p256, "{\"alg\":\"ES256\",\"kid\":\"x\"}"), TOKEN_OK);
    assert_int_equal(verify(bytes_span(&pem), f.ed25519, "{\"alg\":\"EdDSA\"}"), TOKEN_OK);
}

static void describe(const char *secret, struct span file, struct bytes *out)
{
    struct token_keys *keys = NULL;
    char error[256];
    bytes_reset(out);
    assert_int_equal(load(secret, file, &keys, error), 0);
    token_keys_describe(keys, out);
    token_keys_destroy(keys);
}

/* What a log may say: enough to tell keys apart, nothing to find a secret by. */
static void described(void **state)
{
    bytes_auto set = BYTES_INIT;
    bytes_auto text = BYTES_INIT;
    bytes_auto again = BYTES_INIT;
    unsigned char *der = NULL, digest[32];
    char expected[64];

    token_keys_describe(NULL, &text);
    assert_int_equal(text.len, 0);

    bytes_append_text(&set, "{\"keys\":[");
    signer_jwk(f.p256, ",\"kid\":\"new\"", &set);
    bytes_append_char(&set, ',');
    signer_jwk(f.rsa, "", &set);
    bytes_append_text(&set, "]}");
    describe(NULL, bytes_span(&set), &text);
    int len = i2d_PUBKEY(f.p256, &der);
    EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL);
    OPENSSL_free(der);
    int size = snprintf(expected, sizeof(expected), "ES256:new/%02x%02x%02x%02x RS256:", digest[0], digest[1],
                        digest[2], digest[3]);
    assert_int_equal(strncmp(bytes_text(&text), expected, (size_t)size), 0);
    assert_int_equal(text.len, size + 8);

    bytes_auto pem = BYTES_INIT;
    signer_pem(f.rsa, false, &pem);
    describe(SECRET, bytes_span(&pem), &text);
    describe(SECRET, bytes_span(&pem), &again);
    assert_string_equal(bytes_text(&text), bytes_text(&again));
    assert_int_equal(strncmp(bytes_text(&text), "HS:", 3), 0);
    describe(SECRET "x", bytes_span(&pem), &again);
    assert_int_equal(strcmp(bytes_text(&text) + 11, bytes_text(&again) + 11), 0);
    assert_int_not_equal(strncmp(bytes_text(&text), bytes_text(&again), 11), 0);
    EVP_Digest(SECRET, strlen(SECRET), digest, NULL, EVP_sha256(), NULL);
    snprintf(expected, sizeof(expected), "HS:%02x%02x%02x%02x", digest[0], digest[1], digest[2], digest[3]);
    assert_int_not_equal(strncmp(bytes_text(&text), expected, 11), 0);
}

static void pem_pkcs1(void **state)
{
    bytes_auto pem = BYTES_INIT;
    unsigned char *der = NULL;
    int len = i2d_PublicKey(f.rsa, &der);
    assert_true(len > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    assert_true(PEM_write_bio(bio, "RSA PUBLIC KEY", "", der, len) > 0);
    char *text;
    long size = BIO_get_mem_data(bio, &text);
    bytes_append(&pem, text, (size_t)size);
    BIO_free(bio);
    OPENSSL_free(der);
    assert_int_equal(verify(bytes_span(&pem), f.rsa, "{\"alg\":\"RS256\"}"), TOKEN_OK);
}

static void pem_crlf(void **state)
{
    bytes_auto pem = BYTES_INIT;
    bytes_auto crlf = BYTES_INIT;
    signer_pem(f.p256, false, &pem);
    for (size_t i = 0; i < pem.len; i++) {
        if (pem.data[i] == '\n')
            bytes_append_char(&crlf, '\r');
        bytes_append_char(&crlf, pem.data[i]);
    }
    assert_int_equal(verify(bytes_span(&crlf), f.p256, "{\"alg\":\"ES256\"}"), TOKEN_OK);
}

static void pem_keys_refused(EVP_PKEY *pkey, bool private_half, const char *part)
{
    bytes_auto pem = BYTES_INIT;
    signer_pem(f.ed25519, false, &pem); /* a good one before it changes nothing */
    signer_pem(pkey, private_half, &pem);
    refuse(bytes_span(&pem), part);
}

static void pem_refused(void **state)
{
    pem_keys_refused(f.rsa, true, "private key");
    pem_keys_refused(f.p256, true, "private key");
    pem_keys_refused(f.rsa_short, false, "RSA of 2048");
    pem_keys_refused(f.p384, false, "P-256");
    pem_keys_refused(f.ed448, false, "Ed25519");
    refuse(SPAN(""), "has no key");
    refuse(SPAN("   \n"), "has no key");
    refuse(SPAN("ssh-rsa AAAAB3NzaC1yc2E user@host\n"), "has no key");
    refuse(SPAN("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"),
           "no CERTIFICATE");
    refuse(SPAN("-----BEGIN TRUSTED CERTIFICATE-----\nAAAA\n-----END TRUSTED CERTIFICATE-----\n"),
           "no CERTIFICATE");
    refuse(SPAN("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
           "a certificate that can't be read");
    refuse(SPAN("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), "can't be read as a key");
    refuse(SPAN("-----BEGIN PUBLIC KEY-----\n?!\n-----END PUBLIC KEY-----\n"), "damaged");
    refuse(SPAN("-----BEGIN PUBLIC KEY-----\nAAAA\n"), "damaged");
}

static void pem_too_many(void **state)
{
    bytes_auto pem = BYTES_INIT;
    for (int i = 0; i < 16; i++)
        signer_pem(f.ed25519, false, &pem);
    assert_int_equal(verify(bytes_span(&pem), f.ed25519, "{\"alg\":\"EdDSA\"}"), TOKEN_OK);
    signer_pem(f.ed25519, false, &pem);
    refuse(bytes_span(&pem), "more than 16");
}

/* `keys` around one JWK of pkey with more members. */
static void set_write(EVP_PKEY *pkey, const char *more, struct bytes *out)
{
    bytes_append_text(out, " {\"keys\":[{\"kty\":\"unheard\"},{\"kty\":\"EC\",\"crv\":\"P-384\"},7,");
    signer_jwk(pkey, more, out);
    bytes_append_text(out, "],\"more\":1}\n");
}

struct jwk_row {
    const char *name, *more;
    bool taken;
};

static const struct jwk_row jwk_rows[] = {
    {"bare", "", true},
    {"kid", ",\"kid\":\"k\"", true},
    {"alg", ",\"alg\":\"RS256\"", true},
    {"use", ",\"use\":\"sig\"", true},
    {"key_ops", ",\"key_ops\":[\"sign\",\"verify\"]", true},
    {"certificates", ",\"x5c\":[\"MII\"],\"x5t\":\"abc\"", true},
    {"alg RS512", ",\"alg\":\"RS512\"", false},
    {"alg PS256", ",\"alg\":\"PS256\"", false},
    {"alg HS256", ",\"alg\":\"HS256\"", false},
    {"alg none", ",\"alg\":\"none\"", false},
    {"alg number", ",\"alg\":256", false},
    {"use enc", ",\"use\":\"enc\"", false},
    {"key_ops without verify", ",\"key_ops\":[\"encrypt\"]", false},
    {"key_ops text", ",\"key_ops\":\"verify\"", false},
};

#define JWK_ROWS (sizeof(jwk_rows) / sizeof(jwk_rows[0]))

static void check_jwk(void **state)
{
    const struct jwk_row *row = *state;
    bytes_auto set = BYTES_INIT;
    set_write(f.rsa, row->more, &set);
    if (row->taken)
        assert_int_equal(verify(bytes_span(&set), f.rsa, "{\"alg\":\"RS256\",\"kid\":\"k\"}"), TOKEN_OK);
    else
        refuse(bytes_span(&set), "has no key");
}

static void jwk_kinds(void **state)
{
    bytes_auto ec = BYTES_INIT;
    bytes_auto okp = BYTES_INIT;
    set_write(f.p256, ",\"alg\":\"ES256\"", &ec);
    assert_int_equal(verify(bytes_span(&ec), f.p256, "{\"alg\":\"ES256\"}"), TOKEN_OK);
    set_write(f.ed25519, ",\"alg\":\"EdDSA\"", &okp);
    assert_int_equal(verify(bytes_span(&okp), f.ed25519, "{\"alg\":\"EdDSA\"}"), TOKEN_OK);
}

static void jwk_alone(void **state)
{
    bytes_auto jwk = BYTES_INIT;
    signer_jwk(f.p256, ",\"kid\":\"k\"", &jwk);
    assert_int_equal(verify(bytes_span(&jwk), f.p256, "{\"alg\":\"ES256\",\"kid\":\"k\"}"), TOKEN_OK);
    assert_int_equal(verify(bytes_span(&jwk), f.p256, "{\"alg\":\"ES256\",\"kid\":\"l\"}"), TOKEN_KEY);
}

static void jwk_behind_a_mark(void **state)
{
    bytes_auto jwk = BYTES_INIT;
    bytes_append_text(&jwk, "\xef\xbb\xbf");
    signer_jwk(f.p256, ",\"kid\":\"k\"", &jwk);
    assert_int_equal(verify(bytes_span(&jwk), f.p256, "{\"alg\":\"ES256\",\"kid\":\"k\"}"), TOKEN_OK);
}

/* RFC 7517, 4.5: one kid may name keys of several kinds. */
static void one_kid_two_kinds(void **state)
{
    bytes_auto set = BYTES_INIT;
    bytes_append_text(&set, "{\"keys\":[");
    signer_jwk(f.p256, ",\"kid\":\"k\"", &set);
    bytes_append_char(&set, ',');
    signer_jwk(f.rsa, ",\"kid\":\"k\"", &set);
    bytes_append_text(&set, "]}");
    assert_int_equal(verify(bytes_span(&set), f.rsa, "{\"alg\":\"RS256\",\"kid\":\"k\"}"), TOKEN_OK);
    assert_int_equal(verify(bytes_span(&set), f.p256, "{\"alg\":\"ES256\",\"kid\":\"k\"}"), TOKEN_OK);
    assert_int_equal(verify(bytes_span(&set), f.p256, "{\"alg\":\"RS256\",\"kid\":\"k\"}"), TOKEN_SIGNATURE);
}

#define X32 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

struct broken_row {
    const char *name, *text, *part;
};

static const struct broken_row broken_rows[] = {
    {"no JSON", "{", "no valid JSON"},
    {"members twice", "{\"keys\":[],\"keys\":[]}", "no valid JSON"},
    {"no list", "{}", "without the list"},
    {"list of another kind", "{\"keys\":{}}", "without the list"},
    {"empty list", "{\"keys\":[]}", "has no key"},
    {"shared secret alone", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}", "has no key"},
    {"RSA without numbers", "{\"kty\":\"RSA\"}", "can't be read"},
    {"RSA of a short number", "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "RSA of 2048"},
    {"RSA number no text", "{\"kty\":\"RSA\",\"n\":1,\"e\":\"AQAB\"}", "can't be read"},
    {"RSA number no base64url", "{\"kty\":\"RSA\",\"n\":\"A+/=\",\"e\":\"AQAB\"}", "can't be read"},
    {"RSA private", "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\",\"d\":\"AQAB\"}", "private key"},
    {"EC off the curve", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X32 "\",\"y\":\"" X32 "\"}",
     "can't be read"},
    {"EC without y", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X32 "\"}", "can't be read"},
    {"EC too short", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"" X32 "\"}", "can't be read"},
    {"EC private", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X32 "\",\"y\":\"" X32 "\",\"d\":\"AA\"}",
     "private key"},
    {"OKP too short", "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}", "can't be read"},
    {"OKP too long", "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" X32 "AAAA\"}", "can't be read"},
    {"OKP for agreement", "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" X32 "\"}", "has no key"},
    {"kid number", "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" X32 "\",\"kid\":1}", "can't be read"},
};

#define BROKEN_ROWS (sizeof(broken_rows) / sizeof(broken_rows[0]))

static void check_broken(void **state)
{
    const struct broken_row *row = *state;
    refuse(span_of(row->text), row->part);
}

/* With e = 1 a signature is its own proof. */
static void rsa_exponent_one(void **state)
{
    bytes_auto set = BYTES_INIT;
    signer_jwk(f.rsa, "", &set);
    bytes_auto text = BYTES_INIT;
    char *exponent = strstr(bytes_text(&set), "\"e\":\"AQAB\"");
    assert_non_null(exponent);
    bytes_append(&text, set.data, (size_t)(exponent - set.data));
    bytes_append_text(&text, "\"e\":\"AQ\"}");
    refuse(bytes_span(&text), "unsound");
}

/* The tokens of RFC 7515, appendices A.2 and A.3: they name no user, which only a proven token is told. */
static void rfc_7515_examples(void **state)
{
#define PAYLOAD                                                                                              \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    static const char keys_text[] =
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
        "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\""
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0B"
        "m4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5"
        "z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7"
        "aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
        "\"}]}";
    static const char *const tokens[] = {
        "eyJhbGciOiJSUzI1NiJ9." PAYLOAD "."
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2F"
        "p5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQB"
        "MHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeY"
        "I2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        "eyJhbGciOiJFUzI1NiJ9." PAYLOAD "."
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    };
#undef PAYLOAD
    struct token_keys *keys;
    struct token token;
    char error[256];
    assert_int_equal(load(NULL, SPAN(keys_text), &keys, error), 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(token_verify(keys, span_of(tokens[i]), NOW, &token), TOKEN_USER);
        assert_int_equal(token_verify(keys, span_of(tokens[i]), NOW + 1000000, &token), TOKEN_EXPIRED);
    }
    token_keys_destroy(keys);
}

static void destroy_nothing(void **state)
{
    token_keys_destroy(NULL);
}

static int set_up(void **state)
{
    f = (struct fixture){signer_rsa(2048),   signer_rsa(1024),     signer_ec("P-256"),
                         signer_ec("P-384"), signer_ed("ED25519"), signer_ed("ED448")};
    return 0;
}

static int tear_down(void **state)
{
    EVP_PKEY *pkeys[] = {f.rsa, f.rsa_short, f.p256, f.p384, f.ed25519, f.ed448};
    for (size_t i = 0; i < sizeof(pkeys) / sizeof(pkeys[0]); i++)
        EVP_PKEY_free(pkeys[i]);
    return 0;
}

#define OTHERS 14
#define ROWS   (SECRET_ROWS + JWK_ROWS + BROKEN_ROWS)

int main(void)
{
    struct CMUnitTest tests[OTHERS + ROWS] = {
        cmocka_unit_test(a_bad_secret_beside_a_file),
        cmocka_unit_test(no_file),
        cmocka_unit_test(pem_taken),
        cmocka_unit_test(described),
        cmocka_unit_test(pem_pkcs1),
        cmocka_unit_test(pem_crlf),
        cmocka_unit_test(pem_refused),
        cmocka_unit_test(pem_too_many),
        cmocka_unit_test(jwk_kinds),
        cmocka_unit_test(jwk_alone),
        cmocka_unit_test(jwk_behind_a_mark),
        cmocka_unit_test(one_kid_two_kinds),
        cmocka_unit_test(rsa_exponent_one),
        cmocka_unit_test(rfc_7515_examples),
        cmocka_unit_test(destroy_nothing),
    };
    struct CMUnitTest *next = tests + OTHERS;
    for (size_t i = 0; i < SECRET_ROWS; i++)
        *next++ = (struct CMUnitTest){secret_rows[i].name, check_secret, NULL, NULL, (void *)&secret_rows[i]};
    for (size_t i = 0; i < JWK_ROWS; i++)
        *next++ = (struct CMUnitTest){jwk_rows[i].name, check_jwk, NULL, NULL, (void *)&jwk_rows[i]};
    for (size_t i = 0; i < BROKEN_ROWS; i++)
        *next++ = (struct CMUnitTest){broken_rows[i].name, check_broken, NULL, NULL, (void *)&broken_rows[i]};
    return cmocka_run_group_tests_name("token keys", tests, set_up, tear_down);
}
