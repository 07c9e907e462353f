/* SPDX-License-Identifier: MIT */
#include "admission.h"

#include "base/mem.h"
#include "net/address.h"

#include <stdlib.h>

#define RETRY_VARIES       0  /* when the next connect may come */
#define CONNECTS_PER_PLACE 10 /* a minute, of an address whose places are bounded */

struct admission {
    const struct config *config;
    struct loop *loop;
    const struct subscribers *subscribers;
    struct quota quota; /* of all between the gate and the end of their sockets */
};

struct admission *admission_create(const struct config *config, struct loop *loop,
                                   const struct subscribers *subscribers)
{
    struct admission *a = mem_zalloc(sizeof(*a));
    a->config = config;
    a->loop = loop;
    a->subscribers = subscribers;
    quota_init(&a->quota);
    return a;
}

void admission_destroy(struct admission *a)
{
    quota_finish(&a->quota);
    free(a);
}

void admission_tick(struct admission *a, int64_t now_ms)
{
    quota_tidy(&a->quota, now_ms);
}

/* Each of a user's connections may come again within a minute, as they do when a server restarts. */
static int64_t connects_per_user(const struct config *c)
{
    bool below = c->max_connects_per_user > 0 && c->max_connects_per_user < c->max_per_user;
    return below ? c->max_per_user : c->max_connects_per_user;
}

void admission_release(struct admission *a, struct quota_place *place)
{
    quota_give_back(&a->quota, place, loop_now_ms(a->loop));
}

int admission_admit(struct admission *a, struct gate_request *request, struct gate_refusal *refusal)
{
    static const struct gate_refusal refusals[] = {
        [QUOTA_USER_FULL] = {429, "Too many connections of this user", GATE_REASON_QUOTA, 30},
        [QUOTA_USER_HASTY] = {429, "This user connects too often", GATE_REASON_HASTY, RETRY_VARIES},
        [QUOTA_ADDRESS_FULL] = {429, "Too many connections from this address", GATE_REASON_QUOTA, 30},
        [QUOTA_ADDRESS_HASTY] = {429, "This address connects too often", GATE_REASON_HASTY, RETRY_VARIES},
        [QUOTA_FULL] = {503, "Too many connections to this server", GATE_REASON_UNAVAILABLE, 5},
    };
    const struct config *c = a->config;
    /* A connect that can't be served anyway is none. */
    bool served = request->token.role == ROLE_MOBILE || subscribers_admissible(a->subscribers);
    struct quota_limits limits = {.most = c->max_connections,
                                  .most_per_user = c->max_per_user,
                                  .most_per_address = c->max_per_address,
                                  .connects_per_user = served ? connects_per_user(c) : 0,
                                  .connects_per_address =
                                      served ? CONNECTS_PER_PLACE * c->max_per_address : 0};
    struct span user = {request->token.user, request->token.user_len};
    char address[ADDRESS_SIZE] = "";
    int64_t wait_ms = 0;
    if (c->max_per_address > 0)
        address_quota_name(request->peer, address);
    enum quota_answer answer = quota_take(&a->quota, &limits, user, span_of(address), loop_now_ms(a->loop),
                                          &request->place, &wait_ms);
    if (answer == QUOTA_TAKEN && served)
        return 0;
    if (answer == QUOTA_TAKEN) {
        admission_release(a, &request->place);
        *refusal = (struct gate_refusal){503, "Presence is not known yet: Redis can't be reached",
                                         GATE_REASON_UNAVAILABLE, 1};
        return -1;
    }
    *refusal = refusals[answer];
    if (refusal->retry_after_s == RETRY_VARIES)
        refusal->retry_after_s = (int)((wait_ms + 999) / 1000);
    return -1;
}
