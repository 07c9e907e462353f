/* SPDX-License-Identifier: MIT */
#include "explanation.h"

#include "base/printable.h"
#include "presence/session_op.h"

/* What detection may take before a deadline counts as overlooked. */
#define OVERDUE_MS 1000

static void append_time(const struct explanation *e, int64_t ms, struct bytes *out)
{
    e->time(e->arg, ms, out);
}

static void append_device(struct span device, struct bytes *out)
{
    if (device.len)
        printable_append(out, device);
    else
        bytes_append_text(out, "a phone without a device id");
}

/* "user123" and what it is, since when. */
void explanation_headline(const struct explanation *e, struct bytes *out)
{
    printable_append(out, e->user);
    if (e->count == 0) {
        bytes_append_text(out, e->online ? " is online; since when is not known." : " was never seen.");
        return;
    }
    bytes_append_text(out, e->online ? " is online" : " is offline");
    if (e->transitions[0].online != e->online) {
        bytes_append_text(out, ", though the last transition known says otherwise.");
        return;
    }
    bytes_append_text(out, " since ");
    append_time(e, e->transitions[0].at_ms, out);
    bytes_append_text(out, " (");
    printable_duration(out, e->now_ms - e->transitions[0].at_ms);
    bytes_append_text(out, ").");
}

static void append_silence(const struct explanation *e, const struct explanation_transition *t,
                           struct bytes *out)
{
    int64_t passed_ms = t->last_seen_ms + e->ttl_ms;
    if (t->last_seen_ms <= 0) {
        bytes_append_text(out, "Its deadline passed, and no sign of life is known.");
        return;
    }
    bytes_append_text(out, "Silent since ");
    append_time(e, t->last_seen_ms, out);
    if (t->device.len) {
        bytes_append_text(out, " (");
        printable_append(out, t->device);
        bytes_append_char(out, ')');
    }
    /* Another TTL at the server, or a grace after a close. */
    if (passed_ms > t->at_ms) {
        bytes_append_text(out, "; the session's deadline passed ");
        printable_duration(out, t->at_ms - t->last_seen_ms);
        bytes_append_text(out, " later.");
        return;
    }
    bytes_append_text(out, "; the TTL of ");
    printable_duration(out, e->ttl_ms);
    bytes_append_text(out, " passed at ");
    append_time(e, passed_ms, out);
    bytes_append_text(out, ", noticed ");
    printable_duration(out, t->at_ms - passed_ms);
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
    {"upstream", false, true, " was closed by the push-to-talk router, and no other session lived."},
    {"token_expired", false, true, "'s token expired, so the server closed its connection."},
    {"kicked", false, true, " was kicked (presence-ctl kick)."},
    {"revoked", false, true, "'s token was revoked (presence-ctl kick --revoke)."},
    {"external", false, false,
     "Another writer deleted the user's presence key, and no session of ours lived."},
    {"recovered", false, true,
     "'s session had ended already, but Redis listed it again after a loss of its memory; its server ended "
     "it."},
    {"forced", false, false, "Somebody forced it (presence-ctl offline)."},
};

void explanation_cause(const struct explanation *e, size_t i, struct bytes *out)
{
    const struct cause *cause = NULL;
    if (i >= e->count)
        return;
    const struct explanation_transition *t = &e->transitions[i];
    for (size_t k = 0; k < sizeof(causes) / sizeof(causes[0]); k++)
        if (causes[k].online == t->online && span_equal(span_of(causes[k].reason), t->reason))
            cause = &causes[k];
    if (!t->online && span_equal(t->reason, SPAN("expired"))) {
        append_silence(e, t, out);
        /* Not silent, but not heard: a heartbeat that counted would have moved the last sign of life on. Only the last
         * refusal's time is known, and the same connection may go on. */
        if (i == 0 && e->refusal && e->refusal->at_ms > t->last_seen_ms)
            bytes_append_text(out, " Heartbeats came all the same, and were refused.");
    } else if (cause) {
        if (cause->by_device)
            append_device(t->device, out);
        bytes_append_text(out, cause->sentence);
    } else if (t->reason.len == 0) {
        bytes_append_text(out, "No reason is recorded.");
    } else {
        bytes_append_text(out, "The recorded reason is \"");
        printable_append(out, t->reason);
        bytes_append_text(out, "\".");
    }
}

void explanation_before(const struct explanation *e, size_t i, struct bytes *out)
{
    if (i >= e->count || i + 1 >= e->count || e->transitions[i].online == e->transitions[i + 1].online)
        return;
    bytes_append_text(out, e->transitions[i].online ? "It had been offline for " : "It had been online for ");
    printable_duration(out, e->transitions[i].at_ms - e->transitions[i + 1].at_ms);
    bytes_append_text(out, ", since ");
    append_time(e, e->transitions[i + 1].at_ms, out);
    bytes_append_char(out, '.');
}

