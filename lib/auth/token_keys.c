/* SPDX-License-Identifier: MIT */
#include "auth/token_keys.h"

#include "auth/key_text.h"
#include "auth/token.h"
#include "base/base64.h"
#include "base/mem.h"
#include "base/random.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET_WEAK   32 /* bytes; RFC 7518, 3.2 */
#define SECRET_MAX    65536
#define SECRET_NAME   "SECRET_KEY"
#define URL_NAME      "JWT_JWKS_URL"
#define KEY_FILE_NAME "JWT_PUBLIC_KEY_FILE"

/* What stands in examples and in the VoicePing router is known to everybody. */
static const char *const known_secrets[] = {
    "secret",
    "changeme",
    "change-me",
    "to-be-replaced",
    "your-secret-key",
    "your-secret-key-here",
    "8d$F2@wZ9!RkP#Xq7N",
};

#define SECRET_KNOWN "is a well-known default; set a random one of at least 32 bytes"

static bool is_given(const char *text)
{
    return text && text[0] != '\0';
}

static bool secret_known(struct span secret)
{
    for (size_t i = 0; i < sizeof(known_secrets) / sizeof(known_secrets[0]); i++) {
        if (span_equal(secret, span_of(known_secrets[i])))
            return true;
    }
    return false;
}

/* A phrase that goes on after the setting's name, or NULL. */
static const char *secret_problem(const char *secret)
{
    if (secret_known(span_of(secret)))
        return SECRET_KNOWN;
    if (strlen(secret) > SECRET_MAX)
        return "is longer than 65536 bytes";
    /* As an HMAC secret a public key would let everybody sign. */
    if (strstr(secret, "PUBLIC KEY-----"))
        return "is a public key; give it as " KEY_FILE_NAME;
    return NULL;
}

static const char *secret_decode(struct token_keys *keys, const char *text)
{
    struct bytes secret = BYTES_INIT;
    int result = base64_decode(span_of(text), &secret);
    keys->secret_len = secret.len;
    keys->secret = secret.data;
    if (result < 0 || keys->secret_len == 0)
        return "is no base64, which SECRET_KEY_ENCODING=base64 asks for";
    return secret_known((struct span){keys->secret, keys->secret_len}) ? SECRET_KNOWN : NULL;
}

static int secret_load(struct token_keys *keys, const struct token_config *config, char *error, size_t size)
{
    if (!is_given(config->secret))
        return 0;
    const char *problem = secret_problem(config->secret);
    if (!problem && config->secret_encoding == SECRET_BASE64) {
        problem = secret_decode(keys, config->secret);
    } else if (!problem) {
        keys->secret = mem_strdup(config->secret);
        keys->secret_len = strlen(config->secret);
    }
    if (!problem)
        return 0;
    snprintf(error, size, SECRET_NAME " %s", problem);
    return -1;
}

/* 0, or -1 with errno. */
static int file_read(const char *path, struct bytes *out)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return -1;
    size_t got;
    do {
        got = fread(bytes_reserve(out, 4096), 1, 4096, file);
        out->len += got;
    } while (got > 0 && out->len <= KEY_TEXT_MAX);
    int failed = ferror(file) ? errno : out->len > KEY_TEXT_MAX ? EFBIG : 0;
    fclose(file);
    errno = failed;
    return failed == 0 ? 0 : -1;
}

static int public_keys_load(struct token_keys *keys, const char *path, char *error, size_t size)
{
    if (!is_given(path))
        return 0;
    bytes_auto text = BYTES_INIT;
    if (file_read(path, &text) < 0) {
        snprintf(error, size, KEY_FILE_NAME " can't be read: %s", strerror(errno));
        return -1;
    }
    const char *problem = NULL;
    if (key_text_read(bytes_span(&text), &keys->public_keys, &problem) < 0) {
        snprintf(error, size, KEY_FILE_NAME " %s", problem);
        return -1;
    }
    return 0;
}

/* Where nothing else is set: PROTOCOL.md, "The token". */
static const char user_claims[] = "uid,user_id,userId,sub,id";
static const char role_claims[] = "role";
static const char groups_claims[] = "groups,channelIds";

