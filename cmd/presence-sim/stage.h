/* presence-sim run FILE: a scenario, played line by line. A line is a statement; words as a shell would split
 * them (quotes, $NAME, # comments), a backslash at the end joins lines. Durations: 250ms, 3s, 2m. NAMES may
 * be patterns (`p*`).
 *
 * Given: $BIN (the directory of presence-sim), $TMP (a scratch directory, kept on failure), $SEED. Processes
 * get a fresh SECRET_KEY in their environment, and none of the caller's PRESENCE_…, REDIS_… and JWT_…
 * variables.
 *
 *   include FILE                the lines of that file
 *   set NAME VALUE              a variable; `--set NAME=VALUE` on the command line wins
 *   default NAME VALUE          the same, unless it is set already
 *   env NAME VALUE              for all processes started from here on
 *   port NAME...                a free port of 127.0.0.1 into each variable
 *   process NAME [ready=ADDRESS] [KEY=VALUE...] COMMAND [ARGUMENT...]
 *                               ADDRESS: HOST:PORT or unix:PATH that takes connections when it is ready
 *   start NAME...               and waits until they are ready
 *   stop NAME...                TERM, and waits for their end
 *   kill NAME...                KILL, likewise
 *   signal NAME SIGNAL          TERM, INT, HUP, STOP, CONT, USR1
 *   run [exit=N] [contains=TEXT] [within=D] [KEY=VALUE...] COMMAND [ARGUMENT...]
 *                               to its end; it must exit with N (0), and write TEXT
 *
 *   server NAME URL             where phones and dashboards connect
 *   phone NAME [count=N] [user=U] [device=D] [server=A,B] [beat=D|never] [groups=A,B] [role=R] [encoding=E]
 * [reconnect=no] dashboard NAME [count=N] [user=U] [server=A,B] [role=R] [groups=A,B] [watch-groups=A,B]
 * [watch-users=A,B] [encoding=E] [batch=yes] [resume=yes] count=N makes NAME1 … NAMEN. E: msgpack, json,
 * plain. Without server: all, in turn connect NAMES               phones and dashboards; they come back by
 * themselves when they lose their server close NAMES                 with a close frame drop NAMES FIN
 * without one: the app was killed abort NAMES                 RST half-close NAMES            FIN, and goes
 * on reading freeze NAMES · thaw NAMES   the network is dead in both directions, and alive again beat NAMES
 * one heartbeat now silent NAMES · speak NAMES  no beats by itself, and again roam NAMES [to=SERVER] leaves
 * its connection behind, dead, and makes another forget NAMES                resets the connections left
 * behind send NAMES text|hex DATA    as one message, for rule breakers churn NAMES stay=D [away=D] [silent=P]
 * [roam=P] come and go by themselves, decided by the seed; percent of goings still NAMES                 and
 * stay as they are
 *
 *   wait D                      needed seldom: expectations wait for themselves
 *   say TEXT...                 on the terminal, and in the history
 *   expect WHAT [after D] [within D]
 *                               WHAT must come to hold within D (5s), counted from here, and not before
 * `after`: DASHBOARDS see USER online|offline DASHBOARDS count N        so many users are shown online
 *     DASHBOARDS heard USER N   so many changes of the user were told, snapshots not counted
 *     DASHBOARDS agree          they show exactly what the phones did
 *     everyone agree            all dashboards, likewise
 *     NAMES open|off            the connection stands; there is none
 *     NAMES closed CODE · NAMES refused STATUS
 *                               how the last connection ended
 *     PROCESS ended STATUS      128 + the signal's number when it was killed
 *   never USER online|offline   from here on no dashboard may show it; `allow` takes it back
 *   allow USER online|offline
 *   tolerate FAULT... · enforce FAULT...
 *                               duplicate, revision, false-offline, ghost, late, no-snapshot: judged always,
 * of every dashboard, unless tolerated rule ttl|late|delivery|skew|drain-grace|heartbeat-min D what the judge
 * assumes of the servers (ttl comes from HELLO by itself) */
#ifndef SIM_STAGE_H
#define SIM_STAGE_H

#include "churn.h"
#include "dashboard.h"
#include "process.h"
#include "script.h"

#define WITHIN_MS 5000

