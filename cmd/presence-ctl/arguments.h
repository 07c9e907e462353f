/* SPDX-License-Identifier: MIT */
/* What commands take as arguments: 0, or EXIT_USAGE with the sentence in c->error. */
#ifndef PRESENCE_CTL_ARGUMENTS_H
#define PRESENCE_CTL_ARGUMENTS_H

#include "ctl.h"

int argument_user(struct ctl *c, const char *text, struct span *ret);
int argument_status(struct ctl *c, const char *text, bool *ret_online);
/* A device's id, for --device. */
int argument_device(struct ctl *c, struct span id);
/* "a,b,c" of valid ids, for --users and --groups; NULL is none. *ret_ids is the caller's to free; the spans borrow
 * from `list`. */
int argument_ids(struct ctl *c, const char *what, const char *list, struct span **ret_ids, size_t *ret_count);

#endif
