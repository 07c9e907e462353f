/* One connection of a phone, and what it means for the truth. A phone has one in use, and leaves others
 * behind. */
#ifndef SIM_LINK_H
#define SIM_LINK_H

#include "phone.h"

struct link {
    struct list list; /* in left_behind, else alone */
    struct phone *phone;
    struct ws_client *client;
    struct truth_session *session; /* NULL: its end was told */
    bool frozen;
};

/* 0, or a negative errno: then there is no link, and phone->link is NULL. */
int link_open(struct phone *p);
/* The session ends by the phone's own doing. */
void link_left(struct link *l);
/* Without hooks: the phone is told nothing. */
void link_abort(struct link *l);
void link_drop(struct link *l);
void link_record(struct phone *p, const char *event);

/* phone.c: the link in use opened, or ended and is gone. */
void phone_link_opened(struct phone *p);
/* HELLO: how often to beat. */
void phone_hello(struct phone *p, int64_t interval_ms);
void phone_link_ended(struct phone *p, enum ws_end end, int code);

#endif