enum outcome {
    OUTCOME_DONE,
    OUTCOME_WAIT,        /* stage->pending says for what */
    OUTCOME_WRONG,       /* the statement makes no sense: exit 3 */
    OUTCOME_FAILED,      /* an expectation did not hold: exit 1 */
    OUTCOME_UNREACHABLE, /* a process did not come up: exit 4 */
};

struct stage;

/* What a statement waits for. */
struct pending {
    /* OUTCOME_WAIT: not yet. Writes into stage->why what is missing. */
    enum outcome (*check)(struct stage *s, const struct words *w);
    int64_t since_ms, after_ms, until_ms;
    enum outcome when_early; /* it holds before after_ms: OUTCOME_WAIT or OUTCOME_FAILED */
    enum outcome when_late;
};

struct variable {
    char *name, *value;
    bool fixed; /* from the command line */
};

struct ban {
    char *user;
    bool online;
};

struct stage {
    struct sim sim;
    struct options options;
    const char *file;
    struct script script;
    size_t at; /* the line being played */
    struct words words;
    struct pending pending;
    struct variable *variables;
    size_t variable_count;
    struct phone **phones;
    size_t phone_count;
    struct churn *churns; /* one for each of the first phones */
    size_t churn_count;
    struct dashboard **dashboards;
    size_t dashboard_count;
    struct process **processes;
    size_t process_count;
    struct ban *bans;
    size_t ban_count;
    char *bin, *scratch;
    char *made_secret;       /* NULL: SECRET_KEY was given */
    struct process *command; /* of `run` */
    struct wheel_timer look, limit, sweep;
    struct loop_task *look_soon; /* at the end of a turn in which something happened */
    uint64_t steps, expectations;
    int64_t began_ms;
    char why[600]; /* a sentence on what is missing or wrong */
};

struct statement {
    const char *name;
    size_t min, max; /* arguments; max 0: any number */
    enum outcome (*run)(struct stage *s, const struct words *w);
};

/* NULL: no such statement. */
const struct statement *statement_find(const char *name);

/* stage.c */
int stage_create(const struct options *options, const char *file, struct stage **ret);
void stage_play(struct stage *s);
/* Ends what runs, prints the verdict, returns the exit code. */
int stage_finish(struct stage *s);
void stage_end(struct stage *s, enum outcome outcome);
/* Waits for `check` from now on: returns OUTCOME_WAIT. */
enum outcome stage_wait(struct stage *s, enum outcome (*check)(struct stage *s, const struct words *w),
                        int64_t after_ms, int64_t within_ms, enum outcome when_late);
/* Fills stage->why and returns `outcome`. */
enum outcome stage_say(struct stage *s, enum outcome outcome, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* variable.c */
void variable_set(struct stage *s, const char *name, const char *value, bool fixed);
const char *variable_get(const struct stage *s, const char *name);
bool variable_name_valid(const char *name);

/* cast.c: who is on the stage. */
struct phone *cast_phone(const struct stage *s, const char *name);
struct dashboard *cast_dashboard(const struct stage *s, const char *name);
struct process *cast_process(const struct stage *s, const char *name);
bool cast_matches(const char *pattern, const char *name);
void cast_finish(struct stage *s);
/* "key=value" of a word, NULL when it has another key. */
const char *cast_option(const char *word, const char *key);

/* The statements, by file. */
enum outcome play_phone(struct stage *s, const struct words *w);
enum outcome play_dashboard(struct stage *s, const struct words *w);
enum outcome play_server(struct stage *s, const struct words *w);
enum outcome play_act(struct stage *s, const struct words *w);
enum outcome play_roam(struct stage *s, const struct words *w);
enum outcome play_send(struct stage *s, const struct words *w);
enum outcome play_churn(struct stage *s, const struct words *w);
enum outcome play_still(struct stage *s, const struct words *w);
enum outcome play_process(struct stage *s, const struct words *w);
enum outcome play_start(struct stage *s, const struct words *w);
enum outcome play_stop(struct stage *s, const struct words *w);
enum outcome play_signal(struct stage *s, const struct words *w);
enum outcome play_run(struct stage *s, const struct words *w);
enum outcome play_port(struct stage *s, const struct words *w);
enum outcome play_expect(struct stage *s, const struct words *w);

#endif
