/* SPDX-License-Identifier: MIT */
/* Tokens minted here: read back, known elsewhere, and what can't be minted. */
#include "auth/token.h"
#include "base/base64.h"
#include "support/signer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SECRET "0123456789abcdef0123456789abcdef"
#define NOW    1700000000
#define A16    "aaaaaaaaaaaaaaaa"
#define A128   A16 A16 A16 A16 A16 A16 A16 A16

static struct token_keys *load(const char *secret)
{
    struct token_config config = {.secret = secret, .leeway_s = 60};
    struct token_keys *keys;
    struct token_warnings warnings;
    char error[256];
    assert_int_equal(token_keys_load(&config, &keys, &warnings, error, sizeof(error)), 0);
    return keys;
}

static enum token_result verify(const char *secret, struct span text, struct token *token)
{
    struct token_keys *keys = load(secret);
    enum token_result result = token_verify(keys, text, NOW, token);
    token_keys_destroy(keys);
    return result;
}

static void all_claims(void **state)
{
    const char *groups[] = {"g\"1", "\xc3\xa9"};
    struct token_claims claims = {
        .user = "a:\"b\\\xf0\x9f\x98\x80",
        .role = "dashboard",
        .groups = groups,
        .group_count = 2,
        .has_groups = true,
        .issued_s = NOW - 5,
        .expires_s = NOW + 5,
        .id = "id-1",
    };
    bytes_auto text = BYTES_INIT;
    struct token token;
    assert_int_equal(token_mint(SECRET, &claims, &text), 0);
    assert_int_equal(verify(SECRET, bytes_span(&text), &token), TOKEN_OK);
    assert_string_equal(token.user, claims.user);
    assert_int_equal(token.role, ROLE_DASHBOARD);
    assert_int_equal(token.issued_s, NOW - 5);
    assert_int_equal(token.expires_s, NOW + 5);
    assert_string_equal(token.id, "id-1");
    assert_true(token.has_groups);
    assert_int_equal(token.group_count, 2);
    assert_true(span_equal(token.groups[0], span_of(groups[0])));
    assert_true(span_equal(token.groups[1], span_of(groups[1])));
    token_finish(&token);
    assert_int_equal(verify(SECRET "x", bytes_span(&text), &token), TOKEN_SIGNATURE);
}

static void only_a_user(void **state)
{
    struct token_claims claims = {.user = "7"};
    bytes_auto text = BYTES_INIT;
    struct token token;
    bytes_append_text(&text, "token=");
    assert_int_equal(token_mint(SECRET, &claims, &text), 0);
    assert_int_equal(strncmp(text.data, "token=", 6), 0);
    assert_int_equal(verify(SECRET, (struct span){text.data + 6, text.len - 6}, &token), TOKEN_OK);
    assert_string_equal(token.user, "7");
    assert_int_equal(token.role, ROLE_MOBILE);
    assert_false(token.has_groups);
    assert_int_equal(token.expires_s, 0);
    token_finish(&token);
}

static void empty_groups_are_groups(void **state)
{
    struct token_claims claims = {.user = "7", .has_groups = true};
    bytes_auto text = BYTES_INIT;
    struct token token;
    assert_int_equal(token_mint(SECRET, &claims, &text), 0);
    assert_int_equal(verify(SECRET, bytes_span(&text), &token), TOKEN_OK);
    assert_true(token.has_groups);
    assert_int_equal(token.group_count, 0);
    token_finish(&token);
}

static void an_unknown_role_for_tests(void **state)
{
    struct token_claims claims = {.user = "7", .role = "admin"};
    bytes_auto text = BYTES_INIT;
    struct token token;
    assert_int_equal(token_mint(SECRET, &claims, &text), 0);
    assert_int_equal(verify(SECRET, bytes_span(&text), &token), TOKEN_ROLE);
}

static const char *payload_of(const struct bytes *token, struct bytes *out)
{
    struct span rest = bytes_span(token);
    span_split(&rest, '.');
    assert_int_equal(base64url_decode(span_split(&rest, '.'), out), 0);
    return bytes_text(out);
}

