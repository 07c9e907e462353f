/* SPDX-License-Identifier: MIT */
#include "http/gate_request.h"

#include "http/gate_query.h"
#include "http/host.h"
#include "http/origin.h"

#include <stdio.h>
#include <string.h>

#define REASON_NAME(id, name, ...) name,
const char *const gate_reason_names[] = {GATE_REASONS(REASON_NAME)};

int gate_answer_set(struct gate_answer *answer, int status, enum gate_reason reason, const char *format, ...)
{
    va_list args;

    answer->status = status;
    answer->reason = reason;
    answer->headers = "";
    answer->retry_after_s = 0;
    va_start(args, format);
    vsnprintf(answer->error, sizeof(answer->error), format, args);
    va_end(args);
    return -1;
}

/* Whether one of the headers of that name holds the token in its comma list (RFC 9110, 5.6.1). */
static bool list_has(const struct gate_head *head, const char *name, struct span token)
{
    struct span wanted = span_of(name);
    for (size_t i = 0; i < head->header_count; i++) {
        struct span rest = head->headers[i].value;
        if (!span_equal_nocase(head->headers[i].name, wanted))
            continue;
        while (rest.len > 0)
            if (span_equal_nocase(span_trim(span_split(&rest, ',')), token))
                return true;
    }
    return false;
}

static size_t header_count(const struct gate_head *head, const char *name)
{
    struct span wanted = span_of(name);
    size_t count = 0;
    for (size_t i = 0; i < head->header_count; i++)
        count += span_equal_nocase(head->headers[i].name, wanted);
    return count;
}

/* 16 bytes in base64 (RFC 6455, 4.1): 22 digits, the last of which has four spare bits, and "==". */
static bool key_valid(struct span key)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (key.len != 24 || memcmp(key.data + 22, "==", 2) != 0)
        return false;
    for (size_t i = 0; i < 22; i++)
        if (!key.data[i] || !strchr(digits, key.data[i]))
            return false;
    return strchr("AQgw", key.data[21]);
}

static bool is_plain_path(struct span path)
{
    return span_equal(path, SPAN("/healthz")) || span_equal(path, SPAN("/readyz")) ||
           span_equal(path, SPAN("/metrics"));
}

static bool is_api_path(struct span path)
{
    return span_equal(path, SPAN("/api")) || (path.len >= 5 && !memcmp(path.data, "/api/", 5));
}

static int check_plain(const struct gate_head *head, enum gate_kind *ret, struct gate_answer *answer)
{
    if (!span_equal(head->method, SPAN("GET")) && !span_equal(head->method, SPAN("HEAD"))) {
        gate_answer_set(answer, 405, GATE_REASON_REQUEST, "Method not allowed");
        answer->headers = "Allow: GET, HEAD\r\n";
        return -1;
    }
    *ret = GATE_PLAIN;
    return 0;
}

static int check_upgrade(const struct gate_head *head, struct gate_answer *answer)
{
    if (head->minor_version < 1 || !list_has(head, "upgrade", SPAN("websocket")) ||
        !list_has(head, "connection", SPAN("upgrade"))) {
        gate_answer_set(answer, 426, GATE_REASON_NO_UPGRADE,
                        "This is a WebSocket endpoint: Upgrade: websocket is required");
        answer->headers = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
        return -1;
    }
    if (!span_equal(head->method, SPAN("GET")))
        return gate_answer_set(answer, 400, GATE_REASON_REQUEST, "A WebSocket upgrade is a GET request");
    if (!span_equal(gate_head_get(head, "sec-websocket-version"), SPAN("13"))) {
        gate_answer_set(answer, 426, GATE_REASON_NO_UPGRADE, "Sec-WebSocket-Version must be 13");
        answer->headers = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
        return -1;
    }
    if (header_count(head, "sec-websocket-key") != 1 || !key_valid(gate_head_get(head, "sec-websocket-key")))
        return gate_answer_set(answer, 400, GATE_REASON_REQUEST,
                               "Sec-WebSocket-Key must be 16 bytes in base64");
    return 0;
}

int gate_request_kind(const struct gate_config *config, const struct gate_head *head, enum gate_kind *ret,
                      struct gate_answer *answer)
{
    if (is_plain_path(head->path))
        return check_plain(head, ret, answer);
    if (is_api_path(head->path))
        return gate_answer_set(answer, 404, GATE_REASON_PATH, "Not found here: %s is served by presence-api",
                               "/api/");
    if (!config->upgrades)
        return gate_answer_set(answer, 404, GATE_REASON_PATH, "Not found");
    if (check_upgrade(head, answer))
        return -1;
    *ret = GATE_UPGRADE;
    return 0;
}

