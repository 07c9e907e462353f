/* SPDX-License-Identifier: MIT */
#include "http/https_get.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define CONNECT_TIMEOUT_MS 5000
#define REDIRECTS_MAX      3

struct https_get {
    struct loop *loop;
    CURLM *multi;
    CURL *easy;
    struct loop_timer *timer;
    void (*done)(void *arg, const struct https_answer *answer);
    void *arg;
    struct bytes body;
    bool too_large;
    char error[CURL_ERROR_SIZE];
};

/* A socket of libcurl's while it waits for it. */
struct watch {
    uv_poll_t poll;
    struct https_get *get;
    curl_socket_t fd;
};

/* "127.0.0.1.example.org" is not. */
static bool is_loopback(const char *host)
{
    struct in_addr address;
    if (inet_pton(AF_INET, host, &address) == 1)
        return ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET;
    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

static const char *parts_problem(CURLU *url)
{
    char *scheme = NULL, *host = NULL, *user = NULL, *password = NULL;
    const char *problem = NULL;
    if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
        problem = "must be a URL as https://host/path";
    else if (curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK ||
             curl_url_get(url, CURLUPART_PASSWORD, &password, 0) == CURLUE_OK)
        problem = "must not hold a user's name or password";
    else if (strcmp(scheme, "http") == 0 && !is_loopback(host))
        problem = "must begin with https:// (http:// is taken on loopback only)";
    else if (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0)
        problem = "must begin with https://";
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_free(password);
    return problem;
}

int https_url_check(const char *url, const char **ret_problem)
{
    CURLU *parsed = curl_url();
    const char *problem = "must be a URL as https://host/path";
    if (parsed && curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK)
        problem = parts_problem(parsed);
    curl_url_cleanup(parsed);
    if (!problem && !(curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS))
        problem = "can't be used: this libcurl resolves names in the thread that calls it";
    if (!problem)
        return 0;
    *ret_problem = problem;
    return -1;
}

static void https_get_free(struct https_get *get)
{
    if (get->multi && get->easy)
        curl_multi_remove_handle(get->multi, get->easy);
    curl_easy_cleanup(get->easy);
    curl_multi_cleanup(get->multi);
    loop_timer_destroy(get->timer);
    bytes_finish(&get->body);
    free(get);
}

static void answer_with(struct https_get *get, CURLcode code)
{
    struct https_answer answer = {.body = bytes_span(&get->body)};
    struct curl_header *header;
    long status = 0;
    curl_easy_getinfo(get->easy, CURLINFO_RESPONSE_CODE, &status);
    answer.status = (int)status;
    if (curl_easy_header(get->easy, "Cache-Control", 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
        answer.cache_control = span_of(header->value);
    if (get->too_large)
        answer.error = "the answer is larger than 256 KiB";
    else if (code != CURLE_OK)
        answer.error = get->error[0] ? get->error : curl_easy_strerror(code);
    get->done(get->arg, &answer);
}

/* Nothing of *get may be used after this. */
static void look_for_end(struct https_get *get)
{
    int left;
    CURLMsg *message = curl_multi_info_read(get->multi, &left);
    if (!message || message->msg != CURLMSG_DONE)
        return;
    answer_with(get, message->data.result);
    https_get_free(get);
}

static void on_socket_event(uv_poll_t *poll, int status, int events)
{
    struct watch *w = poll->data;
    struct https_get *get = w->get;
    int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
    int running;
    curl_multi_socket_action(get->multi, w->fd, status < 0 ? CURL_CSELECT_ERR : flags, &running);
    look_for_end(get);
}

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void unwatch(struct watch *w)
{
    if (!w)
        return;
    curl_multi_assign(w->get->multi, w->fd, NULL);
    uv_poll_stop(&w->poll);
    uv_close((uv_handle_t *)&w->poll, on_watch_closed);
}

static struct watch *watch_create(struct https_get *get, curl_socket_t fd)
{
    struct watch *w = mem_zalloc(sizeof(*w));
    w->get = get;
    w->fd = fd;
    w->poll.data = w;
    if (uv_poll_init_socket(loop_uv(get->loop), &w->poll, fd) != 0) {
        free(w);
        return NULL;
    }
    curl_multi_assign(get->multi, fd, w);
    return w;
}

/* libcurl wants a socket looked after, differently or no more. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *held)
{
    struct watch *w = held;
    if (what == CURL_POLL_REMOVE) {
        unwatch(w);
        return 0;
    }
    if (!w)
        w = watch_create(arg, fd);
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    return w && uv_poll_start(&w->poll, events, on_socket_event) == 0 ? 0 : -1;
}

static int on_timer_wanted(CURLM *multi, long delay_ms, void *arg)
{
    struct https_get *get = arg;
    if (delay_ms < 0)
        loop_timer_stop(get->timer);
    else
        loop_timer_start(get->timer, delay_ms, 0);
    return 0;
}

static void on_timer(void *arg)
{
    struct https_get *get = arg;
    int running;
    curl_multi_socket_action(get->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    look_for_end(get);
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct https_get *get = arg;
    get->too_large = count > HTTPS_GET_BODY_MAX - get->body.len;
    if (get->too_large)
        return 0;
    bytes_append(&get->body, data, count);
    return count;
}

/* QUICK_EXIT: whoever gives up does not wait for a resolver that hangs. */
static void set_options(struct https_get *get, const char *url, const char *ca_file)
{
    CURL *easy = get->easy;
    bool plain = strncmp(url, "http:", 5) == 0;
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, plain ? "http" : "https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, plain ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)HTTPS_GET_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "presence/" PRESENCE_VERSION);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, get->error);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, get);
    if (plain)
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    if (!ca_file)
        return;
    curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
}

struct https_get *https_get_start(struct loop *loop, const char *url, const char *ca_file,
                                  void (*done)(void *arg, const struct https_answer *answer), void *arg)
{
    struct https_get *get = mem_zalloc(sizeof(*get));
    get->loop = loop;
    get->done = done;
    get->arg = arg;
    get->multi = curl_multi_init();
    get->easy = curl_easy_init();
    get->timer = loop_timer_create(loop, on_timer, get);
    if (!get->multi || !get->easy) {
        https_get_free(get);
        return NULL;
    }
    set_options(get, url, ca_file);
    curl_multi_setopt(get->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(get->multi, CURLMOPT_SOCKETDATA, get);
    curl_multi_setopt(get->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    curl_multi_setopt(get->multi, CURLMOPT_TIMERDATA, get);
    if (curl_multi_add_handle(get->multi, get->easy) != CURLM_OK) {
        https_get_free(get);
        return NULL;
    }
    return get;
}

void https_get_cancel(struct https_get *get)
{
    if (get)
        https_get_free(get);
}
