/* SPDX-License-Identifier: MIT */
/* What any stranger may send to the gate: request heads, and what is read out of them. */
#include "http/gate_request.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool held)
{
    if (!held)
        abort();
}

static void need_inside(struct span part, struct span whole)
{
    need(part.len == 0 || (part.data >= whole.data && part.len <= whole.len &&
                           (size_t)(part.data - whole.data) <= whole.len - part.len));
}

static void check_head(const struct gate_head *head, struct span data)
{
    need(head->length > 0 && head->length <= data.len && head->length <= GATE_HEAD_MAX);
    need_inside(head->method, data);
    need_inside(head->target, data);
    need_inside(head->path, head->target);
    need_inside(head->query, head->target);
    need(head->path.len > 0 && head->path.data[0] == '/');
    for (size_t i = 0; i < head->header_count; i++) {
        need_inside(head->headers[i].name, data);
        need_inside(head->headers[i].value, data);
        need(head->headers[i].name.len > 0);
        need(!head->headers[i].value.len ||
             !memchr(head->headers[i].value.data, '\n', head->headers[i].value.len));
    }
}

/* Fewer bytes of a good head are never a head, and never an offence. */
static void check_cut(struct span data, size_t length)
{
    struct gate_head head;
    need(gate_head_parse((struct span){data.data, length}, &head) == -1);
}

static void check_request(const struct gate_config *config, const struct gate_head *head)
{
    struct gate_answer answer = {0};
    struct gate_request request;
    enum gate_kind kind;
    struct span protocol;
    bytes_auto scratch = BYTES_INIT, synthetic = BYTES_INIT;

    if (gate_request_kind(config, head, &kind, &answer)) {
        need(answer.status >= 400 && answer.status < 600 && answer.reason && answer.error[0]);
        return;
    }
    if (kind != GATE_UPGRADE)
        return;
    if (gate_request_read(config, head, 1700000000, &scratch, &request, &protocol, &answer)) {
        need(answer.status == 400 || answer.status == 401 || answer.status == 403 || answer.status == 421);
        return;
    }
    need(identity_user_valid((struct span){request.token.user, request.token.user_len}));
    need(request.device.len == 0 || identity_device_valid(request.device));
    need(protocol.len < GATE_HEAD_MAX && (!protocol.len || !memchr(protocol.data, '\n', protocol.len)));
    gate_request_synthesize(head, &synthetic);
    need(synthetic.len < 256);
    token_finish(&request.token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct gate_config any_host = {.auth_none = true, .upgrades = true, .allowed_hosts = "*"};
    static const struct gate_config own_host = {.auth_none = true, .upgrades = true};
    const struct span text = {(const char *)data, size};
    struct gate_head head;
    int status = gate_head_parse(text, &head);
    need(status == 0 || status == -1 || status == 400 || status == 431 || status == 505);
    if (status != 0)
        return 0;
    check_head(&head, text);
    check_cut(text, head.length - 1);
    check_cut(text, head.length / 2);
    check_request(&any_host, &head);
    check_request(&own_host, &head);
    return 0;
}
