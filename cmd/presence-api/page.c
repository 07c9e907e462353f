/* SPDX-License-Identifier: MIT */
/* GET /: the dashboard, one page with all it needs in itself. */
#include "server.h"

/* Made of dashboard.html by the build. */
extern const char page_dashboard[];
extern const size_t page_dashboard_len;
extern const char page_dashboard_sha1[];

static const char policy[] =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self' ws: wss:; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

void page_answer(struct call *c)
{
    struct http_answer *a = c->answer;
    bytes_printf(&a->built, "\"%s\"", page_dashboard_sha1);
    http_answer_header(a, "ETag", bytes_span(&a->built));
    http_answer_header(a, "Cache-Control", SPAN("no-cache"));
    http_answer_header(a, "Content-Security-Policy", SPAN(policy));
    http_answer_header(a, "Referrer-Policy", SPAN("no-referrer"));
    if (span_equal(c->request->if_none_match, bytes_span(&a->built))) {
        a->status = 304;
        return;
    }
    a->status = 200;
    a->fixed = (struct span){page_dashboard, page_dashboard_len};
    http_answer_header(a, "Content-Type", SPAN("text/html; charset=utf-8"));
}
