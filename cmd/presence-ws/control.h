/* SPDX-License-Identifier: MIT */
/* Orders on presence:control (wire/control.h). The groups of users are roster_sync's; here is the rest. */
#ifndef PRESENCE_WS_CONTROL_H
#define PRESENCE_WS_CONTROL_H

#include "wire/control.h"

/* The hook of struct roster_sync; arg: the server. Kinds that are not known are ignored. */
void control_received(void *arg, const struct control *control);

#endif
