/* SPDX-License-Identifier: MIT */
/* The JSON of the HTTP answers (HTTP.md), written directly: jansson's builder
 * cost 107 us for 100 users against 10. And the request of the bulk question. */
#ifndef WIRE_STATUS_H
#define WIRE_STATUS_H

#include "presence/identity.h"

#define STATUS_IDS_MAX  100
#define STATUS_BODY_MAX 65536

#define STATUS_ERROR_SIZE 128

struct status_id {
    struct span id; /* as text */
    bool number;    /* was a JSON number: the answer gives it back as an integer */
};

struct status_request {
    struct status_id *ids;
    size_t count;
    void *json;    /* owns the text */
    char *numbers; /* decimal texts of integer ids */
};

/* 0, or -1 with a sentence for the caller in `error`: "Invalid JSON", "Body too large" (over
 * STATUS_BODY_MAX), or the guide's "Invalid userIds" with what is wrong with the list, and with which item.
 * On success the caller calls status_request_finish. */
int status_request_read(struct span body, struct status_request *ret, char error[STATUS_ERROR_SIZE]);
void status_request_finish(struct status_request *r);

struct status {
    bool online;
    int64_t last_seen_ms;      /* as of the last transition; 0: never seen */
    int64_t last_heartbeat_ms; /* the newest sign of life */
    struct span device;        /* data NULL: null */
};

void status_write_begin(struct bytes *out);
void status_write_user(struct status_id id, const struct status *status, bool first, struct bytes *out);
void status_write_end(int64_t timestamp_ms, struct bytes *out);
/* {"success":false,"error":"…"} */
void status_write_error(const char *error, struct bytes *out);

#endif
