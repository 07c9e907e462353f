/* SPDX-License-Identifier: MIT */
/* The forms that answers have (HTTP.md). */
#include "server.h"
#include "wire/status.h"

void refuse(struct call *c, int status, const char *error)
{
    c->answer->status = status;
    bytes_reset(&c->answer->body);
    status_write_error(error, &c->answer->body);
    http_answer_header(c->answer, "Content-Type", SPAN("application/json"));
    if (status == 401)
        http_answer_header(c->answer, "WWW-Authenticate", SPAN("Bearer"));
}

void refuse_for_now(struct call *c, const char *error)
{
    refuse(c, 503, error);
    http_answer_header(c->answer, "Retry-After", SPAN("1"));
}

struct bytes *answer_json(struct call *c)
{
    c->answer->status = 200;
    http_answer_header(c->answer, "Content-Type", SPAN("application/json"));
    return &c->answer->body;
}
