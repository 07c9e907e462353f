/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "base/mem.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define BYTES_OF(literal)                                                                                    \
    {                                                                                                        \
        literal, sizeof(literal) - 1                                                                         \
    }
#define HEAD_LEN (sizeof("2026-01-31T12:00:00.123Z ") - 1)

static int pipe_fds[2];
static char said[8192];

static int set_up(void **state)
{
    if (pipe2(pipe_fds, O_NONBLOCK))
        return -1;
    log_init("presence-ws", LOG_LEVEL_INFO);
    log_set_fd(pipe_fds[1]);
    return 0;
}

static int tear_down(void **state)
{
    log_set_fd(STDERR_FILENO);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    return 0;
}

/* What was written since the last time, behind the time of the first line. */
static const char *take_said(void)
{
    ssize_t got = read(pipe_fds[0], said, sizeof(said) - 1);
    said[got > 0 ? got : 0] = '\0';
    return got > (ssize_t)HEAD_LEN ? said + HEAD_LEN : said;
}

static void test_line(void **state)
{
    log_info("client_connected", LOG_T("user", "user123"), LOG_N("port", -3), LOG_S("role", SPAN("mobile")));
    assert_string_equal(take_said(), "info presence-ws client_connected user=user123 port=-3 role=mobile\n");
    log_warn("WEB CLIENT registered");
    assert_string_equal(take_said(), "warn presence-ws WEB CLIENT registered\n");
}

static void test_time(void **state)
{
    int year, month, day, hour, minute, second, ms, len = 0;
    log_error("x");
    take_said();
    assert_int_equal(sscanf(said, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %n", &year, &month, &day, &hour, &minute,
                            &second, &ms, &len),
                     7);
    assert_int_equal(len, HEAD_LEN);
    assert_true(year >= 2024 && month >= 1 && month <= 12 && day >= 1 && day <= 31);
}

static void test_values(void **state)
{
    static const struct {
        struct span input;
        const char *expected;
    } rows[] = {
        {BYTES_OF("user:123"), "user:123"},
        {BYTES_OF("\xc3\xa4"), "\xc3\xa4"},
        {BYTES_OF("[::1]:3000"), "[::1]:3000"},
        {BYTES_OF(""), "\"\""},
        {{NULL, 0}, "\"\""},
        {BYTES_OF("Jo Doe"), "\"Jo Doe\""},
        {BYTES_OF("a=b"), "\"a=b\""},
        {BYTES_OF("say \"hi\""), "\"say \\\"hi\\\"\""},
        {BYTES_OF("c:\\"), "\"c:\\\\\""},
        {BYTES_OF("a\nerror forged"), "\"a\\nerror forged\""},
        {BYTES_OF("\r\t"), "\"\\r\\t\""},
        {BYTES_OF("\x1b[31m"), "\"\\u001b[31m\""},
        {BYTES_OF("a\0b"), "\"a\\u0000b\""},
        {BYTES_OF("\x7f"), "\"\\u007f\""},
        {BYTES_OF("\xc2\x9b"), "\"\\u009b\""},
        {BYTES_OF("\xe2\x80\xa8"), "\"\\u2028\""},
        {BYTES_OF("\xe2\x80\xae"), "\"\\u202e\""},
        {BYTES_OF("a\xff"), "\"a\\xff\""},
        {BYTES_OF("\xe2\x82"), "\"\\xe2\\x82\""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bytes_auto line = BYTES_INIT;

        log_info("e", LOG_S("v", rows[i].input), LOG_N("n", 1));
        bytes_printf(&line, "info presence-ws e v=%s n=1\n", rows[i].expected);
        assert_string_equal(take_said(), bytes_text(&line));
    }
    log_info("e", LOG_T("v", NULL));
    assert_string_equal(take_said(), "info presence-ws e v=\"\"\n");
}

static void test_long_value_is_cut(void **state)
{
    bytes_auto value = BYTES_INIT, line = BYTES_INIT;

    for (int i = 0; i < 512; i++)
        bytes_append_char(&value, 'x');
    log_info("e", LOG_S("v", bytes_span(&value)));
    bytes_printf(&line, "info presence-ws e v=%s\n", bytes_text(&value));
    assert_string_equal(take_said(), bytes_text(&line));

    value.len = 511;
    bytes_append_text(&value, "\xc3\xa4y");
    log_info("e", LOG_S("v", bytes_span(&value)));
    bytes_reset(&line);
    bytes_printf(&line, "info presence-ws e v=\"%.511s...\"\n", value.data);
    assert_string_equal(take_said(), bytes_text(&line));
}

/* However much is said, a line stays one line of at most 4096 bytes, and its quotes are closed. */
static void test_full_line(void **state)
{
    struct log_field fields[40];
    mem_auto char *value = mem_zalloc(600);

    for (int len = 0; len < 520; len++) {
        const char *line;
        size_t quotes = 0, size;

        value[len] = len % 3 ? '\n' : '"';
        for (size_t i = 0; i < 40; i++)
            fields[i] = LOG_T("field", value);
        log_write(LOG_LEVEL_INFO, "e", fields, 40);
        line = take_said();
        size = strlen(said);
        assert_in_range(size, HEAD_LEN + 20, 4096);
        assert_ptr_equal(strchr(line, '\n'), said + size - 1);
        for (; *line; line++)
            quotes += *line == '"' && line[-1] != '\\';
        assert_int_equal(quotes % 2, 0);
    }
}

static void test_levels(void **state)
{
    static const struct {
        const char *input;
        int code;
        enum log_level expected;
    } rows[] = {{"error", 0, LOG_LEVEL_ERROR},
                {"warn", 0, LOG_LEVEL_WARN},
                {"info", 0, LOG_LEVEL_INFO},
                {"debug", 0, LOG_LEVEL_DEBUG},
                {"INFO", -1, 0},
                {"", -1, 0},
                {"warning", -1, 0}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum log_level level = LOG_LEVEL_ERROR;

        assert_int_equal(log_level_parse(span_of(rows[i].input), &level), rows[i].code);
        assert_int_equal(level, rows[i].expected);
    }
    log_debug("quiet");
    assert_string_equal(take_said(), "");
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug("loud");
    assert_string_equal(take_said(), "debug presence-ws loud\n");
    log_set_level(LOG_LEVEL_ERROR);
    assert_false(log_enabled(LOG_LEVEL_WARN));
    log_warn("quiet");
    assert_string_equal(take_said(), "");
}

static int open_pipe(int *ret_read, int *ret_write)
{
    int fds[2];
    if (pipe(fds))
        return -1;
    *ret_read = fds[0];
    *ret_write = fds[1];
    return 0;
}

static int open_socket(int *ret_read, int *ret_write)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
        return -1;
    *ret_read = fds[0];
    *ret_write = fds[1];
    return 0;
}

