/* SPDX-License-Identifier: MIT */
/* What a scenario needs around it: a directory, a secret, a clean environment. */
#ifndef SIM_SCRATCH_H
#define SIM_SCRATCH_H

/* A new directory under $TMPDIR or /tmp, for this user alone; NULL after a line on stderr. Heap. */
char *scratch_create(void);
/* With everything in it. */
void scratch_remove(const char *path);
/* Where this program lies. Heap; NULL after a line on stderr. */
char *scratch_own_directory(void);
/* A fresh secret for tokens. Heap. */
char *scratch_secret(void);
/* Takes the caller's settings out of the environment, so that a scenario plays alike everywhere, and puts
 * SECRET_KEY in. */
void scratch_environment(const char *secret);

#endif
