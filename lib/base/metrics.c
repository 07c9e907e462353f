/* SPDX-License-Identifier: MIT */
#include "base/metrics.h"

#include <inttypes.h>
#include <string.h>

const int64_t metric_latency_bounds[] = {1000,     2500,     5000,     10000,   25000,   50000,
                                         100000,   250000,   500000,   1000000, 2500000, 5000000,
                                         10000000, 30000000, 60000000, 0};
const int64_t metric_turn_bounds[] = {1000, 2000, 5000, 10000, 20000, 50000, 100000, 500000, 1000000, 0};

void metric_add(struct metric *m, uint64_t n)
{
    __atomic_fetch_add(&m->value, n, __ATOMIC_RELAXED);
}

void metric_set(struct metric *m, int64_t value)
{
    __atomic_store_n(&m->value, (uint64_t)value, __ATOMIC_RELAXED);
}

static size_t bound_count(const struct metric *m)
{
    size_t n = 0;
    while (n < METRIC_BUCKETS && m->bounds_us[n])
        n++;
    return n;
}

static uint64_t load(const uint64_t *value)
{
    return __atomic_load_n(value, __ATOMIC_RELAXED);
}

uint64_t metric_value(const struct metric *m)
{
    uint64_t count = 0;
    if (m->kind != METRIC_HISTOGRAM)
        return load(&m->value);
    for (size_t i = 0; i <= METRIC_BUCKETS; i++)
        count += load(&m->buckets[i]);
    return count;
}

void metric_observe_us(struct metric *m, int64_t us)
{
    size_t bounds = bound_count(m), at = 0;
    if (us < 0)
        us = 0;
    while (at < bounds && us > m->bounds_us[at])
        at++;
    __atomic_fetch_add(&m->buckets[at], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&m->sum_us, (uint64_t)us, __ATOMIC_RELAXED);
}

/* 2500 -> 0.0025; exact, and the same under every locale. */
static void append_seconds(struct bytes *out, uint64_t us)
{
    uint64_t fraction = us % 1000000;
    int digits = 6;
    bytes_append_u64(out, us / 1000000);
    if (!fraction)
        return;
    for (; fraction % 10 == 0; digits--)
        fraction /= 10;
    bytes_printf(out, ".%0*" PRIu64, digits, fraction);
}

static void append_help(struct bytes *out, const char *help)
{
    for (; *help; help++) {
        if (*help == '\\' || *help == '\n')
            bytes_append_char(out, '\\');
        bytes_append_char(out, *help == '\n' ? 'n' : *help);
    }
}

static void append_heading(struct bytes *out, const struct metric *m)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    bytes_printf(out, "# HELP %s ", m->name);
    append_help(out, m->help);
    bytes_printf(out, "\n# TYPE %s %s\n", m->name, kinds[m->kind]);
}

static void append_name(struct bytes *out, const struct metric *m, const char *suffix)
{
    bytes_printf(out, "%s%s", m->name, suffix);
    if (m->labels)
        bytes_printf(out, "{%s}", m->labels);
    bytes_append_char(out, ' ');
}

static void append_bucket(struct bytes *out, const struct metric *m, int64_t bound_us, uint64_t count)
{
    bytes_printf(out, "%s_bucket{%s%sle=\"", m->name, m->labels ? m->labels : "", m->labels ? "," : "");
    if (bound_us)
        append_seconds(out, (uint64_t)bound_us);
    else
        bytes_append_text(out, "+Inf");
    bytes_printf(out, "\"} %" PRIu64 "\n", count);
}

static void append_histogram(struct bytes *out, const struct metric *m)
{
    size_t bounds = bound_count(m);
    uint64_t count = 0;
    for (size_t i = 0; i <= bounds; i++) {
        count += load(&m->buckets[i]);
        append_bucket(out, m, i < bounds ? m->bounds_us[i] : 0, count);
    }
    append_name(out, m, "_sum");
    append_seconds(out, load(&m->sum_us));
    bytes_append_char(out, '\n');
    append_name(out, m, "_count");
    bytes_printf(out, "%" PRIu64 "\n", count);
}

static void append_value(struct bytes *out, const struct metric *m)
{
    append_name(out, m, "");
    if (m->kind == METRIC_GAUGE)
        bytes_append_i64(out, (int64_t)load(&m->value));
    else
        bytes_append_u64(out, load(&m->value));
    bytes_append_char(out, '\n');
}

void metrics_write(const struct metric *metrics, size_t count, struct bytes *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct metric *m = &metrics[i];

        if (!i || strcmp(m->name, m[-1].name))
            append_heading(out, m);
        if (m->kind == METRIC_HISTOGRAM)
            append_histogram(out, m);
        else
            append_value(out, m);
    }
}
