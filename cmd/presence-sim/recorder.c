/* SPDX-License-Identifier: MIT */
#include "recorder.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int recorder_open(struct recorder *r, const char *path, char *error, size_t size)
{
    *r = (struct recorder){.line = BYTES_INIT};
    if (!path)
        return 0;
    r->file = fopen(path, "we");
    if (r->file)
        return 0;
    snprintf(error, size, "--history %s: %s", path, strerror(errno));
    return -1;
}

int recorder_close(struct recorder *r)
{
    int result = 0;
    if (r->file && (ferror(r->file) | fclose(r->file)))
        result = -1;
    r->file = NULL;
    bytes_finish(&r->line);
    return result;
}

static void key_of(struct recorder *r, const char *key)
{
    bytes_append_char(&r->line, ',');
    bytes_append_json(&r->line, span_of(key));
    bytes_append_char(&r->line, ':');
}

void recorder_begin(struct recorder *r, const char *who_kind, const char *who, const char *event)
{
    if (!r->file)
        return;
    bytes_reset(&r->line);
    bytes_append_text(&r->line, "{\"t\":");
    bytes_append_i64(&r->line, clock_wall_ms());
    if (who_kind)
        recorder_text(r, who_kind, span_of(who));
    recorder_text(r, "event", span_of(event));
}

void recorder_text(struct recorder *r, const char *key, struct span value)
{
    if (!r->file)
        return;
    key_of(r, key);
    bytes_append_json(&r->line, value);
}

void recorder_number(struct recorder *r, const char *key, int64_t value)
{
    if (!r->file)
        return;
    key_of(r, key);
    bytes_append_i64(&r->line, value);
}

void recorder_bool(struct recorder *r, const char *key, bool value)
{
    if (!r->file)
        return;
    key_of(r, key);
    bytes_append_text(&r->line, value ? "true" : "false");
}

void recorder_end(struct recorder *r)
{
    if (!r->file)
        return;
    bytes_append_text(&r->line, "}\n");
    fwrite(r->line.data, 1, r->line.len, r->file);
}
