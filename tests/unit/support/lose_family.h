/* SPDX-License-Identifier: MIT */
/* Takes a family of sockets from a process and its children, by seccomp: as on a kernel without IPv6.
 * tests/e2e/bare.test.js builds it, too. */
#ifndef TEST_SUPPORT_LOSE_FAMILY_H
#define TEST_SUPPORT_LOSE_FAMILY_H

/* From now on socket(2) fails with EAFNOSUPPORT for it. 0, or -1 with errno. */
int lose_family(int family);

#endif
