#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "presence/breaker.h"

/* What happens: f a failure, s a success, p a probe that goes, w a probe that must wait. */
struct step {
    char event;
    int64_t at;
    enum breaker_state state;
};

#define STEPS 12

static void play(struct breaker *b, const struct step *s)
{
    if (s->event == 'f')
        breaker_failed(b, s->at);
    else if (s->event == 's')
        breaker_succeeded(b, s->at);
    else
        assert_int_equal(breaker_probes(b, s->at), s->event == 'p');
    assert_int_equal(b->state, s->state);
    assert_int_equal(breaker_passes(b), s->state == BREAKER_CLOSED);
}

static void test_steps(void **state)
{
    static const struct {
        const char *name;
        struct step steps[STEPS];
        uint64_t opened;
        int64_t at, wait;
    } cases[] = {
        {"fresh: closed, nobody probes", {{'w', 5, BREAKER_CLOSED}}, 0, 5, 0},
        {"a success changes nothing", {{'s', 5, BREAKER_CLOSED}}, 0, 5, 0},
        {"the first failure opens", {{'f', 10, BREAKER_OPEN}}, 1, 10, 100},
        {"the wait runs down", {{'f', 10, BREAKER_OPEN}}, 1, 60, 50},
        {"and ends", {{'f', 10, BREAKER_OPEN}}, 1, 500, 0},
        {"no probe before its time", {{'f', 10, BREAKER_OPEN}, {'w', 109, BREAKER_OPEN}}, 1, 109, 1},
        {"one probe only",
         {{'f', 10, BREAKER_OPEN}, {'p', 110, BREAKER_HALF_OPEN}, {'w', 111, BREAKER_HALF_OPEN}},
         1,
         111,
         0},
        {"a probe that succeeds closes",
         {{'f', 10, BREAKER_OPEN}, {'p', 110, BREAKER_HALF_OPEN}, {'s', 115, BREAKER_CLOSED}},
         1,
         115,
         0},
        {"a probe that fails waits twice as long",
         {{'f', 10, BREAKER_OPEN}, {'p', 110, BREAKER_HALF_OPEN}, {'f', 400, BREAKER_OPEN}},
         1,
         400,
         200},
        {"never longer than the limit",
         {{'f', 0, BREAKER_OPEN},
          {'p', 100, BREAKER_HALF_OPEN},
          {'f', 100, BREAKER_OPEN},
          {'p', 300, BREAKER_HALF_OPEN},
          {'f', 300, BREAKER_OPEN},
          {'p', 700, BREAKER_HALF_OPEN},
          {'f', 700, BREAKER_OPEN},
          {'p', 1500, BREAKER_HALF_OPEN},
          {'f', 1500, BREAKER_OPEN},
          {'p', 2500, BREAKER_HALF_OPEN},
          {'f', 2500, BREAKER_OPEN}},
         1,
         2500,
         1000},
        {"failures of those who had asked before are no news",
         {{'f', 10, BREAKER_OPEN}, {'f', 50, BREAKER_OPEN}, {'f', 100, BREAKER_OPEN}},
         1,
         100,
         10},
        {"a probe begun while it was closed closes it too",
         {{'f', 10, BREAKER_OPEN}, {'s', 50, BREAKER_CLOSED}},
         1,
         50,
         0},
        {"closed for a moment only: the waits go on growing",
         {{'f', 10, BREAKER_OPEN},
          {'p', 110, BREAKER_HALF_OPEN},
          {'s', 115, BREAKER_CLOSED},
          {'f', 2114, BREAKER_OPEN}},
         2,
         2114,
         200},
        {"steady for a while: they begin anew",
         {{'f', 10, BREAKER_OPEN},
          {'p', 110, BREAKER_HALF_OPEN},
          {'s', 115, BREAKER_CLOSED},
          {'f', 2115, BREAKER_OPEN}},
         2,
         2115,
         100},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct breaker b = {0};
        print_message("%s\n", cases[i].name);
        for (size_t j = 0; j < STEPS && cases[i].steps[j].event; j++)
            play(&b, &cases[i].steps[j]);
        assert_int_equal(b.opened, cases[i].opened);
        assert_int_equal(breaker_wait_ms(&b, cases[i].at), cases[i].wait);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
