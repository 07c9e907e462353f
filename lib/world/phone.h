/* A phone of the play, with a life of its own: it comes, beats, falls silent, roams, vanishes, returns. */
#ifndef WORLD_PHONE_H
#define WORLD_PHONE_H

#include "world/pipe.h"

struct phone;

/* user, device and groups (a claim, separated by ','; NULL: none) are copied. */
struct phone *phone_create(const char *user, const char *device, const char *groups, uint64_t seed,
                           int64_t ttl_ms, struct process *host, int encoding);
void phone_destroy(struct phone *p);
void phone_begin(struct phone *p);
/* From now on it stays as it is: connected and beating, or away. */
void phone_stand_still(struct phone *p);
const char *phone_user(const struct phone *p);
/* Connected, and beating. */
bool phone_lives(const struct phone *p);

/* play.c: a server to connect to, by the phone's own dice. */
struct process *play_server(struct rng *rng);

#endif
