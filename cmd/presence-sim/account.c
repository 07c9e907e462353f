/* SPDX-License-Identifier: MIT */
#include "account.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* One line of a small file of /proc that begins with `name`, its first number; -1 without. */
static int64_t number_in(const char *path, const char *name)
{
    char line[256];
    int64_t number = -1;
    FILE *file = fopen(path, "re");
    if (!file)
        return -1;
    while (number < 0 && fgets(line, sizeof(line), file))
        if (!strncmp(line, name, strlen(name)) && sscanf(line + strlen(name), "%" SCNd64, &number) != 1)
            number = -1;
    fclose(file);
    return number;
}

/* Threads that have ended are not counted: daemons keep theirs. */
static int64_t cpu_us(int64_t pid)
{
    char path[300];
    int64_t sum_ns = 0;
    const struct dirent *task;
    snprintf(path, sizeof(path), "/proc/%" PRId64 "/task", pid);
    DIR *tasks = opendir(path);
    if (!tasks)
        return 0;
    while ((task = readdir(tasks))) {
        snprintf(path, sizeof(path), "/proc/%" PRId64 "/task/%.20s/schedstat", pid, task->d_name);
        int64_t ran_ns = task->d_name[0] == '.' ? 0 : number_in(path, "");
        sum_ns += ran_ns > 0 ? ran_ns : 0;
    }
    closedir(tasks);
    return sum_ns / 1000;
}

static int64_t pss_kb(int64_t pid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%" PRId64 "/smaps_rollup", pid);
    return number_in(path, "Pss:");
}

int accounts_parse(const char *text, struct accounts *ret)
{
    struct span rest = span_of(text);
    struct accounts a = {0};
    while (rest.len) {
        uint64_t pid;
        if (a.count == ACCOUNTS_MAX || span_to_u64(span_trim(span_split(&rest, ',')), INT32_MAX, &pid) ||
            pss_kb((int64_t)pid) < 0)
            return -1;
        a.items[a.count++].pid = (int64_t)pid;
    }
    *ret = a;
    return 0;
}

void accounts_start(struct accounts *a)
{
    for (struct account *at = a->items; at < a->items + a->count; at++) {
        at->start_pss_kb = pss_kb(at->pid);
        at->start_cpu_us = cpu_us(at->pid);
    }
}

void accounts_connected(struct accounts *a)
{
    for (struct account *at = a->items; at < a->items + a->count; at++) {
        at->connect_us = cpu_us(at->pid) - at->start_cpu_us;
        at->connected_pss_kb = pss_kb(at->pid);
    }
}

void accounts_measure_begin(struct accounts *a)
{
    for (struct account *at = a->items; at < a->items + a->count; at++)
        at->measure_us = -cpu_us(at->pid);
}

void accounts_measure_end(struct accounts *a)
{
    for (struct account *at = a->items; at < a->items + a->count; at++)
        at->measure_us += cpu_us(at->pid);
}

void accounts_text(const struct accounts *a, struct bytes *out)
{
    for (const struct account *at = a->items; at < a->items + a->count; at++)
        bytes_printf(out,
                     "process %-8lld %.1f ms of CPU while phones connected, %.1f ms while measuring; %lld "
                     "kB, then %lld kB\n",
                     (long long)at->pid, (double)at->connect_us / 1000, (double)at->measure_us / 1000,
                     (long long)at->start_pss_kb, (long long)at->connected_pss_kb);
}

void accounts_json(const struct accounts *a, struct bytes *out)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct account *at = &a->items[i];
        bytes_printf(out,
                     "%s{\"pid\":%lld,\"connectUs\":%lld,\"measureUs\":%lld,\"startPssKb\":%lld,"
                     "\"connectedPssKb\":%lld}",
                     i ? "," : ",\"accounts\":[", (long long)at->pid, (long long)at->connect_us,
                     (long long)at->measure_us, (long long)at->start_pss_kb, (long long)at->connected_pss_kb);
    }
    if (a->count)
        bytes_append_char(out, ']');
}
