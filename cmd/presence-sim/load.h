/* presence-sim load: open loop. Beats and changes have intended times, fixed beforehand; what comes late is
 * counted from those, so that a server that stalls is not asked less (giltene/wrk2's point).
 *
 * Phones first, then half of the changers, then the dashboards, so that the way there is cheap; then it
 * measures. The first dashboard is judged by a witness; the others' updates are only looked up by their
 * revision. */
#ifndef SIM_LOAD_H
#define SIM_LOAD_H

#include "account.h"
#include "base/latency.h"
#include "phone.h"
#include "progress.h"
#include "watchers.h"

enum load_phase { LOAD_PHONES, LOAD_CHANGERS, LOAD_DASHBOARDS, LOAD_WARMUP, LOAD_MEASURE, LOAD_DRAIN };

struct changer {
    struct phone *phone;
    int64_t intended_us; /* of its last change, monotonic; 0: none while measuring */
    bool online;         /* what that change makes it */
};

/* What is known of a revision, so that the second dashboard told of it need not parse. */
struct known_change {
    uint64_t rev;
    int64_t timestamp_ms;
    int64_t intended_us;
};

#define KNOWN_CHANGES 65536

struct measurement {
    int64_t since_us, took_us;       /* took_us 0: not over */
    uint64_t beats_due, changes_due; /* how many intended times have passed */
    uint64_t beats_sent, beats_failed, changes_done, changes_skipped;
    uint64_t delivered, expected;
    uint64_t lost_before;
    int64_t cpu_user_us, cpu_system_us; /* of this program */
    struct latency lag;                 /* of this program itself: sent, after the intended time */
    struct latency from_server;         /* received, after the server's timestamp */
    struct latency from_intended;
};

struct load {
    struct sim sim;
    enum load_phase phase;
    struct phone **phones;
    size_t phone_count, started;
    struct changer *changers;
    size_t changer_count;
    struct watchers watchers;
    struct known_change *known;
    struct progress progress;
    struct wheel_timer step;

    struct accounts accounts;
    int64_t phase_since_ms;
    int64_t connect_ms;   /* how long the phones took */
    int64_t measurements; /* that are not over */
    int verdict;
    struct measurement m;
};

/* load_updates.c: a dashboard's message while measuring. */
bool load_raw(void *arg, struct dashboard *d, struct span data, bool binary);
/* load_report.c */
void load_line(void *arg, struct bytes *out);
void load_report(const struct load *l, struct bytes *out);

#endif