static int open_terminal(int *ret_read, int *ret_write)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY);
    if (fd < 0 || grantpt(fd) || unlockpt(fd))
        return -1;
    *ret_read = fd;
    *ret_write = open(ptsname(fd), O_RDWR | O_NOCTTY);
    return *ret_write < 0 ? -1 : 0;
}

/* Lines that are whole, among what is there; *ret_torn: those that are not. */
static unsigned count_lines(int fd, const char *line, unsigned *ret_torn)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    bytes_auto all = BYTES_INIT;
    unsigned whole = 0, torn = 0;
    ssize_t got;

    while (poll(&ready, 1, 200) == 1 && (got = read(fd, said, sizeof(said))) > 0)
        bytes_append(&all, said, (size_t)got);
    for (struct span rest = bytes_span(&all); rest.len;) {
        struct span at = span_split(&rest, '\n');
        if (at.len && at.data[at.len - 1] == '\r') /* of a terminal */
            at.len--;
        if (at.len > HEAD_LEN &&
            span_equal((struct span){at.data + HEAD_LEN, at.len - HEAD_LEN}, span_of(line)))
            whole++;
        else if (at.len)
            torn++;
    }
    *ret_torn = torn;
    return whole;
}

/* Blocking descriptors that nobody reads: each call comes back, lines are taken whole or counted as dropped,
 * and when somebody reads again they are whole again. */
static void test_never_blocks(void **state)
{
    static const struct {
        const char *name;
        int (*open)(int *ret_read, int *ret_write);
        unsigned torn;
    } rows[] = {{"pipe", open_pipe, 0}, {"socket", open_socket, 0}, {"terminal", open_terminal, 2}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t before = log_dropped();
        int reader, writer;
        unsigned whole, torn;

        assert_int_equal(rows[i].open(&reader, &writer), 0);
        log_set_fd(writer);
        alarm(60);
        for (int n = 0; n < 3000; n++)
            log_info("event_with_a_long_name", LOG_T("key", "value value value value"));
        alarm(0);
        assert_true(log_dropped() - before > 100);
        whole = count_lines(reader, "info presence-ws event_with_a_long_name key=\"value value value value\"",
                            &torn);
        /* A terminal may take all of a line but its newline, which then comes late. */
        if (whole + log_dropped() - before < 3000 || whole > 2900 || torn > rows[i].torn)
            fail_msg("%s: %u whole, %u torn", rows[i].name, whole, torn);
        log_info("again");
        assert_int_equal(count_lines(reader, "info presence-ws again", &torn), 1);
        assert_int_equal(torn, 0);
        log_set_fd(STDERR_FILENO);
        close(reader);
        close(writer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_value_is_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_levels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_never_blocks, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
