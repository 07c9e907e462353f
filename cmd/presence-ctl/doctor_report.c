/* SPDX-License-Identifier: MIT */
#include "doctor_report.h"

#include "base/printable.h"
#include "show.h"

#include <stdio.h>

void doctor_report(struct doctor *d, enum verdict verdict, const char *check, const char *fix,
                   const char *format, ...)
{
    static const struct {
        const char *name, *padding;
        enum color color;
    } shown[] = {{"ok", "     ", COLOR_GOOD}, {"note", "   ", COLOR_WARN}, {"fault", "  ", COLOR_BAD}};
    bytes_auto out = BYTES_INIT;
    char text[1000];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    d->notes += verdict == VERDICT_NOTE;
    d->faults += verdict == VERDICT_FAULT;
    if (d->c->config.json) {
        /* "mend" is deprecated: the name of "fix" until 0.1. */
        show_line(&out, SHOW_TEXT("check", span_of(check)),
                  SHOW_TEXT("verdict", span_of(shown[verdict].name)), SHOW_TEXT("text", span_of(text)),
                  SHOW_OPTIONAL("fix", span_of(fix)), SHOW_OPTIONAL("mend", span_of(fix)));
    } else {
        show_color_append(&out, d->c->color, shown[verdict].color, span_of(shown[verdict].name));
        bytes_append_text(&out, shown[verdict].padding);
        printable_append(&out, span_of(text));
        bytes_append_text(&out, fix ? "\n       mend: " : "");
        printable_append(&out, span_of(fix));
        bytes_append_char(&out, '\n');
    }
    show_out(&out);
}

void doctor_report_groups_fix(const struct doctor *d, struct bytes *out)
{
    bytes_append_text(out, "ACL SETUSER … %R~");
    keys_group(d->c->config.policy.group_key, SPAN("*"), out);
    bytes_append_text(out, " +smembers +smismember +sscan +scard");
}
