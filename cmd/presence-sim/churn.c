/* SPDX-License-Identifier: MIT */
#include "churn.h"
#include "base/rng.h"

/* Of an exponential distribution, cut at ten times the mean. */
static int64_t exponential(struct rng *rng, int64_t mean_ms)
{
    double u = rng_unit(rng), sum = 0, term = u;
    /* -ln(1 - u) = u + u²/2 + u³/3 + …, the same on every machine */
    for (int k = 1; k < 200 && sum < 10; k++, term *= u)
        sum += term / k;
    return 1 + (int64_t)((double)mean_ms * (sum < 10 ? sum : 10));
}

static void leave_somehow(struct churn *c)
{
    struct counters *counters = &c->phone->sim->counters;
    switch (rng_below(&c->rng, 3)) {
    case 0:
        counters->left_close++;
        phone_close(c->phone);
        break;
    case 1:
        counters->left_drop++;
        phone_drop(c->phone);
        break;
    default: counters->left_abort++; phone_abort(c->phone);
    }
}

static void go(struct churn *c)
{
    struct counters *counters = &c->phone->sim->counters;
    int64_t roll = (int64_t)rng_below(&c->rng, 100);
    if (roll < c->rules.roam_percent) {
        counters->roamed++;
        phone_roam(c->phone, NULL);
        return;
    }
    c->away = true;
    if (roll < c->rules.roam_percent + c->rules.silent_percent) {
        counters->fell_silent++;
        phone_freeze(c->phone);
    } else {
        leave_somehow(c);
    }
}

/* A phone out of a dead network comes back in another: the old connection stays behind. */
static void come_back(struct churn *c)
{
    c->away = false;
    if (phone_frozen(c->phone))
        phone_roam(c->phone, NULL);
    else
        phone_connect(c->phone);
}

static void schedule(struct churn *c)
{
    sim_start(c->phone->sim, &c->timer, exponential(&c->rng, c->away ? c->rules.away_ms : c->rules.stay_ms));
}

static void on_time(struct wheel_timer *timer, int64_t now_ms)
{
    struct churn *c = list_entry(timer, struct churn, timer);
    if (c->away)
        come_back(c);
    else
        go(c);
    schedule(c);
}

void churn_init(struct churn *c, struct phone *phone, const struct churn_rules *rules, uint64_t seed)
{
    *c = (struct churn){.phone = phone, .rules = *rules};
    rng_init(&c->rng, seed);
    wheel_timer_init(&c->timer, on_time);
}

void churn_start(struct churn *c)
{
    if (c->rules.stay_ms)
        schedule(c);
}

void churn_stop(struct churn *c)
{
    sim_stop(c->phone->sim, &c->timer);
}
