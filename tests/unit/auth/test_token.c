/* SPDX-License-Identifier: MIT */
/* Signatures, algorithms, headers: what is taken, and the attacks that must not be. */
#include "auth/token.h"
#include "base/base64.h"
#include "support/signer.h"

#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define SECRET "0123456789abcdef0123456789abcdef"
#define NOW    1700000000
#define HS256  "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define USER   "{\"uid\":\"user123\"}"

/* Which keys the server holds. */
enum held { HELD_SECRET, HELD_PEM, HELD_BOTH, HELD_JWKS, HELD_RSA, HELD_COUNT };

/* Who signs, and how. */
enum by {
    BY_HS256,
    BY_HS384,
    BY_HS512,
    BY_OTHER_SECRET,
    BY_EMPTY_SECRET,
    BY_PEM_AS_SECRET, /* the confusion attack: the public key's file as the HMAC secret */
    BY_RSA,
    BY_RSA_SHA512,
    BY_OTHER_RSA,
    BY_P256,
    BY_P256_DER,
    BY_P256_AND_MORE,
    BY_OTHER_P256,
    BY_ED25519,
    BY_OTHER_ED25519,
    BY_ZEROS_64, /* r = s = 0 (CVE-2022-21449) */
    BY_ORDER_64, /* r = s = the order of P-256 */
    BY_ONE_BYTE,
    BY_KILOBYTE,
    BY_NOBODY,
};

struct fixture {
    EVP_PKEY *rsa, *other_rsa, *p256, *other_p256, *ed25519, *other_ed25519;
    struct bytes rsa_pem;
    struct token_keys *held[HELD_COUNT];
};

static struct fixture f;

static void signature_write(enum by by, struct span text, struct bytes *out)
{
    static const unsigned char order[] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
                                          0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                                          0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
    static const char zeros[1024];
    switch (by) {
    case BY_HS256: signer_hmac(SPAN(SECRET), EVP_sha256(), text, out); break;
    case BY_HS384: signer_hmac(SPAN(SECRET), EVP_sha384(), text, out); break;
    case BY_HS512: signer_hmac(SPAN(SECRET), EVP_sha512(), text, out); break;
    case BY_OTHER_SECRET:
        signer_hmac(SPAN("another secret, as long as it is"), EVP_sha256(), text, out);
        break;
    case BY_EMPTY_SECRET: signer_hmac(SPAN(""), EVP_sha256(), text, out); break;
    case BY_PEM_AS_SECRET: signer_hmac(bytes_span(&f.rsa_pem), EVP_sha256(), text, out); break;
    case BY_RSA: signer_sign(f.rsa, EVP_sha256(), text, out); break;
    case BY_RSA_SHA512: signer_sign(f.rsa, EVP_sha512(), text, out); break;
    case BY_OTHER_RSA: signer_sign(f.other_rsa, EVP_sha256(), text, out); break;
    case BY_P256: signer_sign_raw(f.p256, text, out); break;
    case BY_P256_DER: signer_sign(f.p256, EVP_sha256(), text, out); break;
    case BY_P256_AND_MORE:
        signer_sign_raw(f.p256, text, out);
        bytes_append_char(out, 0);
        break;
    case BY_OTHER_P256: signer_sign_raw(f.other_p256, text, out); break;
    case BY_ED25519: signer_sign(f.ed25519, NULL, text, out); break;
    case BY_OTHER_ED25519: signer_sign(f.other_ed25519, NULL, text, out); break;
    case BY_ZEROS_64: bytes_append(out, zeros, 64); break;
    case BY_ORDER_64:
        bytes_append(out, order, sizeof(order));
        bytes_append(out, order, sizeof(order));
        break;
    case BY_ONE_BYTE: bytes_append(out, zeros, 1); break;
    case BY_KILOBYTE: bytes_append(out, zeros, 1024); break;
    case BY_NOBODY: break;
    }
}

struct signed_row {
    const char *name;
    enum held held;
    struct span header, payload;
    enum by by;
    enum token_result result;
};

