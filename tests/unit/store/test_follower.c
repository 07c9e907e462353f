#include "answers.h"

#include "base/map.h"
#include "base/mem.h"
#include "store/follower.h"

/* A follower, and all it says: commands (load:0, load:5, text for one sent as text, log:8, set:x), and to its
 * owner (+a7 -a7 a change, with claims +a7(x,), r7 restarted, ! ready, ~a(x>y) and ~x:a regrouped, ctl). */
struct fixture {
    struct follower follower;
    struct store store;
    struct redis_time time;
    struct bytes said;
    int64_t now_ms;
    bool refuses; /* the link takes nothing */
};

static void say(struct fixture *x, const char *format, ...)
{
    char text[300];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    bytes_append_text(&x->said, text);
}

static void write_claims(struct bytes *out, struct span claims)
{
    while (claims.len) {
        bytes_append_span(out, span_split(&claims, '\n'));
        bytes_append_char(out, ',');
    }
}

static int on_send(void *arg, enum follower_tag tag, struct span command)
{
    struct fixture *x = arg;
    struct redisReply *argv;

    if (x->refuses)
        return -1;
    argv = command_read(command);
    if (tag == FOLLOWER_LOAD) {
        bool text = command_is_script(argv, SCRIPT_LOAD, true);
        assert_true(text || command_is_script(argv, SCRIPT_LOAD, false));
        say(x, "%s:%s ", text ? "text" : "load", command_arg(argv, SCRIPT_ARGS).data);
    } else if (tag == FOLLOWER_LOG) {
        assert_true(span_equal(command_arg(argv, 0), SPAN("XRANGE")));
        say(x, "log:%s ", command_arg(argv, 2).data);
    } else {
        assert_true(span_equal(command_arg(argv, 0), SPAN("SMEMBERS")));
        say(x, "set:%s ", command_arg(argv, 1).data);
    }
    reply_free(argv);
    return 0;
}

static void on_changed(void *arg, const struct change *c, struct span claims)
{
    struct fixture *x = arg;

    say(x, "%c%.*s%llu", c->online ? '+' : '-', (int)c->user.len, c->user.data, (unsigned long long)c->rev);
    if (claims.len) {
        bytes_append_char(&x->said, '(');
        write_claims(&x->said, claims);
        bytes_append_char(&x->said, ')');
    }
    bytes_append_char(&x->said, ' ');
}

static void on_restarted(void *arg, uint64_t rev)
{
    say(arg, "r%llu ", (unsigned long long)rev);
}

static void on_ready(void *arg)
{
    say(arg, "! ");
}

static void on_regrouped(void *arg, struct group *group, struct span user, struct span before,
                         struct span now)
{
    struct fixture *x = arg;

    if (group) {
        say(x, "~%.*s:%.*s ", (int)group_name(group).len, group_name(group).data, (int)user.len, user.data);
        return;
    }
    say(x, "~%.*s(", (int)user.len, user.data);
    write_claims(&x->said, before);
    bytes_append_char(&x->said, '>');
    write_claims(&x->said, now);
    bytes_append_text(&x->said, ") ");
}

static void on_control(void *arg, struct span payload)
{
    say(arg, "ctl ");
}

static const struct follower_hooks hooks = {
    .send = on_send,
    .changed = on_changed,
    .restarted = on_restarted,
    .ready = on_ready,
    .regrouped = on_regrouped,
    .control = on_control,
};

static void setup(struct fixture *x)
{
    memset(x, 0, sizeof(*x));
    x->store = (struct store){.prefix = "presence:", .log_max = 1000};
    x->now_ms = 1000;
    redis_time_sample(&x->time, 1000, 1000, 5000);
    follower_init(&x->follower, &x->store, &x->time, "g.{group}.u", &hooks, x);
}

static void teardown(struct fixture *x)
{
    follower_finish(&x->follower);
    bytes_finish(&x->said);
}

static void answer(struct fixture *x, enum follower_tag tag, struct bytes *text)
{
    struct redisReply *reply = answer_read(bytes_span(text));

    follower_answer(&x->follower, tag, reply, x->now_ms);
    reply_free(reply);
}

