/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void test_copies(void **state)
{
    mem_auto char *whole = mem_strdup("user123"), *part = mem_strndup("user123", 4),
                  *none = mem_strndup(NULL, 0);

    assert_string_equal(whole, "user123");
    assert_string_equal(part, "user");
    assert_string_equal(none, "");
}

static void test_nothing_is_something(void **state)
{
    mem_auto void *a = mem_alloc(0), *b = mem_zalloc(0), *c = mem_realloc(NULL, 0), *d = mem_array(0, 8);

    assert_true(a && b && c && d);
}

/* The exit code of a child that asks for more than there is, and what it says. */
static int exit_code_of(void (*ask)(void), char *said, size_t size)
{
    int fds[2], status;
    ssize_t got;
    pid_t pid;
    assert_int_equal(pipe(fds), 0);
    pid = fork();
    if (!pid) {
        dup2(fds[1], STDERR_FILENO);
        ask();
        _exit(0);
    }
    close(fds[1]);
    got = read(fds[0], said, size - 1);
    said[got > 0 ? got : 0] = '\0';
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void ask_overflow(void)
{
    mem_array(SIZE_MAX / 2, 3);
}

static void ask_overlong_text(void)
{
    mem_strndup("", SIZE_MAX);
}

static void test_ends_with_70(void **state)
{
    void (*const asks[])(void) = {ask_overflow, ask_overlong_text};

    for (size_t i = 0; i < 2; i++) {
        char said[64];

        assert_int_equal(exit_code_of(asks[i], said, sizeof(said)), 70);
        assert_string_equal(said, "out of memory\n");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_nothing_is_something),
        cmocka_unit_test(test_ends_with_70),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
