/* SPDX-License-Identifier: MIT */
/* Time, asked for in one place: everything else takes it as an argument. Milliseconds in int64_t. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Since 1970; follows the wall clock with its jumps. */
int64_t clock_wall_ms(void);
/* Since some fixed point; never jumps, stands still while the machine sleeps (CLOCK_MONOTONIC, as in libuv).
 */
int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);
/* CPU time that this thread has taken, the kernel's for it included. */
int64_t clock_cpu_us(void);

#endif
