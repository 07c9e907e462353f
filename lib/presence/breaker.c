#include "presence/breaker.h"

bool breaker_passes(const struct breaker *b)
{
    return b->state == BREAKER_CLOSED;
}

bool breaker_probes(struct breaker *b, int64_t now_ms)
{
    if (b->state != BREAKER_OPEN || now_ms < b->probe_ms)
        return false;
    b->state = BREAKER_HALF_OPEN;
    return true;
}

void breaker_succeeded(struct breaker *b, int64_t now_ms)
{
    if (b->state == BREAKER_CLOSED)
        return;
    b->state = BREAKER_CLOSED;
    b->closed_ms = now_ms;
}

static bool was_steady(const struct breaker *b, int64_t now_ms)
{
    return b->backoff_ms == 0 || (b->state == BREAKER_CLOSED && now_ms - b->closed_ms >= BREAKER_STEADY_MS);
}

void breaker_failed(struct breaker *b, int64_t now_ms)
{
    if (b->state == BREAKER_OPEN)
        return;
    int64_t doubled = b->backoff_ms * 2;
    if (was_steady(b, now_ms))
        b->backoff_ms = BREAKER_FIRST_MS;
    else
        b->backoff_ms = doubled < BREAKER_LIMIT_MS ? doubled : BREAKER_LIMIT_MS;
    b->opened += b->state == BREAKER_CLOSED;
    b->state = BREAKER_OPEN;
    b->probe_ms = now_ms + b->backoff_ms;
}

int64_t breaker_wait_ms(const struct breaker *b, int64_t now_ms)
{
    return b->state == BREAKER_OPEN && b->probe_ms > now_ms ? b->probe_ms - now_ms : 0;
}
