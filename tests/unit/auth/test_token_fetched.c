/* SPDX-License-Identifier: MIT */
/* Tokens while keys are fetched: before the first time, after it, and beside a secret and a file. */
#include "auth/key_text.h"
#include "auth/token.h"
#include "base/base64.h"
#include "support/signer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#define SECRET "0123456789abcdef0123456789abcdef"
#define NOW    1700000000

struct fixture {
    EVP_PKEY *rsa, *p256, *stranger;
    char file[64]; /* p256 as "file" */
};

static struct fixture f;

static void write_set(EVP_PKEY *pkey, const char *kid, struct bytes *out)
{
    bytes_auto more = BYTES_INIT;
    bytes_printf(&more, ",\"kid\":\"%s\"", kid);
    bytes_append_text(out, "{\"keys\":[");
    signer_jwk(pkey, bytes_text(&more), out);
    bytes_append_text(out, "]}");
}

static struct token_keys *load(const char *secret, const char *file, struct span fetched)
{
    struct token_config config = {
        .secret = secret, .public_key_file = file, .fetches = true, .fetched = fetched, .leeway_s = 60};
    struct token_warnings warnings;
    struct token_keys *keys;
    char error[256];
    if (token_keys_load(&config, &keys, &warnings, error, sizeof(error)) < 0)
        fail_msg("%s", error);
    assert_true(warnings.any_party);
    return keys;
}

static enum token_result verify(const struct token_keys *keys, EVP_PKEY *signer, const char *header)
{
    bytes_auto text = BYTES_INIT;
    bytes_auto signature = BYTES_INIT;
    struct token token;
    signer_text(span_of(header), SPAN("{\"uid\":1}"), &text);
    if (signer == NULL)
        signer_hmac(SPAN(SECRET), EVP_sha256(), bytes_span(&text), &signature);
    else if (EVP_PKEY_is_a(signer, "EC"))
        signer_sign_raw(signer, bytes_span(&text), &signature);
    else
        signer_sign(signer, EVP_sha256(), bytes_span(&text), &signature);
    bytes_append_char(&text, '.');
    base64url_encode(bytes_span(&signature), &text);
    enum token_result result = token_verify(keys, bytes_span(&text), NOW, &token);
    if (result == TOKEN_OK)
        token_finish(&token);
    return result;
}

static void refresh(struct token_keys *keys, EVP_PKEY *pkey, const char *kid)
{
    bytes_auto text = BYTES_INIT;
    struct public_keys fetched = {0};
    const char *problem;
    write_set(pkey, kid, &text);
    assert_int_equal(key_text_read(bytes_span(&text), &fetched, &problem), 0);
    token_keys_refresh(keys, &fetched);
    public_keys_finish(&fetched);
}

static void test_alone(void **state)
{
    struct token_keys *keys = load(NULL, NULL, SPAN_NONE);
    assert_int_equal(verify(keys, f.rsa, "{\"alg\":\"RS256\",\"kid\":\"k\"}"), TOKEN_KEYS_AWAITED);
    assert_int_equal(verify(keys, f.rsa, "{\"alg\":\"RS256\"}"), TOKEN_KEYS_AWAITED);
    assert_int_equal(verify(keys, NULL, "{\"alg\":\"HS256\"}"), TOKEN_ALGORITHM);
    refresh(keys, f.rsa, "k");
    assert_int_equal(verify(keys, f.rsa, "{\"alg\":\"RS256\",\"kid\":\"k\"}"), TOKEN_OK);
    assert_int_equal(verify(keys, f.rsa, "{\"alg\":\"RS256\"}"), TOKEN_OK);
    assert_int_equal(verify(keys, f.stranger, "{\"alg\":\"RS256\",\"kid\":\"k\"}"), TOKEN_SIGNATURE);
    assert_int_equal(verify(keys, f.stranger, "{\"alg\":\"RS256\",\"kid\":\"l\"}"), TOKEN_KEY);
    /* A new key of another kind may be fetched yet. */
    assert_int_equal(verify(keys, f.p256, "{\"alg\":\"ES256\",\"kid\":\"l\"}"), TOKEN_KEY);
    assert_int_equal(verify(keys, f.p256, "{\"alg\":\"ES256\",\"kid\":\"k\"}"), TOKEN_ALGORITHM);
    assert_int_equal(verify(keys, f.p256, "{\"alg\":\"ES256\"}"), TOKEN_ALGORITHM);
    refresh(keys, f.stranger, "l");
    assert_int_equal(verify(keys, f.stranger, "{\"alg\":\"RS256\",\"kid\":\"l\"}"), TOKEN_OK);
    assert_int_equal(verify(keys, f.rsa, "{\"alg\":\"RS256\",\"kid\":\"k\"}"), TOKEN_KEY);
    token_keys_destroy(keys);
}

static void test_beside_others(void **state)
{
    struct token_keys *keys = load(SECRET, f.file, SPAN_NONE);
    assert_int_equal(verify(keys, NULL, "{\"alg\":\"HS256\"}"), TOKEN_OK);
    assert_int_equal(verify(keys, f.p256, "{\"alg\":\"ES256\",\"kid\":\"file\"}"), TOKEN_OK);
    assert_int_equal(verify(keys, f.rsa, "{\"alg\":\"RS256\",\"kid\":\"k\"}"), TOKEN_KEYS_AWAITED);
    assert_int_equal(verify(keys, f.rsa, "{\"alg\":\"RS256\",\"kid\":\"file\"}"), TOKEN_ALGORITHM);
    refresh(keys, f.rsa, "k");
    assert_int_equal(verify(keys, NULL, "{\"alg\":\"HS256\"}"), TOKEN_OK);
    assert_int_equal(verify(keys, f.p256, "{\"alg\":\"ES256\",\"kid\":\"file\"}"), TOKEN_OK);
    assert_int_equal(verify(keys, f.rsa, "{\"alg\":\"RS256\",\"kid\":\"k\"}"), TOKEN_OK);
    token_keys_destroy(keys);
}

/* As after SIGHUP: what was fetched before goes on serving. */
static void test_fetched_before(void **state)
{
    bytes_auto text = BYTES_INIT;
    write_set(f.rsa, "k", &text);
    struct token_keys *keys = load(NULL, NULL, bytes_span(&text));
    assert_int_equal(verify(keys, f.rsa, "{\"alg\":\"RS256\",\"kid\":\"k\"}"), TOKEN_OK);
    token_keys_destroy(keys);
}

static int set_up(void **state)
{
    bytes_auto text = BYTES_INIT;
    f = (struct fixture){.rsa = signer_rsa(2048), .p256 = signer_ec("P-256"), .stranger = signer_rsa(2048)};
    write_set(f.p256, "file", &text);
    signer_file(bytes_span(&text), f.file);
    return 0;
}

static int tear_down(void **state)
{
    unlink(f.file);
    EVP_PKEY_free(f.rsa);
    EVP_PKEY_free(f.p256);
    EVP_PKEY_free(f.stranger);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_beside_others),
        cmocka_unit_test(test_fetched_before),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
