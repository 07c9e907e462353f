/* SPDX-License-Identifier: MIT */
/* Views under anything that can happen to them: what a viewer was told adds up to the roster as its interest
 * sees it, and nothing is told that it knew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/map.h"
#include "base/rng.h"
#include "fanout/regroup.h"
#include "support/fanout_writers.h"

#define USERS   8
#define GROUPS  3
#define VIEWERS 6

static const char user_names[USERS][2] = {"a", "b", "c", "d", "e", "f", "g", "h"};
static const char group_names[GROUPS][2] = {"x", "y", "z"};

/* One dashboard: what it shows, and the connection, while there is one. */
struct dashboard {
    struct subscriber viewer;
    bool connected, again;
    bool waiting;   /* for its view */
    uint64_t asked; /* feed.head then */
    bool online[USERS];
    bool resumed; /* the view is of an earlier connection */
    bool owed;    /* waits for the word that it is whole, or for a snapshot */
    char epoch[8];
    uint64_t rev; /* the newest told */
    bool scoped, chosen;
    unsigned groups, users; /* asked for, or allowed */
    struct bytes got;       /* not yet a whole message */
};

struct world {
    uint64_t seed;
    struct rng rng;
    struct roster roster;
    struct groups groups;
    struct fanout fanout;
    struct group *held[GROUPS];
    unsigned members[GROUPS], claims[USERS]; /* bits */
    struct dashboard dashboards[VIEWERS];
    unsigned epoch;
    struct dashboard *scan_for; /* the one that the running scan is for alone */
    size_t scans, cuts;
    size_t snapshots, told, batches, behind, resumed, whole, differences;
};

static struct span user_at(size_t i)
{
    return (struct span){user_names[i], 1};
}

static bool should_see(const struct world *w, const struct dashboard *d, size_t user)
{
    unsigned member = w->claims[user];
    for (int g = 0; g < GROUPS; g++)
        member |= (w->members[g] >> user & 1) << g;
    if (!roster_get(&w->roster, user_at(user)))
        return false;
    if (d->scoped)
        return member & d->groups;
    return !d->chosen || (member & d->groups) || d->users >> user & 1;
}

static void take_state(struct world *w, struct dashboard *d, struct span text)
{
    size_t user = (size_t)(text.data[0] - 'a');
    bool online = text.data[1] == '+';
    uint64_t rev = strtoull(text.data + 2, NULL, 10);
    if (d->online[user] == online)
        fail_msg("seed %llu: told what it knew: %.*s", (unsigned long long)w->seed, (int)text.len, text.data);
    d->online[user] = online;
    d->rev = rev > d->rev ? rev : d->rev;
}

/* "S me 2 of e:5 =a b #2", "S me (too_old) 2 of e:5 =a b #2" */
static void take_snapshot(struct dashboard *d, struct span line)
{
    struct span word = SPAN_NONE;
    for (int i = 0; i < 5; i++) {
        word = span_split(&line, ' ');
        if (word.data[0] == '(') {
            assert_true(d->owed);
            i--;
        }
    }
    d->owed = false;
    assert_int_equal(span_copy(span_split(&word, ':'), d->epoch, sizeof(d->epoch)), 0);
    assert_int_equal(span_to_u64(word, UINT64_MAX, &d->rev), 0);
    memset(d->online, 0, sizeof(d->online));
    size_t count = 0;
    while (line.len) {
        word = span_split(&line, ' ');
        if (word.data[0] == '#')
            break;
        d->online[word.data[word.data[0] == '='] - 'a'] = true;
        count++;
    }
    assert_int_equal(strtoul(word.data + 1, NULL, 10), count);
}

static void take_line(struct world *w, struct dashboard *d, struct span line)
{
    struct span kind = span_split(&line, ' ');
    if (kind.data[0] == 'S') {
        w->snapshots++;
        take_snapshot(d, (struct span){kind.data, kind.len + 1 + line.len});
    } else if (kind.data[0] == 'U') {
        w->told++;
        take_state(w, d, line);
    } else if (kind.data[0] == 'R') {
        uint64_t rev;
        assert_true(d->owed);
        assert_int_equal(span_to_u64(line, UINT64_MAX, &rev), 0);
        assert_true(rev >= d->rev);
        d->rev = rev;
        d->owed = false;
        w->whole++;
    } else {
        w->batches++;
        uint64_t rev;
        assert_int_equal(span_to_u64(span_split(&line, ' '), UINT64_MAX, &rev), 0);
        while (line.len)
            take_state(w, d, span_split(&line, ' '));
        d->rev = rev;
    }
}

