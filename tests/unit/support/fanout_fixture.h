/* SPDX-License-Identifier: MIT */
/* A roster, groups, a fan-out, and viewers who read it as text. For tests of the fan-out. */
#ifndef TEST_SUPPORT_FANOUT_FIXTURE_H
#define TEST_SUPPORT_FANOUT_FIXTURE_H

#include "fanout/subscriber.h"

struct fanout_fixture {
    struct roster roster;
    struct groups groups;
    struct fanout fanout;
};

void fanout_fixture_setup(struct fanout_fixture *x, size_t entries, size_t stream_bytes);
void fanout_fixture_teardown(struct fanout_fixture *x);

/* A change of the store, told when it is one. */
void fanout_fixture_change_with(struct fanout_fixture *x, const char *user, bool online, struct span device,
                                const char *claim);

/* The same of a user without device and claims. */
void fanout_fixture_change(struct fanout_fixture *x, const char *user, bool online);

/* A change that was published by hand: it has no revision. */
void fanout_fixture_by_hand(struct fanout_fixture *x, const char *user, bool online);

/* `group`: what it is allowed to see when it is scoped, NULL for nothing. */
void fanout_fixture_viewer_setup(struct subscriber *v, struct fanout_fixture *x, int encoding, bool scoped,
                                 const char *group);
void fanout_fixture_viewer_gone(struct subscriber *v, struct fanout_fixture *x);

/* At that time, by a walk if need be. */
void fanout_fixture_begin_at(struct subscriber *v, struct fanout_fixture *x, enum resume why,
                             int64_t mono_ms);

/* Now, without a reason why it does not resume. */
void fanout_fixture_begin(struct subscriber *v, struct fanout_fixture *x);

/* Appends what a piece holds. */
void fanout_fixture_take_piece(const struct fanout_chunk *piece, struct bytes *out);
enum fanout_result fanout_fixture_read_one(struct subscriber *v, struct fanout_fixture *x, struct bytes *out);
enum fanout_result fanout_fixture_read_all(struct subscriber *v, struct fanout_fixture *x, struct bytes *out);

/* Reads all that there is, which must be this text. */
void fanout_fixture_expect(const char *name, struct subscriber *v, struct fanout_fixture *x,
                           const char *expected);

/* The set of a group, users separated by spaces. */
void fanout_fixture_set_members(struct fanout_fixture *x, const char *name, const char *users);

#endif