#define ALG(name)      SPAN("{\"alg\":\"" name "\"}")
#define HEADER(fields) SPAN("{\"alg\":\"HS256\"," fields "}")
#define RS(fields)     SPAN("{\"alg\":\"RS256\"," fields "}")

static const struct signed_row signed_rows[] = {
    {"HS256", HELD_SECRET, SPAN(HS256), SPAN(USER), BY_HS256, TOKEN_OK},
    {"HS384", HELD_SECRET, ALG("HS384"), SPAN(USER), BY_HS384, TOKEN_OK},
    {"HS512", HELD_SECRET, ALG("HS512"), SPAN(USER), BY_HS512, TOKEN_OK},
    {"RS256", HELD_PEM, ALG("RS256"), SPAN(USER), BY_RSA, TOKEN_OK},
    {"ES256", HELD_PEM, ALG("ES256"), SPAN(USER), BY_P256, TOKEN_OK},
    {"EdDSA", HELD_PEM, ALG("EdDSA"), SPAN(USER), BY_ED25519, TOKEN_OK},
    {"both: HS256", HELD_BOTH, SPAN(HS256), SPAN(USER), BY_HS256, TOKEN_OK},
    {"both: RS256", HELD_BOTH, ALG("RS256"), SPAN(USER), BY_RSA, TOKEN_OK},
    {"fields in any order, spaces", HELD_SECRET, SPAN(" { \"typ\" : \"jwt\",\r\n\"alg\" : \"HS256\" } "),
     SPAN(USER), BY_HS256, TOKEN_OK},
    /* The wrong key. */
    {"other secret", HELD_SECRET, SPAN(HS256), SPAN(USER), BY_OTHER_SECRET, TOKEN_SIGNATURE},
    {"empty secret", HELD_SECRET, SPAN(HS256), SPAN(USER), BY_EMPTY_SECRET, TOKEN_SIGNATURE},
    {"other RSA key", HELD_PEM, ALG("RS256"), SPAN(USER), BY_OTHER_RSA, TOKEN_SIGNATURE},
    {"other P-256 key", HELD_PEM, ALG("ES256"), SPAN(USER), BY_OTHER_P256, TOKEN_SIGNATURE},
    {"other Ed25519 key", HELD_PEM, ALG("EdDSA"), SPAN(USER), BY_OTHER_ED25519, TOKEN_SIGNATURE},
    {"no key for HS256", HELD_PEM, SPAN(HS256), SPAN(USER), BY_HS256, TOKEN_ALGORITHM},
    {"no key for RS256", HELD_SECRET, ALG("RS256"), SPAN(USER), BY_RSA, TOKEN_ALGORITHM},
    {"no key for ES256", HELD_RSA, ALG("ES256"), SPAN(USER), BY_P256, TOKEN_ALGORITHM},
    {"no key for EdDSA", HELD_RSA, ALG("EdDSA"), SPAN(USER), BY_ED25519, TOKEN_ALGORITHM},
    /* Confusion. */
    {"public key as secret", HELD_PEM, SPAN(HS256), SPAN(USER), BY_PEM_AS_SECRET, TOKEN_ALGORITHM},
    {"public key as secret, a secret held", HELD_BOTH, SPAN(HS256), SPAN(USER), BY_PEM_AS_SECRET,
     TOKEN_SIGNATURE},
    {"HS512 said, HS256 done", HELD_SECRET, ALG("HS512"), SPAN(USER), BY_HS256, TOKEN_SIGNATURE},
    {"HS256 said, HS512 done", HELD_SECRET, ALG("HS256"), SPAN(USER), BY_HS512, TOKEN_SIGNATURE},
    {"RS256 said, SHA-512 done", HELD_PEM, ALG("RS256"), SPAN(USER), BY_RSA_SHA512, TOKEN_SIGNATURE},
    {"ES256 said, Ed25519 done", HELD_PEM, ALG("ES256"), SPAN(USER), BY_ED25519, TOKEN_SIGNATURE},
    {"EdDSA said, P-256 done", HELD_PEM, ALG("EdDSA"), SPAN(USER), BY_P256, TOKEN_SIGNATURE},
    {"RS256 said, HMAC done", HELD_BOTH, ALG("RS256"), SPAN(USER), BY_HS256, TOKEN_SIGNATURE},
    {"key in the header", HELD_PEM, RS("\"jwk\":{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}"), SPAN(USER),
     BY_OTHER_RSA, TOKEN_SIGNATURE},
    {"address of a key", HELD_PEM, RS("\"jku\":\"http://127.0.0.1/k\",\"x5u\":\"http://127.0.0.1/c\""),
     SPAN(USER), BY_OTHER_RSA, TOKEN_SIGNATURE},
    /* Algorithms. */
    {"none", HELD_BOTH, ALG("none"), SPAN(USER), BY_ONE_BYTE, TOKEN_ALGORITHM},
    {"None", HELD_BOTH, ALG("None"), SPAN(USER), BY_ONE_BYTE, TOKEN_ALGORITHM},
    {"NONE", HELD_BOTH, ALG("NONE"), SPAN(USER), BY_HS256, TOKEN_ALGORITHM},
    {"none without signature", HELD_BOTH, ALG("none"), SPAN(USER), BY_NOBODY, TOKEN_MALFORMED},
    {"empty name", HELD_BOTH, ALG(""), SPAN(USER), BY_HS256, TOKEN_ALGORITHM},
    {"hs256", HELD_BOTH, ALG("hs256"), SPAN(USER), BY_HS256, TOKEN_ALGORITHM},
    {"HS256 and a space", HELD_BOTH, ALG("HS256 "), SPAN(USER), BY_HS256, TOKEN_ALGORITHM},
    {"HS1", HELD_BOTH, ALG("HS1"), SPAN(USER), BY_HS256, TOKEN_ALGORITHM},
    {"RS384", HELD_BOTH, ALG("RS384"), SPAN(USER), BY_RSA, TOKEN_ALGORITHM},
    {"RS512", HELD_BOTH, ALG("RS512"), SPAN(USER), BY_RSA_SHA512, TOKEN_ALGORITHM},
    {"PS256", HELD_BOTH, ALG("PS256"), SPAN(USER), BY_RSA, TOKEN_ALGORITHM},
    {"ES384", HELD_BOTH, ALG("ES384"), SPAN(USER), BY_P256, TOKEN_ALGORITHM},
    {"ES256K", HELD_BOTH, ALG("ES256K"), SPAN(USER), BY_P256, TOKEN_ALGORITHM},
    {"alg missing", HELD_BOTH, SPAN("{\"typ\":\"JWT\"}"), SPAN(USER), BY_HS256, TOKEN_ALGORITHM},
    {"alg null", HELD_BOTH, SPAN("{\"alg\":null}"), SPAN(USER), BY_HS256, TOKEN_ALGORITHM},
    {"alg list", HELD_BOTH, SPAN("{\"alg\":[\"HS256\"]}"), SPAN(USER), BY_HS256, TOKEN_ALGORITHM},
    {"alg number", HELD_BOTH, SPAN("{\"alg\":256}"), SPAN(USER), BY_HS256, TOKEN_ALGORITHM},
    /* Signatures of a wrong shape. */
    {"ES256 as DER", HELD_PEM, ALG("ES256"), SPAN(USER), BY_P256_DER, TOKEN_SIGNATURE},
    {"ES256 and a byte more", HELD_PEM, ALG("ES256"), SPAN(USER), BY_P256_AND_MORE, TOKEN_SIGNATURE},
    {"ES256 of zeros", HELD_PEM, ALG("ES256"), SPAN(USER), BY_ZEROS_64, TOKEN_SIGNATURE},
    {"ES256 of the order", HELD_PEM, ALG("ES256"), SPAN(USER), BY_ORDER_64, TOKEN_SIGNATURE},
    {"ES256 of a byte", HELD_PEM, ALG("ES256"), SPAN(USER), BY_ONE_BYTE, TOKEN_SIGNATURE},
    {"ES256 of a kilobyte", HELD_PEM, ALG("ES256"), SPAN(USER), BY_KILOBYTE, TOKEN_SIGNATURE},
    {"EdDSA of zeros", HELD_PEM, ALG("EdDSA"), SPAN(USER), BY_ZEROS_64, TOKEN_SIGNATURE},
    {"EdDSA of a byte", HELD_PEM, ALG("EdDSA"), SPAN(USER), BY_ONE_BYTE, TOKEN_SIGNATURE},
    {"RS256 of zeros", HELD_PEM, ALG("RS256"), SPAN(USER), BY_ZEROS_64, TOKEN_SIGNATURE},
    {"RS256 of a kilobyte", HELD_PEM, ALG("RS256"), SPAN(USER), BY_KILOBYTE, TOKEN_SIGNATURE},
    {"HS256 of a byte", HELD_SECRET, SPAN(HS256), SPAN(USER), BY_ONE_BYTE, TOKEN_SIGNATURE},
    {"no signature", HELD_SECRET, SPAN(HS256), SPAN(USER), BY_NOBODY, TOKEN_MALFORMED},
    /* kid. */
    {"kid, one secret", HELD_SECRET, HEADER("\"kid\":\"../../dev/null\""), SPAN(USER), BY_HS256, TOKEN_OK},
    {"kid, keys without", HELD_PEM, RS("\"kid\":\"a\""), SPAN(USER), BY_RSA, TOKEN_OK},
    {"kid a", HELD_JWKS, RS("\"kid\":\"a\""), SPAN(USER), BY_RSA, TOKEN_OK},
    {"kid b", HELD_JWKS, RS("\"kid\":\"b\""), SPAN(USER), BY_OTHER_RSA, TOKEN_OK},
    {"kid a, signed by b", HELD_JWKS, RS("\"kid\":\"a\""), SPAN(USER), BY_OTHER_RSA, TOKEN_SIGNATURE},
    {"no kid: all RSA keys are tried", HELD_JWKS, ALG("RS256"), SPAN(USER), BY_OTHER_RSA, TOKEN_OK},
    {"kid unknown", HELD_JWKS, RS("\"kid\":\"z\""), SPAN(USER), BY_RSA, TOKEN_KEY},
    {"kid empty", HELD_JWKS, RS("\"kid\":\"\""), SPAN(USER), BY_RSA, TOKEN_KEY},
    {"kid a and more", HELD_JWKS, RS("\"kid\":\"ab\""), SPAN(USER), BY_RSA, TOKEN_KEY},
    {"kid of a key of another kind", HELD_JWKS, RS("\"kid\":\"e\""), SPAN(USER), BY_RSA, TOKEN_ALGORITHM},
    {"kid e", HELD_JWKS, SPAN("{\"alg\":\"ES256\",\"kid\":\"e\"}"), SPAN(USER), BY_P256, TOKEN_OK},
    {"kid d", HELD_JWKS, SPAN("{\"alg\":\"EdDSA\",\"kid\":\"d\"}"), SPAN(USER), BY_ED25519, TOKEN_OK},
    {"kid number", HELD_JWKS, RS("\"kid\":1"), SPAN(USER), BY_RSA, TOKEN_MALFORMED},
    {"kid null", HELD_JWKS, RS("\"kid\":null"), SPAN(USER), BY_RSA, TOKEN_MALFORMED},
    {"JWKS holds no secret", HELD_JWKS, HEADER("\"kid\":\"o\""), SPAN(USER), BY_HS256, TOKEN_ALGORITHM},
    /* Headers. */
    {"crit", HELD_SECRET, HEADER("\"crit\":[\"exp\"]"), SPAN(USER), BY_HS256, TOKEN_MALFORMED},
    {"crit empty", HELD_SECRET, HEADER("\"crit\":[]"), SPAN(USER), BY_HS256, TOKEN_MALFORMED},
    {"crit null", HELD_SECRET, HEADER("\"crit\":null"), SPAN(USER), BY_HS256, TOKEN_MALFORMED},
    {"crit b64", HELD_SECRET, HEADER("\"b64\":false,\"crit\":[\"b64\"]"), SPAN(USER), BY_HS256,
     TOKEN_MALFORMED},
    {"typ at+jwt with a public key", HELD_PEM, RS("\"typ\":\"at+jwt\""), SPAN(USER), BY_RSA, TOKEN_OK},
    {"typ at+jwt with a secret", HELD_SECRET, HEADER("\"typ\":\"at+jwt\""), SPAN(USER), BY_HS256,
     TOKEN_MALFORMED},
    {"typ logout+jwt", HELD_PEM, RS("\"typ\":\"logout+jwt\""), SPAN(USER), BY_RSA, TOKEN_MALFORMED},
    {"typ number", HELD_SECRET, HEADER("\"typ\":1"), SPAN(USER), BY_HS256, TOKEN_MALFORMED},
    {"alg twice", HELD_SECRET, SPAN("{\"alg\":\"none\",\"alg\":\"HS256\"}"), SPAN(USER), BY_HS256,
     TOKEN_MALFORMED},
    {"alg twice, once escaped", HELD_SECRET, SPAN("{\"alg\":\"HS256\",\"\\u0061lg\":\"none\"}"), SPAN(USER),
     BY_HS256, TOKEN_MALFORMED},
    {"header list", HELD_SECRET, SPAN("[{\"alg\":\"HS256\"}]"), SPAN(USER), BY_HS256, TOKEN_MALFORMED},
    {"header text", HELD_SECRET, SPAN("\"HS256\""), SPAN(USER), BY_HS256, TOKEN_MALFORMED},
    {"header and NUL", HELD_SECRET, SPAN("{\"alg\":\"HS256\"}\0"), SPAN(USER), BY_HS256, TOKEN_MALFORMED},
    {"header and more", HELD_SECRET, SPAN("{\"alg\":\"HS256\"}{}"), SPAN(USER), BY_HS256, TOKEN_MALFORMED},
    {"header unfinished", HELD_SECRET, SPAN("{\"alg\":\"HS256\""), SPAN(USER), BY_HS256, TOKEN_MALFORMED},
    {"header empty", HELD_SECRET, SPAN(""), SPAN(USER), BY_HS256, TOKEN_MALFORMED},
    /* Payloads. */
    {"payload empty", HELD_SECRET, SPAN(HS256), SPAN(""), BY_HS256, TOKEN_MALFORMED},
    {"payload list", HELD_SECRET, SPAN(HS256), SPAN("[1]"), BY_HS256, TOKEN_MALFORMED},
    {"payload text", HELD_SECRET, SPAN(HS256), SPAN("\"uid\""), BY_HS256, TOKEN_MALFORMED},
    {"payload null", HELD_SECRET, SPAN(HS256), SPAN("null"), BY_HS256, TOKEN_MALFORMED},
    {"payload a token", HELD_SECRET, SPAN(HS256), SPAN("eyJhbGciOiJub25lIn0.e30."), BY_HS256,
     TOKEN_MALFORMED},
    {"NUL behind the payload", HELD_SECRET, SPAN(HS256), SPAN(USER "\0{}"), BY_HS256, TOKEN_MALFORMED},
    {"NUL behind a number", HELD_SECRET, SPAN(HS256), SPAN("{\"uid\":7\0}"), BY_HS256, TOKEN_MALFORMED},
    {"BOM", HELD_SECRET, SPAN(HS256), SPAN("\xef\xbb\xbf" USER), BY_HS256, TOKEN_MALFORMED},
    {"more behind the payload", HELD_SECRET, SPAN(HS256), SPAN(USER "x"), BY_HS256, TOKEN_MALFORMED},
    {"comment", HELD_SECRET, SPAN(HS256), SPAN("{\"uid\":\"a\"/**/}"), BY_HS256, TOKEN_MALFORMED},
    {"claim twice", HELD_SECRET, SPAN(HS256), SPAN("{\"uid\":\"a\",\"uid\":\"b\"}"), BY_HS256,
     TOKEN_MALFORMED},
    {"claim twice, once escaped", HELD_SECRET, SPAN(HS256), SPAN("{\"uid\":\"a\",\"\\u0075id\":\"b\"}"),
     BY_HS256, TOKEN_MALFORMED},
    {"claim twice inside", HELD_SECRET, SPAN(HS256), SPAN("{\"uid\":\"a\",\"x\":{\"y\":1,\"y\":2}}"),
     BY_HS256, TOKEN_MALFORMED},
    {"exp twice", HELD_SECRET, SPAN(HS256), SPAN("{\"uid\":\"a\",\"exp\":1,\"exp\":1800000000}"), BY_HS256,
     TOKEN_MALFORMED},
    {"invalid UTF-8", HELD_SECRET, SPAN(HS256), SPAN("{\"uid\":\"\xff\"}"), BY_HS256, TOKEN_MALFORMED},
    {"overlong UTF-8", HELD_SECRET, SPAN(HS256), SPAN("{\"uid\":\"\xc0\xaf\"}"), BY_HS256, TOKEN_MALFORMED},
    {"lone surrogate", HELD_SECRET, SPAN(HS256), SPAN("{\"uid\":\"\\ud800\"}"), BY_HS256, TOKEN_MALFORMED},
    {"a bad payload is no oracle", HELD_SECRET, SPAN(HS256), SPAN("{\"exp\":1}"), BY_OTHER_SECRET,
     TOKEN_SIGNATURE},
};

