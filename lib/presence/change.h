/* SPDX-License-Identifier: MIT */
/* A change: one transition of one user, as it travels from the scripts to the viewers. */
#ifndef PRESENCE_CHANGE_H
#define PRESENCE_CHANGE_H

#include "base/bytes.h"

/* All spans are borrowed. */
struct change {
    struct span user;
    bool online;
    uint64_t rev;              /* 0: published by hand, changes no roster (KEYS.md) */
    int64_t timestamp_ms;      /* when the store made the transition, Redis time */
    int64_t last_seen_ms;      /* the last sign of life, never the time of detection */
    struct span device;        /* empty: none */
    struct span reason;        /* connected, heartbeat, disconnected, expired, forced … */
    struct span node;          /* the daemon whose command made it */
    const struct span *groups; /* the user's groups by claim */
    size_t group_count;
};

#endif
