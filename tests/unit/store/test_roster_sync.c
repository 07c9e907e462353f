/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/roster_sync_fixture.h"

static int by_name(const void *a, const void *b)
{
    return ((const char *)a)[0] - ((const char *)b)[0];
}

static void say_roster(struct roster_sync_fixture *x)
{
    char names[32][2];
    size_t at = 0, count = 0;
    const struct roster_user *u;
    while ((u = roster_next(&x->roster_sync.roster, &at))) {
        names[count][0] = u->text[0];
        names[count++][1] = 0;
    }
    qsort(names, count, 2, by_name);
    story_say(&x->story, "= ");
    for (size_t i = 0; i < count; i++)
        story_say(&x->story, "%s", names[i]);
}

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
        {"the log is empty, and the store says that there was more",
         READY "pub=X,9+c log=X node=X,9,n=X @1200 log=X load=X,9,0,c9",
         SAID "log:6 log:6 load:0 +c9 -a9 -b9 r10 ! = c"},
        {"the log is no log", READY "pub=X,9+c log!WRONGTYPE node=X,9,n=X @1200 log!WRONGTYPE load=X,9,0,c9",
         SAID "log:6 log:6 load:0 +c9 -a9 -b9 r10 ! = c"},
        {"the log does not reach as far as what was seen",
         READY "pub=X,9+c log=X,6-a,7-b node=X,9,n=X @1200 log=X load=X,9,0,c9",
         SAID "log:6 -a6 -b7 log:8 load:0 +c9 r10 ! = c"},
        {"a revision ahead that the store never gave: the log is asked once",
         READY "pub=X,1000+c log=X @2000 node=X,5,n=X @3000 node=X,5,n=X @5000 pub=X,6-a",
         SAID "log:6 -a6 = b"},
        {"the next revision, which the store never gave: loaded anew",
         READY "node=X,5,n=X pub=X,6+q node=X,5,n=X node=X,5,n=X load=X,5,0,a1,b2 pub=X,6-a",
         SAID "+q6 r5 load:0 -q5 r6 ! -a6 = b"},
        {"back, and the store does not know what was taken: others may know that it has lost its memory",
         "node=X,5,m=X " READY "node=X,5,m=X pub=X,6+q node=X,6,m=X lost con node=X,5,m=X @1050 @3400 "
         "node=Y,90,m= node=Y,91,m=Y load=Y,91,0,a91,b91,q91",
         SAID "+q6 r5 r90 load:0 r92 ! = abq"},
        {"the same, and the change was taken behind the last answer",
         "node=X,5,m=X " READY "node=X,5,m=X pub=X,6+q lost con node=X,5,m=X node=X,5,m=X @1050 @3400 "
         "node=Y,90,m= node=Y,91,m=Y load=Y,91,0,a91,b91,q91",
         SAID "+q6 r5 r90 load:0 r92 ! = abq"},
        {"back, and nobody knows better",
         READY "node=X,5,n=X pub=X,6+q node=X,6,n=X lost con node=X,5,n=X @3450 | @3500 load=X,5,0,a1,b2",
         SAID "+q6 r5 | load:0 -q5 r6 ! = ab"},
        {"an answer that was on its way when the next revision came",
         READY "node=X,5,n=X pub=X,6+q node=X,5,n=X node=X,6,n=X", SAID "+q6 = abq"},
        {"the log is of another epoch", READY "pub=X,9+c log=Y,8-b", SAID "log:6 load:0 = ab"},
        {"more beyond the gap does not begin the load anew",
         READY "pub=X,9+c log=X node=X,9,n=X @1200 log=X pub=X,10+d pub=X,11+e load=X,10,0,c9,d10 log=X,11+e",
         SAID "log:6 log:6 load:0 +c10 +d10 -a10 -b10 r11 log:11 ! +e11 = cde"},
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
        {"an error rests", "con sub want load!LOADING @1150 | @1200 load=X,5,0,a1",
         "load:0 | load:0 r5 ! = a"},
        {"the link takes nothing", "refuse con sub want take @1050 load=X,5,0,a1", "load:0 r5 ! = a"},
        {"the link takes nothing in between", "con sub want refuse load=X,5,17,a1 take @1250 load=X,5,0,a1",
         "load:0 load:0 r5 ! = a"},
        {"loaded with a user online since, in no page",
         READY "pub=X,9+c log=X node=X,9,n=X @1200 log=X pub=X,10+d load=X,9,0,c9 log=X,10+d",
         SAID "log:6 log:6 load:0 +c9 -a9 -b9 r10 log:10 ! +d10 = cd"},

        {"emptied, and nobody has come: no roster",
         READY "pub=X,9+c log=X node=X,9 @1200 log=X load=,0,0 @1350 @1400 load=Y,90,0,a90",
         SAID "log:6 log:6 load:0 load:0 r90 load:0 = ab"},
        {"emptied before the first load", "con sub want load=,0,0 @1150 | @1200 load=X,5,0,a1",
         "load:0 | load:0 r5 ! = a"},
        {"another epoch: nobody goes before all have asserted",
         "node=X,5,m=X,n=X " READY "node=Y,90,m=Y node=Y,91,m=Y,n=Y load=Y,91,0,a91,c90",
         SAID "r90 load:0 +c91 -b91 r92 ! = ac"},
        {"another epoch, told by a page",
         "node=X,5,m=X " READY
         "pub=X,9+c log=X node=X,9,m=X @1200 log=X load=Y,90,0 node=Y,91,m=Y load=Y,91,0,a91",
         SAID "log:6 log:6 load:0 r90 load:0 -b91 r92 ! = a"},
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

        {"a group is read", "hold=x con sub want load=X,5,0,a1 @1050 set=a,c", "load:0 r5 ! set:g.x.u ! = a"},
        {"a group, at once", READY "hold=x set=a", SAID "set:g.x.u ! = ab"},
        {"a set that is none", READY "hold=x set!WRONGTYPE", SAID "set:g.x.u ! = ab"},
        {"a set that becomes none", READY "hold=x set=a,b @6000 set!WRONGTYPE",
         SAID "set:g.x.u ! set:g.x.u ~x:a ~x:b = ab"},
        {"a set that may not be read", READY "hold=x set!NOPERM", SAID "set:g.x.u ! = ab"},
        {"a set that can't be read now is not empty", READY "hold=x set!LOADING @1150 | @1250 set=a",
         SAID "set:g.x.u | set:g.x.u ! = ab"},
        {"what was known of a set stands while it can't be read",
         READY "hold=x set=a @6000 set!LOADING @6150 | @6250 set=a,b",
         SAID "set:g.x.u ! set:g.x.u | set:g.x.u ~x:b = ab"},
        {"who joins and leaves", READY "hold=x set=a @6000 set=b @10950 | @11000 set=",
         SAID "set:g.x.u ! set:g.x.u ~x:b ~x:a | set:g.x.u ~x:b = ab"},
        {"a group that was being read when the link broke is read again", READY "hold=x lost con @1050 set=a",
         SAID "set:g.x.u set:g.x.u ! = ab"},
        {"a group that could not be asked for is asked for later", READY "refuse hold=x take @1050 set=a",
         SAID "set:g.x.u ! = ab"},
        {"each of several groups takes its own answer",
         READY "hold=x hold=y set=a set!LOADING @1250 set=b @6000 set=a,b",
         SAID "set:g.x.u set:g.y.u ! set:g.y.u ! set:g.x.u ~x:b = ab"},
        {"groups that were read when the link broke are said to be ready",
         READY "hold=x hold=y set=a | lost @1050", SAID "set:g.x.u set:g.y.u | ! = ab"},
        {"claims changed", READY "groups=a,x groups=a,x:y groups=a, groups=z,x",
         SAID "~a(>x,) ctl ~a(x,>x,y,) ctl ~a(x,y,>) ctl ctl = ab"},
        {"said online again, with other claims", READY "pub=X,6+a(y) groups=a,y:z",
         SAID "~a(>y,) ~a(y,>y,z,) ctl = ab"},
        {"claims of before the user's last change came late", READY "pub=X,6+a(y) groups=5@a,x groups=6@a,z",
         SAID "~a(>y,) ctl ~a(y,>z,) ctl = ab"},
        {"a load knows other claims",
         READY "groups=a,x unsub sub log=X hold=x set= @1050 load=X,5,0,a1(y),b2",
         SAID "~a(>x,) ctl log:6 set:g.x.u ! load:0 ~a(x,>y,) r6 ! = ab"},
        {"claims before a change that is still to come are read again",
         "con sub want load=X,5,0,a1 hold=x set= pub=X,7+c groups=c,x log=X,6+b,7+c load=X,7,0,a1,b6,c7(x)",
         "load:0 r5 ! set:g.x.u ! log:6 ctl +b6 +c7 load:0 ~c(>x,) r8 ! = abc"},
        {"claims before the first page that has the user are read again",
         "con sub want groups=a,x load=X,5,0,a1 hold=x set= @1050 load=X,5,0,a1(x)",
         "load:0 ctl r5 ! set:g.x.u ! load:0 ~a(>x,) r6 ! = a"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct roster_sync_fixture x;
        roster_sync_fixture_setup(&x, cases[i].name);
        story_tell(&x.story, cases[i].words);
        say_roster(&x);
        story_expect(&x.story, cases[i].said);
        roster_sync_fixture_teardown(&x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories),
    };

    map_set_hash_key(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
