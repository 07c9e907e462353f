/* presence-sim run FILE: the end of a scenario, and its verdict. */
#include "commands.h"
#include "scratch.h"
#include "stage.h"

#include <stdio.h>
#include <stdlib.h>

#define FINISH_MS        10000
#define FINISH_FAILED_MS 2000

/* In the other order than they were started; one that ends badly on TERM spoils a good run. */
static void finish_processes(struct stage *s)
{
    for (size_t i = s->process_count; i-- > 0;) {
        struct process *p = s->processes[i];
        bool ran = p->pid != 0, good = s->sim.exit_code == EXIT_YES;
        int status = process_finish(p, good ? FINISH_MS : FINISH_FAILED_MS);
        if (!ran || !good || !status)
            continue;
        fprintf(stderr, "%s: %s ended with %d at the end\n", s->file, p->name, status);
        s->sim.exit_code = EXIT_NO;
    }
}

static void free_all(struct stage *s)
{
    for (size_t i = 0; i < s->process_count; i++)
        process_destroy(s->processes[i]);
    free(s->processes);
    if (s->command)
        process_destroy(s->command);
    for (size_t i = 0; i < s->variable_count; i++) {
        free(s->variables[i].name);
        free(s->variables[i].value);
    }
    free(s->variables);
    for (size_t i = 0; i < s->ban_count; i++)
        free(s->bans[i].user);
    free(s->bans);
    free(s->churns);
    words_finish(&s->words);
    script_finish(&s->script);
    free(s->bin);
    free(s->scratch);
    free(s->made_secret);
    free(s);
}

struct told {
    uint64_t changes, snapshots;
    double seconds;
};

static struct told count_told(const struct stage *s)
{
    struct told t = {.seconds = s->began_ms ? (double)(sim_now(&s->sim) - s->began_ms) / 1000 : 0};

    for (size_t i = 0; i < s->dashboard_count; i++) {
        t.changes += s->dashboards[i]->witness.changes;
        t.snapshots += s->dashboards[i]->witness.snapshots;
    }
    return t;
}

static void print_json(const struct stage *s, const struct told *t)
{
    bytes_auto out = BYTES_INIT;

    bytes_append_text(&out, "{\"file\":");
    bytes_append_json(&out, span_of(s->file));
    bytes_printf(
        &out,
        ",\"exit\":%d,\"seed\":%llu,\"steps\":%llu,\"expectations\":%llu,\"snapshots\":%llu,\"changes\":%llu,"
        "\"faults\":%llu,\"tolerated\":%llu,\"seconds\":%.3f,\"why\":",
        s->sim.exit_code, (unsigned long long)s->sim.seed, (unsigned long long)s->steps,
        (unsigned long long)s->expectations, (unsigned long long)t->snapshots, (unsigned long long)t->changes,
        (unsigned long long)sim_fault_count(&s->sim), (unsigned long long)s->sim.counters.tolerated,
        t->seconds);
    bytes_append_json(&out, span_of(s->sim.exit_code ? s->why : ""));
    bytes_append_text(&out, "}\n");
    fwrite(out.data, 1, out.len, stdout);
}

static void print_verdict(const struct stage *s, const struct told *t)
{
    if (s->options.json) {
        print_json(s, t);
        return;
    }
    printf("%s %s: %llu steps, %llu expectations, %llu snapshots, %llu changes told, %.1f s, seed %llu\n",
           s->sim.exit_code ? "FAILED" : "ok", s->file, (unsigned long long)s->steps,
           (unsigned long long)s->expectations, (unsigned long long)t->snapshots,
           (unsigned long long)t->changes, t->seconds, (unsigned long long)s->sim.seed);
}

int stage_finish(struct stage *s)
{
    const struct told told = count_told(s);
    bool has_logs = s->process_count || s->command;

    sim_stop(&s->sim, &s->look);
    sim_stop(&s->sim, &s->sweep);
    sim_stop(&s->sim, &s->limit);
    s->sim.news = NULL;
    for (size_t i = 0; i < s->churn_count; i++)
        churn_stop(&s->churns[i]);
    cast_finish(s);
    finish_processes(s);
    if (s->began_ms)
        print_verdict(s, &told);
    if (s->scratch && !s->options.keep && !(s->sim.exit_code && has_logs))
        scratch_remove(s->scratch);
    else if (s->scratch)
        fprintf(stderr, "%s: logs are in %s\n", s->file, s->scratch);
    loop_task_destroy(s->look_soon);
    int code = sim_finish(&s->sim);

    free_all(s);
    fflush(stdout);
    return code;
}

int command_run(const struct options *options, const char *file)
{
    struct stage *s;
    int code = stage_create(options, file, &s);

    if (code)
        return code;
    stage_play(s);
    return stage_finish(s);
}