static void take_bytes(struct world *w, struct dashboard *d, const struct fanout_chunk *piece)
{
    for (size_t i = 0; i < piece->count; i++)
        bytes_append_span(&d->got, piece->parts[i]);
    char *end;
    while (d->got.len && (end = memchr(d->got.data, '\n', d->got.len))) {
        take_line(w, d, (struct span){d->got.data, (size_t)(end - d->got.data)});
        bytes_consume(&d->got, (size_t)(end - d->got.data) + 1);
    }
}

/* Who can begin, begins. */
static void serve(struct world *w, struct dashboard *d)
{
    if (!d->waiting || !snapshot_ready(&d->viewer, &w->fanout, &w->roster, d->asked, 0))
        return;
    subscriber_begin(&d->viewer, &w->fanout, &w->roster, SPAN("me"), RESUME_NOT_ASKED, 0, 0);
    d->waiting = false;
    if (w->scan_for == d)
        w->scan_for = NULL;
}

static void cancel_scan_for(struct world *w, const struct dashboard *d)
{
    if (w->scan_for != d)
        return;
    snapshot_scan_cancel(&w->fanout, &w->roster);
    w->scan_for = NULL;
}

static void begin(struct world *w, struct dashboard *d)
{
    if (subscriber_in_message(&d->viewer)) {
        d->again = true;
        return;
    }
    cancel_scan_for(w, d);
    d->again = false;
    if (!d->waiting)
        d->asked = w->fanout.head;
    d->waiting = true;
    serve(w, d);
}

static void scan_on(struct world *w)
{
    size_t gone = w->roster.scan_gone_count;
    if (!snapshot_scan_advance(&w->fanout, &w->roster, rng_below(&w->rng, 4), 0, 0))
        return;
    w->scans++;
    w->cuts += gone;
    for (size_t i = 0; i < VIEWERS; i++)
        if (w->dashboards[i].connected)
            serve(w, &w->dashboards[i]);
}

/* A part of the running scan, or of a new one for somebody who waits. Returns whether anybody does. */
static bool make_views(struct world *w)
{
    if (w->fanout.snapshots.scan.running) {
        scan_on(w);
        return true;
    }
    for (size_t i = 0, first = rng_below(&w->rng, VIEWERS); i < VIEWERS; i++) {
        struct dashboard *d = &w->dashboards[(first + i) % VIEWERS];
        if (!d->connected || !d->waiting)
            continue;
        subscriber_scan(&d->viewer, &w->fanout, &w->roster);
        w->scan_for = w->fanout.snapshots.scan.subscriber ? d : NULL;
        return true;
    }
    return false;
}

/* Reads one piece; returns whether there may be more. */
static bool read_one(struct world *w, struct dashboard *d)
{
    struct fanout_chunk piece;
    if (d->again && !subscriber_in_message(&d->viewer))
        begin(w, d);
    if (d->waiting)
        return false;
    switch (subscriber_next(&d->viewer, &w->fanout, &piece)) {
    case FANOUT_BYTES: take_bytes(w, d, &piece); return true;
    case FANOUT_BEHIND:
        w->behind++;
        begin(w, d);
        return true;
    default: return d->again;
    }
}

static void choose(struct world *w, struct dashboard *d)
{
    d->epoch[0] = '\0';
    struct span names[GROUPS], users[USERS];
    size_t name_count = 0, user_count = 0;

    d->groups = (unsigned)rng_below(&w->rng, 1 << GROUPS);
    d->users = (unsigned)rng_below(&w->rng, 1 << USERS);
    d->chosen = true;
    for (int g = 0; g < GROUPS; g++)
        if (d->groups >> g & 1)
            names[name_count++] = (struct span){group_names[g], 1};
    for (size_t i = 0; i < USERS; i++)
        if (d->users >> i & 1)
            users[user_count++] = user_at(i);
    interest_choose(&w->groups, d->viewer.interest, names, name_count, true, users, user_count);
}

static void connect_viewer(struct world *w, struct dashboard *d)
{
    struct span claim[GROUPS];
    size_t count = 0;
    bool resumes = d->resumed && !d->chosen;
    memset(&d->viewer, 0, sizeof(d->viewer));
    d->viewer.encoding = (uint8_t)rng_below(&w->rng, 2);
    d->viewer.batch = rng_below(&w->rng, 2);
    if (!resumes) {
        d->epoch[0] = '\0'; /* what it shows is of another interest */
        d->scoped = rng_below(&w->rng, 3) == 0;
        d->groups = d->scoped ? (unsigned)rng_below(&w->rng, 1 << GROUPS) : 0;
        d->chosen = false;
        d->users = 0;
    }
    for (int g = 0; d->scoped && g < GROUPS; g++)
        if (d->groups >> g & 1)
            claim[count++] = (struct span){group_names[g], 1};
    d->viewer.interest = interest_create(&w->groups, d->scoped, claim, count);
    d->connected = true;
    d->again = d->waiting = false;
    d->owed = resumes &&
              subscriber_resume(&d->viewer, &w->fanout, &w->roster, span_of(d->epoch), d->rev) == RESUME_DONE;
    w->resumed += d->owed;
    if (!d->owed)
        begin(w, d);
}