#define SIGNED_ROWS (sizeof(signed_rows) / sizeof(signed_rows[0]))

static void token_write(struct span header, struct span payload, enum by by, struct bytes *out)
{
    bytes_auto signature = BYTES_INIT;
    signer_text(header, payload, out);
    signature_write(by, bytes_span(out), &signature);
    bytes_append_char(out, '.');
    base64url_encode(bytes_span(&signature), out);
}

/* Verifies in memory of exactly the text's size, so that reading past it shows. */
static enum token_result verify(enum held held, struct span text)
{
    struct token token, untouched;
    memset(&token, 0x5a, sizeof(token));
    memset(&untouched, 0x5a, sizeof(untouched));
    char *copy = malloc(text.len + (text.len == 0));
    assert_non_null(copy);
    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    enum token_result result = token_verify(f.held[held], (struct span){copy, text.len}, NOW, &token);
    free(copy);
    if (result == TOKEN_OK)
        token_finish(&token);
    else
        assert_memory_equal(&token, &untouched, sizeof(token));
    return result;
}

static void check_signed(void **state)
{
    const struct signed_row *row = *state;
    bytes_auto text = BYTES_INIT;
    token_write(row->header, row->payload, row->by, &text);
    assert_string_equal(token_result_text(verify(row->held, bytes_span(&text))),
                        token_result_text(row->result));
}

