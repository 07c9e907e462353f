/* SPDX-License-Identifier: MIT */
/* Push-to-talk: one phone talks to a group, and each frame is looked for at all others. A frame has a number and
 * the time at which it was meant to leave, so that what is lost, repeated, out of order or late shows. Frames of
 * one connection of the talker are compared with each other only, as heard on one connection of the listener. */
#ifndef SIM_TALK_H
#define SIM_TALK_H

#include "latency.h"
#include "phone.h"

#define TALK_SIZE_MIN 24 /* bytes of a frame's audio: what stands in it */
#define TALK_SIZE_MAX 65536

struct talk_member {
    struct talk *of;
    struct phone *phone;
    uint64_t joined;      /* the connection on which it is a member, as the phone counts them */
    uint64_t take, next;  /* of the talker's connection that it hears; the next frame of it */
    uint64_t heard, lost; /* lost: or heard out of order */
};

struct talk {
    char *group;
    struct talk_member *members; /* the first one talks */
    size_t count;
    size_t size;         /* bytes of audio a frame */
    uint64_t talking;    /* the connection of the talker, likewise */
    uint64_t take, next; /* of that connection; its next frame */
    uint64_t sent;
    struct latency *latency; /* of all who hear; NULL: nobody asks */
};

/* At least one phone; they outlive the talk. */
struct talk *talk_create(const char *group, struct phone *const *phones, size_t count, size_t size,
                         struct latency *latency);
void talk_destroy(struct talk *t);
/* Phones that have connected become members. Returns how many are. */
size_t talk_join(struct talk *t);
/* One frame, meant to leave at that time (monotonic): 0, or -1 when the talker is not connected. */
int talk_frame(struct talk *t, int64_t intended_us);

#endif
