/* SPDX-License-Identifier: MIT */
#include "support/cases.h"
#include "support/golden.h"
#include "wire/message.h"

#include <stdio.h>

#define MSGPACK ENCODING_MSGPACK
#define JSON    ENCODING_JSON

/* One line for what was read: "g=a,7 u=… b=1 s=e1:5"; what was not said is left out. */
static void describe_list(const char *name, const struct span *ids, size_t count, struct bytes *out)
{
    bytes_append_text(out, name);
    for (size_t i = 0; i < count; i++) {
        if (i)
            bytes_append_char(out, ',');
        bytes_append_span(out, ids[i]);
    }
    bytes_append_char(out, ' ');
}

static void describe(const struct subscribe *s, struct bytes *out)
{
    if (s->has_groups)
        describe_list("g=", s->groups, s->group_count, out);
    if (s->has_users)
        describe_list("u=", s->users, s->user_count, out);
    if (s->has_batch)
        bytes_printf(out, "b=%d ", s->batch);
    if (s->has_since)
        bytes_printf(out, "s=%.*s:%llu ", (int)s->since_epoch.len, s->since_epoch.data,
                     (unsigned long long)s->since_rev);
}

static void check(const char *name, enum encoding encoding, struct span message, const char *expected)
{
    bytes_auto line = BYTES_INIT;
    struct subscribe s;

    expect_int(name, message_read_subscribe(encoding, message, &s),
               expected ? MESSAGE_OK : MESSAGE_MALFORMED);
    if (!expected)
        return;
    describe(&s, &line);
    expect_span(name, bytes_span(&line), span_of(expected));
    message_subscribe_finish(&s);
}

static void test_golden(void **state)
{
    static const struct {
        const char *what, *expected;
    } cases[] = {
        {"subscribe", "g=a,7 u=user123,\xc3\x9cnal b=1 s=e1:1702281234567890 "},
        {"subscribe_nobody", "u= "},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct golden *g;
        size_t at = 0, count = 0;

        while ((g = golden_next(cases[i].what, &at))) {
            check(g->writer, golden_encoding(g), golden_span(g), cases[i].expected);
            count++;
        }
        assert_int_equal(count, GOLDEN_WRITERS);
    }
}

