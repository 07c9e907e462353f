/* Whether index, keys and sessions of all users agree: reads only, and tells per user what is off. */
#ifndef PRESENCE_CTL_SURVEY_H
#define PRESENCE_CTL_SURVEY_H

#include "ctl.h"
#include "idset.h"

enum oddity {
    ODDITY_NONE,
    ODDITY_FOREIGN,     /* keys of another type */
    ODDITY_UNADOPTED,   /* a presence key no session explains: another writer's */
    ODDITY_KEY,         /* online, but the presence key is gone or has another TTL */
    ODDITY_META,        /* online, and meta says otherwise */
    ODDITY_UNEXPLAINED, /* in the index without any session */
    ODDITY_UNLISTED,    /* a living session, but not in the index */
    ODDITY_STALE,       /* meta says online, but neither session nor index do */
    ODDITY_LATE,        /* the index is later than the last deadline */
    ODDITY_OVERDUE,     /* the last deadline passed long ago */
    ODDITIES,
};

#define SURVEY_USERS_MAX 200000 /* more are not looked at */

struct survey {
    struct ctl *c;
    struct idset users;
    size_t online; /* in the index */
    size_t keys;   /* presence:user:* */
    bool cut;      /* SURVEY_USERS_MAX was reached */
    struct idset odd[ODDITIES];
};

void survey_init(struct survey *s, struct ctl *c);
void survey_finish(struct survey *s);
/* Looks at everyone, and a second time at those who looked odd, since all moves meanwhile. 0 or an exit code.
 */
int survey_run(struct survey *s);

#endif