static uint64_t number(struct span text)
{
    uint64_t value;

    assert_int_equal(span_to_u64(text, UINT64_MAX, &value), 0);
    return value;
}

static void write_list(struct bytes *out, struct span names)
{
    bytes_append_char(out, '[');
    for (bool first = true; names.len; first = false) {
        bytes_append_text(out, first ? "\"" : ",\"");
        bytes_append_span(out, span_split(&names, ':'));
        bytes_append_char(out, '"');
    }
    bytes_append_char(out, ']');
}

/* "X 5 0 a1 b2(x:y)": epoch, rev, next cursor, users by transition, with claims. */
static void answer_load(struct fixture *x, struct span what)
{
    bytes_auto out = BYTES_INIT;
    bytes_auto users = BYTES_INIT;
    struct span epoch = span_split(&what, ','), rev = span_split(&what, ','), cursor = span_split(&what, ',');
    size_t count = 0;

    for (; what.len; count++) {
        struct span user = span_split(&what, ','), claims;
        struct span id = {user.data, 1}, transition;
        user = (struct span){user.data + 1, user.len - 1};
        transition = span_split(&user, '(');
        claims = span_split(&user, ')');
        bytes_auto list = BYTES_INIT;
        if (claims.len)
            write_list(&list, claims);
        answer_text(&users, id);
        answer_text(&users, SPAN("77"));
        answer_text(&users, SPAN("d"));
        answer_text(&users, transition);
        answer_text(&users, bytes_span(&list));
    }
    answer_array(&out, 5);
    answer_number(&out, 5000);
    answer_text(&out, epoch);
    answer_text(&out, rev);
    answer_text(&out, cursor);
    answer_array(&out, 5 * count);
    bytes_append_span(&out, bytes_span(&users));
    answer(x, FOLLOWER_LOAD, &out);
}

/* "X:8+a(x:y)": epoch, transition, claims. */
static void write_event(struct bytes *out, struct span epoch, struct span what)
{
    size_t sign = 0;

    while (what.data[sign] != '+' && what.data[sign] != '-')
        sign++;
    struct span rest = {what.data + sign + 2, what.len - sign - 2};
    span_split(&rest, '(');
    struct span claims = span_split(&rest, ')');
    bytes_printf(out,
                 "{\"userId\":\"%c\",\"status\":\"%s\",\"timestamp\":5,\"lastSeen\":4,\"deviceId\":null,",
                 what.data[sign + 1], what.data[sign] == '+' ? "online" : "offline");
    bytes_printf(out, "\"rev\":%.*s,\"epoch\":\"%.*s\",\"db\":0,\"reason\":\"r\",\"node\":\"n\"", (int)sign,
                 what.data, (int)epoch.len, epoch.data);
    if (claims.len) {
        bytes_append_text(out, ",\"groups\":");
        write_list(out, claims);
    }
    bytes_append_char(out, '}');
}

/* "X,8+a,9-b", or only an epoch: nothing is there. */
static void answer_log(struct fixture *x, struct span what)
{
    bytes_auto out = BYTES_INIT;
    bytes_auto entries = BYTES_INIT;
    struct span epoch = span_split(&what, ',');
    size_t count = 0;

    for (; what.len; count++) {
        struct span entry = span_split(&what, ',');
        bytes_auto event = BYTES_INIT;
        bytes_auto id = BYTES_INIT;
        size_t digits = strspn(entry.data, "0123456789");
        write_event(&event, epoch, entry);
        bytes_printf(&id, "%.*s-0", (int)digits, entry.data);
        answer_array(&entries, 2);
        answer_text(&entries, bytes_span(&id));
        answer_array(&entries, 2);
        answer_text(&entries, SPAN("event"));
        answer_text(&entries, bytes_span(&event));
    }
    answer_array(&out, count);
    bytes_append_span(&out, bytes_span(&entries));
    answer(x, FOLLOWER_LOG, &out);
}

static void answer_error(struct fixture *x, enum follower_tag tag, const char *error)
{
    bytes_auto out = BYTES_INIT;

    bytes_printf(&out, "-%s\r\n", error);
    answer(x, tag, &out);
}

