/* presence-ctl: one command and its exit code. */
#include "base/plain.h"
#include "ctl.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct action {
    int (*run)(struct ctl *c, char **args, size_t count);
    size_t min, max; /* arguments */
    bool offline;    /* needs no Redis, or connects by itself */
};

static const struct action actions[COMMANDS] = {
    [COMMAND_STATUS] = {command_status, 1, SIZE_MAX, false},
    [COMMAND_LIST] = {command_list, 0, 0, false},
    [COMMAND_COUNT] = {command_count, 0, 0, false},
    [COMMAND_WATCH] = {command_watch, 0, 0, false},
    [COMMAND_WAIT] = {command_wait, 2, 2, false},
    [COMMAND_ONLINE] = {command_online, 1, 1, false},
    [COMMAND_OFFLINE] = {command_offline, 1, 1, false},
    [COMMAND_HEARTBEAT] = {command_heartbeat, 1, 1, false},
    [COMMAND_PUBLISH] = {command_publish, 2, 2, false},
    [COMMAND_SESSIONS] = {command_sessions, 1, 1, false},
    [COMMAND_WHY] = {command_why, 1, 1, false},
    [COMMAND_TOKEN] = {command_token, 1, 1, true},
    [COMMAND_METRICS] = {command_metrics, 0, 0, false},
    [COMMAND_DOCTOR] = {command_doctor, 0, 0, true},
    [COMMAND_KICK] = {command_kick, 0, 1, false},
    [COMMAND_REPAIR] = {command_repair, 0, 0, false},
};

/* https://no-color.org */
static bool shows_colours(void)
{
    const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");

    return isatty(STDOUT_FILENO) && (!no_colour || !*no_colour) && term && strcmp(term, "dumb") != 0;
}

static int run(struct ctl *c, int argc, char **argv)
{
    const struct command_info *info = program_command(&program, argv[1]);
    const struct action *action = &actions[info - program.commands];
    size_t count = (size_t)argc - 2;

    if (count < action->min || count > action->max)
        return ctl_fail(c, EXIT_USAGE, "%s takes %s", info->name,
                        *info->arguments ? info->arguments : "no arguments");
    int code = action->offline ? 0 : ctl_connect(c);
    if (code == 0)
        code = action->run(c, argv + 2, count);
    redis_sync_close(c->redis);
    return code;
}

/* A sentence may quote what Redis or a daemon said. */
static void complain(const struct ctl *c, int code)
{
    bytes_auto text = BYTES_INIT;

    if (!c->error[0])
        return;
    plain_append(&text, span_of(c->error));
    fprintf(stderr, "presence-ctl: %s%s\n", bytes_text(&text),
            code == EXIT_USAGE ? " (see presence-ctl COMMAND --help)" : "");
}

int main(int argc, char **argv)
{
    static struct ctl ctl;
    struct ctl *c = &ctl;
    int code = program_start(&program, &argc, argv, &c->config, config_check);

    if (code >= 0)
        return code;
    setlocale(LC_CTYPE, "C.UTF-8");
    tzset();
    c->colour = shows_colours();
    c->store = (struct store){.prefix = c->config.policy.prefix,
                              .db = c->config.redis.db,
                              .log_max = c->config.policy.log_max,
                              .node = "ctl"};
    code = run(c, argc, argv);
    complain(c, code);
    if (fflush(stdout) != 0 || ferror(stdout))
        code = EXIT_INTERNAL;
    program_finish(&program, argv[1], &c->config);
    return code;
}
