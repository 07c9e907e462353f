/* SPDX-License-Identifier: MIT */
#include "store/store_request.h"

void store_request_init(struct store_request *r, store_send send, void *arg,
                        void (*answered)(void *machine, const struct redisReply *reply, int64_t now_ms),
                        void *machine)
{
    *r = (struct store_request){
        .send = send, .arg = arg, .answered = answered, .machine = machine, .commands = 1};
}

void store_request_finish(struct store_request *r)
{
    bytes_finish(&r->command);
}

struct bytes *store_request_begin(struct store_request *r)
{
    bytes_reset(&r->command);
    return &r->command;
}

bool store_request_send(struct store_request *r, int64_t now_ms)
{
    if (r->send(r->arg, r, bytes_span(&r->command)) < 0)
        return false;
    r->waiting++;
    r->sent_ms = now_ms;
    return true;
}

void store_request_answered(struct store_request *r, const struct redisReply *reply, int64_t now_ms)
{
    if (!reply || r->waiting == 0)
        return;
    r->waiting--;
    if (r->answered_all)
        r->answered_all(r->machine, &reply, now_ms);
    else
        r->answered(r->machine, reply, now_ms);
}

void store_request_answered_all(struct store_request *r, const struct redisReply *const *replies,
                                int64_t now_ms)
{
    if (!replies || r->waiting == 0)
        return;
    r->waiting--;
    r->answered_all(r->machine, replies, now_ms);
}

void store_request_lost(struct store_request *r)
{
    r->waiting = 0;
}