static void answer_set(struct fixture *x, struct span what)
{
    bytes_auto out = BYTES_INIT;
    bytes_auto members = BYTES_INIT;
    size_t count = 0;

    for (; what.len; count++)
        answer_text(&members, span_split(&what, ','));
    answer_array(&out, count);
    bytes_append_span(&out, bytes_span(&members));
    answer(x, FOLLOWER_GROUP, &out);
}

/* "X,9,a=X,b=": the state, and the servers with the epoch in which they have asserted. */
static void answer_node(struct fixture *x, struct span what)
{
    bytes_auto out = BYTES_INIT;
    bytes_auto nodes = BYTES_INIT;
    struct span epoch = span_split(&what, ','), rev = span_split(&what, ',');
    struct node_answer node;
    size_t count = 0;

    for (; what.len; count++) {
        struct span entry = span_split(&what, ','), name = span_split(&entry, '=');
        bytes_auto json = BYTES_INIT;
        bytes_printf(
            &json,
            "{\"program\":\"presence-ws\",\"address\":\"\",\"seen\":5000,\"offset\":0,\"asserted\":\"%.*s\"}",
            (int)entry.len, entry.len ? entry.data : "");
        answer_text(&nodes, name);
        answer_text(&nodes, bytes_span(&json));
    }
    answer_array(&out, 7);
    answer_number(&out, 5000);
    answer_text(&out, epoch);
    answer_text(&out, rev);
    answer_text(&out, SPAN("1"));
    answer_text(&out, SPAN("0"));
    answer_text(&out, SPAN("0"));
    answer_array(&out, 2 * count);
    bytes_append_span(&out, bytes_span(&nodes));
    struct redisReply *reply = answer_read(bytes_span(&out));
    assert_int_equal(store_read_node(reply, &node), 0);
    follower_state(&x->follower, &node.state, x->now_ms);
    follower_nodes(&x->follower, &node, x->now_ms);
    reply_free(reply);
}

static void publish(struct fixture *x, struct span what)
{
    bytes_auto event = BYTES_INIT;
    struct span epoch = span_split(&what, ',');

    write_event(&event, epoch, what);
    follower_message(&x->follower, SPAN("updates"), bytes_span(&event), x->now_ms);
}

static void publish_groups(struct fixture *x, struct span what)
{
    bytes_auto text = BYTES_INIT;
    struct span user = span_split(&what, ',');

    bytes_printf(&text, "{\"cmd\":\"groups\",\"userId\":\"%.*s\",\"groups\":", (int)user.len, user.data);
    write_list(&text, what);
    bytes_append_text(&text, ",\"epoch\":\"X\",\"db\":0}");
    follower_message(&x->follower, SPAN("control"), bytes_span(&text), x->now_ms);
}

static void hold(struct fixture *x, struct span name)
{
    groups_hold(&x->follower.groups, name);
    follower_read_groups(&x->follower, x->now_ms);
}

static void tick_until(struct fixture *x, int64_t until_ms)
{
    while (x->now_ms < until_ms) {
        x->now_ms += until_ms - x->now_ms < 50 ? until_ms - x->now_ms : 50;
        follower_tick(&x->follower, x->now_ms);
    }
}

/* Words: want, con, lost, sub, unsub, @2000 (ticks until then), | (a mark), refuse, take, hold=x, and what
 * comes in: load=X,5,0,a1  load!ERR  log=X,8+a  log!ERR  set=a,b  set!ERR  node=X,9,n=X  pub=X,8+a  hand={…}
 * groups=a,x:y  state=X,9 */
