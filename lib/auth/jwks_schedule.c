/* SPDX-License-Identifier: MIT */
#include "auth/jwks_schedule.h"
#include "base/rng.h"

void jwks_schedule_init(struct jwks_schedule *s, uint64_t seed, int64_t now_ms)
{
    *s = (struct jwks_schedule){.due_ms = now_ms, .unknown_ms = now_ms};
    rng_init(&s->rng, seed);
}

void jwks_schedule_now(struct jwks_schedule *s, int64_t now_ms)
{
    s->failures = 0;
    s->due_ms = now_ms;
}

void jwks_schedule_fetched(struct jwks_schedule *s, int64_t kept_s, int64_t now_ms)
{
    s->failures = 0;
    s->due_ms = now_ms + kept_s * 1000;
}

/* Doubled with each failure, and half of it by chance: servers that started together don't ask together. */
void jwks_schedule_failed(struct jwks_schedule *s, int64_t now_ms)
{
    int64_t delay_ms = JWKS_RETRY_MIN_MS;
    for (unsigned i = 0; i < s->failures && delay_ms < JWKS_RETRY_MAX_MS; i++)
        delay_ms *= 2;
    delay_ms = delay_ms < JWKS_RETRY_MAX_MS ? delay_ms : JWKS_RETRY_MAX_MS;
    s->failures++;
    s->due_ms = now_ms + delay_ms / 2 + (int64_t)rng_below(&s->rng, (uint64_t)delay_ms / 2 + 1);
}

bool jwks_schedule_unknown_key(struct jwks_schedule *s, int64_t now_ms)
{
    if (now_ms < s->unknown_ms)
        return false;
    s->unknown_ms = now_ms + JWKS_UNKNOWN_MS;
    s->due_ms = now_ms;
    return true;
}

int64_t jwks_kept_s(struct span cache_control)
{
    int64_t kept_s = JWKS_KEPT_DEFAULT_S;
    while (cache_control.len > 0) {
        struct span value = span_split(&cache_control, ',');
        struct span name = span_trim(span_split(&value, '='));
        uint64_t age_s;
        if (span_equal_nocase(name, SPAN("no-store")) || span_equal_nocase(name, SPAN("no-cache")))
            return JWKS_KEPT_MIN_S;
        if (span_equal_nocase(name, SPAN("max-age")) && span_to_u64(span_trim(value), INT32_MAX, &age_s) == 0)
            kept_s = (int64_t)age_s;
    }
    if (kept_s < JWKS_KEPT_MIN_S)
        return JWKS_KEPT_MIN_S;
    return kept_s < JWKS_KEPT_MAX_S ? kept_s : JWKS_KEPT_MAX_S;
}
