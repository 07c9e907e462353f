/* SPDX-License-Identifier: MIT */
/* EVAL and EVALSHA: Lua 5.1 with what Redis gives its scripts, as far as ours use it. EVALSHA knows the
 * shipped scripts, once EVAL has brought them. */
#ifndef MODEL_SCRIPT_H
#define MODEL_SCRIPT_H

#include "command.h"

struct script_host;

struct script_host *script_host_create(struct redis_model *m);
void script_host_destroy(struct script_host *h);
/* SCRIPT FLUSH, and what a restart does. */
void script_host_flush(struct script_host *h);

void script_eval(struct call *c);
void script_evalsha(struct call *c);

#endif