static void claims_by_other_names(void **state)
{
    static const char *const groups[] = {"g"};
    struct token_claims claims = {.user = "a",
                                  .role = "web",
                                  .groups = groups,
                                  .group_count = 1,
                                  .has_groups = true,
                                  .audience = SPAN("ours"),
                                  .issuer = SPAN("https://id.example/\""),
                                  .user_name = SPAN("email"),
                                  .role_name = SPAN("realm_access.roles"),
                                  .groups_name = SPAN("https://example.com/groups")};
    bytes_auto text = BYTES_INIT;
    bytes_auto payload = BYTES_INIT;
    assert_int_equal(token_mint(SECRET, &claims, &text), 0);
    assert_non_null(strstr(payload_of(&text, &payload), "\"email\":\"a\""));
    assert_non_null(strstr(bytes_text(&payload), "\"realm_access.roles\":\"web\""));
    assert_non_null(strstr(bytes_text(&payload), "\"https://example.com/groups\":[\"g\"]"));
    assert_non_null(strstr(bytes_text(&payload), "\"aud\":\"ours\""));
    assert_non_null(strstr(bytes_text(&payload), "\"iss\":\"https://id.example/\\\"\""));
    assert_null(strstr(bytes_text(&payload), "\"uid\""));
}

/* The token that jwt.io shows. */
static void a_token_of_others(void **state)
{
    static const char text[] = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
                               "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2Mj"
                               "M5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c";
    struct token token;
    assert_int_equal(verify("your-256-bit-secret", SPAN(text), &token), TOKEN_OK);
    assert_string_equal(token.user, "1234567890");
    assert_int_equal(token.issued_s, 1516239022);
    token_finish(&token);
}

struct row {
    const char *name, *secret;
    struct token_claims claims;
};

static const char *const bad_group[] = {"g\n"};
static const char *const no_group[] = {NULL};

static const struct row rows[] = {
    {"no secret", NULL, {.user = "a"}},
    {"empty secret", "", {.user = "a"}},
    {"no user", SECRET, {.user = NULL}},
    {"empty user", SECRET, {.user = ""}},
    {"long user", SECRET, {.user = A128 "a"}},
    {"user with a control", SECRET, {.user = "a\n"}},
    {"user in Latin-1", SECRET, {.user = "\xe9"}},
    {"role in Latin-1", SECRET, {.user = "a", .role = "\xe9"}},
    {"long id", SECRET, {.user = "a", .id = A128 "a"}},
    {"id with a control", SECRET, {.user = "a", .id = "\x01"}},
    {"claim's name in Latin-1", SECRET, {.user = "a", .user_name = {"\xe9", 1}}},
    {"issuer with a control", SECRET, {.user = "a", .issuer = {"\n", 1}}},
    {"bad group", SECRET, {.user = "a", .groups = bad_group, .group_count = 1, .has_groups = true}},
    {"no group", SECRET, {.user = "a", .groups = no_group, .group_count = 1, .has_groups = true}},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void check_refused(void **state)
{
    const struct row *row = *state;
    bytes_auto text = BYTES_INIT;
    assert_int_equal(token_mint(row->secret, &row->claims, &text), -1);
    assert_int_equal(text.len, 0);
}

/* 256 groups of 128 bytes are each valid, and no token holds them. */
static void too_long(void **state)
{
    const char *groups[GROUPS_MAX];
    for (size_t i = 0; i < GROUPS_MAX; i++)
        groups[i] = A128;
    struct token_claims claims = {
        .user = "a", .groups = groups, .group_count = GROUPS_MAX, .has_groups = true};
    bytes_auto text = BYTES_INIT;
    assert_int_equal(token_mint(SECRET, &claims, &text), -1);
    assert_int_equal(text.len, 0);
}

static void too_many_groups(void **state)
{
    const char *groups[GROUPS_MAX + 1];
    for (size_t i = 0; i <= GROUPS_MAX; i++)
        groups[i] = "g";
    struct token_claims claims = {
        .user = "a", .groups = groups, .group_count = GROUPS_MAX, .has_groups = true};
    bytes_auto text = BYTES_INIT;
    assert_int_equal(token_mint(SECRET, &claims, &text), 0);
    claims.group_count++;
    bytes_reset(&text);
    assert_int_equal(token_mint(SECRET, &claims, &text), -1);
    assert_int_equal(text.len, 0);
}

#define OTHERS 8

int main(void)
{
    struct CMUnitTest tests[OTHERS + ROWS] = {
        cmocka_unit_test(all_claims),
        cmocka_unit_test(only_a_user),
        cmocka_unit_test(empty_groups_are_groups),
        cmocka_unit_test(an_unknown_role_for_tests),
        cmocka_unit_test(claims_by_other_names),
        cmocka_unit_test(a_token_of_others),
        cmocka_unit_test(too_long),
        cmocka_unit_test(too_many_groups),
    };
    for (size_t i = 0; i < ROWS; i++)
        tests[OTHERS + i] = (struct CMUnitTest){rows[i].name, check_refused, NULL, NULL, (void *)&rows[i]};
    return cmocka_run_group_tests_name("token minting", tests, NULL, NULL);
}