void explanation_of_session(const struct explanation *e, const struct explanation_session *session,
                            struct bytes *out)
{
    struct span name = session->name, node = span_split(&name, '/');
    int64_t left_ms = session->deadline_ms - e->now_ms;
    append_device(session->device, out);
    bytes_append_text(out, ", ");
    if (span_equal(node, SPAN("external")))
        bytes_append_text(out, "adopted from another writer");
    else if (span_equal(node, SPAN("ctl")))
        bytes_append_text(out, "made by presence-ctl");
    else
        e->node(e->arg, node, out);
    bytes_append_text(out, ": opened ");
    append_time(e, session->opened_ms, out);
    bytes_append_text(out, ", last sign of life ");
    printable_duration(out, e->now_ms - session->beat_ms);
    bytes_append_text(out, left_ms < 0           ? " ago, its deadline passed "
                           : session->reason.len ? " ago, ends in "
                                                 : " ago, lives ");
    printable_duration(out, left_ms);
    bytes_append_text(out, left_ms < 0           ? " ago."
                           : session->reason.len ? " unless it beats again."
                                                 : " more without another.");
}

bool explanation_refusal_matters(const struct explanation_refusal *r, int64_t last_seen_ms, int64_t now_ms)
{
    return r->at_ms >= last_seen_ms || now_ms - r->at_ms <= EXPLANATION_REFUSAL_MS;
}

void explanation_of_refusal(struct span user, const struct explanation_refusal *r, struct bytes *out)
{
    bytes_append_i64(out, r->count);
    bytes_append_text(out, r->count == 1 ? " heartbeat refused: " : " heartbeats refused: ");
    if (span_equal(r->reason, span_of(session_op_refusal_name(REFUSAL_FROM)))) {
        bytes_append_text(out, "fromId is not the token's user (token \"");
        printable_append(out, user);
        bytes_append_text(out, "\", heartbeat \"");
        printable_append(out, r->from);
        bytes_append_text(out, "\")");
    } else if (span_equal(r->reason, span_of(session_op_refusal_name(REFUSAL_LATE)))) {
        bytes_append_text(out, "they reached Redis later than a TTL after they were sent");
    } else if (span_equal(r->reason, span_of(session_op_refusal_name(REFUSAL_FOREIGN)))) {
        bytes_append_text(out, "presence's keys of this user hold other types");
    } else {
        bytes_append_text(out, "the recorded reason is \"");
        printable_append(out, r->reason);
        bytes_append_char(out, '"');
    }
}

void explanation_refused(const struct explanation *e, struct bytes *out)
{
    const struct explanation_refusal *r = e->refusal;
    if (!r)
        return;
    struct span name = r->session;
    explanation_of_refusal(e->user, r, out);
    bytes_append_text(out, "; the last came ");
    printable_duration(out, e->now_ms - r->at_ms);
    bytes_append_text(out, " ago, to ");
    e->node(e->arg, span_split(&name, '/'), out);
    bytes_append_char(out, '.');
}

void explanation_doubt(const struct explanation *e, struct bytes *out)
{
    int64_t deadline_ms = 0;
    for (size_t i = 0; i < e->session_count; i++)
        if (e->sessions[i].deadline_ms > deadline_ms)
            deadline_ms = e->sessions[i].deadline_ms;
    if (!e->online && deadline_ms > e->now_ms)
        bytes_append_text(
            out, "A session lives though the user counts as offline: presence-ctl repair puts it right.");
    if (e->online && e->session_count == 0)
        bytes_append_text(out,
                          "No session explains it: somebody deleted presence:sessions, or wrote the index. "
                          "presence-ctl repair looks into it.");
    if (!e->online || e->session_count == 0 || e->now_ms - deadline_ms <= OVERDUE_MS)
        return;
    bytes_append_text(out, "The last deadline passed ");
    printable_duration(out, e->now_ms - deadline_ms);
    bytes_append_text(out, " ago, and nobody has noticed: ");
    if (!e->swept) {
        bytes_append_text(out, "no presence-expiryd is alive.");
    } else if (e->held_ms > 0) {
        bytes_append_text(out, "Redis was silent, so expiries wait ");
        printable_duration(out, e->held_ms);
        bytes_append_text(out, " more for the servers to say who lives.");
    } else {
        bytes_append_text(out, "presence-expiryd is behind; its /readyz and log tell more.");
    }
}
