/* SPDX-License-Identifier: MIT */
/* What other processes of this machine take, by the kernel's own accounting: CPU of all their threads
 * (/proc/PID/task/…/schedstat) and memory, shared pages by their share (PSS of smaps_rollup). */
#ifndef SIM_ACCOUNT_H
#define SIM_ACCOUNT_H

#include "base/bytes.h"

#define ACCOUNTS_MAX 16

struct account {
    int64_t pid;
    int64_t start_cpu_us, start_pss_kb; /* before the first connection */
    int64_t connect_us;                 /* CPU while the phones connected */
    int64_t connected_pss_kb;
    int64_t measure_us; /* CPU while measuring */
};

struct accounts {
    struct account items[ACCOUNTS_MAX];
    size_t count;
};

/* "PID,PID": 0, or -1 for a number that is no process of this machine. NULL text: none. */
int accounts_parse(const char *text, struct accounts *ret);
void accounts_start(struct accounts *a);
void accounts_connected(struct accounts *a);
void accounts_measure_begin(struct accounts *a);
void accounts_measure_end(struct accounts *a);
/* Lines for a person; ,"accounts":[…] for a program. Nothing when there are none. */
void accounts_text(const struct accounts *a, struct bytes *out);
void accounts_json(const struct accounts *a, struct bytes *out);

#endif
