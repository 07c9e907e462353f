#include "presence/story.h"

#include "base/plain.h"

/* What detection may take before a deadline counts as overlooked. */
#define OVERDUE_MS 1000

static void tell_time(const struct story *s, int64_t ms, struct bytes *out)
{
    s->time(s->arg, ms, out);
}

static void tell_device(struct span device, struct bytes *out)
{
    if (device.len)
        plain_append(out, device);
    else
        bytes_append_text(out, "a phone without a device id");
}

/* "user123" and what it is, since when. */
void story_headline(const struct story *s, struct bytes *out)
{
    plain_append(out, s->user);
    if (s->count == 0) {
        bytes_append_text(out, s->online ? " is online; since when is not known." : " was never seen.");
        return;
    }
    bytes_append_text(out, s->online ? " is online" : " is offline");
    if (s->transitions[0].online != s->online) {
        bytes_append_text(out, ", though the last transition known says otherwise.");
        return;
    }
    bytes_append_text(out, " since ");
    tell_time(s, s->transitions[0].at_ms, out);
    bytes_append_text(out, " (");
    plain_duration(out, s->now_ms - s->transitions[0].at_ms);
    bytes_append_text(out, ").");
}

static void silence(const struct story *s, const struct story_transition *t, struct bytes *out)
{
    int64_t passed_ms = t->last_seen_ms + s->ttl_ms;

    if (t->last_seen_ms <= 0) {
        bytes_append_text(out, "Its deadline passed, and no sign of life is known.");
        return;
    }
    bytes_append_text(out, "Silent since ");
    tell_time(s, t->last_seen_ms, out);
    if (t->device.len) {
        bytes_append_text(out, " (");
        plain_append(out, t->device);
        bytes_append_char(out, ')');
    }
    /* Another TTL at the server, or a grace after a close. */
    if (passed_ms > t->at_ms) {
        bytes_append_text(out, "; the session's deadline passed ");
        plain_duration(out, t->at_ms - t->last_seen_ms);
        bytes_append_text(out, " later.");
        return;
    }
    bytes_append_text(out, "; the TTL of ");
    plain_duration(out, s->ttl_ms);
    bytes_append_text(out, " passed at ");
    tell_time(s, passed_ms, out);
    bytes_append_text(out, ", noticed ");
    plain_duration(out, t->at_ms - passed_ms);
    bytes_append_text(out, " later.");
}

struct cause {
    const char *reason;
    bool online;
    bool by_device; /* the sentence begins with the device */
    const char *sentence;
};

static const struct cause causes[] = {
    {"connected", true, true, " connected."},
    {"heartbeat", true, true, " sent a heartbeat, and no session of the user lived."},
    {"recovered", true, true, "'s session was asserted again after Redis had lost it."},
    {"repaired", true, true,
     "'s session was alive, but the index had lost the user; the repair pass put it back."},
    {"adopted", true, false, "Another writer set the user's presence key; the repair pass adopted it."},
    {"forced", true, false, "Somebody forced it (presence-ctl online)."},
    {"disconnected", false, true, " closed its connection, and no other session lived."},
    {"policy", false, true, " broke a rule of the protocol, so the server closed its connection."},
    {"token_expired", false, true, "'s token expired, so the server closed its connection."},
    {"kicked", false, true, " was kicked (presence-ctl kick)."},
    {"revoked", false, true, "'s token was revoked (presence-ctl kick --revoke)."},
    {"external", false, false,
     "Another writer deleted the user's presence key, and no session of ours lived."},
    {"forced", false, false, "Somebody forced it (presence-ctl offline)."},
};

static const struct cause *find_cause(const struct story_transition *t)
{
    for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
        if (causes[i].online == t->online && span_equal(span_of(causes[i].reason), t->reason))
            return &causes[i];
    return NULL;
}

static void other_cause(const struct story_transition *t, struct bytes *out)
{
    if (t->reason.len == 0) {
        bytes_append_text(out, "No reason is recorded.");
        return;
    }
    bytes_append_text(out, "The recorded reason is \"");
    plain_append(out, t->reason);
    bytes_append_text(out, "\".");
}

