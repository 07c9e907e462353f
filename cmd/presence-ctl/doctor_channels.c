#include "base/clock.h"
#include "base/random.h"
#include "doctor.h"
#include "store/keys.h"
#include "store/resp.h"

#include <stdio.h>

#define CHANNEL_SIZE 128

/* The next answer of the second connection; a failure there is a finding. */
static bool take(struct doctor *d, struct redis_sync *link, struct redisReply **ret)
{
    if (redis_sync_reply(link, ret) != REDIS_SYNC_OK) {
        doctor_say(d, VERDICT_FAULT, "pubsub", "look at Redis's log", "a subscription does not work: %s",
                   redis_sync_error(link));
        return false;
    }
    if (!reply_is_error(*ret))
        return true;
    struct span said = reply_error(*ret);
    doctor_say(d, VERDICT_FAULT, "pubsub",
               "let this user use the channels (ACL SETUSER … &presence:* +subscribe +publish)",
               "Redis refuses to subscribe: %.*s", (int)said.len, said.data);
    reply_free(*ret);
    return false;
}

static int send_round(struct doctor *d, struct redis_sync *link, const char *channel)
{
    bytes_auto command = BYTES_INIT;
    struct redisReply *reply;
    int64_t began_us = clock_mono_us();

    resp_command(&command, "PUBLISH", channel, "doctor", NULL);
    int code = ctl_ask(d->c, bytes_span(&command), &reply, 1);
    if (code != 0)
        return code;
    if (reply_is_error(reply)) {
        struct span said = reply_error(reply);
        doctor_say(d, VERDICT_FAULT, "pubsub", "let this user publish (ACL SETUSER … &presence:* +publish)",
                   "Redis refuses to publish: %.*s", (int)said.len, said.data);
        reply_free(reply);
        return 0;
    }
    reply_free(reply);
    if (!take(d, link, &reply))
        return 0;
    doctor_say(d, VERDICT_FINE, "pubsub", NULL, "a published message came back in %.1f ms",
               (double)(clock_mono_us() - began_us) / 1000);
    reply_free(reply);
    return 0;
}

/* Guide, "Web clients not receiving updates": a message is sent round, on a channel nobody else knows. */
int doctor_channels(struct doctor *d)
{
    bytes_auto command = BYTES_INIT;
    char channel[CHANNEL_SIZE], id[9], error[400];
    struct redis_sync *link;
    struct redisReply *reply;
    int code = 0;

    random_hex(id, 8);
    snprintf(channel, sizeof(channel), "%sdoctor:%s", d->c->store.prefix, id);
    if (redis_sync_open(&d->c->config.redis, &link, error, sizeof(error)) != REDIS_SYNC_OK) {
        doctor_say(d, VERDICT_FAULT, "pubsub", "raise Redis's maxclients", "a second connection fails: %s",
                   error);
        return 0;
    }
    resp_command(&command, "SUBSCRIBE", channel, NULL);
    redis_sync_send(link, bytes_span(&command));
    if (take(d, link, &reply)) {
        reply_free(reply);
        code = send_round(d, link, channel);
    }
    redis_sync_close(link);
    return code;
}
