/* SPDX-License-Identifier: MIT */
/* REDIS_URL taken apart; for redis_config.c alone. */
#ifndef REDIS_REDIS_URL_H
#define REDIS_REDIS_URL_H

#include "redis/redis_config.h"

/* Overwrites those fields of *config that config->url names: 0, or -1 with a sentence that shows nothing of
 * the URL. unix_path is kept in the memory of config->url, behind its text. */
int redis_url_apply(struct redis_config *config, struct settings_error *error);

#endif