static void disconnect_viewer(struct world *w, struct dashboard *d)
{
    d->resumed = d->epoch[0] != '\0';
    d->connected = false;
    cancel_scan_for(w, d);
    subscriber_finish(&d->viewer);
    interest_destroy(&w->groups, d->viewer.interest);
    bytes_reset(&d->got);
}

static void write_claims(unsigned claims, struct span groups[GROUPS], size_t *ret_count, struct bytes *out)
{
    *ret_count = 0;
    for (int g = 0; g < GROUPS; g++) {
        if (!(claims >> g & 1))
            continue;
        groups[(*ret_count)++] = (struct span){group_names[g], 1};
        bytes_printf(out, "%s\n", group_names[g]);
    }
}

static void transition(struct world *w)
{
    size_t i = rng_below(&w->rng, USERS);
    const struct roster_user *u = roster_get(&w->roster, user_at(i));
    struct span groups[GROUPS];
    bytes_auto claims = BYTES_INIT;
    struct change c = {.user = user_at(i), .online = !u, .rev = ++w->roster.rev, .groups = groups};

    /* An offline change carries the claims that the user had. */
    if (c.online)
        w->claims[i] = rng_below(&w->rng, 2) ? 0 : (unsigned)rng_below(&w->rng, 1 << GROUPS);
    write_claims(w->claims[i], groups, &c.group_count, &claims);
    assert_true(roster_apply(&w->roster, &c));
    fanout_put(&w->fanout, &c, bytes_span(&claims), 0);
}

static void regrouped(struct world *w, struct group *group, struct span user, struct span before,
                      struct span now)
{
    const struct regrouping regrouping = {group, user, before, now};
    struct roster_user *u = roster_get(&w->roster, user);
    if (u)
        snapshot_scan_recheck(&w->fanout, &w->roster, u);
    for (size_t i = 0; i < VIEWERS; i++) {
        struct dashboard *d = &w->dashboards[i];
        if (!d->connected || d->again || d->waiting)
            continue;
        enum regroup_result result = regroup_subscriber(&d->viewer, &w->fanout, &w->roster, &regrouping, 0);
        d->again = result == REGROUP_ANEW;
        w->differences += result == REGROUP_SENT;
    }
}

static void on_differs(void *arg, struct group *group, const struct span *users, size_t count)
{
    struct world *w = arg;
    for (size_t i = 0; i < count; i++) {
        const struct roster_user *u = roster_get(&w->roster, users[i]);
        struct span claims = u ? roster_user_groups(u) : SPAN_NONE;
        regrouped(w, group, users[i], claims, claims);
    }
}

static void read_set(struct world *w)
{
    size_t g = rng_below(&w->rng, GROUPS), count = 0;
    struct span members[USERS];
    w->members[g] = (unsigned)rng_below(&w->rng, 1 << USERS);
    for (size_t i = 0; i < USERS; i++)
        if (w->members[g] >> i & 1)
            members[count++] = user_at(i);
    group_replace(w->held[g], members, count, on_differs, w);
}

static void claim_anew(struct world *w)
{
    size_t i = rng_below(&w->rng, USERS), count;
    const struct roster_user *u = roster_get(&w->roster, user_at(i));
    struct span groups[GROUPS];
    bytes_auto before = BYTES_INIT;
    bytes_auto now = BYTES_INIT;

    if (!u)
        return;
    bytes_append_span(&before, roster_user_groups(u));
    w->claims[i] = (unsigned)rng_below(&w->rng, 1 << GROUPS);
    write_claims(w->claims[i], groups, &count, &now);
    roster_regroup(&w->roster, user_at(i), groups, count);
    regrouped(w, NULL, user_at(i), bytes_span(&before), bytes_span(&now));
}

/* The roster is loaded again: differences are told under the present revision. */
static void on_gone(void *arg, const struct roster_user *u)
{
    struct world *w = arg;
    const struct change c = {.user = roster_user_id(u), .rev = w->roster.rev};
    fanout_put(&w->fanout, &c, roster_user_groups(u), 0);
}