static void tell(struct fixture *x, struct span word)
{
    struct follower *f = &x->follower;
    struct span rest = word, verb = span_split(&rest, '='), error = word;

    span_split(&error, '!');
    if (span_equal(word, SPAN("|")))
        say(x, "| ");
    else if (span_equal(word, SPAN("want")))
        follower_want(f, x->now_ms);
    else if (span_equal(word, SPAN("con")) || span_equal(word, SPAN("lost")))
        follower_connected(f, word.len == 3, x->now_ms);
    else if (span_equal(word, SPAN("sub")) || span_equal(word, SPAN("unsub")))
        follower_subscribed(f, word.len == 3, x->now_ms);
    else if (span_equal(word, SPAN("refuse")) || span_equal(word, SPAN("take")))
        x->refuses = word.len == 6;
    else if (word.data[0] == '@')
        tick_until(x, (int64_t)number((struct span){word.data + 1, word.len - 1}));
    else if (span_equal(verb, SPAN("load")))
        answer_load(x, rest);
    else if (span_equal(verb, SPAN("log")))
        answer_log(x, rest);
    else if (span_equal(verb, SPAN("set")))
        answer_set(x, rest);
    else if (span_equal(verb, SPAN("node")))
        answer_node(x, rest);
    else if (span_equal(verb, SPAN("pub")))
        publish(x, rest);
    else if (span_equal(verb, SPAN("hand")))
        follower_message(f, SPAN("updates"), rest, x->now_ms);
    else if (span_equal(verb, SPAN("groups")))
        publish_groups(x, rest);
    else if (span_equal(verb, SPAN("hold")))
        hold(x, rest);
    else if (error.len)
        answer_error(x,
                     word.data[1] == 'o' && word.data[2] == 'a' ? FOLLOWER_LOAD
                     : word.data[0] == 'l'                      ? FOLLOWER_LOG
                                                                : FOLLOWER_GROUP,
                     error.data);
    else
        fail_msg("no such word: %.*s", (int)word.len, word.data);
}

static int by_name(const void *a, const void *b)
{
    return ((const char *)a)[0] - ((const char *)b)[0];
}

static void say_roster(struct fixture *x)
{
    char names[32][2];
    size_t at = 0, count = 0;
    const struct roster_user *u;

    while ((u = roster_next(&x->follower.roster, &at))) {
        names[count][0] = u->text[0];
        names[count++][1] = 0;
    }
    qsort(names, count, 2, by_name);
    say(x, "= ");
    for (size_t i = 0; i < count; i++)
        say(x, "%s", names[i]);
}

#define READY "con sub want load=X,5,0,a1,b2 "
#define SAID  "load:0 r5 ! "

