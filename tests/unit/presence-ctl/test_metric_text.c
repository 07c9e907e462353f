/* SPDX-License-Identifier: MIT */
#include "base/metrics.h"
#include "presence-ctl/metric_text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char sample[] = "# HELP a_total Things.\n"
                             "# TYPE a_total counter\n"
                             "a_total 3\n"
                             "a_total{role=\"web\"} 4\n"
                             "a_total{x=\"}\\\",role=\\\"web\",role=\"mobile\"} 5.5 1700000000\n"
                             "a_total_more 100\n"
                             "broken\n"
                             "a_total{role=\"web\n"
                             "a_total x\n"
                             "\n"
                             "inf +Inf";

static void test_samples(void **state)
{
    static const struct {
        const char *name, *role;
        double value;
    } rows[] = {
        {"a_total", NULL, 3},        {"a_total", "web", 4},   {"a_total", "mobile", 5.5},
        {"a_total_more", NULL, 100}, {"inf", NULL, INFINITY},
    };
    struct span rest = span_of(sample);
    struct metric_sample got;
    size_t i = 0;

    for (; metric_text_next(&rest, &got); i++) {
        assert_in_range(i, 0, sizeof(rows) / sizeof(rows[0]) - 1);
        assert_true(span_equal(got.name, span_of(rows[i].name)));
        assert_true(got.value == rows[i].value);
        assert_true(span_equal(metric_sample_label(&got, "role"), span_of(rows[i].role)));
    }
    assert_int_equal(i, sizeof(rows) / sizeof(rows[0]));
}

static void test_sum(void **state)
{
    static const struct {
        const char *name, *label, *value;
        double expected;
        bool found;
    } rows[] = {
        {"a_total", NULL, NULL, 12.5, true},
        {"a_total", "role", "web", 4, true},
        {"a_total", "role", "nobody", 0, false},
        {"a", NULL, NULL, 0, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool found = !rows[i].found;
        double sum = metric_text_sum(span_of(sample), rows[i].name, rows[i].label, rows[i].value, &found);
        assert_true(sum == rows[i].expected);
        assert_int_equal(found, rows[i].found);
    }
}

/* What base/metrics.h writes, twice, as of two daemons. */
static void test_quantile(void **state)
{
    struct metric m = {
        .kind = METRIC_HISTOGRAM, .name = "lag_seconds", .help = "Lag.", .bounds_us = metric_latency_bounds};
    bytes_auto text = BYTES_INIT;

    metrics_write(&m, 1, &text);
    assert_true(metric_text_quantile(bytes_span(&text), "lag_seconds", 0.5) == -1);
    for (int i = 0; i < 9; i++)
        metric_observe_us(&m, 2000);
    metric_observe_us(&m, 40000);
    bytes_reset(&text);
    metrics_write(&m, 1, &text);
    metrics_write(&m, 1, &text);
    assert_true(metric_text_quantile(bytes_span(&text), "lag_seconds", 0.5) == 0.0025);
    assert_true(metric_text_quantile(bytes_span(&text), "lag_seconds", 0.9) == 0.0025);
    assert_true(metric_text_quantile(bytes_span(&text), "lag_seconds", 0.99) == 0.05);
    for (int i = 0; i < 30; i++)
        metric_observe_us(&m, 100000000);
    bytes_reset(&text);
    metrics_write(&m, 1, &text);
    assert_true(isinf(metric_text_quantile(bytes_span(&text), "lag_seconds", 0.99)));
    assert_true(metric_text_quantile(bytes_span(&text), "other_seconds", 0.99) == -1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_sum),
        cmocka_unit_test(test_quantile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
