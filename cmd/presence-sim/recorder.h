/* SPDX-License-Identifier: MIT */
/* The history of a run as JSON lines, for replay by eye and by programs (--history FILE).
 *
 *     {"t":1790000000123,"event":"begin","program":"presence-sim","version":"0.1.0","seed":7}
 *     {"t":…,"phone":"a1","user":"alice","event":"connecting","server":"ws://127.0.0.1:7001"}
 *     {"t":…,"phone":"a1","user":"alice","event":"beat"}
 *     {"t":…,"dashboard":"d1","event":"told","user":"alice","online":true,"rev":42,"timestamp":…,"reason":"connected"}
 *     {"t":…,"dashboard":"d1","event":"snapshot","users":17,"rev":42,"timestamp":…}
 *     {"t":…,"dashboard":"d1","event":"resumed","rev":42}
 *     {"t":…,"dashboard":"d1","event":"fault","kind":"false-offline","user":"alice","rev":43,"timestamp":…}
 *     {"t":…,"event":"step","line":12,"text":"connect a1"}
 *     {"t":…,"event":"end","exit":0}
 *
 * t: this machine's clock, milliseconds since 1970; timestamp: the server's. Phones' events: connecting,
 * opened, refused, unreachable, beat, silent, closed (by the server, with code), lost, broken, close, drop,
 * abort, half-close, freeze, thaw, roam. Without a file all calls do nothing. */
#ifndef SIM_RECORDER_H
#define SIM_RECORDER_H

#include "base/bytes.h"

struct recorder {
    void *file; /* FILE *, NULL: off */
    struct bytes line;
};

/* path NULL: off. 0, or -1 with a sentence in error. */
int recorder_open(struct recorder *r, const char *path, char *error, size_t size);
/* 0, or -1 when something could not be written. */
int recorder_close(struct recorder *r);

/* One line: begin, fields, end. who_kind NULL: of nobody. */
void recorder_begin(struct recorder *r, const char *who_kind, const char *who, const char *event);
void recorder_text(struct recorder *r, const char *key, struct span value);
void recorder_number(struct recorder *r, const char *key, int64_t value);
void recorder_bool(struct recorder *r, const char *key, bool value);
void recorder_end(struct recorder *r);

#endif