static void reload(struct world *w)
{
    bool epoch = rng_below(&w->rng, 3) == 0;
    roster_load_begin(&w->roster);
    for (size_t i = 0; i < USERS; i++) {
        const struct roster_user *u = roster_get(&w->roster, user_at(i));
        struct change c = {.user = user_at(i), .online = true, .rev = u ? u->rev : w->roster.rev};
        if (rng_below(&w->rng, 4) == 0 ? u != NULL : !u)
            continue;
        if (u && w->claims[i])
            w->claims[i] = 0; /* the page says so */
        bytes_auto before = BYTES_INIT;
        if (u)
            bytes_append_span(&before, roster_user_groups(u));
        else
            w->claims[i] = 0;
        if (roster_load_user(&w->roster, &c)) {
            c.rev = w->roster.rev;
            fanout_put(&w->fanout, &c, SPAN_NONE, 0);
        } else if (before.len) {
            regrouped(w, NULL, user_at(i), bytes_span(&before), SPAN_NONE);
        }
    }
    roster_load_end(&w->roster, w->roster.rev, on_gone, w);
    if (epoch)
        snprintf(w->roster.epoch, sizeof(w->roster.epoch), "%u", ++w->epoch);
    fanout_restart(&w->fanout, w->roster.rev + 1);
}

static void step(struct world *w)
{
    struct dashboard *d = &w->dashboards[rng_below(&w->rng, VIEWERS)];
    uint64_t dice = rng_below(&w->rng, 200);
    if (dice < 80)
        transition(w);
    else if (dice < 84)
        read_set(w);
    else if (dice < 90)
        claim_anew(w);
    else if (dice < 91)
        reload(w);
    else if (dice < 94 || dice >= 180)
        make_views(w);
    else if (!d->connected)
        connect_viewer(w, d);
    else if (dice < 100)
        disconnect_viewer(w, d);
    else if (dice < 105 && !d->scoped) {
        choose(w, d);
        begin(w, d);
    } else if (dice < 108 && !d->scoped) {
        interest_choose_all(&w->groups, d->viewer.interest);
        d->epoch[0] = '\0';
        d->chosen = false;
        d->groups = d->users = 0;
        begin(w, d);
    } else if (dice < 150)
        read_one(w, d);
    else if (dice < 170)
        while (read_one(w, d))
            continue;
}

static void assert_agreed(struct world *w)
{
    for (size_t i = 0; i < VIEWERS; i++) {
        struct dashboard *d = &w->dashboards[i];
        if (!d->connected)
            connect_viewer(w, d);
        do {
            while (read_one(w, d))
                continue;
        } while (d->waiting && make_views(w));
        assert_false(d->owed);
        for (size_t u = 0; u < USERS; u++)
            if (d->online[u] != should_see(w, d, u))
                fail_msg("seed %llu: dashboard %zu shows %s as %s", (unsigned long long)w->seed, i,
                         user_names[u], d->online[u] ? "online" : "offline");
    }
}

static void world_start(struct world *w, uint64_t seed)
{
    fanout_writers_check();
    memset(w, 0, sizeof(*w));
    w->seed = seed;
    rng_init(&w->rng, seed);
    roster_init(&w->roster);
    groups_init(&w->groups);
    fanout_init(&w->fanout, seed % 4 ? 64 : 1024, 0);
    w->fanout.snapshots.direct_most = seed % 3 ? seed % 3 * 4 : 16384;
    w->roster.epoch[0] = '0';
    w->roster.rev = 1000;
    for (int g = 0; g < GROUPS; g++)
        w->held[g] = groups_hold(&w->groups, (struct span){group_names[g], 1});
}

static void world_end(struct world *w)
{
    for (size_t i = 0; i < VIEWERS; i++) {
        disconnect_viewer(w, &w->dashboards[i]);
        bytes_finish(&w->dashboards[i].got);
    }
    for (int g = 0; g < GROUPS; g++)
        groups_release(&w->groups, w->held[g]);
    assert_int_equal(w->groups.by_name.count, 0);
    fanout_finish(&w->fanout);
    groups_finish(&w->groups);
    roster_finish(&w->roster);
}