static int rules_load(const struct token_config *config, struct token_rules *rules, char *error, size_t size)
{
    const struct {
        const char *setting, *text;
        struct name_list *list;
    } lists[] = {
        {"JWT_USER_CLAIM", is_given(config->user_claim) ? config->user_claim : user_claims, &rules->user},
        {"JWT_ROLE_CLAIM", is_given(config->role_claim) ? config->role_claim : role_claims, &rules->role},
        {"JWT_GROUPS_CLAIM", is_given(config->groups_claim) ? config->groups_claim : groups_claims,
         &rules->groups},
        {"JWT_AUDIENCE", config->audience, &rules->audience},
        {"JWT_ISSUER", config->issuer, &rules->issuer},
    };
    rules->require_exp = config->require_exp;
    rules->require_groups = config->require_groups;
    rules->leeway_s = config->leeway_s;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const char *problem;
        if (name_list_read(lists[i].text, lists[i].list, &problem) < 0) {
            snprintf(error, size, "%s %s", lists[i].setting, problem);
            return -1;
        }
    }
    return 0;
}

static int fetched_load(struct token_keys *keys, const struct token_config *config, char *error, size_t size)
{
    const char *problem;
    if (!config->fetches || !config->fetched.data ||
        key_text_read(config->fetched, &keys->fetched, &problem) == 0)
        return 0;
    snprintf(error, size, URL_NAME " %s", problem);
    return -1;
}

static struct token_warnings warnings_of(const struct token_keys *keys)
{
    bool any_party = keys->rules.audience.count == 0 && keys->rules.issuer.count == 0;
    bool has_public = keys->public_keys.count > 0 || keys->fetches;
    bool weak = keys->secret && keys->secret_len < SECRET_WEAK;
    return (struct token_warnings){
        .weak_secret = weak,
        .any_party = has_public && any_party,
        .outdated_certificates = keys->public_keys.outdated,
    };
}

int token_keys_load(const struct token_config *config, struct token_keys **ret,
                    struct token_warnings *warnings, char *error, size_t size)
{
    struct token_keys *keys = mem_zalloc(sizeof(*keys));
    keys->fetches = config->fetches;
    if (rules_load(config, &keys->rules, error, size) < 0 || secret_load(keys, config, error, size) < 0 ||
        public_keys_load(keys, config->public_key_file, error, size) < 0 ||
        fetched_load(keys, config, error, size) < 0) {
        token_keys_destroy(keys);
        return -1;
    }
    if (!keys->secret && keys->public_keys.count == 0 && !keys->fetches) {
        snprintf(error, size,
                 SECRET_NAME " or " KEY_FILE_NAME " or " URL_NAME " must be set; there is no default secret");
        token_keys_destroy(keys);
        return -1;
    }
    *warnings = warnings_of(keys);
    *ret = keys;
    return 0;
}

void token_keys_destroy(struct token_keys *keys)
{
    if (!keys)
        return;
    if (keys->secret)
        OPENSSL_cleanse(keys->secret, keys->secret_len);
    free(keys->secret);
    public_keys_finish(&keys->public_keys);
    public_keys_finish(&keys->fetched);
    name_list_finish(&keys->rules.user);
    name_list_finish(&keys->rules.role);
    name_list_finish(&keys->rules.groups);
    name_list_finish(&keys->rules.audience);
    name_list_finish(&keys->rules.issuer);
    free(keys);
}

static void secret_describe(struct span secret, struct bytes *out)
{
    static unsigned char salt[32];
    static bool salted;
    unsigned char mac[EVP_MAX_MD_SIZE] = {0};
    if (!salted)
        random_bytes(salt, sizeof(salt));
    salted = true;
    HMAC(EVP_sha256(), salt, sizeof(salt), (const unsigned char *)secret.data, secret.len, mac, NULL);
    bytes_printf(out, "HS:%02x%02x%02x%02x", mac[0], mac[1], mac[2], mac[3]);
}

static void public_key_describe(const struct public_key *key, struct bytes *out)
{
    static const char *const names[] = {
        [ALGORITHM_RS256] = "RS256:", [ALGORITHM_ES256] = "ES256:", [ALGORITHM_EDDSA] = "EdDSA:"};
    if (out->len > 0)
        bytes_append_char(out, ' ');
    bytes_append_text(out, names[key->alg]);
    if (key->kid) {
        bytes_append_text(out, key->kid);
        bytes_append_char(out, '/');
    }
    public_key_fingerprint(key, out);
}

void token_keys_describe(const struct token_keys *keys, struct bytes *out)
{
    if (!keys)
        return;
    if (keys->secret)
        secret_describe((struct span){keys->secret, keys->secret_len}, out);
    for (size_t i = 0; i < keys->public_keys.count; i++)
        public_key_describe(&keys->public_keys.items[i], out);
    for (size_t i = 0; i < keys->fetched.count; i++)
        public_key_describe(&keys->fetched.items[i], out);
}

void token_keys_refresh(struct token_keys *keys, struct public_keys *fetched)
{
    struct public_keys before = keys->fetched;
    keys->fetched = *fetched;
    *fetched = before;
}
