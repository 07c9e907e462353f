/* SPDX-License-Identifier: MIT */
/* GET of an https URL through libcurl, whose header only this file and http_get.c include: on the loop, never
 * blocking it, names are resolved in a thread of libcurl's.
 *
 * Only https, by certificates that hold; http on loopback, for tests and side-cars. Redirects (three at most)
 * stay https. Bounded in time and size. HTTPS_PROXY and its kin are heeded as by every program that uses
 * libcurl, but for loopback. */
#ifndef HTTP_HTTPS_GET_H
#define HTTP_HTTPS_GET_H

#include "base/bytes.h"
#include "net/loop.h"

#define HTTPS_GET_BODY_MAX   262144
#define HTTPS_GET_TIMEOUT_MS 10000

struct https_answer {
    const char *error; /* why there is none, in a few words; NULL: there is one */
    int status;
    struct span body;
    struct span cache_control; /* empty: none */
};

/* 0, or -1 and a static phrase that goes on after the name of a setting: no URL that https_get takes, or a
 * libcurl that would block the loop. */
int https_url_check(const char *url, const char **ret_problem);

struct https_get;
/* Starts; `url` has passed https_url_check. ca_file: PEM with the authorities to trust instead of the
 * system's; NULL: those. `done` is called once, from the loop, never from here; what it gets is valid during
 * the call, and the https_get is freed behind it. NULL: libcurl can't start. */
struct https_get *https_get_start(struct loop *loop, const char *url, const char *ca_file,
                                  void (*done)(void *arg, const struct https_answer *answer), void *arg);
/* Gives it up: done is not called. NULL is fine. Not from within done. */
void https_get_cancel(struct https_get *get);

#endif
