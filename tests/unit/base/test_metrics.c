/* SPDX-License-Identifier: MIT */
#include "base/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void assert_written(const struct metric *list, size_t count, const char *expected)
{
    bytes_auto out = BYTES_INIT;

    metrics_write(list, count, &out);
    assert_string_equal(bytes_text(&out), expected);
}

static void test_counter_and_gauge(void **state)
{
    struct {
        struct metric beats, mobile, web;
    } all = {
        {.kind = METRIC_COUNTER, .name = "beats_total", .help = "Beats heard."},
        {.kind = METRIC_GAUGE, .name = "clients", .labels = "role=\"mobile\"", .help = "Clients."},
        {.kind = METRIC_GAUGE, .name = "clients", .labels = "role=\"web\"", .help = "Clients."},
    };

    metric_add(&all.beats, 1);
    metric_add(&all.beats, 41);
    metric_set(&all.mobile, -7);
    assert_int_equal(metric_value(&all.beats), 42);
    assert_int_equal((int64_t)metric_value(&all.mobile), -7);
    assert_written(METRICS_ALL(all), "# HELP beats_total Beats heard.\n"
                                     "# TYPE beats_total counter\n"
                                     "beats_total 42\n"
                                     "# HELP clients Clients.\n"
                                     "# TYPE clients gauge\n"
                                     "clients{role=\"mobile\"} -7\n"
                                     "clients{role=\"web\"} 0\n");
}

#define COLORS(X, ...) X(RED, "red", __VA_ARGS__) X(BLUE, "blue", __VA_ARGS__)
#define ROWS(METRIC, METRICS)                                                                                \
    METRIC(beats, COUNTER, "beats_total", NULL, NULL, "Beats heard.")                                        \
    METRICS(lag, HISTOGRAM, "lag_seconds", "color", COLORS, two_bounds, "Lag by color.")                     \
    METRIC(clients, GAUGE, "clients", "role=\"web\"", NULL, "Clients.")

/* As a program's metrics.def is read. */
static void test_rows(void **state)
{
    static const int64_t two_bounds[] = {1000, 2000, 0};
    struct {
        ROWS(METRIC_FIELD, METRICS_FIELD)
    } all = {ROWS(METRIC_VALUE, METRICS_VALUE)};

    assert_int_equal(sizeof(all), 4 * sizeof(struct metric));
    metric_observe_us(&all.lag[1], 1500);
    assert_written(METRICS_ALL(all), "# HELP beats_total Beats heard.\n"
                                     "# TYPE beats_total counter\n"
                                     "beats_total 0\n"
                                     "# HELP lag_seconds Lag by color.\n"
                                     "# TYPE lag_seconds histogram\n"
                                     "lag_seconds_bucket{color=\"red\",le=\"0.001\"} 0\n"
                                     "lag_seconds_bucket{color=\"red\",le=\"0.002\"} 0\n"
                                     "lag_seconds_bucket{color=\"red\",le=\"+Inf\"} 0\n"
                                     "lag_seconds_sum{color=\"red\"} 0\n"
                                     "lag_seconds_count{color=\"red\"} 0\n"
                                     "lag_seconds_bucket{color=\"blue\",le=\"0.001\"} 0\n"
                                     "lag_seconds_bucket{color=\"blue\",le=\"0.002\"} 1\n"
                                     "lag_seconds_bucket{color=\"blue\",le=\"+Inf\"} 1\n"
                                     "lag_seconds_sum{color=\"blue\"} 0.0015\n"
                                     "lag_seconds_count{color=\"blue\"} 1\n"
                                     "# HELP clients Clients.\n"
                                     "# TYPE clients gauge\n"
                                     "clients{role=\"web\"} 0\n");
}

static void test_histogram(void **state)
{
    static const int64_t bounds[] = {1, 2500, 1000000, 60000000, 0};
    struct metric lag = {.kind = METRIC_HISTOGRAM,
                         .name = "lag_seconds",
                         .labels = "db=\"0\"",
                         .help = "Lag.",
                         .bounds_us = bounds};
    static const int64_t observed[] = {-5, 0, 1, 2, 2500, 2501, 60000000, 60000001};

    for (size_t i = 0; i < sizeof(observed) / sizeof(observed[0]); i++)
        metric_observe_us(&lag, observed[i]);
    assert_int_equal(metric_value(&lag), 8);
    assert_written(&lag, 1,
                   "# HELP lag_seconds Lag.\n"
                   "# TYPE lag_seconds histogram\n"
                   "lag_seconds_bucket{db=\"0\",le=\"0.000001\"} 3\n"
                   "lag_seconds_bucket{db=\"0\",le=\"0.0025\"} 5\n"
                   "lag_seconds_bucket{db=\"0\",le=\"1\"} 6\n"
                   "lag_seconds_bucket{db=\"0\",le=\"60\"} 7\n"
                   "lag_seconds_bucket{db=\"0\",le=\"+Inf\"} 8\n"
                   "lag_seconds_sum{db=\"0\"} 120.005005\n"
                   "lag_seconds_count{db=\"0\"} 8\n");
}

static void test_all_buckets_used(void **state)
{
    int64_t bounds[METRIC_BUCKETS];
    struct metric full = {.kind = METRIC_HISTOGRAM, .name = "full", .help = "", .bounds_us = bounds};
    for (size_t i = 0; i < METRIC_BUCKETS; i++)
        bounds[i] = (int64_t)i + 1;
    metric_observe_us(&full, METRIC_BUCKETS);
    metric_observe_us(&full, METRIC_BUCKETS + 1);
    assert_int_equal(full.buckets[METRIC_BUCKETS - 1], 1);
    assert_int_equal(full.buckets[METRIC_BUCKETS], 1);
}

static void test_latency_bounds(void **state)
{
    struct metric latency = {
        .kind = METRIC_HISTOGRAM, .name = "l", .help = "", .bounds_us = metric_latency_bounds};

    for (size_t i = 1; latency.bounds_us[i]; i++)
        assert_true(latency.bounds_us[i] > latency.bounds_us[i - 1]);
    metric_observe_us(&latency, 60000001);
    assert_int_equal(latency.buckets[15], 1);
}

static void test_help_is_escaped(void **state)
{
    struct metric m = {.kind = METRIC_COUNTER, .name = "m", .help = "a\\b\nc \"d\""};

    assert_written(&m, 1, "# HELP m a\\\\b\\nc \"d\"\n# TYPE m counter\nm 0\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counter_and_gauge), cmocka_unit_test(test_rows),
        cmocka_unit_test(test_histogram),         cmocka_unit_test(test_all_buckets_used),
        cmocka_unit_test(test_latency_bounds),    cmocka_unit_test(test_help_is_escaped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