static void test_shapes(void **state)
{
    static const struct {
        const char *name;
        enum encoding encoding;
        struct span message;
        const char *expected; /* NULL: malformed */
    } cases[] = {
        {"empty", MSGPACK, SPAN("\x95\0\x21\0\0\x80"), ""},
        {"nil", MSGPACK, SPAN("\x95\0\x21\0\0\xc0"), NULL},
        {"list", MSGPACK, SPAN("\x95\0\x21\0\0\x90"), NULL},
        {"type 30", MSGPACK, SPAN("\x95\0\x1e\0\0\x80"), NULL},
        {"trailing", MSGPACK, SPAN("\x95\0\x21\0\0\x80\0"), NULL},
        {"users twice", MSGPACK, SPAN("\x95\0\x21\0\0\x82\xa5users\x90\xa5users\x90"), NULL},
        {"users a text", MSGPACK, SPAN("\x95\0\x21\0\0\x81\xa5users\xa1x"), NULL},
        {"users a map", MSGPACK, SPAN("\x95\0\x21\0\0\x81\xa5users\x80"), NULL},
        {"user nil", MSGPACK, SPAN("\x95\0\x21\0\0\x81\xa5users\x91\xc0"), NULL},
        {"user empty", MSGPACK, SPAN("\x95\0\x21\0\0\x81\xa5users\x91\xa0"), NULL},
        {"user with a line feed", MSGPACK, SPAN("\x95\0\x21\0\0\x81\xa5users\x91\xa1\n"), NULL},
        {"user no UTF-8", MSGPACK, SPAN("\x95\0\x21\0\0\x81\xa5users\x91\xa1\xff"), NULL},
        {"user a list", MSGPACK, SPAN("\x95\0\x21\0\0\x81\xa5users\x91\x90"), NULL},
        {"numbers", MSGPACK, SPAN("\x95\0\x21\0\0\x81\xa5users\x93\x7f\xe0\xd3\x80\0\0\0\0\0\0\0"),
         "u=127,-32,-9223372036854775808 "},
        {"numbers as doubles", MSGPACK,
         SPAN("\x95\0\xca\x42\4\0\0\0\0\x82\xa5users\x92\xca\x42\x28\0\0\xcb\xc0\0\0\0\0\0\0\0\xa6groups\x91"
              "\xca\x40\xe0\0\0"),
         "g=7 u=42,-2 "},
        {"user 7.5", MSGPACK, SPAN("\x95\0\x21\0\0\x81\xa5users\x91\xca\x40\xf0\0\0"), NULL},
        {"since as a double", MSGPACK,
         SPAN("\x95\0\x21\0\0\x81\xa5since\x82\xa3rev\xcb\x40\x14\0\0\0\0\0\0\xa5"
              "epoch\xa1"
              "e"),
         "s=e:5 "},
        {"since 5.5", MSGPACK,
         SPAN("\x95\0\x21\0\0\x81\xa5since\x82\xa3rev\xcb\x40\x16\0\0\0\0\0\0\xa5"
              "epoch\xa1"
              "e"),
         NULL},
        {"JSON doubles", JSON,
         SPAN("[0,33.0,0,0,{\"users\":[4.2e1],\"groups\":[7.0],\"since\":{\"epoch\":\"e\",\"rev\":5.0}}]"),
         "g=7 u=42 s=e:5 "},
        {"JSON user 7.5", JSON, SPAN("[0,33,0,0,{\"users\":[7.5]}]"), NULL},
        {"JSON user beyond 64 bits", JSON, SPAN("[0,33,0,0,{\"users\":[99999999999999999999]}]"), NULL},
        {"JSON since beyond 64 bits", JSON, SPAN("[0,33,0,0,{\"since\":{\"epoch\":\"e\",\"rev\":1e19}}]"),
         NULL},
        {"batch false", MSGPACK,
         SPAN("\x95\0\x21\0\0\x81\xa5"
              "batch\xc2"),
         "b=0 "},
        {"batch a number", MSGPACK,
         SPAN("\x95\0\x21\0\0\x81\xa5"
              "batch\1"),
         NULL},
        {"batch nil", MSGPACK,
         SPAN("\x95\0\x21\0\0\x81\xa5"
              "batch\xc0"),
         ""},
        {"since", MSGPACK,
         SPAN("\x95\0\x21\0\0\x81\xa5since\x83\xa3rev\5\xa5"
              "epoch\xa1"
              "e\xa1x\x91\1"),
         "s=e:5 "},
        {"since as text", MSGPACK,
         SPAN("\x95\0\x21\0\0\x81\xa5since\x82\xa3rev\xa1"
              "5\xa5"
              "epoch\xa1"
              "e"),
         "s=e:5 "},
        {"since above", MSGPACK,
         SPAN("\x95\0\x21\0\0\x81\xa5since\x82\xa3rev\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xa5"
              "epoch\xa1"
              "e"),
         NULL},
        {"since negative", MSGPACK,
         SPAN("\x95\0\x21\0\0\x81\xa5since\x82\xa3rev\xff\xa5"
              "epoch\xa1"
              "e"),
         NULL},
        {"since no number", MSGPACK,
         SPAN("\x95\0\x21\0\0\x81\xa5since\x82\xa3rev\xa1x\xa5"
              "epoch\xa1"
              "e"),
         NULL},
        {"since without epoch", MSGPACK, SPAN("\x95\0\x21\0\0\x81\xa5since\x81\xa3rev\5"), NULL},
        {"since without rev", MSGPACK,
         SPAN("\x95\0\x21\0\0\x81\xa5since\x81\xa5"
              "epoch\xa1"
              "e"),
         NULL},
        {"since rev twice", MSGPACK,
         SPAN("\x95\0\x21\0\0\x81\xa5since\x83\xa3rev\5\xa3rev\5\xa5"
              "epoch\xa1"
              "e"),
         NULL},
        {"since epoch empty", MSGPACK,
         SPAN("\x95\0\x21\0\0\x81\xa5since\x82\xa3rev\5\xa5"
              "epoch\xa0"),
         NULL},
        {"since nil", MSGPACK, SPAN("\x95\0\x21\0\0\x81\xa5since\xc0"), ""},
        {"unknown keys", MSGPACK, SPAN("\x95\0\x21\0\0\x82\xa1x\x92\1\x80\xa5users\x91\xa1u"), "u=u "},
        {"array of four billion", MSGPACK, SPAN("\x95\0\x21\0\0\x81\xa5users\xdd\xff\xff\xff\xff"), NULL},
        {"JSON empty", JSON, SPAN("[0,33,0,0,{}]"), ""},
        {"JSON null", JSON, SPAN("[0,33,0,0,null]"), NULL},
        {"JSON all", JSON,
         SPAN("[0,33,\"a\",\"b\",\"id\",{\"users\":[\"u\",-7],\"groups\":[\"\\u00e4\"],\"batch\":false,"
              "\"since\":{\"epoch\":\"e\",\"rev\":\"9223372036854775807\"}}]"),
         "g=\xc3\xa4 u=u,-7 b=0 s=e:9223372036854775807 "},
        {"JSON nulls", JSON,
         SPAN("[0,33,0,0,{\"users\":null,\"groups\":null,\"batch\":null,\"since\":null}]"), ""},
        {"JSON user a float", JSON, SPAN("[0,33,0,0,{\"users\":[1.5]}]"), NULL},
        {"JSON user empty", JSON, SPAN("[0,33,0,0,{\"users\":[\"\"]}]"), NULL},
        {"JSON users a text", JSON, SPAN("[0,33,0,0,{\"users\":\"u\"}]"), NULL},
        {"JSON batch a number", JSON, SPAN("[0,33,0,0,{\"batch\":1}]"), NULL},
        {"JSON since negative", JSON, SPAN("[0,33,0,0,{\"since\":{\"epoch\":\"e\",\"rev\":-1}}]"), NULL},
        {"JSON since without epoch", JSON, SPAN("[0,33,0,0,{\"since\":{\"rev\":1}}]"), NULL},
        {"JSON since without rev", JSON, SPAN("[0,33,0,0,{\"since\":{\"epoch\":\"e\"}}]"), NULL},
        {"JSON users twice", JSON, SPAN("[0,33,0,0,{\"users\":[],\"users\":[]}]"), NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check(cases[i].name, cases[i].encoding, cases[i].message, cases[i].expected);
}

/* A message of either encoding with `count` ids of one digit under `key`, which has five or six letters. */
static void write_ids(enum encoding encoding, const char *key, size_t count, struct bytes *out)
{
    if (encoding == JSON) {
        bytes_printf(out, "[0,33,0,0,{\"%s\":[", key);
        for (size_t i = 0; i < count; i++)
            bytes_append_text(out, i ? ",\"1\"" : "\"1\"");
        bytes_append_text(out, "]}]");
        return;
    }
    bytes_append(out, "\x95\0\x21\0\0\x81", 6);
    bytes_append_char(out, (char)(0xa0 | strlen(key)));
    bytes_append_text(out, key);
    bytes_append_char(out, (char)0xdc);
    bytes_append_char(out, (char)(count >> 8));
    bytes_append_char(out, (char)count);
    for (size_t i = 0; i < count; i++)
        bytes_append_text(out, "\xa1"
                               "1");
}

static void test_bounds(void **state)
{
    static const struct {
        const char *name, *key;
        size_t count;
        int result;
    } cases[] = {
        {"most users", "users", SUBSCRIBE_USERS_MAX, MESSAGE_OK},
        {"too many users", "users", SUBSCRIBE_USERS_MAX + 1, MESSAGE_MALFORMED},
        {"most groups", "groups", GROUPS_MAX, MESSAGE_OK},
        {"too many groups", "groups", GROUPS_MAX + 1, MESSAGE_MALFORMED},
        {"too many unknown", "others", 20000, MESSAGE_MALFORMED},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (int encoding = 0; encoding < ENCODINGS; encoding++) {
            bytes_auto message = BYTES_INIT;
            struct subscribe s;

            write_ids(encoding, cases[i].key, cases[i].count, &message);
            expect_int(cases[i].name, message_read_subscribe(encoding, bytes_span(&message), &s),
                       cases[i].result);
            if (cases[i].result == MESSAGE_OK) {
                expect_int(cases[i].name, s.user_count + s.group_count, cases[i].count);
                message_subscribe_finish(&s);
            }
        }
    }
}

/* The most that decimal text can grow: every id is a negative number of one byte. */
static void test_growth(void **state)
{
    bytes_auto message = BYTES_INIT;
    struct subscribe s;

    bytes_append(&message, "\x95\0\x21\0\0\x81\xa5users\xdc\x10\x00", 15);
    memset(bytes_reserve(&message, SUBSCRIBE_USERS_MAX), 0xe0, SUBSCRIBE_USERS_MAX);
    message.len += SUBSCRIBE_USERS_MAX;
    assert_int_equal(message_read_subscribe(MSGPACK, bytes_span(&message), &s), MESSAGE_OK);
    for (size_t i = 0; i < s.user_count; i++)
        expect_span("-32", s.users[i], SPAN("-32"));
    assert_int_equal(s.user_count, SUBSCRIBE_USERS_MAX);
    message_subscribe_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_growth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