void story_cause(const struct story *s, size_t i, struct bytes *out)
{
    if (i >= s->count)
        return;
    const struct story_transition *t = &s->transitions[i];
    const struct cause *cause = find_cause(t);
    if (!t->online && span_equal(t->reason, SPAN("expired"))) {
        silence(s, t, out);
    } else if (!cause) {
        other_cause(t, out);
    } else {
        if (cause->by_device)
            tell_device(t->device, out);
        bytes_append_text(out, cause->sentence);
    }
}

void story_before(const struct story *s, size_t i, struct bytes *out)
{
    if (i >= s->count || i + 1 >= s->count || s->transitions[i].online == s->transitions[i + 1].online)
        return;
    bytes_append_text(out, s->transitions[i].online ? "It had been offline for " : "It had been online for ");
    plain_duration(out, s->transitions[i].at_ms - s->transitions[i + 1].at_ms);
    bytes_append_text(out, ", since ");
    tell_time(s, s->transitions[i + 1].at_ms, out);
    bytes_append_char(out, '.');
}

static void tell_owner(const struct story *s, struct span name, struct bytes *out)
{
    struct span node = span_split(&name, '/');

    if (span_equal(node, SPAN("external")))
        bytes_append_text(out, "adopted from another writer");
    else if (span_equal(node, SPAN("ctl")))
        bytes_append_text(out, "made by presence-ctl");
    else
        s->node(s->arg, node, out);
}

static void tell_deadline(const struct story *s, const struct story_session *session, struct bytes *out)
{
    int64_t left_ms = session->deadline_ms - s->now_ms;

    if (left_ms < 0)
        bytes_append_text(out, "its deadline passed ");
    else
        bytes_append_text(out, session->reason.len ? "ends in " : "lives ");
    plain_duration(out, left_ms);
    bytes_append_text(out, left_ms < 0           ? " ago"
                           : session->reason.len ? " unless it beats again"
                                                 : " more without another");
}

void story_of_session(const struct story *s, const struct story_session *session, struct bytes *out)
{
    tell_device(session->device, out);
    bytes_append_text(out, ", ");
    tell_owner(s, session->name, out);
    bytes_append_text(out, ": opened ");
    tell_time(s, session->opened_ms, out);
    bytes_append_text(out, ", last sign of life ");
    plain_duration(out, s->now_ms - session->beat_ms);
    bytes_append_text(out, " ago, ");
    tell_deadline(s, session, out);
    bytes_append_char(out, '.');
}

static int64_t last_deadline(const struct story *s)
{
    int64_t last_ms = 0;

    for (size_t i = 0; i < s->session_count; i++)
        if (s->sessions[i].deadline_ms > last_ms)
            last_ms = s->sessions[i].deadline_ms;
    return last_ms;
}

static void overdue(const struct story *s, int64_t late_ms, struct bytes *out)
{
    bytes_append_text(out, "The last deadline passed ");
    plain_duration(out, late_ms);
    bytes_append_text(out, " ago, and nobody has noticed: ");
    if (!s->swept) {
        bytes_append_text(out, "no presence-expiryd is alive.");
    } else if (s->held_ms > 0) {
        bytes_append_text(out, "Redis was silent, so expiries wait ");
        plain_duration(out, s->held_ms);
        bytes_append_text(out, " more for the servers to say who lives.");
    } else {
        bytes_append_text(out, "presence-expiryd is behind; its /readyz and log tell more.");
    }
}

void story_doubt(const struct story *s, struct bytes *out)
{
    int64_t deadline_ms = last_deadline(s);

    if (s->online && s->session_count == 0)
        bytes_append_text(out,
                          "No session explains it: somebody deleted presence:sessions, or wrote the index. "
                          "presence-ctl repair looks into it.");
    else if (s->online && s->now_ms - deadline_ms > OVERDUE_MS)
        overdue(s, s->now_ms - deadline_ms, out);
    else if (!s->online && deadline_ms > s->now_ms)
        bytes_append_text(
            out, "A session lives though the user counts as offline: presence-ctl repair puts it right.");
}
