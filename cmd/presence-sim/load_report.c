#include "load.h"

#include <sys/resource.h>

static double per_second(uint64_t n, int64_t us)
{
    return us > 0 ? (double)n * 1e6 / (double)us : 0;
}

static size_t open_phones(const struct load *l)
{
    size_t open = 0;

    for (size_t i = 0; i < l->phone_count; i++)
        open += l->phones[i]->state == PHONE_OPEN;
    return open;
}

void load_line(void *arg, struct bytes *out)
{
    static const char *const phases[] = {"phones connect", "changers connect", "dashboards connect",
                                         "warming up",     "measuring",        "draining"};
    const struct load *l = arg;

    bytes_printf(out, "%s: phones %zu/%zu, dashboards %zu/%zu, %llu beats, %llu changes, %llu updates",
                 phases[l->phase], open_phones(l), l->phone_count, watchers_ready(&l->watchers),
                 l->watchers.count, (unsigned long long)l->m.beats_sent,
                 (unsigned long long)l->m.changes_done, (unsigned long long)l->m.delivered);
}

static long resident_kb(void)
{
    struct rusage usage;

    return getrusage(RUSAGE_SELF, &usage) ? 0 : usage.ru_maxrss;
}

static uint64_t lost_since(const struct load *l)
{
    const struct counters *c = &l->sim.counters;

    return c->lost + c->closed_by_server + c->broken - l->m.lost_before;
}

static void text_latency(const char *name, const struct latency *l, struct bytes *out)
{
    bytes_printf(out, "%-13s%10.2f%10.2f%10.2f%10.2f  ms\n", name, (double)latency_quantile(l, 0.5) / 1000,
                 (double)latency_quantile(l, 0.9) / 1000, (double)latency_quantile(l, 0.99) / 1000,
                 (double)l->max_us / 1000);
}

static void report_text(const struct load *l, struct bytes *out)
{
    const struct counters *c = &l->sim.counters;

    bytes_printf(out, "connected    %zu phones in %lld ms (%.0f/s), %zu dashboards; seed %llu\n",
                 open_phones(l), (long long)l->connect_ms, per_second(l->phone_count, l->connect_ms * 1000),
                 watchers_ready(&l->watchers), (unsigned long long)l->sim.seed);
    bytes_printf(out, "measured     %.1f s: %.1f beats/s (%llu failed), %.1f changes/s (%llu skipped)\n",
                 (double)l->m.took_us / 1e6, per_second(l->m.beats_sent, l->m.took_us),
                 (unsigned long long)l->m.beats_failed, per_second(l->m.changes_done, l->m.took_us),
                 (unsigned long long)l->m.changes_skipped);
    bytes_printf(out, "updates      %llu of %llu delivered, %.0f/s\n", (unsigned long long)l->m.delivered,
                 (unsigned long long)l->m.expected, per_second(l->m.delivered, l->m.took_us));
    bytes_printf(out, "errors       %llu refused, %llu unreachable, %llu timeouts, %llu lost, %llu faults\n",
                 (unsigned long long)c->refused, (unsigned long long)c->unreachable,
                 (unsigned long long)c->timeouts, (unsigned long long)lost_since(l),
                 (unsigned long long)sim_fault_count(&l->sim));
    bytes_printf(out, "                 p50       p90       p99       max\n");
    text_latency("from server", &l->m.from_server, out);
    text_latency("from intended", &l->m.from_intended, out);
    text_latency("own lag", &l->m.lag, out);
    bytes_printf(out, "own cost     %.1f %% of a core (%.1f user, %.1f system), %ld kB\n",
                 100 * per_second((uint64_t)(l->m.cpu_user_us + l->m.cpu_system_us), l->m.took_us) / 1e6,
                 100 * per_second((uint64_t)l->m.cpu_user_us, l->m.took_us) / 1e6,
                 100 * per_second((uint64_t)l->m.cpu_system_us, l->m.took_us) / 1e6, resident_kb());
    accounts_text(&l->accounts, out);
}

static void json_latency(const char *name, const struct latency *l, struct bytes *out)
{
    bytes_printf(out, ",\"%s\":{\"count\":%llu,\"p50Us\":%lld,\"p90Us\":%lld,\"p99Us\":%lld,\"maxUs\":%lld}",
                 name, (unsigned long long)l->count, (long long)latency_quantile(l, 0.5),
                 (long long)latency_quantile(l, 0.9), (long long)latency_quantile(l, 0.99),
                 (long long)l->max_us);
}

static void report_json(const struct load *l, struct bytes *out)
{
    const struct counters *c = &l->sim.counters;

    bytes_printf(
        out,
        "{\"seed\":%llu,\"phones\":%zu,\"dashboards\":%zu,\"connectMs\":%lld,\"measuredMs\":%lld,\"beats\":%"
        "llu,"
        "\"beatsFailed\":%llu,\"changes\":%llu,\"changesSkipped\":%llu,\"delivered\":%llu,\"expected\":%llu",
        (unsigned long long)l->sim.seed, open_phones(l), watchers_ready(&l->watchers),
        (long long)l->connect_ms, (long long)l->m.took_us / 1000, (unsigned long long)l->m.beats_sent,
        (unsigned long long)l->m.beats_failed, (unsigned long long)l->m.changes_done,
        (unsigned long long)l->m.changes_skipped, (unsigned long long)l->m.delivered,
        (unsigned long long)l->m.expected);
    bytes_printf(out,
                 ",\"refused\":%llu,\"unreachable\":%llu,\"timeouts\":%llu,\"lost\":%llu,\"faults\":%llu,"
                 "\"cpuUserUs\":%lld,\"cpuSystemUs\":%lld,\"maxRssKb\":%ld",
                 (unsigned long long)c->refused, (unsigned long long)c->unreachable,
                 (unsigned long long)c->timeouts, (unsigned long long)lost_since(l),
                 (unsigned long long)sim_fault_count(&l->sim), (long long)l->m.cpu_user_us,
                 (long long)l->m.cpu_system_us, resident_kb());
    json_latency("fromServer", &l->m.from_server, out);
    json_latency("fromIntended", &l->m.from_intended, out);
    json_latency("ownLag", &l->m.lag, out);
    accounts_json(&l->accounts, out);
    bytes_append_text(out, "}\n");
}

void load_report(const struct load *l, struct bytes *out)
{
    if (l->sim.options->json)
        report_json(l, out);
    else
        report_text(l, out);
}