struct offer {
    struct span presence;  /* presence.v1.json or presence.v1.msgpack, the first of them */
    struct span others[2]; /* token and device id */
    size_t count;
};

static void offer_add(struct offer *offer, struct span name)
{
    bool ours = span_equal(name, SPAN("presence.v1.json")) || span_equal(name, SPAN("presence.v1.msgpack"));
    if (name.len == 0)
        return;
    if (ours && offer->presence.len == 0)
        offer->presence = name;
    else if (!ours && offer->count < 2)
        offer->others[offer->count++] = name;
}

static void offer_read(const struct gate_head *head, struct offer *offer)
{
    memset(offer, 0, sizeof(*offer));
    for (size_t i = 0; i < head->header_count; i++) {
        struct span rest = head->headers[i].value;
        if (!span_equal_nocase(head->headers[i].name, SPAN("sec-websocket-protocol")))
            continue;
        while (rest.len > 0)
            offer_add(offer, span_trim(span_split(&rest, ',')));
    }
}

static struct span offer_echo(const struct offer *offer)
{
    if (offer->presence.len > 0)
        return offer->presence;
    return offer->count > 0 ? offer->others[offer->count - 1] : SPAN_NONE;
}

static struct span first_given(struct span a, struct span b)
{
    return a.len > 0 ? a : b;
}

static int from_query(const struct gate_head *head, const char *name, struct bytes *scratch, struct span *ret,
                      struct gate_answer *answer)
{
    int rc = gate_query_get(head->query, name, scratch, ret);
    if (rc < 0)
        return gate_answer_set(answer, 400, GATE_REASON_REQUEST, "The query has a broken escape in '%s'",
                               name);
    return rc;
}

static int read_device(const struct gate_head *head, const struct offer *offer, struct bytes *scratch,
                       struct gate_request *ret, struct gate_answer *answer)
{
    struct span device = first_given(gate_head_get(head, "device_id"), gate_head_get(head, "deviceid"));
    if (offer->count > 1)
        device = first_given(device, offer->others[1]);
    if (device.len == 0 && from_query(head, "device_id", scratch, &device, answer) < 0)
        return -1;
    if (device.len > 0 && !identity_device_valid(device))
        return gate_answer_set(answer, 400, GATE_REASON_REQUEST,
                               "The device id must be 1 to %d bytes of UTF-8 without control "
                               "characters",
                               DEVICE_ID_MAX);
    ret->device = device;
    return 0;
}

static int read_interest(const struct gate_head *head, struct bytes *scratch, struct gate_request *ret,
                         struct gate_answer *answer)
{
    int groups = from_query(head, "groups", scratch, &ret->groups, answer);
    int users = groups < 0 ? -1 : from_query(head, "users", scratch, &ret->users, answer);
    int since = users < 0 ? -1 : from_query(head, "since", scratch, &ret->since, answer);
    ret->has_groups = groups == 0;
    ret->has_users = users == 0;
    ret->has_since = since == 0;
    return since < 0 ? -1 : 0;
}

static int refuse_token(struct gate_answer *answer, enum gate_reason reason, const char *text)
{
    gate_answer_set(answer, 401, reason, "%s", text);
    answer->headers = "WWW-Authenticate: Bearer\r\n";
    return -1;
}

static int refuse_for_now(struct gate_answer *answer, const char *text)
{
    gate_answer_set(answer, 503, GATE_REASON_UNAVAILABLE, "%s", text);
    answer->retry_after_s = 1;
    return -1;
}

/* PRESENCE_AUTH=none. A subprotocol can't hold every character, so the id may be percent-encoded anywhere. */
static int read_open_token(const struct gate_head *head, struct span text, struct bytes *scratch,
                           struct token *ret, struct gate_answer *answer)
{
    struct token token = {.role = ROLE_MOBILE};
    struct span user, role;
    int rc;
    if (gate_percent_decode(text, false, scratch, &user) || !identity_user_valid(user) ||
        span_copy(user, token.user, sizeof(token.user)))
        return refuse_token(answer, GATE_REASON_TOKEN, "With PRESENCE_AUTH=none the token is the user id");
    token.user_len = user.len;
    rc = from_query(head, "role", scratch, &role, answer);
    if (rc < 0)
        return -1;
    if (rc == 0 && role_parse(role, &token.role))
        return gate_answer_set(answer, 403, GATE_REASON_ROLE,
                               "Unknown role: mobile, web and dashboard are known");
    *ret = token;
    return 0;
}

