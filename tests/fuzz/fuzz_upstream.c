/* SPDX-License-Identifier: MIT */
/* What an upstream may answer to a handshake: its head, and a refusal's body. */
#include "relay/upstream_request.h"

#include <stdlib.h>
#include <string.h>

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool held)
{
    if (!held)
        abort();
}

/* What a client is sent is one answer, whose length is that of its body. */
static void check_refusal(const struct handshake_answer *answer, struct span body)
{
    struct handshake_answer again;
    bytes_auto out = BYTES_INIT;
    upstream_refusal_complete(answer, body, false);
    need(upstream_refusal_complete(answer, body, true));
    upstream_refusal_write(answer, body, &out);
    if (answer->status == 101)
        return;
    need(out.len <= answer->length + UPSTREAM_REFUSAL_MAX + 100);
    int result = handshake_answer_read(bytes_span(&out), SPAN(KEY), &again);
    need(result == 1 || again.length > HANDSHAKE_ANSWER_MAX - 100 ||
         answer->length > HANDSHAKE_ANSWER_MAX - 200);
    if (result == 1) {
        struct span passed = {out.data + again.length, out.len - again.length};
        need(again.status == answer->status && passed.len <= UPSTREAM_REFUSAL_MAX);
        need(upstream_refusal_complete(&again, passed, false));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span text = {(const char *)data, size};
    struct handshake_answer answer = {0};
    int result = handshake_answer_read(text, SPAN(KEY), &answer);
    need(result == 1 || result == 0 || result == -1);
    if (result < 1)
        return 0;
    need(answer.status >= 100 && answer.status <= 999 && answer.length <= size);
    need(handshake_answer_read((struct span){text.data, answer.length - 1}, SPAN(KEY), &answer) == 0);
    need(handshake_answer_read(text, SPAN(KEY), &answer) == 1);
    check_refusal(&answer, (struct span){text.data + answer.length, size - answer.length});
    return 0;
}
