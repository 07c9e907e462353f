/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#define EVERY_MS 1000

static void on_second(struct wheel_timer *timer, int64_t now_ms)
{
    struct progress *p = list_entry(timer, struct progress, timer);
    bytes_auto line = BYTES_INIT;
    p->line(p->arg, &line);
    fprintf(stderr, "\r\033[K%s", bytes_text(&line));
    sim_start(p->sim, &p->timer, EVERY_MS);
}

void progress_start(struct progress *p, struct sim *sim, void (*line)(void *arg, struct bytes *out),
                    void *arg)
{
    *p = (struct progress){.sim = sim, .line = line, .arg = arg};
    p->on = isatty(STDERR_FILENO) && !sim->options->quiet;
    wheel_timer_init(&p->timer, on_second);
    if (p->on)
        sim_start(sim, &p->timer, EVERY_MS);
}

void progress_clear(const struct progress *p)
{
    if (p->on)
        fputs("\r\033[K", stderr);
}

void progress_stop(struct progress *p)
{
    progress_clear(p);
    if (p->on)
        sim_stop(p->sim, &p->timer);
    p->on = false;
}
