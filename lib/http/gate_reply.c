/* SPDX-License-Identifier: MIT */
#include "http/gate_reply.h"

#include <string.h>
#include <time.h>

static const char *status_text(int status)
{
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "Error";
    }
}

static void append_date(int64_t now_s, struct bytes *out)
{
    time_t now = (time_t)now_s;
    struct tm tm;
    char text[64];
    gmtime_r(&now, &tm);
    strftime(text, sizeof(text), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
    bytes_append_text(out, text);
}

static void append_head(int status, const char *content_type, size_t length, int64_t now_s, struct bytes *out)
{
    bytes_printf(out, "HTTP/1.1 %d %s\r\n", status, status_text(status));
    append_date(now_s, out);
    bytes_printf(out, "Content-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n", content_type,
                 length);
    /* RFC 9110, 7.8: who sends Upgrade names it in Connection. */
    bytes_append_text(out, status == 426 ? "Connection: close, Upgrade\r\n" : "Connection: close\r\n");
}

void gate_reply_refusal(const struct gate_answer *answer, int64_t now_s, struct bytes *out)
{
    bytes_auto body = BYTES_INIT;

    bytes_append_text(&body, "{\"success\":false,\"error\":");
    bytes_append_json(&body, span_of(answer->error));
    bytes_append_char(&body, '}');
    append_head(answer->status, "application/json", body.len, now_s, out);
    bytes_append_text(out, answer->headers);
    if (answer->retry_after_s > 0)
        bytes_printf(out, "Retry-After: %d\r\n", answer->retry_after_s);
    bytes_append_text(out, "\r\n");
    bytes_append_span(out, bytes_span(&body));
}

void gate_reply_plain(int status, const char *content_type, struct span body, bool head_only, int64_t now_s,
                      struct bytes *out)
{
    append_head(status, content_type, body.len, now_s, out);
    bytes_append_text(out, "\r\n");
    if (!head_only)
        bytes_append_span(out, body);
}
