/* SPDX-License-Identifier: MIT */
/* The writers of lib/wire that the fan-out calls, as text that a test can read: lines like "U user+rev,device".
 * The linker takes these instead of lib/wire's. The two encodings differ in length, and in what separates the
 * users of a snapshot, as the real ones do. */
#ifndef TEST_SUPPORT_FANOUT_WRITERS_H
#define TEST_SUPPORT_FANOUT_WRITERS_H

/* Fails when other writers than these are called. A test must call it: it is the reference for which the linker
 * takes this member of the archive, before it comes to lib/wire. */
void fanout_writers_check(void);

#endif
