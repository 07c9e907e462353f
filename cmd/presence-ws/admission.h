/* SPDX-License-Identifier: MIT */
/* Who is admitted beyond what the gate asks: quotas, and whether there is anything to serve (PROTOCOL.md). The
 * place that a connection takes goes along with its request until the connection has it. */
#ifndef PRESENCE_WS_ADMISSION_H
#define PRESENCE_WS_ADMISSION_H

#include "subscribers.h"

struct admission;

/* All that it is given outlives it. */
struct admission *admission_create(const struct config *config, struct loop *loop,
                                   const struct subscribers *subscribers);
/* After the last place was given back. */
void admission_destroy(struct admission *a);
void admission_tick(struct admission *a, int64_t now_ms);
/* The gate's last question: 0, and the request has a place; or -1 and why it is refused. */
int admission_admit(struct admission *a, struct gate_request *request, struct gate_refusal *refusal);
/* Nothing is left of what the place was for. An empty place is none. */
void admission_release(struct admission *a, struct quota_place *place);

#endif
