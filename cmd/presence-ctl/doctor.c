/* doctor: walks through the guide's "Troubleshooting" and what else is known to go wrong. */
#include "doctor.h"

#include "base/plain.h"
#include "show.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const verdict_names[] = {"ok", "note", "fault"};
static const enum tint verdict_tints[] = {TINT_GOOD, TINT_WARN, TINT_BAD};

static void say_json(enum verdict verdict, const char *check, const char *mend, struct span text,
                     struct bytes *out)
{
    struct json_line line = json_begin(out);

    json_text(&line, "check", span_of(check));
    json_text(&line, "verdict", span_of(verdict_names[verdict]));
    json_text(&line, "text", text);
    json_text_or_null(&line, "mend", span_of(mend));
    json_end(&line);
}

static void say_text(bool colour, enum verdict verdict, const char *mend, struct span text, struct bytes *out)
{
    tint_append(out, colour, verdict_tints[verdict], span_of(verdict_names[verdict]));
    for (size_t n = strlen(verdict_names[verdict]); n < 7; n++)
        bytes_append_char(out, ' ');
    plain_append(out, text);
    bytes_append_char(out, '\n');
    if (!mend)
        return;
    bytes_append_text(out, "       mend: ");
    plain_append(out, span_of(mend));
    bytes_append_char(out, '\n');
}

void doctor_say(struct doctor *d, enum verdict verdict, const char *check, const char *mend,
                const char *format, ...)
{
    bytes_auto out = BYTES_INIT;
    char text[1000];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    d->notes += verdict == VERDICT_NOTE;
    d->faults += verdict == VERDICT_FAULT;
    if (d->c->config.json)
        say_json(verdict, check, mend, span_of(text), &out);
    else
        say_text(d->c->colour, verdict, mend, span_of(text), &out);
    show_out(&out);
}

static int examine(struct doctor *d)
{
    int code = doctor_redis(d);

    if (code == 0)
        code = doctor_channels(d);
    if (code == 0)
        code = nodes_load(d->c, &d->nodes);
    if (code != 0)
        return code;
    code = doctor_daemons(d);
    if (code == 0)
        code = doctor_ready(d);
    if (code == 0)
        code = doctor_state(d);
    nodes_finish(&d->nodes);
    return code;
}

static int connect_first(struct doctor *d)
{
    struct ctl *c = d->c;

    if (ctl_connect(c) == 0)
        return 0;
    if (c->refused)
        doctor_say(d, VERDICT_FAULT, "redis",
                   "set REDIS_PASSWORD or REDIS_PASSWORD_FILE (and REDIS_USERNAME, REDIS_DB) to what Redis's "
                   "requirepass, ACL or databases say",
                   "%s", c->error);
    else
        doctor_say(
            d, VERDICT_FAULT, "redis",
            "start Redis, or set REDIS_HOST and REDIS_PORT (or REDIS_URL) to where it is; redis-cli PING "
            "with the same must answer PONG",
            "%s", c->error);
    c->error[0] = '\0';
    return EXIT_UNREACHABLE;
}

static void conclude(struct doctor *d)
{
    if (d->c->config.json)
        return;
    printf("%zu fault%s, %zu note%s\n", d->faults, d->faults == 1 ? "" : "s", d->notes,
           d->notes == 1 ? "" : "s");
}

int command_doctor(struct ctl *c, char **args, size_t count)
{
    struct doctor d = {.c = c};

    if (!c->config.policy.enabled)
        doctor_say(&d, VERDICT_NOTE, "enabled", "PRESENCE_ENABLED=true",
                   "PRESENCE_ENABLED is false here: daemons with that setting keep no presence");
    int code = connect_first(&d);
    if (code == 0)
        code = examine(&d);
    conclude(&d);
    return code != 0 ? code : d.faults > 0 ? EXIT_NO : EXIT_YES;
}
