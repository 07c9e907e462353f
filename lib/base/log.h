/* SPDX-License-Identifier: MIT */
/* The log: one line an event to stderr, logfmt (the manual pages):
 *     2026-01-31T12:00:00.123Z info presence-ws client_connected user=user123 role=mobile
 *
 * The event's name is stable. Values with spaces, quotes, '=', backslashes or control characters are quoted
 * and escaped, and cut at 512 bytes ("..." behind), bytes that are no UTF-8 stand as \xNN, a line has at most
 * 4096 bytes; so that no input can forge a line. Never blocks: a line that stderr does not take is dropped
 * and counted. Who calls never passes a token or a secret. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/bytes.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* To stderr. `program` must outlive the log. */
void log_init(const char *program, enum log_level level);
/* Another descriptor, which stays the caller's; not while somebody logs. */
void log_set_fd(int fd);
void log_set_level(enum log_level level);
enum log_level log_level(void);
bool log_enabled(enum log_level level);
const char *log_level_name(enum log_level level);
/* "error", "warn", "info", "debug": 0, else -1. */
int log_level_parse(struct span text, enum log_level *ret);
/* Lines dropped since the start because stderr was full. */
uint64_t log_dropped(void);

/* One field; made by the LOG_… helpers below. */
struct log_field {
    const char *key;
    enum { LOG_TEXT, LOG_NUMBER, LOG_SPAN } kind;
    const char *text;
    int64_t number;
    struct span span;
};

#define LOG_T(k, v) ((struct log_field){.key = (k), .kind = LOG_TEXT, .text = (v)})
#define LOG_N(k, v) ((struct log_field){.key = (k), .kind = LOG_NUMBER, .number = (int64_t)(v)})
#define LOG_S(k, v) ((struct log_field){.key = (k), .kind = LOG_SPAN, .span = (v)})

void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t count);

#define LOG_AT(level, event, ...)                                                                            \
    do {                                                                                                     \
        if (log_enabled(level)) {                                                                            \
            const struct log_field log_fields_[] = {{0}, ##__VA_ARGS__};                                     \
            log_write(level, event, log_fields_ + 1, sizeof(log_fields_) / sizeof(log_fields_[0]) - 1);      \
        }                                                                                                    \
    } while (0)
#define log_error(event, ...) LOG_AT(LOG_LEVEL_ERROR, event, ##__VA_ARGS__)
#define log_warn(event, ...)  LOG_AT(LOG_LEVEL_WARN, event, ##__VA_ARGS__)
#define log_info(event, ...)  LOG_AT(LOG_LEVEL_INFO, event, ##__VA_ARGS__)
#define log_debug(event, ...) LOG_AT(LOG_LEVEL_DEBUG, event, ##__VA_ARGS__)

#endif
