#include "base/metric_text.h"
#include "daemons.h"
#include "doctor.h"
#include "wire/jsontext.h"

#define TIMEOUT_MS 1000

/* What a daemon says is wrong: the `error` of its JSON. */
static void tell_not_ready(struct doctor *d, const struct daemon *it)
{
    jsontext_auto *answer = jsontext_load(bytes_span(&it->body));
    struct span error = jsontext_span(json_object_get(answer, "error"));

    doctor_say(d, VERDICT_FAULT, "ready", "look at its log", "%s at %s is not ready: %.*s",
               it->program[0] ? it->program : "the daemon", it->address, error.data ? (int)error.len : 11,
               error.data ? error.data : "no reason");
}

static void judge_ready(struct doctor *d, struct daemons *daemons)
{
    size_t ready = daemons_ask(daemons, "/readyz", TIMEOUT_MS);

    for (size_t i = 0; i < daemons->count; i++) {
        const struct daemon *it = &daemons->items[i];
        if (it->status == 0)
            doctor_say(d, VERDICT_NOTE, "ready",
                       "run presence-ctl on its machine, or name a reachable address with --address",
                       "%s can't be asked: %s", it->program[0] ? it->program : "a daemon", it->error);
        else if (it->status != 200)
            tell_not_ready(d, it);
    }
    if (ready > 0)
        doctor_say(d, VERDICT_FINE, "ready", NULL, "%zu daemon%s ready", ready, ready == 1 ? " is" : "s are");
}

struct traffic {
    double phones, viewers, beats;
    bool known;
};

static struct traffic count_traffic(const struct daemons *daemons)
{
    struct traffic t = {0};
    bool found;

    for (size_t i = 0; i < daemons->count; i++) {
        struct span text = bytes_span(&daemons->items[i].body);
        if (daemons->items[i].status != 200)
            continue;
        t.phones += metric_text_sum(text, "presence_connections", "role", "mobile", &found);
        t.known |= found;
        t.viewers += metric_text_sum(text, "presence_connections", "role", "dashboard", &found);
        t.beats += metric_text_sum(text, "presence_heartbeat_received_total", NULL, NULL, &found);
    }
    return t;
}

/* Guide: "Verify heartbeat messages", "Check web client registration". */
static void judge_traffic(struct doctor *d, struct daemons *daemons)
{
    daemons_ask(daemons, "/metrics", TIMEOUT_MS);
    struct traffic t = count_traffic(daemons);
    if (t.known)
        doctor_say(d, t.phones > 0 && t.beats == 0 ? VERDICT_NOTE : VERDICT_FINE, "traffic",
                   t.phones > 0 && t.beats == 0
                       ? "wait for one interval; then see with DEBUG=vp:presence whether phones send type 30"
                       : NULL,
                   "%.0f phone%s and %.0f dashboard%s connected, %.0f heartbeats received", t.phones,
                   t.phones == 1 ? "" : "s", t.viewers, t.viewers == 1 ? "" : "s", t.beats);
}

int doctor_ready(struct doctor *d)
{
    struct daemons daemons;

    daemons_init(&daemons, &d->c->config, &d->nodes);
    if (daemons.count > 0) {
        judge_ready(d, &daemons);
        judge_traffic(d, &daemons);
    }
    daemons_finish(&daemons);
    return 0;
}
