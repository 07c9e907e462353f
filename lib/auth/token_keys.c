#include "auth/token_keys.h"

#include "auth/jwks.h"
#include "auth/pem.h"
#include "auth/token.h"
#include "base/mem.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET_WEAK   32 /* bytes; RFC 7518, 3.2 */
#define SECRET_MAX    65536
#define KEY_FILE_MAX  262144
#define SECRET_NAME   "SECRET_KEY"
#define KEY_FILE_NAME "JWT_PUBLIC_KEY_FILE"

/* Contract section 2: what stands in examples and in the VoicePing router is known to everybody. */
static const char *const known_secrets[] = {
    "secret",
    "changeme",
    "change-me",
    "to-be-replaced",
    "your-secret-key",
    "your-secret-key-here",
    "8d$F2@wZ9!RkP#Xq7N",
};

/* A phrase that goes on after the setting's name, or NULL. */
static const char *secret_problem(const char *secret)
{
    for (size_t i = 0; i < sizeof(known_secrets) / sizeof(known_secrets[0]); i++) {
        if (strcmp(secret, known_secrets[i]) == 0)
            return "is a well-known default; set a random one of at least 32 bytes";
    }
    if (strlen(secret) > SECRET_MAX)
        return "is longer than 65536 bytes";
    /* As an HMAC secret a public key would let everybody sign. */
    if (strstr(secret, "PUBLIC KEY-----") != NULL)
        return "is a public key; give it as " KEY_FILE_NAME;
    return NULL;
}

static int secret_load(struct token_keys *keys, const char *secret, char *error, size_t size)
{
    if (secret == NULL || secret[0] == '\0')
        return 0;
    const char *problem = secret_problem(secret);
    if (problem != NULL) {
        snprintf(error, size, SECRET_NAME " %s", problem);
        return -1;
    }
    keys->secret = mem_strdup(secret);
    keys->secret_len = strlen(secret);
    return 0;
}

/* 0, or -1 with errno. */
static int file_read(const char *path, struct bytes *out)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return -1;
    size_t got;
    do {
        got = fread(bytes_reserve(out, 4096), 1, 4096, file);
        out->len += got;
    } while (got > 0 && out->len <= KEY_FILE_MAX);
    int failed = ferror(file) ? errno : out->len > KEY_FILE_MAX ? EFBIG : 0;
    fclose(file);
    errno = failed;
    return failed == 0 ? 0 : -1;
}

static int public_keys_parse(struct span text, struct public_keys *keys, const char **ret_problem)
{
    size_t start = 0;
    while (start < text.len && strchr(" \t\r\n", text.data[start]) != NULL)
        start++;
    bool json = start < text.len && text.data[start] == '{';
    if ((json ? jwks_read : pem_keys_read)(text, keys, ret_problem) < 0)
        return -1;
    if (keys->count == 0) {
        *ret_problem = "has no key for RS256, ES256 or EdDSA";
        return -1;
    }
    return 0;
}

static int public_keys_load(struct token_keys *keys, const char *path, char *error, size_t size)
{
    if (path == NULL || path[0] == '\0')
        return 0;
    bytes_auto text = BYTES_INIT;
    if (file_read(path, &text) < 0) {
        snprintf(error, size, KEY_FILE_NAME " can't be read: %s", strerror(errno));
        return -1;
    }
    const char *problem = NULL;
    if (public_keys_parse(bytes_span(&text), &keys->public_keys, &problem) < 0) {
        snprintf(error, size, KEY_FILE_NAME " %s", problem);
        return -1;
    }
    return 0;
}

int token_keys_load(const struct token_config *config, struct token_keys **ret, bool *ret_weak, char *error,
                    size_t size)
{
    struct token_keys *keys = mem_zalloc(sizeof(*keys));
    keys->rules = (struct token_rules){config->require_exp, config->leeway_s};
    if (secret_load(keys, config->secret, error, size) < 0 ||
        public_keys_load(keys, config->public_key_file, error, size) < 0) {
        token_keys_destroy(keys);
        return -1;
    }
    if (keys->secret == NULL && keys->public_keys.count == 0) {
        snprintf(error, size, SECRET_NAME " or " KEY_FILE_NAME " must be set; there is no default secret");
        token_keys_destroy(keys);
        return -1;
    }
    *ret_weak = keys->secret != NULL && keys->secret_len < SECRET_WEAK;
    *ret = keys;
    return 0;
}

void token_keys_destroy(struct token_keys *keys)
{
    if (keys == NULL)
        return;
    if (keys->secret != NULL)
        OPENSSL_cleanse(keys->secret, keys->secret_len);
    free(keys->secret);
    public_keys_finish(&keys->public_keys);
    free(keys);
}
