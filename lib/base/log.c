/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define VALUE_MAX 512
#define LINE_SIZE PIPE_BUF /* a pipe takes a line as a whole or not at all */
#define LINE_TAIL 8        /* kept for the dots, the quote and the newline */

static const char *const level_names[] = {"error", "warn", "info", "debug"};

static const char *log_program = "";
static enum log_level log_threshold = LOG_LEVEL_INFO;
static uint64_t dropped;
static pthread_mutex_t write_lock = PTHREAD_MUTEX_INITIALIZER;

static struct {
    int fd;
    bool own;    /* opened here: never blocks, and is closed with the next log_set_fd */
    bool socket; /* asked per line not to block */
    bool torn;   /* the last line was taken in part: the next begins with its newline */
} sink = {.fd = STDERR_FILENO};

struct line {
    char data[LINE_SIZE];
    size_t len;
};

void log_init(const char *program, enum log_level level)
{
    log_program = program;
    log_set_level(level);
    log_set_fd(STDERR_FILENO);
}

/* O_NONBLOCK on the descriptor itself would hold for all who share its terminal or pipe. */
static int open_again(int fd)
{
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

void log_set_fd(int fd)
{
    struct stat st = {0};
    int again = -1;
    if (fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)))
        again = open_again(fd);
    if (sink.own)
        close(sink.fd);
    sink.own = again >= 0;
    sink.fd = sink.own ? again : fd;
    sink.socket = S_ISSOCK(st.st_mode);
    sink.torn = false;
}

void log_set_level(enum log_level level)
{
    __atomic_store_n(&log_threshold, level, __ATOMIC_RELAXED);
}

enum log_level log_level(void)
{
    return __atomic_load_n(&log_threshold, __ATOMIC_RELAXED);
}

bool log_enabled(enum log_level level)
{
    return level <= log_level();
}

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

int log_level_parse(struct span text, enum log_level *ret)
{
    for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (!span_equal(text, span_of(level_names[i])))
            continue;
        *ret = (enum log_level)i;
        return 0;
    }
    return -1;
}

uint64_t log_dropped(void)
{
    return __atomic_load_n(&dropped, __ATOMIC_RELAXED);
}

/* All of the text, or nothing: false when the line is full. */
static bool put(struct line *line, const char *text, size_t len)
{
    if (line->len + len > sizeof(line->data) - LINE_TAIL)
        return false;
    memcpy(line->data + line->len, text, len);
    line->len += len;
    return true;
}

static void put_tail(struct line *line, const char *text)
{
    size_t len = strlen(text);
    memcpy(line->data + line->len, text, len);
    line->len += len;
}

/* Direction marks and line separators: a terminal shows with them what is not there (UAX 9; U+2028, U+2029).
 */
static bool is_deceptive(uint32_t c)
{
    return utf8_is_control(c) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static bool needs_quotes(struct span value)
{
    if (!value.len)
        return true;
    while (value.len) {
        uint32_t c;
        size_t len = utf8_next(value, &c);

        if (!len || is_deceptive(c) || c == ' ' || c == '"' || c == '=' || c == '\\')
            return true;
        value.data += len;
        value.len -= len;
    }
    return false;
}

static bool put_escape(struct line *line, uint32_t c)
{
    char text[8];
    int len;
    if (c == '"' || c == '\\')
        len = snprintf(text, sizeof(text), "\\%c", (int)c);
    else if (c == '\n' || c == '\r' || c == '\t')
        len = snprintf(text, sizeof(text), "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    else
        len = snprintf(text, sizeof(text), "\\u%04x", (unsigned)c);
    return put(line, text, (size_t)len);
}

/* One character, or one byte that is none: how much was taken, 0 when the line is full. */
static size_t put_char(struct line *line, struct span text)
{
    uint32_t c;
    size_t len = utf8_next(text, &c);
    char hex[5];
    if (!len) {
        snprintf(hex, sizeof(hex), "\\x%02x", (unsigned char)text.data[0]);
        return put(line, hex, 4) ? 1 : 0;
    }
    if (is_deceptive(c) || c == '"' || c == '\\')
        return put_escape(line, c) ? len : 0;
    return put(line, text.data, len) ? len : 0;
}

/* At most VALUE_MAX bytes, no character cut in two. */
static struct span cut(struct span value)
{
    size_t len = VALUE_MAX;
    if (value.len <= VALUE_MAX)
        return value;
    while (len > VALUE_MAX - 3 && ((unsigned char)value.data[len] & 0xc0) == 0x80)
        len--;
    return (struct span){value.data, len};
}

static void put_value(struct line *line, struct span value)
{
    struct span rest = cut(value);
    bool whole = rest.len == value.len;
    if (whole && !needs_quotes(value) && put(line, value.data, value.len))
        return;
    put_tail(line, "\"");
    while (rest.len) {
        size_t len = put_char(line, rest);

        if (!len)
            break;
        rest.data += len;
        rest.len -= len;
    }
    put_tail(line, whole && !rest.len ? "\"" : "...\"");
}

/* A field whose key does not fit is left out, and so is what comes behind it. */
static bool put_field(struct line *line, const struct log_field *field)
{
    size_t start = line->len;
    char number[24];
    if (!put(line, " ", 1) || !put(line, field->key, strlen(field->key)) || !put(line, "=", 1)) {
        line->len = start;
        return false;
    }
    if (field->kind == LOG_NUMBER) {
        snprintf(number, sizeof(number), "%lld", (long long)field->number);
        put_value(line, span_of(number));
    } else {
        put_value(line, field->kind == LOG_TEXT ? span_of(field->text) : field->span);
    }
    return line->len < sizeof(line->data) - LINE_TAIL;
}

static void put_head(struct line *line, enum log_level level, const char *event)
{
    int64_t now_ms = clock_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm utc;
    char head[256];
    int len;
    gmtime_r(&seconds, &utc);
    len = snprintf(head, sizeof(head), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ %s %s %s", utc.tm_year + 1900,
                   utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, (int)(now_ms % 1000),
                   level_names[level], log_program, event);
    put(line, head, len < (int)sizeof(head) ? (size_t)len : sizeof(head) - 1);
}

/* How many bytes were taken at once, or -1. */
static ssize_t take(const char *data, size_t len)
{
    struct pollfd ready = {.fd = sink.fd, .events = POLLOUT};
    if (sink.socket)
        return send(sink.fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (!sink.own && (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT)))
        return -1;
    return write(sink.fd, data, len);
}

static bool send_line(const struct line *line)
{
    ssize_t taken = -1;
    pthread_mutex_lock(&write_lock);
    if (sink.torn)
        sink.torn = take("\n", 1) != 1;
    if (!sink.torn) {
        taken = take(line->data, line->len);
        sink.torn = taken > 0 && taken < (ssize_t)line->len;
    }
    pthread_mutex_unlock(&write_lock);
    return taken == (ssize_t)line->len;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t count)
{
    struct line line;
    line.len = 0;
    put_head(&line, level, event);
    for (size_t i = 0; i < count && put_field(&line, &fields[i]); i++)
        ;
    put_tail(&line, "\n");
    if (!send_line(&line))
        __atomic_fetch_add(&dropped, 1, __ATOMIC_RELAXED);
}
