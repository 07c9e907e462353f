#include "base/plain.h"
#include "doctor.h"
#include "survey.h"

#define EXAMPLES 3
#define REPAIR   "presence-ctl repair (presence-expiryd does the same every PRESENCE_REPAIR_INTERVAL)"

static const struct {
    const char *check, *text, *mend;
} meanings[ODDITIES] = {
    [ODDITY_FOREIGN] =
        {"foreign", "have keys of another type under presence's names",
         "find the program that writes them; rename or delete these keys, or set PRESENCE_PREFIX"},
    [ODDITY_UNADOPTED] = {"unadopted", "have a presence key of another writer that no session explains",
                          REPAIR},
    [ODDITY_KEY] = {"keys", "are in the index, but their presence key is gone or has another TTL", REPAIR},
    [ODDITY_META] = {"meta", "are in the index, but presence:meta does not say online", REPAIR},
    [ODDITY_UNEXPLAINED] = {"sessions", "are in the index without any session", REPAIR},
    [ODDITY_UNLISTED] = {"index", "have a living session, but are missing in the index", REPAIR},
    [ODDITY_STALE] = {"stale", "are online in presence:meta, but neither in the index nor by a session",
                      REPAIR},
    [ODDITY_LATE] = {"index", "stand in the index later than their last deadline", REPAIR},
    [ODDITY_OVERDUE] = {"overdue", "count as online though their last deadline passed over 5 s ago",
                        "start presence-expiryd, or look at its log"},
};

static void tell_examples(const struct idset *users, struct bytes *out)
{
    size_t at = 0, count = 0;
    void *user;

    while (count < EXAMPLES && (user = map_next(&users->map, &at))) {
        bytes_append_text(out, count++ ? ", " : "");
        plain_append(out, users->map.key_of(user));
    }
    if (idset_count(users) > count)
        bytes_append_text(out, " …");
}

/* Returns whether something was told. */
static bool tell(struct doctor *d, const struct survey *s, enum oddity oddity)
{
    bytes_auto examples = BYTES_INIT;
    size_t count = idset_count(&s->odd[oddity]);

    if (count == 0)
        return false;
    tell_examples(&s->odd[oddity], &examples);
    doctor_say(d, VERDICT_FAULT, meanings[oddity].check, meanings[oddity].mend,
               "index and keys disagree: %zu user%s %s: %s", count, count == 1 ? "" : "s",
               meanings[oddity].text, bytes_text(&examples));
    return true;
}

/* Guide, "Users not appearing online", 3. */
int doctor_state(struct doctor *d)
{
    struct survey survey;
    bool odd = false;

    survey_init(&survey, d->c);
    int code = survey_run(&survey);
    for (int i = ODDITY_NONE + 1; code == 0 && i < ODDITIES; i++)
        odd |= tell(d, &survey, (enum oddity)i);
    if (code == 0 && survey.cut)
        doctor_say(d, VERDICT_NOTE, "state", NULL, "only the first %d users were looked at",
                   SURVEY_USERS_MAX);
    if (code == 0 && !odd)
        doctor_say(d, VERDICT_FINE, "state", NULL,
                   "%zu user%s online; index, keys and sessions agree (%zu known users looked at)",
                   survey.online, survey.online == 1 ? "" : "s", idset_count(&survey.users));
    survey_finish(&survey);
    return code;
}
