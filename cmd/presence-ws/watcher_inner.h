/* What the files of the viewers share. */
#ifndef PRESENCE_WS_WATCHER_INNER_H
#define PRESENCE_WS_WATCHER_INNER_H

#include "server.h"

struct watcher {
    struct viewer viewer; /* its link stands in server.watchers */
    struct client *client;
    char *id; /* the viewer's own user id */
    size_t id_len;
    char *device; /* NULL: it gave none */
    bool of_phone;
    bool active;       /* has a view that is kept up to date */
    bool waiting;      /* for the roster or a group */
    bool again;        /* a new view is due when it can be sent */
    bool full;         /* the socket takes nothing */
    int64_t full_ms;   /* since when */
    int64_t strike_ms; /* when it last fell behind; 0: never */
    char *since_epoch; /* resume from here; NULL: a snapshot */
    uint64_t since_rev;
    int64_t behind_ms; /* since when that revision is ahead of us; 0: it is not */
};

static inline struct watcher *watcher_at(struct list *link)
{
    return list_entry(link, struct watcher, viewer.link);
}

/* Where its next view resumes; an empty epoch: a snapshot. */
void watcher_set_since(struct watcher *w, struct span epoch, uint64_t rev);
/* A new view, as soon as it can be: not in the middle of a message, and not before what it needs is known. */
void watcher_view_anew(struct server *s, struct watcher *w);

#endif