/* Whatever is changed in a good token, and wherever it is cut, it is refused. */
static void check_changes(enum held held, struct span header, enum by by)
{
    bytes_auto text = BYTES_INIT;
    token_write(header, SPAN(USER), by, &text);
    assert_int_equal(verify(held, bytes_span(&text)), TOKEN_OK);
    for (size_t i = 0; i < text.len; i++) {
        char was = text.data[i];
        text.data[i] = was == 'A' ? 'B' : 'A';
        assert_int_not_equal(verify(held, bytes_span(&text)), TOKEN_OK);
        text.data[i] = was;
        assert_int_not_equal(verify(held, (struct span){text.data, i}), TOKEN_OK);
    }
}

static void changed_hs256(void **state)
{
    check_changes(HELD_SECRET, SPAN(HS256), BY_HS256);
}

static void changed_rs256(void **state)
{
    check_changes(HELD_PEM, ALG("RS256"), BY_RSA);
}

static void changed_es256(void **state)
{
    check_changes(HELD_PEM, ALG("ES256"), BY_P256);
}

static void changed_eddsa(void **state)
{
    check_changes(HELD_PEM, ALG("EdDSA"), BY_ED25519);
}

/* What OpenSSL says of a refused signature must not wait in the thread's queue for somebody else's call. */
static void no_error_is_left(void **state)
{
    static const struct {
        struct span header;
        enum by by;
    } refused[] = {
        {ALG("RS256"), BY_KILOBYTE},
        {ALG("RS256"), BY_OTHER_RSA},
        {ALG("ES256"), BY_ORDER_64},
        {ALG("EdDSA"), BY_ONE_BYTE},
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        bytes_auto text = BYTES_INIT;
        token_write(refused[i].header, SPAN(USER), refused[i].by, &text);
        assert_int_equal(verify(HELD_PEM, bytes_span(&text)), TOKEN_SIGNATURE);
        assert_int_equal(ERR_peek_error(), 0);
    }
}

