/* SPDX-License-Identifier: MIT */
/* The names of all programs' settings, and what a name that none of them has may have meant. Pure. */
#ifndef BASE_SETTINGS_NAMES_H
#define BASE_SETTINGS_NAMES_H

#include "base/bytes.h"

#define SETTINGS_NAME_SHOWN 80 /* bytes of an unknown name that a message shows; no name of ours is longer */

/* Whether one of the five programs, or a tool of this project, has that name. */
bool settings_name_known(struct span name);
/* The known name that was most likely meant; NULL: none is near. */
const char *settings_name_nearest(struct span name);
/* Whether Kubernetes may have made the name, of that of a service: REDIS_SERVICE_HOST, REDIS_PORT_6379_TCP. */
bool settings_name_is_link(struct span name);
/* Whether it begins as ours do: PRESENCE_, REDIS_, JWT_. */
bool settings_name_is_ours(struct span name);

#endif
