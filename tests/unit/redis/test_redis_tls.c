/* SPDX-License-Identifier: MIT */
/* TLS to a real Redis, with certificates that openssl(1) makes here: of a CA of ours, for another name, expired,
 * of another CA. */
#include "redis/redis_sync.h"
#include "redis/reply.h"
#include "redis/resp.h"
#include "support/redis_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define TIMEOUT_MS 1500

/* One of 0 days is over when it is made: OpenSSL 3.5 makes none that ends before it begins. */
static const char make_certificates[] =
    "set -e; cd %s; key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'\n"
    "for ca in ca else; do openssl req -x509 $key -keyout $ca.key -out $ca.pem -days 2 -subj /CN=$ca; done\n"
    "make() { openssl req $key -keyout $1.key -out $1.csr -subj /CN=$1 -addext subjectAltName=$2\n"
    "  openssl x509 -req -in $1.csr -CA $3.pem -CAkey $3.key -CAcreateserial -days $4 -copy_extensions copy "
    "-out $1.pem; }\n"
    "make good DNS:localhost,IP:127.0.0.1 ca 2; make other DNS:other.example ca 2\n"
    "make expired DNS:localhost ca 0; make unknown DNS:localhost else 2; make client DNS:client ca 2\n"
    "cp unknown.pem renewed.pem; cp unknown.key renewed.key";

static struct redis_server server;
static char dir[] = "/tmp/presence-tls-XXXXXX";
static int tls_port;

static const char *file(const char *name)
{
    static char paths[8][64];
    static size_t next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
    return path;
}

static void serve_with(const char *name, const char *clients)
{
    char certificate[32], key[32];
    snprintf(certificate, sizeof(certificate), "%s.pem", name);
    snprintf(key, sizeof(key), "%s.key", name);
    freeReplyObject(redis_server_call(&server, "CONFIG", "SET", "tls-cert-file", file(certificate),
                                      "tls-key-file", file(key), "tls-auth-clients", clients, NULL));
}

static struct redis_config over_tls(const char *host)
{
    return (struct redis_config){.host = (char *)host,
                                 .port = tls_port,
                                 .timeout_ms = TIMEOUT_MS,
                                 .tls = true,
                                 .tls_files.ca_file = (char *)file("ca.pem")};
}

static void assert_works(struct redis_config config)
{
    enum { COMMANDS = 8, LEN = 100000 }; /* several records, each in several pieces */
    struct redis_sync *r;
    struct redisReply *reply;
    char error[500];
    bytes_auto text = BYTES_INIT, command = BYTES_INIT;
    memset(bytes_reserve(&text, LEN), 'x', LEN);
    text.len = LEN;
    if (redis_sync_open(&config, &r, error, sizeof(error)) != REDIS_SYNC_OK)
        fail_msg("%s", error);
    for (int i = 0; i < COMMANDS; i++)
        resp_command(&command, "ECHO", bytes_text(&text), NULL);
    redis_sync_send(r, bytes_span(&command));
    for (int i = 0; i < COMMANDS; i++) {
        assert_int_equal(redis_sync_reply(r, &reply), REDIS_SYNC_OK);
        assert_true(span_equal(reply_text(reply), bytes_span(&text)));
        reply_free(reply);
    }
    redis_sync_close(r);
}

static void assert_fails(struct redis_config config, const char *sentence)
{
    struct redis_sync *r;
    char error[500] = "";
    config.password = "sesame";
    assert_true(redis_sync_open(&config, &r, error, sizeof(error)) != REDIS_SYNC_OK);
    if (!strstr(error, sentence) || strstr(error, "sesame"))
        fail_msg("\"%s\" instead of \"%s\"", error, sentence);
}

static void test_right(void **state)
{
    serve_with("good", "no");
    assert_works(over_tls("localhost"));
    assert_works(over_tls("127.0.0.1"));
}

static void test_wrong_name(void **state)
{
    struct redis_config config = over_tls("localhost");
    serve_with("other", "no");
    assert_fails(config, "not for localhost (REDIS_TLS_SERVER_NAME");
    assert_fails(over_tls("127.0.0.1"), "not for 127.0.0.1");
    config.tls_files.server_name = "other.example";
    assert_works(config);
}