static struct token_keys *keys_of(const char *secret, struct span file)
{
    char path[64] = "";
    struct token_keys *keys = NULL;
    struct token_warnings warnings;
    char error[256] = "";
    if (file.len > 0)
        signer_file(file, path);
    struct token_config config = {
        .secret = secret, .public_key_file = file.len > 0 ? path : NULL, .leeway_s = 60};
    int loaded = token_keys_load(&config, &keys, &warnings, error, sizeof(error));
    if (file.len > 0)
        unlink(path);
    if (loaded < 0)
        fail_msg("%s", error);
    return keys;
}

static void jwks_write(struct bytes *out)
{
    bytes_append_text(out, "{\"keys\":[");
    signer_jwk(f.rsa, ",\"kid\":\"a\",\"alg\":\"RS256\",\"use\":\"sig\"", out);
    bytes_append_char(out, ',');
    signer_jwk(f.other_rsa, ",\"kid\":\"b\"", out);
    bytes_append_char(out, ',');
    signer_jwk(f.p256, ",\"kid\":\"e\"", out);
    bytes_append_char(out, ',');
    signer_jwk(f.ed25519, ",\"kid\":\"d\"", out);
    bytes_append_text(out, ",{\"kty\":\"oct\",\"kid\":\"o\",\"k\":\"");
    base64url_encode(SPAN(SECRET), out);
    bytes_append_text(out, "\"}]}");
}