static void test_random_views(void **state)
{
    size_t snapshots = 0, told = 0, batches = 0, behind = 0, resumed = 0, whole = 0, differences = 0;
    size_t scans = 0, cuts = 0;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct world w;
        world_start(&w, seed);
        for (int i = 0; i < 1500; i++) {
            step(&w);
            if (i % 300 == 299)
                assert_agreed(&w);
        }
        snapshots += w.snapshots;
        told += w.told;
        batches += w.batches;
        behind += w.behind;
        resumed += w.resumed;
        whole += w.whole;
        differences += w.differences;
        scans += w.scans;
        cuts += w.cuts;
        world_end(&w);
    }
    print_message("%zu snapshots, %zu updates, %zu batches, %zu left behind, %zu resumed, %zu differences\n",
                  snapshots, told, batches, behind, resumed, differences);
    print_message("%zu scans, %zu who were cut out\n", scans, cuts);
    assert_true(snapshots && told && batches && behind && resumed && whole && differences && scans && cuts);
}

static void ignore(void *arg, struct group *group, const struct span *users, size_t count)
{
}

/* What is to be done, for a viewer of group x, when a user joins or leaves. */
static void test_results(void **state)
{
    static const struct {
        const char *name;
        bool by_users, online, pending, joins, other_group, other_claim;
        enum regroup_result result;
        const char *told;
    } cases[] = {
        {"joins", false, true, false, true, false, false, REGROUP_SENT, "U a+1001(joined_group)\n"},
        {"leaves", false, true, false, false, false, false, REGROUP_SENT, "U a-1001(left_group)\n"},
        {"joins while offline", false, false, false, true, false, false, REGROUP_NOTHING, ""},
        {"joins while its online is to be told", false, true, true, true, false, false, REGROUP_ANEW, NULL},
        {"leaves while its offline is to be told", false, false, true, false, false, false, REGROUP_ANEW,
         NULL},
        {"another group", false, true, true, true, true, false, REGROUP_NOTHING, NULL},
        {"is seen by claim anyway", false, true, false, true, false, true, REGROUP_NOTHING, ""},
        {"the viewer goes by users", true, true, false, true, false, false, REGROUP_NOTHING, ""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world w;
        struct subscriber v = {0};
        struct fanout_chunk piece;
        const struct span x = SPAN("x"), a = SPAN("a"),
                          claims = cases[i].other_claim ? SPAN("x\n") : SPAN_NONE;
        world_start(&w, 1);
        struct change c = {.user = a, .online = cases[i].online, .rev = ++w.roster.rev};
        roster_apply(&w.roster, &c);
        v.interest = interest_create(&w.groups, false, NULL, 0);
        interest_choose(&w.groups, v.interest, &x, !cases[i].by_users, cases[i].by_users, &x, 1);
        subscriber_begin(&v, &w.fanout, &w.roster, SPAN("me"), RESUME_NOT_ASKED, 0, 0);
        subscriber_next(&v, &w.fanout, &piece);
        if (cases[i].pending)
            fanout_put(&w.fanout, &c, claims, 0);
        struct group *group = w.held[cases[i].other_group];
        if (cases[i].joins)
            group_replace(group, &a, 1, ignore, NULL);
        const struct regrouping regrouping = {group, a, claims, claims};
        int result = regroup_subscriber(&v, &w.fanout, &w.roster, &regrouping, 0);
        if (result != (int)cases[i].result)
            fail_msg("%s: %d", cases[i].name, result);
        if (cases[i].told) {
            bytes_auto got = BYTES_INIT;
            if (subscriber_next(&v, &w.fanout, &piece) == FANOUT_BYTES)
                bytes_append_span(&got, piece.parts[0]);
            assert_string_equal(bytes_text(&got), cases[i].told);
        }
        subscriber_finish(&v);
        interest_destroy(&w.groups, v.interest);
        for (size_t d = 0; d < VIEWERS; d++)
            connect_viewer(&w, &w.dashboards[d]);
        world_end(&w);
    }
}

/* Many differences at once are worth a new view: one by one they would fill the ring, which all viewers
 * share. */
static void test_large_differences(void **state)
{
    static const struct {
        size_t entries, differences, viewers;
        bool large;
    } cases[] = {
        {16384, 1000, 1, false}, {16384, 1001, 1, true},  {16384, 1001, 0, true}, {16384, 1000, 4, false},
        {16384, 1000, 5, true},  {16384, 1, 4096, false}, {16384, 1, 4097, true}, {64, 16, 1, false},
        {64, 17, 1, true},       {64, 1, 17, true},       {64, 0, 100, false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fanout f;
        fanout_init(&f, cases[i].entries, 0);
        if (regroup_is_large(&f, cases[i].differences, cases[i].viewers) != cases[i].large)
            fail_msg("row %zu", i);
        fanout_finish(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_random_views),
        cmocka_unit_test(test_large_differences),
    };

    map_set_hash_key(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
