/* SPDX-License-Identifier: MIT */
/* HTTP answers of the gate: complete responses that end their connection. Pure. */
#ifndef HTTP_GATE_REPLY_H
#define HTTP_GATE_REPLY_H

#include "http/gate_request.h"

/* {"success":false,"error":"…"} with the status and headers of the answer. */
void gate_reply_refusal(const struct gate_answer *answer, int64_t now_s, struct bytes *out);
/* `head_only` leaves the body out (HEAD). */
void gate_reply_plain(int status, const char *content_type, struct span body, bool head_only, int64_t now_s,
                      struct bytes *out);

#endif