static int set_up(void **state)
{
    bytes_auto pem = BYTES_INIT;
    bytes_auto jwks = BYTES_INIT;
    f.rsa = signer_rsa(2048);
    f.other_rsa = signer_rsa(2048);
    f.p256 = signer_ec("P-256");
    f.other_p256 = signer_ec("P-256");
    f.ed25519 = signer_ed("ED25519");
    f.other_ed25519 = signer_ed("ED25519");
    signer_pem(f.rsa, false, &f.rsa_pem);
    bytes_append_span(&pem, bytes_span(&f.rsa_pem));
    signer_pem(f.p256, false, &pem);
    signer_pem(f.ed25519, false, &pem);
    jwks_write(&jwks);
    f.held[HELD_SECRET] = keys_of(SECRET, SPAN_NONE);
    f.held[HELD_PEM] = keys_of(NULL, bytes_span(&pem));
    f.held[HELD_BOTH] = keys_of(SECRET, bytes_span(&pem));
    f.held[HELD_JWKS] = keys_of(NULL, bytes_span(&jwks));
    f.held[HELD_RSA] = keys_of(NULL, bytes_span(&f.rsa_pem));
    return 0;
}

static int tear_down(void **state)
{
    EVP_PKEY *pkeys[] = {f.rsa, f.other_rsa, f.p256, f.other_p256, f.ed25519, f.other_ed25519};
    for (size_t i = 0; i < sizeof(pkeys) / sizeof(pkeys[0]); i++)
        EVP_PKEY_free(pkeys[i]);
    for (size_t i = 0; i < HELD_COUNT; i++)
        token_keys_destroy(f.held[i]);
    bytes_finish(&f.rsa_pem);
    return 0;
}

#define OTHERS 5

int main(void)
{
    struct CMUnitTest tests[SIGNED_ROWS + OTHERS] = {
        cmocka_unit_test(changed_hs256), cmocka_unit_test(changed_rs256),    cmocka_unit_test(changed_es256),
        cmocka_unit_test(changed_eddsa), cmocka_unit_test(no_error_is_left),
    };
    for (size_t i = 0; i < SIGNED_ROWS; i++)
        tests[i + OTHERS] =
            (struct CMUnitTest){signed_rows[i].name, check_signed, NULL, NULL, (void *)&signed_rows[i]};
    return cmocka_run_group_tests_name("token signatures", tests, set_up, tear_down);
}
