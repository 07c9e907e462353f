/* A dashboard of the play, under a witness. */
#ifndef WORLD_VIEWER_H
#define WORLD_VIEWER_H

#include "presence/witness.h"
#include "world/pipe.h"

struct viewer_config {
    const char *name;
    const char *groups;     /* claim; NULL: sees everyone */
    const char *ask_groups; /* ?groups=; NULL: all of the claim */
    int encoding;
    bool batch, resumes;
    bool slow; /* stops reading now and then */
    uint64_t seed;
};

struct watching;

struct watching *viewer_create(const struct viewer_config *config, struct truth *truth, struct process *host);
void viewer_destroy(struct watching *v);
void viewer_begin_life(struct watching *v);
/* No more whims. */
void viewer_stand_still(struct watching *v);
const char *viewer_name(const struct watching *v);
/* The one group it sees; NULL: everyone. */
const char *viewer_group(const struct watching *v);
bool viewer_has_view(const struct watching *v);
bool viewer_shows(const struct watching *v, struct span user);
size_t viewer_online(const struct watching *v);
/* size_t at = 0; while (viewer_next_online(v, &at, &user)) … */
bool viewer_next_online(const struct watching *v, size_t *at, struct span *ret_user);

#endif