static int read_signed_token(const struct gate_config *config, struct span text, int64_t now_s,
                             struct token *ret, struct gate_answer *answer)
{
    enum token_result result = token_verify(config->keys, text, now_s, ret);
    if (result == TOKEN_OK)
        return 0;
    if (result == TOKEN_KEY && config->unknown_key)
        config->unknown_key(config->unknown_key_arg);
    if (result == TOKEN_KEYS_AWAITED)
        return refuse_for_now(answer, token_result_text(result));
    if (result == TOKEN_ROLE)
        return gate_answer_set(answer, 403, GATE_REASON_ROLE, "%s", token_result_text(result));
    if (token_result_status(result) == 403)
        return gate_answer_set(answer, 403, GATE_REASON_TOKEN, "%s", token_result_text(result));
    return refuse_token(answer, GATE_REASON_TOKEN, token_result_text(result));
}

static int read_token(const struct gate_config *config, const struct gate_head *head,
                      const struct offer *offer, int64_t now_s, struct bytes *scratch, struct token *ret,
                      struct gate_answer *answer)
{
    struct span bearer = SPAN_NONE, text = gate_head_get(head, "token");
    gate_bearer(gate_head_get(head, "authorization"), &bearer);
    text = first_given(first_given(text, gate_head_get(head, "voicepingtoken")), bearer);
    if (offer->count > 0)
        text = first_given(text, offer->others[0]);
    if (text.len == 0 && from_query(head, "token", scratch, &text, answer) < 0)
        return -1;
    if (text.len == 0)
        return refuse_token(answer, GATE_REASON_TOKEN, token_result_text(TOKEN_MISSING));
    if (config->auth_none)
        return read_open_token(head, text, scratch, ret, answer);
    return read_signed_token(config, text, now_s, ret, answer);
}

static int check_revoked(const struct gate_config *config, const struct gate_request *request,
                         struct gate_answer *answer)
{
    if (!config->revoked || !config->revoked(config->revoked_arg, &request->token, request->device))
        return 0;
    return refuse_token(answer, GATE_REASON_REVOKED, "Token revoked");
}

/* Where anybody is let in, a page under a foreign name must not be. */
static int check_host(const struct gate_config *config, const struct gate_head *head,
                      struct gate_answer *answer)
{
    struct span host = gate_head_get(head, "host");
    if (!config->auth_none || host_allowed(config->allowed_hosts, config->allowed_origins, host))
        return 0;
    return gate_answer_set(answer, 421, GATE_REASON_ORIGIN,
                           "This server does not go by the Host '%.*s' (PRESENCE_ALLOWED_HOSTS)",
                           host.len < 160 ? (int)host.len : 160, host.data);
}

static int check_origin(const struct gate_config *config, const struct gate_head *head,
                        struct gate_answer *answer)
{
    struct span origin = gate_head_get(head, "origin"), host = gate_head_get(head, "host");
    if (origin_allowed(config->allowed_origins, origin, host, !config->auth_none))
        return 0;
    return gate_answer_set(
        answer, 403, GATE_REASON_ORIGIN,
        "Origin '%.*s' is not allowed here: the Host was '%.*s' (PRESENCE_ALLOWED_ORIGINS)",
        origin.len < 160 ? (int)origin.len : 160, origin.data, host.len < 160 ? (int)host.len : 160,
        host.len ? host.data : "");
}

int gate_request_read(const struct gate_config *config, const struct gate_head *head, int64_t now_s,
                      struct bytes *scratch, struct gate_request *ret, struct span *ret_protocol,
                      struct gate_answer *answer)
{
    struct gate_request request = {.encoding = ENCODING_MSGPACK};
    struct offer offer;
    /* Every query value is decoded at most once, the token perhaps twice; spans into scratch must not move.
     */
    bytes_reserve(scratch, 2 * head->length);
    offer_read(head, &offer);
    request.speaks_v1 = offer.presence.len > 0;
    if (span_equal(offer.presence, SPAN("presence.v1.json")))
        request.encoding = ENCODING_JSON;
    if (check_host(config, head, answer) || read_device(head, &offer, scratch, &request, answer) ||
        read_interest(head, scratch, &request, answer))
        return -1;
    if (read_token(config, head, &offer, now_s, scratch, &request.token, answer))
        return -1;
    if (check_revoked(config, &request, answer) || check_origin(config, head, answer)) {
        token_finish(&request.token);
        return -1;
    }
    *ret = request;
    *ret_protocol = offer_echo(&offer);
    return 0;
}

void gate_request_synthesize(const struct gate_head *head, struct bytes *out)
{
    bytes_append_text(out, "GET / HTTP/1.1\r\nHost: gate\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ");
    bytes_append_span(out, gate_head_get(head, "sec-websocket-key"));
    bytes_append_text(out, "\r\n\r\n");
}
