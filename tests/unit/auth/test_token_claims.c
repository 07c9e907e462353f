/* SPDX-License-Identifier: MIT */
/* What a rightly signed token says: times, user, role, groups. */
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
    bool problem;       /* the groups can't be known */
};

#define REFUSED(what, claims, why)                                                                           \
    {                                                                                                        \
        .name = what, .payload = claims, .result = why                                                       \
    }

#define NOBODY(what, claims)                                                                                 \
    {                                                                                                        \
        .name = what, .payload = claims, .user = "a", .groups = "", .problem = true                          \
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
    NOBODY("groups null", "{\"uid\":\"a\",\"groups\":null}"),
    NOBODY("groups null hides channelIds", "{\"uid\":\"a\",\"groups\":null,\"channelIds\":[1]}"),
    NOBODY("groups object", "{\"uid\":\"a\",\"groups\":{\"g1\":1}}"),
    NOBODY("groups number", "{\"uid\":\"a\",\"groups\":7}"),
    NOBODY("groups true", "{\"uid\":\"a\",\"groups\":true}"),
    NOBODY("groups false", "{\"uid\":\"a\",\"channelIds\":false}"),
    NOBODY("_claim_names",
           "{\"uid\":\"a\",\"_claim_names\":{\"groups\":\"src1\"},\"_claim_sources\":{\"src1\":{}}}"),
    NOBODY("_claim_names of channelIds", "{\"uid\":\"a\",\"_claim_names\":{\"channelIds\":\"src1\"}}"),
    NOBODY("_claim_names of a wrong type", "{\"uid\":\"a\",\"_claim_names\":\"groups\"}"),
    NOBODY("_claim_sources alone", "{\"uid\":\"a\",\"_claim_sources\":{\"src1\":{}}}"),
    NOBODY("hasgroups", "{\"uid\":\"a\",\"hasgroups\":true}"),
    NOBODY("hasgroups as text", "{\"uid\":\"a\",\"hasgroups\":\"true\"}"),
    NOBODY("hasgroups of a dashboard", "{\"uid\":\"a\",\"hasgroups\":1}"),
    NOBODY("groups:src1", "{\"uid\":\"a\",\"groups:src1\":\"https://graph.example\"}"),
    NOBODY("channelIds:src2", "{\"uid\":\"a\",\"channelIds:src2\":\"https://graph.example\"}"),
    {"hasgroups false", "{\"uid\":\"a\",\"hasgroups\":false}", TOKEN_OK, .user = "a"},
    {"hasgroups null", "{\"uid\":\"a\",\"hasgroups\":null}", TOKEN_OK, .user = "a"},
    {"other claims elsewhere",
     "{\"uid\":\"a\",\"_claim_names\":{\"photo\":\"src1\"},\"_claim_sources\":{\"src1\":{}}}", TOKEN_OK,
     .user = "a"},
    {"a claim that begins like groups", "{\"uid\":\"a\",\"groupsrc\":1,\"groups:x\":1}", TOKEN_OK,
     .user = "a"},
    {"a list beside its marker", "{\"uid\":\"a\",\"groups\":[\"g1\"],\"hasgroups\":true}", TOKEN_OK,
     .user = "a", .groups = "g1"},
    {"one group as text", "{\"uid\":\"a\",\"groups\":\"g1\"}", TOKEN_OK, .user = "a", .groups = "g1"},
    {"a text is one group", "{\"uid\":\"a\",\"channelIds\":\"red blue,green\"}", TOKEN_OK, .user = "a",
     .groups = "red blue,green"},
    REFUSED("an empty text", "{\"uid\":\"a\",\"groups\":\"\"}", TOKEN_GROUPS),
    REFUSED("a text with a control", "{\"uid\":\"a\",\"groups\":\"g\\n\"}", TOKEN_GROUPS),
    REFUSED("group real", "{\"uid\":\"a\",\"groups\":[1.5]}", TOKEN_GROUPS),
    REFUSED("group null", "{\"uid\":\"a\",\"groups\":[\"g\",null]}", TOKEN_GROUPS),
    REFUSED("group empty", "{\"uid\":\"a\",\"groups\":[\"\"]}", TOKEN_GROUPS),
    REFUSED("group with a control", "{\"uid\":\"a\",\"groups\":[\"g\\u0007\"]}", TOKEN_GROUPS),
    REFUSED("group of 129 bytes", "{\"uid\":\"a\",\"groups\":[\"" A128 "a\"]}", TOKEN_GROUPS),
    REFUSED("groups before role", "{\"uid\":\"a\",\"groups\":[true],\"role\":\"admin\"}", TOKEN_GROUPS),
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

static enum token_result verify_by(const struct token_config *config, int64_t now_s, struct span payload,
                                   struct token *token)
{
    bytes_auto text = BYTES_INIT;
    bytes_auto signature = BYTES_INIT;
    struct token_keys *keys;
    struct token_warnings warnings;
    char error[256];
    signer_text(SPAN("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"), payload, &text);
    signer_hmac(SPAN(SECRET), EVP_sha256(), bytes_span(&text), &signature);
    bytes_append_char(&text, '.');
    base64url_encode(bytes_span(&signature), &text);
    assert_int_equal(token_keys_load(config, &keys, &warnings, error, sizeof(error)), 0);
    assert_false(warnings.weak_secret);
    enum token_result result = token_verify(keys, bytes_span(&text), now_s, token);
    token_keys_destroy(keys);
    return result;
}

static enum token_result verify_at(int64_t now_s, bool require_exp, struct span payload, struct token *token)
{
    struct token_config config = {.secret = SECRET, .require_exp = require_exp, .leeway_s = 60};
    return verify_by(&config, now_s, payload, token);
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
    assert_int_equal(token->groups_problem != NULL, row->problem);
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
    assert_int_equal(verify_groups(GROUPS_MAX + 1, &token), TOKEN_MANY_GROUPS);
}

struct ruled_row {
    const char *name;
    struct token_config config;
    const char *payload;
    enum token_result result;
    const char *user, *groups; /* after TOKEN_OK */
    enum role role;
};

#define RULED(...)                                                                                           \
    {                                                                                                        \
        .secret = SECRET, .leeway_s = 60, __VA_ARGS__                                                        \
    }
#define SHARED_URL "https://example.com/groups"

static const struct ruled_row ruled_rows[] = {
    {"a dashboard without groups", RULED(.require_groups = true), "{\"uid\":\"a\",\"role\":\"web\"}",
     TOKEN_WITHOUT_GROUPS, NULL, NULL, 0},
    {"a dashboard whose groups are elsewhere", RULED(.require_groups = true),
     "{\"uid\":\"a\",\"role\":\"dashboard\",\"hasgroups\":true}", TOKEN_WITHOUT_GROUPS, NULL, NULL, 0},
    {"a dashboard with groups null", RULED(.require_groups = true),
     "{\"uid\":\"a\",\"role\":\"dashboard\",\"groups\":null}", TOKEN_WITHOUT_GROUPS, NULL, NULL, 0},
    {"a dashboard in no group", RULED(.require_groups = true),
     "{\"uid\":\"a\",\"role\":\"web\",\"groups\":[]}", TOKEN_OK, "a", "", ROLE_WEB},
    {"a phone without groups", RULED(.require_groups = true), "{\"uid\":\"a\"}", TOKEN_OK, "a", NULL,
     ROLE_MOBILE},
    {"names replace the defaults", RULED(.user_claim = "email"), "{\"uid\":\"a\",\"email\":\"b@c\"}",
     TOKEN_OK, "b@c", NULL, ROLE_MOBILE},
    {"and leave none of them", RULED(.user_claim = "email"), "{\"uid\":\"a\"}", TOKEN_USER, NULL, NULL, 0},
    {"the first that is there", RULED(.user_claim = " email , oid"), "{\"email\":null,\"oid\":\"7\"}",
     TOKEN_OK, "7", NULL, ROLE_MOBILE},
    {"a name with dots", RULED(.groups_claim = SHARED_URL), "{\"uid\":\"a\",\"" SHARED_URL "\":[\"g\"]}",
     TOKEN_OK, "a", "g", ROLE_MOBILE},
    {"its marker", RULED(.groups_claim = SHARED_URL),
     "{\"uid\":\"a\",\"_claim_names\":{\"" SHARED_URL "\":\"s\"}}", TOKEN_OK, "a", "", ROLE_MOBILE},
    {"its other marker", RULED(.groups_claim = SHARED_URL), "{\"uid\":\"a\",\"" SHARED_URL ":src1\":\"s\"}",
     TOKEN_OK, "a", "", ROLE_MOBILE},
    {"the marker of groups by any name", RULED(.groups_claim = "teams"),
     "{\"uid\":\"a\",\"_claim_names\":{\"groups\":\"s\"}}", TOKEN_OK, "a", "", ROLE_MOBILE},
    {"a path", RULED(.role_claim = "realm_access.roles", .groups_claim = "org.teams.ids"),
     "{\"uid\":\"a\",\"realm_access\":{\"roles\":[\"x\",\"web\"]},\"org\":{\"teams\":{\"ids\":[1,2]}}}",
     TOKEN_OK, "a", "1|2", ROLE_WEB},
    {"a whole name before a path", RULED(.user_claim = "a.b"), "{\"a\":{\"b\":\"path\"},\"a.b\":\"name\"}",
     TOKEN_OK, "name", NULL, ROLE_MOBILE},
    {"a path through what is no object", RULED(.user_claim = "a.b,c"), "{\"a\":[\"b\"],\"c\":\"x\"}",
     TOKEN_OK, "x", NULL, ROLE_MOBILE},
    {"a path whose object is elsewhere", RULED(.groups_claim = "org.ids"),
     "{\"uid\":\"a\",\"_claim_names\":{\"org\":\"s\"}}", TOKEN_OK, "a", "", ROLE_MOBILE},
    {"empty lists are the defaults",
     RULED(.user_claim = "", .role_claim = "", .groups_claim = "", .audience = "", .issuer = ""),
     "{\"uid\":\"a\",\"role\":\"web\",\"channelIds\":[3]}", TOKEN_OK, "a", "3", ROLE_WEB},
    {"our audience", RULED(.audience = "ours,api://7"), "{\"uid\":\"a\",\"aud\":\"api://7\"}", TOKEN_OK, "a",
     NULL, ROLE_MOBILE},
    {"one of its audiences", RULED(.audience = "ours"), "{\"uid\":\"a\",\"aud\":[1,\"theirs\",\"ours\"]}",
     TOKEN_OK, "a", NULL, ROLE_MOBILE},
    {"another audience", RULED(.audience = "ours"), "{\"uid\":\"a\",\"aud\":\"our\"}", TOKEN_AUDIENCE, NULL,
     NULL, 0},
    {"an audience in capitals", RULED(.audience = "ours"), "{\"uid\":\"a\",\"aud\":\"Ours\"}", TOKEN_AUDIENCE,
     NULL, NULL, 0},
    {"other audiences", RULED(.audience = "ours"), "{\"uid\":\"a\",\"aud\":[\"theirs\",[\"ours\"]]}",
     TOKEN_AUDIENCE, NULL, NULL, 0},
    {"no audience", RULED(.audience = "ours"), "{\"uid\":\"a\"}", TOKEN_AUDIENCE, NULL, NULL, 0},
    {"audience null", RULED(.audience = "ours"), "{\"uid\":\"a\",\"aud\":null}", TOKEN_AUDIENCE, NULL, NULL,
     0},
    {"an object of audiences", RULED(.audience = "ours"), "{\"uid\":\"a\",\"aud\":{\"ours\":true}}",
     TOKEN_AUDIENCE, NULL, NULL, 0},
    {"our issuer", RULED(.issuer = "https://one/, https://two/"), "{\"uid\":\"a\",\"iss\":\"https://two/\"}",
     TOKEN_OK, "a", NULL, ROLE_MOBILE},
    {"another issuer", RULED(.issuer = "https://one/"), "{\"uid\":\"a\",\"iss\":\"https://one\"}",
     TOKEN_ISSUER, NULL, NULL, 0},
    {"no issuer", RULED(.issuer = "https://one/"), "{\"uid\":\"a\"}", TOKEN_ISSUER, NULL, NULL, 0},
    {"a list of issuers", RULED(.issuer = "https://one/"), "{\"uid\":\"a\",\"iss\":[\"https://one/\"]}",
     TOKEN_ISSUER, NULL, NULL, 0},
    {"the audience is asked for before the rest", RULED(.audience = "ours"), "{\"exp\":1}", TOKEN_AUDIENCE,
     NULL, NULL, 0},
};

static void by_rules(void **state)
{
    for (size_t i = 0; i < sizeof(ruled_rows) / sizeof(ruled_rows[0]); i++) {
        const struct ruled_row *row = &ruled_rows[i];
        struct row groups = {.groups = row->groups};
        struct token token;
        enum token_result result = verify_by(&row->config, NOW, span_of(row->payload), &token);
        if (result != row->result)
            fail_msg("%s: %s", row->name, token_result_text(result));
        if (result != TOKEN_OK)
            continue;
        assert_string_equal(token.user, row->user);
        assert_int_equal(token.role, row->role);
        groups.problem = token.groups_problem != NULL;
        check_groups(&groups, &token);
        token_finish(&token);
    }
}

static void statuses(void **state)
{
    for (int i = TOKEN_OK; i <= TOKEN_ROLE; i++)
        assert_int_equal(token_result_status((enum token_result)i),
                         i == TOKEN_ROLE || i == TOKEN_WITHOUT_GROUPS ? 403
                         : i == TOKEN_KEYS_AWAITED                    ? 503
                                                                      : 401);
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

#define OTHERS 6

int main(void)
{
    struct CMUnitTest tests[ROWS + OTHERS] = {
        cmocka_unit_test(many_groups),
        cmocka_unit_test(finish_twice),
        cmocka_unit_test(exp_0_by_a_lost_clock),
        cmocka_unit_test(every_result_has_its_text),
        cmocka_unit_test(by_rules),
        cmocka_unit_test(statuses),
    };
    for (size_t i = 0; i < ROWS; i++)
        tests[i + OTHERS] = (struct CMUnitTest){rows[i].name, check_row, NULL, NULL, (void *)&rows[i]};
    return cmocka_run_group_tests_name("token claims", tests, NULL, NULL);
}
