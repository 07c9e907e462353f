/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "redis/redis_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const *environment; /* name, value, name, value … NULL */

static const char *get_environment(const char *name)
{
    for (const char *const *e = environment; *e; e += 2)
        if (!strcmp(e[0], name))
            return e[1];
    return NULL;
}

static const struct setting_table *table(void)
{
    static struct setting_table t;
    t = (struct setting_table){.rows = redis_settings, .count = REDIS_SETTINGS_COUNT, .title = "Redis"};
    return &t;
}

static void load(struct redis_config *config, const char *const *env)
{
    struct settings_error error = {0};
    char *argv[] = {"test", NULL};
    int argc = 1;
    environment = env;
    memset(config, 0, sizeof(*config));
    if (settings_load(table(), 1, &argc, argv, config, &error, get_environment) != SETTINGS_OK)
        fail_msg("%s", error.text);
}

static void assert_text(const char *got, const char *expected)
{
    if (expected)
        assert_string_equal(got, expected);
    else
        assert_true(!got || !*got);
}

static void test_accepted(void **state)
{
    static const struct {
        const char *name;
        const char *env[9];
        const char *described, *username, *password;
    } cases[] = {
        {"defaults", {NULL}, "localhost:6379/0", NULL, NULL},
        {"guide",
         {"REDIS_HOST", "redis", "REDIS_PORT", "6380", "REDIS_PASSWORD", ""},
         "redis:6380/0",
         NULL,
         NULL},
        {"parts",
         {"REDIS_USERNAME", "u", "REDIS_PASSWORD", "p", "REDIS_DB", "3"},
         "localhost:6379/3",
         "u",
         "p"},
        {"IPv6", {"REDIS_HOST", "::1"}, "[::1]:6379/0", NULL, NULL},
        {"url host", {"REDIS_URL", "redis://h"}, "h:6379/0", NULL, NULL},
        {"url all", {"REDIS_URL", "redis://u:p@h:1/2"}, "h:1/2", "u", "p"},
        {"url case", {"REDIS_URL", "REDIS://h"}, "h:6379/0", NULL, NULL},
        {"url wins", {"REDIS_URL", "redis://h:1", "REDIS_HOST", "x", "REDIS_PORT", "2"}, "h:1/0", NULL, NULL},
        {"parts stay",
         {"REDIS_URL", "redis://h", "REDIS_DB", "4", "REDIS_PASSWORD", "q"},
         "h:6379/4",
         NULL,
         "q"},
        {"user from url", {"REDIS_URL", "redis://u@h", "REDIS_PASSWORD", "q"}, "h:6379/0", "u", "q"},
        {"url password alone", {"REDIS_URL", "redis://:p@h/"}, "h:6379/0", NULL, "p"},
        {"url no host", {"REDIS_URL", "redis://:p@/5"}, "localhost:6379/5", NULL, "p"},
        {"url empty port", {"REDIS_URL", "redis://h:/5"}, "h:6379/5", NULL, NULL},
        {"url query", {"REDIS_URL", "redis://h?db=6"}, "h:6379/6", NULL, NULL},
        {"url IPv6", {"REDIS_URL", "redis://[::1]:7/2"}, "[::1]:7/2", NULL, NULL},
        {"url IPv6 bare", {"REDIS_URL", "redis://[fe80::1%25lo]"}, "[fe80::1%lo]:6379/0", NULL, NULL},
        {"escapes", {"REDIS_URL", "redis://a%3Ab:p%40%2f%25%23@h"}, "h:6379/0", "a:b", "p@/%#"},
        {"colons and ats", {"REDIS_URL", "redis://u:p:q@r@h"}, "h:6379/0", "u", "p:q@r"},
        {"unix", {"REDIS_URL", "unix:///run/redis.sock"}, "unix:/run/redis.sock/0", NULL, NULL},
        {"unix all", {"REDIS_URL", "unix://u:p@/run/a%20b?db=9"}, "unix:/run/a b/9", "u", "p"},
        {"sentinel",
         {"REDIS_SENTINELS", "a:1", "REDIS_HOST", "x", "REDIS_DB", "2"},
         "master mymaster of 1 sentinel/2",
         NULL,
         NULL},
        {"sentinels",
         {"REDIS_SENTINELS", "a:1,b", "REDIS_MASTER", "main"},
         "master main of 2 sentinels/0",
         NULL,
         NULL},
        {"a service link", {"REDIS_PORT", "tcp://10.96.0.12:6379"}, "10.96.0.12:6379/0", NULL, NULL},
        {"a service link of IPv6", {"REDIS_PORT", "tcp://[fd00::c]:6380"}, "[fd00::c]:6380/0", NULL, NULL},
        {"a service link in capitals", {"REDIS_PORT", "TCP://redis.local:1"}, "redis.local:1/0", NULL, NULL},
        {"a host given wins over the link's",
         {"REDIS_PORT", "tcp://10.96.0.12:6380", "REDIS_HOST", "redis"},
         "redis:6380/0",
         NULL,
         NULL},
        {"localhost given wins, too",
         {"REDIS_PORT", "tcp://10.96.0.12:6380", "REDIS_HOST", "localhost"},
         "localhost:6380/0",
         NULL,
         NULL},
        {"a URL's host has the usual port",
         {"REDIS_PORT", "tcp://10.96.0.12:6380", "REDIS_URL", "redis://h"},
         "h:6379/0",
         NULL,
         NULL},
        {"a URL without a host",
         {"REDIS_PORT", "tcp://10.96.0.12:6380", "REDIS_URL", "redis://:p@/5"},
         "10.96.0.12:6380/5",
         NULL,
         "p"},
        {"not used beside a URL", {"REDIS_PORT", "udp://x", "REDIS_URL", "redis://h:1"}, "h:1/0", NULL, NULL},
        {"not used beside a socket",
         {"REDIS_PORT", "rubbish", "REDIS_HOST", "/x", "REDIS_URL", "unix:///s"},
         "unix:/s/0",
         NULL,
         NULL},
        {"not used beside sentinels",
         {"REDIS_PORT", "tcp://", "REDIS_HOST", "a b", "REDIS_SENTINELS", "a:1"},
         "master mymaster of 1 sentinel/0",
         NULL,
         NULL},
        {"unix at in path", {"REDIS_URL", "unix:///run/a@b:c"}, "unix:/run/a@b:c/0", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct redis_config config;
        struct settings_error error = {0};
        char described[300];
        print_message("%s\n", cases[i].name);
        load(&config, cases[i].env);
        assert_int_equal(redis_config_resolve(&config, &error), 0);
        redis_config_describe(&config, described);
        assert_string_equal(described, cases[i].described);
        assert_text(config.username, cases[i].username);
        assert_text(config.password, cases[i].password);
        assert_string_equal(error.text, "");
        settings_finish(table(), 1, &config);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *name;
        const char *env[5];
        const char *sentence;
    } cases[] = {
        {"scheme", {"REDIS_URL", "http://sesame@h"}, "begins with redis://"},
        {"no scheme", {"REDIS_URL", "sesame"}, "begins with redis://"},
        {"TLS on a socket", {"REDIS_URL", "unix:///sesame", "REDIS_TLS", "true"}, "REDIS_TLS"},
        {"a certificate without its key", {"REDIS_TLS_CERT_FILE", "/x"}, "REDIS_TLS_KEY_FILE"},
        {"no such CAs",
         {"REDIS_URL", "rediss://:sesame@h", "REDIS_TLS_CA_FILE", "/none"},
         "REDIS_TLS_CA_FILE=/none"},
        {"port", {"REDIS_URL", "redis://:sesame@h:65536"}, "1 to 65535"},
        {"port zero", {"REDIS_URL", "redis://:sesame@h:0"}, "1 to 65535"},
        {"slash in the password", {"REDIS_URL", "redis://u:ses/ame@h"}, "%2F"},
        {"hash in the password", {"REDIS_URL", "redis://u:ses#ame@h"}, "%23"},
        {"question in the password", {"REDIS_URL", "redis://u:ses?ame@h"}, "%3F"},
        {"db", {"REDIS_URL", "redis://:sesame@h/one"}, "number"},
        {"db too high", {"REDIS_URL", "redis://h/2147483648"}, "number"},
        {"parameter", {"REDIS_URL", "redis://h?password=sesame"}, "db"},
        {"escape", {"REDIS_URL", "redis://:sesame%4@h"}, "hex"},
        {"escape no hex", {"REDIS_URL", "redis://:sesame%g0@h"}, "hex"},
        {"escaped NUL", {"REDIS_URL", "redis://:ses%00ame@h"}, "hex"},
        {"bracket", {"REDIS_URL", "redis://[::1"}, "brackets"},
        {"behind the bracket", {"REDIS_URL", "redis://[::1]7"}, "brackets"},
        {"user alone", {"REDIS_URL", "redis://u@h"}, "REDIS_USERNAME"},
        {"username alone", {"REDIS_USERNAME", "u"}, "REDIS_PASSWORD_FILE"},
        {"relative socket", {"REDIS_URL", "unix://run/redis.sock"}, "absolute"},
        {"no socket", {"REDIS_URL", "unix://"}, "absolute"},
        {"socket as host", {"REDIS_HOST", "/run/redis.sock"}, "unix://"},
        {"url as host", {"REDIS_HOST", "redis://h"}, "REDIS_HOST"},
        {"sentinels and a URL", {"REDIS_SENTINELS", "a:1", "REDIS_URL", "redis://:sesame@h"}, "both set"},
        {"sentinels and a socket", {"REDIS_SENTINELS", "a:1", "REDIS_URL", "unix:///sesame"}, "both set"},
        {"port no number", {"REDIS_PORT", "six"}, "REDIS_PORT=six: must be a whole number, 1 to 65535"},
        {"port as text zero", {"REDIS_PORT", "0"}, "REDIS_PORT=0: must be a whole number, 1 to 65535"},
        {"port with a blank", {"REDIS_PORT", "6379 "}, "1 to 65535"},
        {"port with an escape", {"REDIS_PORT", "\x1b[31m"}, "REDIS_PORT=\\x1b[31m: must be"},
        {"link of another protocol", {"REDIS_PORT", "udp://10.96.0.12:6379"}, "tcp://host:port"},
        {"link without a port", {"REDIS_PORT", "tcp://10.96.0.12"}, "tcp://host:port"},
        {"link without a host", {"REDIS_PORT", "tcp://:6379"}, "tcp://host:port"},
        {"link with a wrong port", {"REDIS_PORT", "tcp://h:65536"}, "tcp://host:port"},
        {"link of IPv6 without brackets", {"REDIS_PORT", "tcp://fd00::c:6379"}, "tcp://host:port"},
        {"space in the host", {"REDIS_URL", "redis://a%20b"}, "REDIS_HOST"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct redis_config config;
        struct settings_error error = {0};
        print_message("%s\n", cases[i].name);
        load(&config, cases[i].env);
        assert_int_equal(redis_config_resolve(&config, &error), -1);
        assert_non_null(strstr(error.text, cases[i].sentence));
        assert_null(strstr(error.text, "sesame"));
        settings_finish(table(), 1, &config);
    }
}

static void test_too_long(void **state)
{
    enum { LEN = 5000 };
    static const char *const prefixes[] = {"redis://", "unix:///", "redis://:"};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        for (size_t len = 300; len <= LEN; len += LEN - 300) {
            struct settings_error error = {0};
            struct redis_config config = {.port_text = mem_strdup("6379"), .url = mem_zalloc(LEN + 1)};
            bool fits = i == 2 && len == 300;
            memset(config.url, 'x', len);
            memcpy(config.url, prefixes[i], strlen(prefixes[i]));
            if (i == 2)
                memcpy(config.url + len - 2, "@h", 2);
            assert_int_equal(redis_config_resolve(&config, &error), fits ? 0 : -1);
            settings_finish(table(), 1, &config);
        }
    }
}

static void test_resolved_twice(void **state)
{
    struct redis_config config;
    struct settings_error error = {0};
    char described[300];
    load(&config, (const char *const[]){"REDIS_URL", "unix:///run/redis.sock?db=2", NULL});
    assert_int_equal(redis_config_resolve(&config, &error), 0);
    assert_int_equal(redis_config_resolve(&config, &error), 0);
    redis_config_describe(&config, described);
    assert_string_equal(described, "unix:/run/redis.sock/2");
    settings_finish(table(), 1, &config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_resolved_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