static void test_expired(void **state)
{
    serve_with("expired", "no");
    assert_fails(over_tls("localhost"), "has expired");
}

static void test_unknown_authority(void **state)
{
    struct redis_config config = over_tls("localhost");
    serve_with("unknown", "no");
    assert_fails(config, "unknown CA (REDIS_TLS_CA_FILE)");
    config.tls_files.ca_file = (char *)file("else.pem");
    assert_works(config);
    config.tls_files.ca_file = NULL;
    assert_fails(config, "unknown CA (REDIS_TLS_CA_FILE)");
}

static void test_client_certificate(void **state)
{
    struct redis_config config = over_tls("localhost");
    serve_with("good", "yes");
    assert_fails(config, "REDIS_TLS_CERT_FILE");
    config.tls_files.cert_file = (char *)file("client.pem");
    config.tls_files.key_file = (char *)file("client.key");
    assert_works(config);
    config.tls_files.key_file = (char *)file("good.key");
    assert_fails(config, "REDIS_TLS_KEY_FILE=");
    serve_with("good", "no");
}

/* Files are read anew for each connection. */
static void test_renewed(void **state)
{
    char command[300];
    struct redis_config config = over_tls("localhost");
    serve_with("good", "yes");
    config.tls_files.cert_file = (char *)file("renewed.pem");
    config.tls_files.key_file = (char *)file("renewed.key");
    assert_fails(config, "TLS: "); /* in a word of the server, or none */
    snprintf(command, sizeof(command), "cd %s && cp client.pem renewed.pem && cp client.key renewed.key",
             dir);
    assert_int_equal(system(command), 0);
    assert_works(config);
    serve_with("good", "no");
}

static void test_plain_server(void **state)
{
    struct redis_config config = over_tls("localhost");
    config.port = server.port;
    /* Some say something in plain text, others end the connection. */
    assert_fails(config, "not speak TLS at this port (redis:// in REDIS_URL, and no REDIS_TLS)");
}

static void test_plain_client(void **state)
{
    struct redis_config config = over_tls("localhost");
    config.tls = false;
    assert_fails(config, "speak TLS at this port (rediss:// in REDIS_URL, or REDIS_TLS=true)");
}

static void test_silent_server(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int port = redis_server_free_port(), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct redis_config config = over_tls("127.0.0.1");
    at.sin_port = htons((uint16_t)port);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 5), 0);
    config.port = port;
    config.timeout_ms = 200;
    assert_fails(config, "no handshake in time");
    close(fd);
}

static int start(void **state)
{
    static char port[16], command[2000], certificate[64], key[64], ca[64];
    static const char *options[] = {
        "--tls-port", port, "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file",
        ca,           NULL};
    if (!mkdtemp(dir))
        redis_server_fail("no directory");
    snprintf(command, sizeof(command), "(");
    snprintf(command + 1, sizeof(command) - 1, make_certificates, dir);
    strcat(command, ") 2>/dev/null");
    if (system(command) != 0)
        redis_server_fail("openssl made no certificates");
    tls_port = redis_server_free_port();
    snprintf(port, sizeof(port), "%d", tls_port);
    snprintf(certificate, sizeof(certificate), "%s", file("good.pem"));
    snprintf(key, sizeof(key), "%s", file("good.key"));
    snprintf(ca, sizeof(ca), "%s", file("ca.pem"));
    server.tcp = true;
    server.options = options;
    redis_server_start(&server);
    return 0;
}

static int stop(void **state)
{
    redis_server_stop(&server);
    return nftw(dir, redis_server_remove, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right),
        cmocka_unit_test(test_wrong_name),
        cmocka_unit_test(test_expired),
        cmocka_unit_test(test_unknown_authority),
        cmocka_unit_test(test_client_certificate),
        cmocka_unit_test(test_renewed),
        cmocka_unit_test(test_plain_server),
        cmocka_unit_test(test_plain_client),
        cmocka_unit_test(test_silent_server),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
