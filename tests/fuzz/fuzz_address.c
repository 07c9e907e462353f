/* Texts that name places and people: addresses of Redis, proxies and their headers, origins, escapes, words
 * of scenarios. */
#include "base/mem.h"
#include "base/words.h"
#include "net/gate_query.h"
#include "net/origin.h"
#include "net/proxies.h"
#include "net/redis_url.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool held)
{
    if (!held)
        abort();
}

/* The text as a list of whom to trust, and as what they say. */
static void try_proxies(const char *text, struct span whole)
{
    struct span wrong, parts[2] = {whole, whole};
    struct span client = proxies_client(text, SPAN("127.0.0.1"), parts, 2);
    need(client.len > 0);
    client = proxies_client("0.0.0.0/0,::/0", SPAN("127.0.0.1"), parts, 2);
    need(client.len > 0 && client.len < 46);
    if (proxies_check(text, &wrong) < 0)
        need(wrong.len <= whole.len);
}

static void try_words(struct span text)
{
    struct words words;
    char error[200];
    if (words_split(text, NULL, NULL, &words, error, sizeof(error)) == 0)
        words_finish(&words);
    else
        need(error[0] != '\0');
}

static void try_escapes(struct span text)
{
    bytes_auto scratch = BYTES_INIT;
    struct span value;
    bytes_reserve(&scratch, 2 * text.len + 2);
    if (percent_decode(text, true, &scratch, &value) == 0)
        need(value.len <= text.len);
    (void)query_get(text, "token", &scratch, &value);
}

static void try_url(const char *text)
{
    struct redis_config config = {.url = mem_strdup(text)};
    struct settings_error error = {{0}};
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
        (void)origin_allowed(text, SPAN("https://a.example.org:8443"), SPAN("example.org"));
    }
    (void)origin_allowed(NULL, whole, SPAN("example.org:3000"));
    (void)origin_allowed("https://*.example.org,null", whole, SPAN("a"));
    try_words(whole);
    try_escapes(whole);
    return 0;
}
