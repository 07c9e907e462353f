/* A circuit breaker in front of a store that may hang: after one failure nobody waits for it any more, until
 * one probe was answered (contract section 6: one for the process, open at the first timeout). Pure; who
 * shares it between threads locks. All zero is a valid start: closed, since ever. */
#ifndef PRESENCE_BREAKER_H
#define PRESENCE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_FIRST_MS  100  /* from the first failure to the first probe */
#define BREAKER_LIMIT_MS  1000 /* between probes, doubled up to this */
#define BREAKER_STEADY_MS 2000 /* closed for so long, the next failure counts as a first one */

enum breaker_state { BREAKER_CLOSED, BREAKER_HALF_OPEN, BREAKER_OPEN };

struct breaker {
    enum breaker_state state;
    int64_t closed_ms; /* when it closed */
    int64_t probe_ms;  /* open: when the next probe may go */
    int64_t backoff_ms;
    uint64_t opened; /* times it went from closed to open */
};

/* Whether questions may be asked: closed. */
bool breaker_passes(const struct breaker *b);
/* Whether the caller shall probe now. If so it is half open: nobody else gets true until the caller has said
 * how it went. */
bool breaker_probes(struct breaker *b, int64_t now_ms);
/* A probe was answered: closes. Answers to questions need no word. */
void breaker_succeeded(struct breaker *b, int64_t now_ms);
/* A question or a probe failed. While open it changes nothing: those who had asked before are no news. */
void breaker_failed(struct breaker *b, int64_t now_ms);
/* Milliseconds until a probe may go; 0: now, or it is not open. */
int64_t breaker_wait_ms(const struct breaker *b, int64_t now_ms);

#endif
