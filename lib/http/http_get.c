/* SPDX-License-Identifier: MIT */
#include "http/http_get.h"
#include "net/authority.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

/* "[::1]:3000" and "127.0.0.1:3000" as parts of a URL: what stands in presence:nodes can add no other part. */
static int set_host(CURLU *url, const char *address)
{
    struct span host_text, port;
    char host[256];
    if (!authority_split(span_of(address), &host_text, &port) || host_text.len == 0 ||
        span_equal(host_text, SPAN("[]")) || span_copy(host_text, host, sizeof(host)) < 0)
        return -1;
    const char *name = !strcmp(host, "*") || !strcmp(host, "0.0.0.0") ? "127.0.0.1"
                       : !strcmp(host, "[::]")                        ? "[::1]"
                                                                      : host;
    if (curl_url_set(url, CURLUPART_HOST, name, 0) != CURLUE_OK ||
        curl_url_set(url, CURLUPART_PORT, port.data, 0) != CURLUE_OK)
        return -1;
    return 0;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct bytes *body = arg;
    if (count > HTTP_GET_BODY_MAX - body->len)
        return 0;
    bytes_append(body, data, count);
    return count;
}

/* The empty line behind the headers: libcurl takes a connection that ends among them for a whole answer. */
static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    bool *complete = arg;
    *complete = count == 2 && data[0] == '\r';
    return count;
}

static const char *sentence(CURL *easy, CURLcode code)
{
    long system_error = 0;
    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &system_error);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return "no answer in time";
    if (code == CURLE_URL_MALFORMAT || code == CURLE_COULDNT_RESOLVE_HOST)
        return "no address of a daemon";
    return code == CURLE_COULDNT_CONNECT && system_error ? strerror((int)system_error)
                                                         : "does not answer as HTTP";
}

int http_get(const char *address, const char *path, int64_t timeout_ms, int *ret_status,
             struct bytes *ret_body, char *error, size_t size)
{
    const char *socket_path = strncmp(address, "unix:", 5) == 0 ? address + 5 : NULL;
    struct curl_slist *headers = curl_slist_append(NULL, "Connection: close");
    CURL *easy = curl_easy_init();
    CURLU *url = curl_url();
    bytes_auto body = BYTES_INIT;
    CURLcode code = CURLE_URL_MALFORMAT;
    bool complete = false;
    long status = 0;
    curl_url_set(url, CURLUPART_SCHEME, "http", 0);
    curl_url_set(url, CURLUPART_PATH, path, 0);
    if (set_host(url, socket_path ? "localhost:80" : address) == 0) {
        curl_easy_setopt(easy, CURLOPT_CURLU, url);
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, socket_path);
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
        curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
        curl_easy_setopt(easy, CURLOPT_HEADERDATA, &complete);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, &body);
        code = curl_easy_perform(easy);
    }
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    bool answered = code == CURLE_OK && complete && status > 0;
    if (answered) {
        *ret_status = (int)status;
        bytes_append_span(ret_body, bytes_span(&body));
    } else {
        snprintf(error, size, "%s: %s", address, sentence(easy, code));
    }
    curl_easy_cleanup(easy);
    curl_url_cleanup(url);
    curl_slist_free_all(headers);
    return answered ? 0 : -1;
}
