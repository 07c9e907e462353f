/* SPDX-License-Identifier: MIT */
/* From a request head to what the client wants, or the answer it gets instead (PROTOCOL.md). Pure: for
 * the files of the gate and their tests. */
#ifndef HTTP_GATE_REQUEST_H
#define HTTP_GATE_REQUEST_H

#include "http/gate.h"

struct gate_answer {
    int status;
    enum gate_reason reason;
    const char *headers; /* further header lines, each with its CRLF; "" for none */
    int retry_after_s;   /* 0: none */
    char error[512];
};

enum gate_kind { GATE_PLAIN, GATE_UPGRADE };

/* By the path alone: GATE_PLAIN for /healthz, /readyz and /metrics with GET or HEAD, GATE_UPGRADE for a
 * WebSocket upgrade whose form is right (RFC 6455, 4.2.1); -1 with *answer (400, 404, 405, 426). */
int gate_request_kind(const struct gate_config *config, const struct gate_head *head, enum gate_kind *ret,
                      struct gate_answer *answer);

/* Who asks: subprotocol, device, token, role, origin, interest. Spans of *ret borrow from the head and from
 * scratch. On success the caller owns ret->token; *ret_protocol is the subprotocol to echo, or empty. -1 with
 * *answer (400, 401, 403). */
int gate_request_read(const struct gate_config *config, const struct gate_head *head, int64_t now_s,
                      struct bytes *scratch, struct gate_request *ret, struct span *ret_protocol,
                      struct gate_answer *answer);

/* Fills *answer; always -1, so that callers can return it. */
int gate_answer_set(struct gate_answer *answer, int status, enum gate_reason reason, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The request libwebsockets gets to see in place of the client's. */
void gate_request_synthesize(const struct gate_head *head, struct bytes *out);

#endif
