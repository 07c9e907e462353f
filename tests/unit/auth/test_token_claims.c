/* What a rightly signed token says: times, user, role, groups. */
#include "auth/token.h"
#include "signer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SECRET "0123456789abcdef0123456789abcdef"
#define NOW    1700000000
#define A16    "aaaaaaaaaaaaaaaa"
#define A128   A16 A16 A16 A16 A16 A16 A16 A16

struct row {
    const char *name;
    const char *payload;
    enum token_result result;
    bool require_exp;
    const char *user; /* all below: as they must be after TOKEN_OK */
    enum role role;
    int64_t expires_s, issued_s;
    const char *id;     /* NULL: "" */
    const char *groups; /* joined with '|'; NULL: no claim */
};

#define REFUSED(what, claims, why)                                                                           \
    {                                                                                                        \
        .name = what, .payload = claims, .result = why                                                       \
    }

static const struct row rows[] = {
    /* User. */
    {"uid", "{\"uid\":\"a\"}", TOKEN_OK, .user = "a"},
    {"user_id", "{\"user_id\":\"a\"}", TOKEN_OK, .user = "a"},
    {"userId", "{\"userId\":\"a\"}", TOKEN_OK, .user = "a"},
    {"sub", "{\"sub\":\"a\"}", TOKEN_OK, .user = "a"},
    {"id", "{\"id\":\"a\"}", TOKEN_OK, .user = "a"},
    {"uid before all", "{\"id\":\"5\",\"sub\":\"4\",\"userId\":\"3\",\"user_id\":\"2\",\"uid\":\"1\"}",
     TOKEN_OK, .user = "1"},
    {"user_id before userId", "{\"id\":\"5\",\"sub\":\"4\",\"userId\":\"3\",\"user_id\":\"2\"}", TOKEN_OK,
     .user = "2"},
    {"userId before sub", "{\"id\":\"5\",\"sub\":\"4\",\"userId\":\"3\"}", TOKEN_OK, .user = "3"},
    {"sub before id", "{\"id\":\"5\",\"sub\":\"4\"}", TOKEN_OK, .user = "4"},
    {"integer", "{\"uid\":7}", TOKEN_OK, .user = "7"},
    {"the same as text", "{\"uid\":\"7\"}", TOKEN_OK, .user = "7"},
    {"largest integer", "{\"uid\":9223372036854775807}", TOKEN_OK, .user = "9223372036854775807"},
    {"smallest integer", "{\"uid\":-9223372036854775808}", TOKEN_OK, .user = "-9223372036854775808"},
    {"zero", "{\"uid\":0,\"sub\":\"x\"}", TOKEN_OK, .user = "0"},
    {"with colons", "{\"uid\":\"a:b:c\"}", TOKEN_OK, .user = "a:b:c"},
    {"UTF-8", "{\"uid\":\"\xc3\xa9\xf0\x9f\x98\x80\"}", TOKEN_OK, .user = "\xc3\xa9\xf0\x9f\x98\x80"},
    {"escaped", "{\"uid\":\"\\u00e9\"}", TOKEN_OK, .user = "\xc3\xa9"},
    {"128 bytes", "{\"uid\":\"" A128 "\"}", TOKEN_OK, .user = A128},
    REFUSED("129 bytes", "{\"uid\":\"" A128 "a\"}", TOKEN_USER),
    REFUSED("none", "{\"name\":\"a\"}", TOKEN_USER),
    REFUSED("no claims", "{}", TOKEN_USER),
    REFUSED("empty", "{\"uid\":\"\",\"sub\":\"x\"}", TOKEN_USER),
    {"null is left out", "{\"uid\":null,\"sub\":\"x\"}", TOKEN_OK, .user = "x"},
    REFUSED("null alone", "{\"uid\":null}", TOKEN_USER),
    REFUSED("a wrong first one decides", "{\"uid\":true,\"sub\":\"x\"}", TOKEN_USER),
    REFUSED("real", "{\"uid\":7.0}", TOKEN_USER),
    REFUSED("list", "{\"uid\":[\"a\"]}", TOKEN_USER),
    REFUSED("object", "{\"uid\":{\"id\":\"a\"}}", TOKEN_USER),
    REFUSED("control character", "{\"uid\":\"a\\u0001\"}", TOKEN_USER),
    REFUSED("line break", "{\"uid\":\"a\\nb\"}", TOKEN_USER),
    REFUSED("delete", "{\"uid\":\"a\\u007f\"}", TOKEN_USER),
    REFUSED("C1 control", "{\"uid\":\"a\\u0085\"}", TOKEN_USER),
    REFUSED("escaped NUL", "{\"uid\":\"a\\u0000b\"}", TOKEN_MALFORMED),
    REFUSED("case matters", "{\"UID\":\"a\"}", TOKEN_USER),
    /* Times. */
    {"exp ahead", "{\"uid\":\"a\",\"exp\":1700000001}", TOKEN_OK, .user = "a", .expires_s = 1700000001},
    {"exp inside the leeway", "{\"uid\":\"a\",\"exp\":1699999941}", TOKEN_OK, .user = "a",
     .expires_s = 1699999941},
    REFUSED("exp at the end of the leeway", "{\"uid\":\"a\",\"exp\":1699999940}", TOKEN_EXPIRED),
    REFUSED("exp long past", "{\"uid\":\"a\",\"exp\":1}", TOKEN_EXPIRED),
    REFUSED("exp 0 is no never", "{\"uid\":\"a\",\"exp\":0}", TOKEN_EXPIRED),
    REFUSED("exp negative", "{\"uid\":\"a\",\"exp\":-1}", TOKEN_EXPIRED),
    REFUSED("exp lowest", "{\"uid\":\"a\",\"exp\":-9223372036854775808}", TOKEN_EXPIRED),
    {"exp real", "{\"uid\":\"a\",\"exp\":1700000100.75}", TOKEN_OK, .user = "a", .expires_s = 1700000100},
    REFUSED("exp real past", "{\"uid\":\"a\",\"exp\":1699999940.9}", TOKEN_EXPIRED),
    REFUSED("exp real tiny", "{\"uid\":\"a\",\"exp\":0.5}", TOKEN_EXPIRED),
    {"exp with an exponent", "{\"uid\":\"a\",\"exp\":17e8}", TOKEN_OK, .user = "a", .expires_s = 1700000000},
    {"exp in milliseconds", "{\"uid\":\"a\",\"exp\":1700000000000}", TOKEN_OK, .user = "a",
     .expires_s = 253402300799},
    {"exp huge", "{\"uid\":\"a\",\"exp\":9223372036854775807}", TOKEN_OK, .user = "a",
     .expires_s = 253402300799},
    {"exp huge real", "{\"uid\":\"a\",\"exp\":1e300}", TOKEN_OK, .user = "a", .expires_s = 253402300799},
    REFUSED("exp hugely negative", "{\"uid\":\"a\",\"exp\":-1e300}", TOKEN_EXPIRED),
    REFUSED("exp beyond double", "{\"uid\":\"a\",\"exp\":1e400}", TOKEN_MALFORMED),
    REFUSED("exp beyond int64", "{\"uid\":\"a\",\"exp\":9223372036854775808}", TOKEN_MALFORMED),
    REFUSED("exp text", "{\"uid\":\"a\",\"exp\":\"1800000000\"}", TOKEN_MALFORMED),
    REFUSED("exp null", "{\"uid\":\"a\",\"exp\":null}", TOKEN_MALFORMED),
    REFUSED("exp false", "{\"uid\":\"a\",\"exp\":false}", TOKEN_MALFORMED),
    REFUSED("exp list", "{\"uid\":\"a\",\"exp\":[1800000000]}", TOKEN_MALFORMED),
    {"exp wanted and there", "{\"uid\":\"a\",\"exp\":1700000001}", TOKEN_OK, true, .user = "a",
     .expires_s = 1700000001},
    {"exp wanted and missing", "{\"uid\":\"a\"}", TOKEN_WITHOUT_EXP, .require_exp = true},
    {"exp wanted and passed", "{\"uid\":\"a\",\"exp\":1}", TOKEN_EXPIRED, .require_exp = true},
    {"nbf past", "{\"uid\":\"a\",\"nbf\":1}", TOKEN_OK, .user = "a"},
    {"nbf at the end of the leeway", "{\"uid\":\"a\",\"nbf\":1700000060}", TOKEN_OK, .user = "a"},
    REFUSED("nbf ahead", "{\"uid\":\"a\",\"nbf\":1700000061}", TOKEN_NOT_YET),
    REFUSED("nbf real ahead", "{\"uid\":\"a\",\"nbf\":1700000060.1}", TOKEN_NOT_YET),
    REFUSED("nbf huge", "{\"uid\":\"a\",\"nbf\":9223372036854775807}", TOKEN_NOT_YET),
    REFUSED("nbf text", "{\"uid\":\"a\",\"nbf\":\"1\"}", TOKEN_MALFORMED),
    {"iat", "{\"uid\":\"a\",\"iat\":1699999000}", TOKEN_OK, .user = "a", .issued_s = 1699999000},
    {"iat real", "{\"uid\":\"a\",\"iat\":1699999000.9}", TOKEN_OK, .user = "a", .issued_s = 1699999000},
    {"iat real before 1970", "{\"uid\":\"a\",\"iat\":-1.5}", TOKEN_OK, .user = "a", .issued_s = -2},
    REFUSED("iat text", "{\"uid\":\"a\",\"iat\":\"now\"}", TOKEN_MALFORMED),
    REFUSED("expired before no user", "{\"exp\":1}", TOKEN_EXPIRED),
    /* Role. */
    {"role mobile", "{\"uid\":\"a\",\"role\":\"mobile\"}", TOKEN_OK, .user = "a", .role = ROLE_MOBILE},
    {"role web", "{\"uid\":\"a\",\"role\":\"web\"}", TOKEN_OK, .user = "a", .role = ROLE_WEB},
    {"role dashboard", "{\"uid\":\"a\",\"role\":\"dashboard\"}", TOKEN_OK, .user = "a",
     .role = ROLE_DASHBOARD},
    {"role null", "{\"uid\":\"a\",\"role\":null}", TOKEN_OK, .user = "a", .role = ROLE_MOBILE},
    {"roles: first known", "{\"uid\":\"a\",\"role\":[\"admin\",3,\"web\",\"dashboard\"]}", TOKEN_OK,
     .user = "a", .role = ROLE_WEB},
    REFUSED("role unknown", "{\"uid\":\"a\",\"role\":\"admin\"}", TOKEN_ROLE),
    REFUSED("role empty", "{\"uid\":\"a\",\"role\":\"\"}", TOKEN_ROLE),
    REFUSED("role in capitals", "{\"uid\":\"a\",\"role\":\"Web\"}", TOKEN_ROLE),
    REFUSED("role with a space", "{\"uid\":\"a\",\"role\":\"web \"}", TOKEN_ROLE),
    REFUSED("roles empty", "{\"uid\":\"a\",\"role\":[]}", TOKEN_ROLE),
    REFUSED("roles unknown", "{\"uid\":\"a\",\"role\":[\"admin\",\"root\"]}", TOKEN_ROLE),
    REFUSED("roles nested", "{\"uid\":\"a\",\"role\":[[\"web\"]]}", TOKEN_ROLE),
    REFUSED("role number", "{\"uid\":\"a\",\"role\":1}", TOKEN_ROLE),
    REFUSED("role object", "{\"uid\":\"a\",\"role\":{\"web\":true}}", TOKEN_ROLE),
    REFUSED("no user before role", "{\"role\":\"admin\"}", TOKEN_USER),
    /* Groups. */
    {"groups", "{\"uid\":\"a\",\"groups\":[\"g1\",\"g:2\"]}", TOKEN_OK, .user = "a", .groups = "g1|g:2"},
    {"channelIds", "{\"uid\":\"a\",\"channelIds\":[5,\"6\",-7]}", TOKEN_OK, .user = "a", .groups = "5|6|-7"},
    {"groups before channelIds", "{\"uid\":\"a\",\"channelIds\":[5],\"groups\":[6]}", TOKEN_OK, .user = "a",
     .groups = "6"},
    {"groups once each", "{\"uid\":\"a\",\"groups\":[7,\"8\",\"7\",8]}", TOKEN_OK, .user = "a",
     .groups = "7|8"},
    {"groups empty", "{\"uid\":\"a\",\"groups\":[]}", TOKEN_OK, .user = "a", .groups = ""},
    REFUSED("groups null", "{\"uid\":\"a\",\"groups\":null}", TOKEN_GROUPS),
    REFUSED("groups null hides channelIds", "{\"uid\":\"a\",\"groups\":null,\"channelIds\":[1]}",
            TOKEN_GROUPS),
    REFUSED("groups text", "{\"uid\":\"a\",\"groups\":\"g1\"}", TOKEN_GROUPS),
    REFUSED("groups object", "{\"uid\":\"a\",\"groups\":{\"g1\":1}}", TOKEN_GROUPS),
    REFUSED("group real", "{\"uid\":\"a\",\"groups\":[1.5]}", TOKEN_GROUPS),
    REFUSED("group null", "{\"uid\":\"a\",\"groups\":[\"g\",null]}", TOKEN_GROUPS),
    REFUSED("group empty", "{\"uid\":\"a\",\"groups\":[\"\"]}", TOKEN_GROUPS),
    REFUSED("group with a control", "{\"uid\":\"a\",\"groups\":[\"g\\u0007\"]}", TOKEN_GROUPS),
    REFUSED("group of 129 bytes", "{\"uid\":\"a\",\"groups\":[\"" A128 "a\"]}", TOKEN_GROUPS),
    REFUSED("groups before role", "{\"uid\":\"a\",\"groups\":7,\"role\":\"admin\"}", TOKEN_GROUPS),
    REFUSED("groups and a bad role", "{\"uid\":\"a\",\"groups\":[7],\"role\":\"admin\"}", TOKEN_ROLE),
    /* jti. */
    {"jti", "{\"uid\":\"a\",\"jti\":\"x-1\"}", TOKEN_OK, .user = "a", .id = "x-1"},
    {"jti integer", "{\"uid\":\"a\",\"jti\":12}", TOKEN_OK, .user = "a", .id = "12"},
    {"jti of 128 bytes", "{\"uid\":\"a\",\"jti\":\"" A128 "\"}", TOKEN_OK, .user = "a", .id = A128},
    {"jti too long", "{\"uid\":\"a\",\"jti\":\"" A128 "a\"}", TOKEN_OK, .user = "a"},
    {"jti with a control", "{\"uid\":\"a\",\"jti\":\"\\n\"}", TOKEN_OK, .user = "a"},
    {"jti list", "{\"uid\":\"a\",\"jti\":[1]}", TOKEN_OK, .user = "a"},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static struct token_keys *load(bool require_exp)
{
    struct token_config config = {SECRET, NULL, require_exp, 60};
    struct token_keys *keys;
    bool weak;
    char error[256];
    assert_int_equal(token_keys_load(&config, &keys, &weak, error, sizeof(error)), 0);
    assert_false(weak);
    return keys;
}

static enum token_result verify_at(int64_t now_s, bool require_exp, struct span payload, struct token *token)
{
    bytes_auto text = BYTES_INIT;
    bytes_auto signature = BYTES_INIT;
    signer_text(SPAN("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"), payload, &text);
    signer_hmac(SPAN(SECRET), EVP_sha256(), bytes_span(&text), &signature);
    bytes_append_char(&text, '.');
    base64url_encode(bytes_span(&signature), &text);
    struct token_keys *keys = load(require_exp);
    enum token_result result = token_verify(keys, bytes_span(&text), now_s, token);
    token_keys_destroy(keys);
    return result;
}

static enum token_result verify(bool require_exp, struct span payload, struct token *token)
{
    return verify_at(NOW, require_exp, payload, token);
}

static void check_groups(const struct row *row, const struct token *token)
{
    bytes_auto joined = BYTES_INIT;
    for (size_t i = 0; i < token->group_count; i++) {
        if (i > 0)
            bytes_append_char(&joined, '|');
        bytes_append_span(&joined, token->groups[i]);
    }
    assert_int_equal(token->has_groups, row->groups != NULL);
    assert_string_equal(bytes_text(&joined), row->groups == NULL ? "" : row->groups);
}

static void check_row(void **state)
{
    const struct row *row = *state;
    struct token token, untouched;
    memset(&token, 0x5a, sizeof(token));
    memset(&untouched, 0x5a, sizeof(untouched));
    enum token_result result = verify(row->require_exp, span_of(row->payload), &token);
    assert_string_equal(token_result_text(result), token_result_text(row->result));
    if (result != TOKEN_OK) {
        assert_memory_equal(&token, &untouched, sizeof(token));
        return;
    }
    assert_string_equal(token.user, row->user);
    assert_int_equal(token.user_len, strlen(row->user));
    assert_int_equal(token.role, row->role);
    assert_int_equal(token.expires_s, row->expires_s);
    assert_int_equal(token.issued_s, row->issued_s);
    assert_string_equal(token.id, row->id == NULL ? "" : row->id);
    check_groups(row, &token);
    token_finish(&token);
}

/* `count` groups 100, 101, … */
static enum token_result verify_groups(unsigned count, struct token *token)
{
    bytes_auto payload = BYTES_INIT;
    bytes_append_text(&payload, "{\"uid\":\"a\",\"groups\":[100");
    for (unsigned i = 1; i < count; i++)
        bytes_printf(&payload, ",%u", 100 + i);
    bytes_append_text(&payload, "]}");
    return verify(false, bytes_span(&payload), token);
}

static void many_groups(void **state)
{
    struct token token;
    assert_int_equal(verify_groups(GROUPS_MAX, &token), TOKEN_OK);
    assert_int_equal(token.group_count, GROUPS_MAX);
    assert_true(span_equal(token.groups[GROUPS_MAX - 1], SPAN("355")));
    token_finish(&token);
    assert_int_equal(verify_groups(GROUPS_MAX + 1, &token), TOKEN_GROUPS);
}

/* A clock that was never set, with the leeway, makes 1970 the present. */
static void exp_0_by_a_lost_clock(void **state)
{
    struct token token;
    assert_int_equal(verify_at(30, false, SPAN("{\"uid\":\"a\",\"exp\":0}"), &token), TOKEN_EXPIRED);
}

static void finish_twice(void **state)
{
    struct token token;
    assert_int_equal(verify_groups(3, &token), TOKEN_OK);
    token_finish(&token);
    token_finish(&token);
    assert_null(token.groups);
}

static void every_result_has_its_text(void **state)
{
    for (int i = TOKEN_OK; i <= TOKEN_ROLE; i++) {
        assert_string_not_equal(token_result_text((enum token_result)i), "Token refused");
        for (int k = TOKEN_OK; k < i; k++)
            assert_string_not_equal(token_result_text((enum token_result)i),
                                    token_result_text((enum token_result)k));
    }
    assert_non_null(strstr(token_result_text(TOKEN_WITHOUT_EXP), "JWT_REQUIRE_EXP"));
}

#define OTHERS 4

int main(void)
{
    struct CMUnitTest tests[ROWS + OTHERS] = {
        cmocka_unit_test(many_groups),
        cmocka_unit_test(finish_twice),
        cmocka_unit_test(exp_0_by_a_lost_clock),
        cmocka_unit_test(every_result_has_its_text),
    };
    for (size_t i = 0; i < ROWS; i++)
        tests[i + OTHERS] = (struct CMUnitTest){rows[i].name, check_row, NULL, NULL, (void *)&rows[i]};
    return cmocka_run_group_tests_name("token claims", tests, NULL, NULL);
}
