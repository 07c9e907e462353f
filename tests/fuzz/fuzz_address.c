/* SPDX-License-Identifier: MIT */
/* Texts that name places and people: addresses of Redis, proxies and their headers, origins, escapes, words
 * of scenarios. */
#include "base/mem.h"
#include "http/gate_query.h"
#include "http/host.h"
#include "http/origin.h"
#include "http/proxies.h"
#include "presence-sim/shellwords.h"
#include "redis/redis_url.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool held)
{
    if (!held)
        abort();
}

/* The client is told in the one form that an address has. */
static void try_headers(const char *list, const struct proxies_values *x_forwarded_for,
                        const struct proxies_values *forwarded)
{
    unsigned char parsed[ADDRESS_BYTES];
    char client[ADDRESS_SIZE], again[ADDRESS_SIZE];
    int rc = proxies_client(list, SPAN("127.0.0.1"), x_forwarded_for, forwarded, client);
    need(rc == 0 || (x_forwarded_for->count && forwarded->count && !strcmp(client, "127.0.0.1")));
    if (strcmp(client, "unix") != 0) {
        need(address_parse(span_of(client), parsed) == 0);
        address_format(parsed, again);
        need(strcmp(client, again) == 0);
    }
}

/* The text as a list of whom to trust, and as what they say. */
static void try_proxies(const char *text, struct span whole)
{
    struct span wrong, parts[2] = {whole, whole};
    struct proxies_values told = {parts, 2}, none = {parts, 0};
    try_headers(text, &told, &none);
    try_headers(text, &none, &told);
    try_headers("0.0.0.0/0,::/0,unix", &told, &none);
    try_headers("0.0.0.0/0,::/0,unix", &none, &told);
    try_headers("0.0.0.0/0,::/0", &told, &told);
    if (proxies_check(text, &wrong) < 0)
        need(wrong.len <= whole.len);
}

/* A list that is taken is one of origins that match; one that is refused gets a reason. */
static void try_origins(const char *text)
{
    char error[400] = "";
    struct span first = span_of(text);
    first = span_trim(span_split(&first, ','));
    if (origin_check(text, error, sizeof(error)) < 0)
        need(error[0] != '\0');
    else if (first.len > 0 && !memchr(first.data, '*', first.len))
        need(origin_allowed(text, first, SPAN("example.org"), false));
    (void)origin_allowed(text, SPAN("https://a.example.org:8443"), SPAN("example.org"), false);
}

/* Likewise of names of this server. */
static void try_hosts(const char *text)
{
    char error[400] = "";
    struct span first = span_of(text);
    first = span_trim(span_split(&first, ','));
    if (host_check(text, error, sizeof(error)) < 0)
        need(error[0] != '\0');
    else if (first.len > 0 && !memchr(first.data, '*', first.len))
        need(host_allowed(text, NULL, first));
    need(host_allowed(NULL, text, SPAN("127.0.0.1:3001")));
}

static void try_words(struct span text)
{
    struct shellwords words;
    char error[200];
    if (shellwords_split(text, NULL, NULL, &words, error, sizeof(error)) == 0)
        shellwords_finish(&words);
    else
        need(error[0] != '\0');
}

static void try_escapes(struct span text)
{
    bytes_auto scratch = BYTES_INIT;
    struct span value;
    bytes_reserve(&scratch, 2 * text.len + 2);
    if (gate_percent_decode(text, true, &scratch, &value) == 0)
        need(value.len <= text.len);
    (void)gate_query_get(text, "token", &scratch, &value);
}

static void try_url(const char *text)
{
    struct redis_config config = {.url = mem_strdup(text)};
    struct settings_error error = {0};
    if (redis_url_apply(&config, &error) < 0)
        need(error.text[0] != '\0');
    free(config.url);
    free(config.host);
    free(config.username);
    free(config.password);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span whole = {(const char *)data, size};
    bytes_auto copy = BYTES_INIT;
    bytes_append_span(&copy, whole);
    const char *text = bytes_text(&copy);
    if (strlen(text) == size) {
        try_proxies(text, span_of(text));
        try_url(text);
        try_origins(text);
        try_hosts(text);
    }
    (void)origin_allowed(NULL, whole, SPAN("example.org:3000"), false);
    (void)origin_allowed("https://*.example.org,null", whole, SPAN("a"), false);
    (void)host_allowed("*.example.org:80", "https://*.example.org", whole);
    try_words(whole);
    try_escapes(whole);
    return 0;
}
