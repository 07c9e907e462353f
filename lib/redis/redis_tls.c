/* SPDX-License-Identifier: MIT */
#include "redis/redis_tls.h"

#include "base/mem.h"
#include "redis/redis_config.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#define PIECE 16384 /* a TLS record holds as much */

struct redis_tls {
    SSL *ssl;
    BIO *received, *sent; /* of the SSL */
    bool established;
    char name[256]; /* that the certificate must have */
    char why[400];
};

static bool is_set(const char *text)
{
    return text && *text;
}

static bool is_address(const char *name)
{
    unsigned char address[16];
    return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

/* What OpenSSL noted first is the cause. */
static const char *cause(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_error());
    return text ? text : "unknown error";
}

static int use_files(SSL_CTX *context, const struct redis_tls_config *config, char *why, size_t size)
{
    const char *setting = NULL, *path = NULL;
    if (!is_set(config->ca_file)) {
        SSL_CTX_set_default_verify_paths(context);
    } else if (SSL_CTX_load_verify_locations(context, config->ca_file, NULL) != 1) {
        setting = "REDIS_TLS_CA_FILE";
        path = config->ca_file;
    }
    if (!setting && is_set(config->cert_file) &&
        SSL_CTX_use_certificate_chain_file(context, config->cert_file) != 1) {
        setting = "REDIS_TLS_CERT_FILE";
        path = config->cert_file;
    }
    if (!setting && is_set(config->key_file) &&
        (SSL_CTX_use_PrivateKey_file(context, config->key_file, SSL_FILETYPE_PEM) != 1 ||
         SSL_CTX_check_private_key(context) != 1)) {
        setting = "REDIS_TLS_KEY_FILE";
        path = config->key_file;
    }
    if (!setting)
        return 0;
    snprintf(why, size, "%s=%.200s can't be used: %s", setting, path, cause());
    ERR_clear_error();
    return -1;
}

/* An encrypted key is no key for a daemon, which has nobody to ask. */
static int no_password(char *out, int size, int writes, void *arg)
{
    return -1;
}

/* RFC 6066, 3: the server is told a name, but no address. */
static int expect_name(SSL *ssl, const char *name)
{
    X509_VERIFY_PARAM *expected = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (is_address(name))
        return X509_VERIFY_PARAM_set1_ip_asc(expected, name) == 1 ? 0 : -1;
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1 ? 0 : -1;
}

struct redis_tls *redis_tls_create(const struct redis_config *config, const char *host, char *why,
                                   size_t size)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    struct redis_tls *t = mem_zalloc(sizeof(*t));
    snprintf(t->name, sizeof(t->name), "%s",
             is_set(config->tls_files.server_name) ? config->tls_files.server_name : host);
    ERR_clear_error();
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_default_passwd_cb(context, no_password);
    int code = use_files(context, &config->tls_files, why, size);
    if (code == 0) {
        t->ssl = SSL_new(context);
        t->received = BIO_new(BIO_s_mem());
        t->sent = BIO_new(BIO_s_mem());
        SSL_set_bio(t->ssl, t->received, t->sent);
        SSL_set_connect_state(t->ssl);
        code = expect_name(t->ssl, t->name);
        if (code < 0)
            snprintf(why, size, "REDIS_TLS_SERVER_NAME: %.200s is no name of a host", t->name);
    }
    SSL_CTX_free(context);
    if (code == 0)
        return t;
    redis_tls_destroy(t);
    return NULL;
}

void redis_tls_destroy(struct redis_tls *t)
{
    if (!t)
        return;
    SSL_free(t->ssl);
    free(t);
}

bool redis_tls_established(const struct redis_tls *t)
{
    return t->established;
}

const char *redis_tls_error(const struct redis_tls *t)
{
    return t->why;
}

static void explain_certificate(struct redis_tls *t, long result)
{
    switch (result) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        snprintf(t->why, sizeof(t->why),
                 "TLS: the server's certificate is not for %s (REDIS_TLS_SERVER_NAME says another name)",
                 t->name);
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        snprintf(t->why, sizeof(t->why), "TLS: the server's certificate has expired");
        break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        snprintf(t->why, sizeof(t->why),
                 "TLS: the server's certificate is of an unknown CA (REDIS_TLS_CA_FILE): %s",
                 X509_verify_cert_error_string(result));
        break;
    default:
        snprintf(t->why, sizeof(t->why), "TLS: the server's certificate is not good: %s",
                 X509_verify_cert_error_string(result));
    }
}

static int fail(struct redis_tls *t)
{
    unsigned long error = ERR_peek_error();
    long certificate = SSL_get_verify_result(t->ssl);
    switch (ERR_GET_REASON(error)) {
    case SSL_R_WRONG_VERSION_NUMBER:
        snprintf(t->why, sizeof(t->why),
                 "TLS: the server does not speak TLS at this port (" REDIS_TLS_NOT_ASKED_BY ")");
        break;
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        snprintf(t->why, sizeof(t->why),
                 "TLS: the server demands a certificate (REDIS_TLS_CERT_FILE, REDIS_TLS_KEY_FILE)");
        break;
    default:
        if (!t->established && certificate != X509_V_OK)
            explain_certificate(t, certificate);
        else
            snprintf(t->why, sizeof(t->why), "TLS: %.200s", cause());
    }
    ERR_clear_error();
    return -1;
}

static void take_sent(struct redis_tls *t, struct bytes *out)
{
    size_t len = BIO_ctrl_pending(t->sent);
    if (len == 0)
        return;
    int n = BIO_read(t->sent, bytes_reserve(out, len), (int)len);
    out->len += n > 0 ? (size_t)n : 0;
}

static int serve(struct redis_tls *t, struct bytes *plain)
{
    ERR_clear_error();
    if (!t->established) {
        int code = SSL_do_handshake(t->ssl);
        if (code != 1)
            return SSL_get_error(t->ssl, code) == SSL_ERROR_WANT_READ ? 0 : fail(t);
        t->established = true;
    }
    for (;;) {
        int n = SSL_read(t->ssl, bytes_reserve(plain, PIECE), PIECE);
        if (n <= 0) {
            int why = SSL_get_error(t->ssl, n);
            if (why == SSL_ERROR_WANT_READ)
                return 0;
            if (why != SSL_ERROR_ZERO_RETURN)
                return fail(t);
            snprintf(t->why, sizeof(t->why), "the connection was closed");
            return -1;
        }
        plain->len += (size_t)n;
    }
}

int redis_tls_receive(struct redis_tls *t, struct span received, struct bytes *plain, struct bytes *out)
{
    if (received.len > 0)
        BIO_write(t->received, received.data, (int)received.len);
    int code = serve(t, plain);
    take_sent(t, out);
    return code;
}

int redis_tls_send(struct redis_tls *t, struct span plain, struct bytes *out)
{
    ERR_clear_error();
    if (plain.len > 0 && SSL_write(t->ssl, plain.data, (int)plain.len) <= 0)
        return fail(t);
    take_sent(t, out);
    return 0;
}