static void test_stories(void **state)
{
    static const struct {
        const char *name, *words, *said;
    } cases[] = {
        {"nobody watches", "con sub @5000", "= "},
        {"not connected, not subscribed", "want @5000", "= "},
        {"subscribed first", "want con sub", "load:0 = "},
        {"a first load tells nothing", READY, SAID "= ab"},
        {"a load of pages", "con sub want load=X,5,17,a1 load=X,6,23,b2 load=X,7,0,c3",
         "load:0 load:17 load:23 r5 ! = abc"},
        {"the next change", READY "pub=X,6+c pub=X,7-a", SAID "+c6 -a7 = bc"},
        {"no change", READY "pub=X,6+a pub=X,7-c", SAID "= ab"},
        {"a change again", READY "pub=X,6+c pub=X,6-c", SAID "+c6 = abc"},
        {"an older one", READY "pub=X,5-a", SAID "= ab"},
        {"another epoch's", READY "pub=Y,6-a", SAID "= ab"},
        {"another database's",
         READY "hand={\"userId\":\"a\",\"status\":\"offline\",\"rev\":6,\"epoch\":\"X\",\"db\":1}",
         SAID "= ab"},
        {"no event", READY "hand=nonsense", SAID "= ab"},
        {"by hand",
         READY "hand={\"userId\":\"a\",\"status\":\"offline\"} hand={\"userId\":\"t\",\"status\":\"online\"}",
         SAID "-a0 +t0 = ab"},
        {"by hand, and nobody watches", "con sub hand={\"userId\":\"t\",\"status\":\"online\"}", "= "},
        {"claims", READY "pub=X,6+c(x:y) pub=X,7-c", SAID "+c6(x,y,) -c7(x,y,) = ab"},

        {"a gap is filled from the log", READY "pub=X,8+c log=X,6-a,7-b,8+c pub=X,9+d",
         SAID "log:6 -a6 -b7 +c8 +d9 = cd"},
        {"seen beyond a gap while the log is read: once more",
         READY "pub=X,8+c pub=X,9+d log=X,6-a,7-b,8+c log=X,9+d", SAID "log:6 -a6 -b7 +c8 log:9 +d9 = cd"},
        {"the log had that already", READY "pub=X,8+c pub=X,9+d log=X,6-a,7-b,8+c,9+d",
         SAID "log:6 -a6 -b7 +c8 +d9 = cd"},
        {"the gap closes by itself", READY "pub=X,7+c pub=X,6-a log=X,6-a,7+c", SAID "log:6 -a6 +c7 = bc"},
        {"the log does not reach back", READY "pub=X,9+c log=X,8-b,9+c load=X,9,0,c9",
         SAID "log:6 load:0 +c9 -a9 -b9 r10 ! = c"},
        {"the log is empty", READY "pub=X,9+c log=X load=X,9,0,c9",
         SAID "log:6 load:0 +c9 -a9 -b9 r10 ! = c"},
        {"the log is no log", READY "pub=X,9+c log!WRONGTYPE load=X,9,0,c9",
         SAID "log:6 load:0 +c9 -a9 -b9 r10 ! = c"},
        {"the log does not reach as far as what was seen", READY "pub=X,9+c log=X,6-a,7-b load=X,9,0,c9",
         SAID "log:6 -a6 -b7 load:0 +c9 r10 ! = c"},
        {"the log is of another epoch", READY "pub=X,9+c log=Y,8-b", SAID "log:6 load:0 = ab"},
        {"more beyond the gap does not begin the load anew",
         READY "pub=X,9+c log=X pub=X,10+d pub=X,11+e load=X,10,0,c9,d10 log=X,11+e",
         SAID "log:6 load:0 +c10 +d10 -a10 -b10 r11 log:11 ! +e11 = cde"},
        {"deaf: the revision of an answer tells", READY "node=X,7,n=X @1100 @1200 log=X,6-a,7+c",
         SAID "log:6 -a6 +c7 = bc"},
        {"not deaf: it came meanwhile", READY "node=X,7,n=X pub=X,6-a pub=X,7+c @3000", SAID "-a6 +c7 = bc"},
        {"subscribed again: what was missed stands in the log", READY "unsub sub log=X,6-a",
         SAID "log:6 -a6 = b"},
        {"subscribed again before the first load", "con sub want unsub sub", "load:0 = "},
        {"connected again while a gap was to be filled",
         READY "pub=X,8+c lost con node=X,8,n=X @1200 log=X,6-a,7-b,8+c", SAID "log:6 log:6 -a6 -b7 +c8 = c"},

        {"a change while the first load is on its way", "con sub want pub=X,6+c load=X,5,0,a1,b2 log=X,6+c",
         "load:0 r5 log:6 ! +c6 = abc"},
        {"a change between pages", "con sub want load=X,5,17,a1 pub=X,6-b load=X,6,0",
         "load:0 load:17 r6 ! = a"},
        {"a change between pages, and an old page", "con sub want load=X,5,17,a1 pub=X,6-b load=X,6,0,b2",
         "load:0 load:17 r6 ! = a"},
        {"lost in a load", "con sub want load=X,5,17,a1 lost con load=X,5,0,a1",
         "load:0 load:17 load:0 r5 ! = a"},
        {"unsubscribed in a load", "con sub want load=X,5,17,a1 unsub load=X,5,0,b2 sub log=X,6+c",
         "load:0 load:17 r5 ! log:6 +c6 = abc"},
        {"the script is unknown", "con sub want load!NOSCRIPT load=X,5,17,a1 load=X,5,0,b1",
         "load:0 text:0 load:17 r5 ! = ab"},
        {"the script is flushed in between", "con sub want load=X,5,17,a1 load!NOSCRIPT load=X,5,0,b1",
         "load:0 load:17 text:0 -a5 r5 ! = b"},
        {"an error rests", "con sub want load!LOADING @1150 | @1200 load=X,5,0,a1",
         "load:0 | load:0 r5 ! = a"},
        {"the link takes nothing", "refuse con sub want take @1050 load=X,5,0,a1", "load:0 r5 ! = a"},
        {"the link takes nothing in between", "con sub want refuse load=X,5,17,a1 take @1250 load=X,5,0,a1",
         "load:0 load:0 r5 ! = a"},
        {"loaded with a user online since, in no page",
         READY "pub=X,9+c log=X pub=X,10+d load=X,9,0,c9 log=X,10+d",
         SAID "log:6 load:0 +c9 -a9 -b9 r10 log:10 ! +d10 = cd"},

        {"emptied, and nobody has come: no roster",
         READY "pub=X,9+c log=X load=,0,0 @1150 @1200 load=Y,90,0,a90",
         SAID "log:6 load:0 load:0 r90 load:0 = ab"},
        {"emptied before the first load", "con sub want load=,0,0 @1150 | @1200 load=X,5,0,a1",
         "load:0 | load:0 r5 ! = a"},
        {"another epoch: nobody goes before all have asserted",
         "node=X,5,m=X,n=X " READY "node=Y,90,m=Y node=Y,91,m=Y,n=Y load=Y,91,0,a91,c90",
         SAID "r90 load:0 +c91 -b91 r92 ! = ac"},
        {"another epoch, told by a page",
         "node=X,5,m=X " READY "pub=X,9+c log=X load=Y,90,0 node=Y,91,m=Y load=Y,91,0,a91",
         SAID "log:6 load:0 r90 load:0 -b91 r92 ! = a"},
        {"another epoch in the middle of a load",
         "node=X,5,m=X con sub want load=X,5,17,a1 load=Y,90,0,b1 node=Y,90,m=Y load=Y,90,0,b1",
         "load:0 load:17 r90 load:0 -a90 r90 ! = b"},
        {"another epoch: changes go on",
         "node=X,5,m=X " READY "node=Y,90,m= pub=Y,91+c pub=Y,92-b pub=Y,93+a", SAID "r90 +c91 -b92 = ac"},
        {"another epoch: not longer than ten seconds", "node=X,5,m=X " READY "node=Y,90,m= @10950 @11000",
         SAID "r90 load:0 = ab"},
        {"another epoch, nobody watches", "con sub node=X,5,m=X node=Y,90,m=Y @1050", "= "},
        {"revisions of another epoch are not compared",
         "node=X,900,m=X con sub want load=X,900,0,a900,b901 node=Y,90,m=Y load=Y,90,0,a80 pub=Y,91-a",
         "load:0 r900 ! r90 load:0 -b90 r91 ! -a91 = "},

        {"a group is read", "hold=x con sub want load=X,5,0,a1 @1050 set=a,c",
         "load:0 r5 ! set:g.x.u ~x:a ~x:c ! set:g.x.u = a"},
        {"a group, at once", READY "hold=x set=a", SAID "set:g.x.u ~x:a ! set:g.x.u = ab"},
        {"a set that is none", READY "hold=x set!WRONGTYPE", SAID "set:g.x.u ! set:g.x.u = ab"},
        {"who joins and leaves",
         READY "hold=x set=a set=b set=", SAID "set:g.x.u ~x:a ! set:g.x.u ~x:b ~x:a = ab"},
        {"claims changed", READY "groups=a,x groups=a,x:y groups=a, groups=z,x",
         SAID "~a(>x,) ctl ~a(x,>x,y,) ctl ~a(x,y,>) ctl ctl = ab"},
        {"a load knows other claims",
         READY "groups=a,x unsub sub log=X hold=x set= @1050 load=X,5,0,a1(y),b2",
         SAID "~a(>x,) ctl log:6 set:g.x.u ! set:g.x.u load:0 ~a(x,>y,) r6 ! = ab"},
        {"claims before a change that is still to come are read again",
         "con sub want load=X,5,0,a1 hold=x set= pub=X,7+c groups=c,x log=X,6+b,7+c load=X,7,0,a1,b6,c7(x)",
         "load:0 r5 ! set:g.x.u ! set:g.x.u log:6 ctl +b6 +c7 load:0 ~c(>x,) r8 ! = abc"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture x;
        struct span rest = span_of(cases[i].words);
        setup(&x);
        while (rest.len) {
            struct span word = span_split(&rest, ' ');
            if (word.len)
                tell(&x, word);
        }
        say_roster(&x);
        if (strcmp(bytes_text(&x.said), cases[i].said) != 0)
            fail_msg("%s:\n    '%s', not\n    '%s'", cases[i].name, bytes_text(&x.said), cases[i].said);
        teardown(&x);
    }
}

static void test_recovering(void **state)
{
    static const struct {
        const char *name, *words;
        bool recovering;
    } cases[] = {
        {"the first epoch", "con sub node=X,5,m=X", false},
        {"another", "con sub node=X,5,m=X node=Y,9,m=", true},
        {"another, asserted; nobody watches", "con sub node=X,5,m=X node=Y,9,m= node=Y,9,m=Y", false},
        {"another, too late; nobody watches", "con sub node=X,5,m=X node=Y,9,m= @11000", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture x;
        struct span rest = span_of(cases[i].words);
        setup(&x);
        while (rest.len)
            tell(&x, span_split(&rest, ' '));
        if (follower_recovering(&x.follower) != cases[i].recovering)
            fail_msg("%s", cases[i].name);
        teardown(&x);
    }
}

static void tell_all(struct fixture *x, const char *words)
{
    struct span rest = span_of(words);

    while (rest.len) {
        struct span word = span_split(&rest, ' ');
        if (word.len)
            tell(x, word);
    }
}

static void test_a_deaf_subscription(void **state)
{
    struct fixture x;

    setup(&x);
    tell_all(&x, READY);
    for (int i = 1; i <= 3; i++) {
        char words[100];
        assert_false(x.follower.deaf);
        snprintf(words, sizeof(words), "node=X,%d,n=X @%d log=X,%d%ca", 5 + i, 1000 + 200 * i, 5 + i,
                 i % 2 ? '-' : '+');
        tell_all(&x, words);
    }
    assert_true(x.follower.deaf);
    /* A message proves that it hears. */
    x.follower.deaf = false;
    tell_all(&x, "pub=X,9+c node=X,10,n=X @2000");
    assert_false(x.follower.deaf);
    teardown(&x);
}

/* In doubt nobody resumes: the epoch is shown only while the roster is whole. */
static void test_the_epoch_shown(void **state)
{
    static const struct {
        const char *words, *epoch;
    } cases[] = {
        {"con sub want", ""},
        {"con sub want load=X,5,17,a1", ""},
        {"con sub want load=X,5,17,a1 load=X,5,0,b1", "X"},
        {"node=X,5,m=X con sub want load=X,5,0,a1 node=Y,90,m=", ""},
        {"node=X,5,m=X con sub want load=X,5,0,a1 node=Y,90,m=Y load=Y,90,17,a1", ""},
        {"node=X,5,m=X con sub want load=X,5,0,a1 node=Y,90,m=Y load=Y,90,0,a1", "Y"},
        {"con sub want load=X,5,0,a1 lost unsub", "X"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture x;
        setup(&x);
        tell_all(&x, cases[i].words);
        assert_string_equal(x.follower.roster.epoch, cases[i].epoch);
        teardown(&x);
    }
}

/* A long gap: page after page, and a garbage page is no gap filled. */
static void test_a_long_gap(void **state)
{
    struct fixture x;
    bytes_auto words = BYTES_INIT;

    setup(&x);
    tell_all(&x, READY "pub=X,2001+c");
    for (int page = 0; page < 2; page++) {
        bytes_reset(&words);
        bytes_append_text(&words, "log=X");
        for (int i = 0; i < (page ? 996 : 1000); i++)
            bytes_printf(&words, ",%d%c%c", 6 + page * 1000 + i, i % 2 ? '+' : '-', 'a');
        tell(&x, bytes_span(&words));
    }
    assert_int_equal(x.follower.roster.rev, 2001);
    assert_int_equal(x.follower.gaps, 2);
    assert_int_equal(x.follower.loads, 1);
    teardown(&x);

    setup(&x);
    tell_all(&x, READY "pub=X,2001+c");
    bytes_auto out = BYTES_INIT;
    answer_array(&out, 1000);
    for (int i = 0; i < 1000; i++) {
        bytes_auto id = BYTES_INIT;
        bytes_printf(&id, "%d-0", 6 + i);
        answer_array(&out, 2);
        answer_text(&out, bytes_span(&id));
        answer_array(&out, 2);
        answer_text(&out, SPAN("event"));
        answer_text(&out, SPAN("{\"userId\":\"a\",\"status\":\"online\"}"));
    }
    bytes_reset(&x.said);
    answer(&x, FOLLOWER_LOG, &out);
    assert_string_equal(bytes_text(&x.said), "load:0 ");
    teardown(&x);
}

/* What a page holds is from outside. */
static void test_hostile_pages(void **state)
{
    struct fixture x;
    char longest[300];
    bytes_auto out = BYTES_INIT;
    const struct span users[] = {SPAN(""), SPAN("a\n"), {longest, 129}, {longest, 128}, SPAN("b"), SPAN("c")};
    const struct span devices[] = {SPAN("d"), SPAN("d"), SPAN("d"), SPAN("d"), {longest, 300}, SPAN("d")};
    const struct span groups[] = {SPAN(""), SPAN(""), SPAN(""), SPAN("[1]"), SPAN("{"), SPAN("[\"x\"]")};

    memset(longest, 'u', sizeof(longest));
    setup(&x);
    tell_all(&x, "con sub want");
    answer_array(&out, 5);
    answer_number(&out, 5000);
    answer_text(&out, SPAN("X"));
    answer_number(&out, 7);
    answer_text(&out, SPAN("0"));
    answer_array(&out, 5 * 6);
    for (int i = 0; i < 6; i++) {
        answer_text(&out, users[i]);
        answer_text(&out, SPAN("nonsense"));
        answer_text(&out, devices[i]);
        answer_number(&out, 3);
        answer_text(&out, groups[i]);
    }
    answer(&x, FOLLOWER_LOAD, &out);
    assert_int_equal(x.follower.roster.online, 3);
    assert_non_null(roster_get(&x.follower.roster, users[3]));
    assert_int_equal(roster_user_device(roster_get(&x.follower.roster, SPAN("b"))).len, 0);
    assert_true(span_equal(roster_user_groups(roster_get(&x.follower.roster, SPAN("c"))), SPAN("x\n")));

    /* Answers that nobody waits for, or of a wrong shape. */
    tell_all(&x, "load=X,9,0,q1 log=X,8+q");
    assert_null(roster_get(&x.follower.roster, SPAN("q")));
    follower_answer(&x.follower, FOLLOWER_LOAD, NULL, x.now_ms);
    teardown(&x);
    setup(&x);
    tell_all(&x, "con sub want");
    bytes_reset(&out);
    bytes_append_text(&out, "+OK\r\n");
    answer(&x, FOLLOWER_LOAD, &out);
    assert_false(x.follower.roster.loaded);
    teardown(&x);
}

static void test_groups_are_read_in_turn(void **state)
{
    struct fixture x;
    char name[8];
    int reads = 0;

    setup(&x);
    tell_all(&x, READY);
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof(name), "g%d", i);
        groups_hold(&x.follower.groups, span_of(name));
    }
    bytes_reset(&x.said);
    for (; x.now_ms < 11000; x.now_ms += 10) {
        follower_tick(&x.follower, x.now_ms);
        while (x.follower.waiting[FOLLOWER_GROUP]) {
            reads++;
            tell_all(&x, "set=a");
        }
    }
    /* Twice each in ten seconds, and no more. */
    for (int i = 0; i < 50; i++) {
        char expected[16], *at = x.said.data;
        int count = 0;
        bytes_text(&x.said);
        snprintf(expected, sizeof(expected), "set:g.g%d.u", i);
        for (; (at = strstr(at, expected)); at++)
            count++;
        assert_in_range(count, 2, 4);
    }
    assert_in_range(reads, 100, 200);
    teardown(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories),
        cmocka_unit_test(test_recovering),
        cmocka_unit_test(test_a_deaf_subscription),
        cmocka_unit_test(test_the_epoch_shown),
        cmocka_unit_test(test_a_long_gap),
        cmocka_unit_test(test_hostile_pages),
        cmocka_unit_test(test_groups_are_read_in_turn),
    };

    map_set_hash_key(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
