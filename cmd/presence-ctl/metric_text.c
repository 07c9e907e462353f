/* SPDX-License-Identifier: MIT */
#include "metric_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_SIZE 64
#define BOUNDS_MAX  64

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ':';
}

static int parse_number(struct span text, double *ret)
{
    char number[NUMBER_SIZE], *end;
    if (text.len == 0 || span_copy(text, number, sizeof(number)) < 0)
        return -1;
    double value = strtod(number, &end);
    if (*end != '\0')
        return -1;
    *ret = value;
    return 0;
}

/* The closing brace outside of quotes; the line's length without one. */
static size_t labels_end(struct span line)
{
    bool quoted = false;
    size_t i = 0;
    for (; i < line.len && (quoted || line.data[i] != '}'); i++) {
        if (quoted && line.data[i] == '\\')
            i++;
        else if (line.data[i] == '"')
            quoted = !quoted;
    }
    return i < line.len ? i : line.len;
}

static int parse_line(struct span line, struct metric_sample *ret)
{
    size_t name_len = 0;
    struct metric_sample sample = {.labels = {line.data, 0}};
    while (name_len < line.len && is_name_char(line.data[name_len]))
        name_len++;
    sample.name = (struct span){line.data, name_len};
    line = (struct span){line.data + name_len, line.len - name_len};
    if (line.len && line.data[0] == '{') {
        size_t end = labels_end(line);
        if (end == line.len)
            return -1;
        sample.labels = (struct span){line.data + 1, end - 1};
        line = (struct span){line.data + end + 1, line.len - end - 1};
    }
    line = span_trim(line);
    if (name_len == 0 || parse_number(span_split(&line, ' '), &sample.value) < 0)
        return -1;
    *ret = sample;
    return 0;
}

bool metric_text_next(struct span *rest, struct metric_sample *ret)
{
    while (rest->len) {
        struct span line = span_split(rest, '\n');
        if (line.len && line.data[0] != '#' && parse_line(line, ret) == 0)
            return true;
    }
    return false;
}

struct span metric_sample_label(const struct metric_sample *sample, const char *name)
{
    struct span rest = sample->labels;
    while (rest.len) {
        struct span found = span_trim(span_split(&rest, '='));
        if (rest.len == 0 || rest.data[0] != '"')
            return SPAN_NONE;
        size_t end = 1;
        while (end < rest.len && rest.data[end] != '"')
            end += rest.data[end] == '\\' ? 2 : 1;
        if (end >= rest.len)
            return SPAN_NONE;
        if (span_equal(found, span_of(name)))
            return (struct span){rest.data + 1, end - 1};
        rest = (struct span){rest.data + end + 1, rest.len - end - 1};
        if (rest.len && rest.data[0] == ',')
            span_split(&rest, ',');
    }
    return SPAN_NONE;
}

double metric_text_sum(struct span text, const char *name, const char *label, const char *value,
                       bool *ret_found)
{
    struct metric_sample sample;
    double sum = 0;
    bool found = false;
    while (metric_text_next(&text, &sample)) {
        if (!span_equal(sample.name, span_of(name)) ||
            (label && !span_equal(metric_sample_label(&sample, label), span_of(value))))
            continue;
        sum += sample.value;
        found = true;
    }
    *ret_found = found;
    return sum;
}

struct bucket {
    double bound, count;
};

static size_t add_bucket(struct bucket *buckets, size_t count, double bound, double value)
{
    size_t at = 0;
    while (at < count && buckets[at].bound < bound)
        at++;
    if (at < count && buckets[at].bound == bound) {
        buckets[at].count += value;
        return count;
    }
    if (count == BOUNDS_MAX)
        return count;
    memmove(buckets + at + 1, buckets + at, (count - at) * sizeof(*buckets));
    buckets[at] = (struct bucket){bound, value};
    return count + 1;
}

double metric_text_quantile(struct span text, const char *name, double share)
{
    struct bucket buckets[BOUNDS_MAX];
    struct metric_sample sample;
    size_t count = 0;
    double bound;
    char full[128];
    snprintf(full, sizeof(full), "%s_bucket", name);
    while (metric_text_next(&text, &sample)) {
        if (span_equal(sample.name, span_of(full)) &&
            parse_number(metric_sample_label(&sample, "le"), &bound) == 0)
            count = add_bucket(buckets, count, bound, sample.value);
    }
    if (count == 0 || buckets[count - 1].count <= 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (buckets[i].count >= share * buckets[count - 1].count)
            return buckets[i].bound;
    return INFINITY;
}
