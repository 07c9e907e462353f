/* SPDX-License-Identifier: MIT */
/* Which URLs are taken, and that a resolver that hangs holds up nobody; the rest is tests/e2e/jwks.test.js.
 */
#include "http/https_get.h"

#include "support/loop_until.h"

#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>
#include <string.h>

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool asked, released;
} resolver = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false};

/* In place of the C library's: answers when it is released. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
    pthread_mutex_lock(&resolver.lock);
    resolver.asked = true;
    while (!resolver.released)
        pthread_cond_wait(&resolver.changed, &resolver.lock);
    pthread_mutex_unlock(&resolver.lock);
    return EAI_NONAME;
}

static bool is_asked(void *arg)
{
    pthread_mutex_lock(&resolver.lock);
    bool asked = resolver.asked;
    pthread_mutex_unlock(&resolver.lock);
    return asked;
}

static void release(void)
{
    pthread_mutex_lock(&resolver.lock);
    resolver.released = true;
    pthread_cond_broadcast(&resolver.changed);
    pthread_mutex_unlock(&resolver.lock);
}

static void test_urls(void **state)
{
    static const struct {
        const char *url, *problem; /* NULL: taken */
    } rows[] = {
        {"https://id.example/keys", NULL},
        {"HTTPS://id.example", NULL},
        {"https://id.example:8443/a?b=c", NULL},
        {"https://[2001:db8::1]/", NULL},
        {"http://127.0.0.1:8080/keys", NULL},
        {"http://127.1.2.3/", NULL},
        {"http://[::1]/", NULL},
        {"http://localhost/", NULL},
        {"http://id.example/keys", "on loopback only"},
        {"http://127.0.0.1.example/", "on loopback only"},
        {"http://localhost.example/", "on loopback only"},
        {"http://128.0.0.1/", "on loopback only"},
        {"http://0.0.0.0/", "on loopback only"},
        {"ftp://id.example/", "https://"},
        {"file:///etc/passwd", "https://"},
        {"id.example/keys", "https://"},
        {"/keys", "https://"},
        {"", "https://"},
        {"https://", "https://"},
        {"https://me@id.example/", "password"},
        {"https://me:x@id.example/", "password"},
        {"https://:x@id.example/", "password"},
        {"https://id.example:99999/", "https://"},
        {"https://id example/", "https://"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *problem = NULL;
        int result = https_url_check(rows[i].url, &problem);
        if ((result == 0) != (rows[i].problem == NULL) || (result < 0 && !strstr(problem, rows[i].problem)))
            fail_msg("%s: %s", rows[i].url, problem ? problem : "taken");
    }
}

static void on_never(void *arg, const struct https_answer *answer)
{
    fail_msg("answered");
}

static void test_a_resolver_that_hangs(void **state)
{
    struct loop *loop = loop_create();
    alarm(60); /* else a wait for the resolver would never end */
    struct https_get *get = https_get_start(loop, "https://id.example/keys", NULL, on_never, NULL);
    assert_non_null(get);
    assert_true(loop_until(loop, is_asked, NULL, 10000));
    https_get_cancel(get);
    alarm(0);
    release();
    loop_destroy(loop);
}

struct ended {
    bool ended;
    char error[128];
};

static void on_ended(void *arg, const struct https_answer *answer)
{
    struct ended *e = arg;
    e->ended = true;
    snprintf(e->error, sizeof(e->error), "%s", answer->error ? answer->error : "");
}

static bool has_ended(void *arg)
{
    return ((struct ended *)arg)->ended;
}

static void test_a_name_that_is_unknown(void **state)
{
    struct loop *loop = loop_create();
    struct ended e = {0};
    release();
    assert_non_null(https_get_start(loop, "https://id.example/keys", NULL, on_ended, &e));
    assert_false(e.ended);
    assert_true(loop_until(loop, has_ended, &e, 10000));
    assert_non_null(strstr(e.error, "id.example"));
    loop_destroy(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_a_resolver_that_hangs),
        cmocka_unit_test(test_a_name_that_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
