/* SPDX-License-Identifier: MIT */
#include "auth/token_text.h"
#include "base/base64.h"

#include <string.h>

static struct span json_text(const json_t *string)
{
    return (struct span){json_string_value(string), json_string_length(string)};
}

/* NULL when the part is no base64url of a JSON object. */
static json_t *object_decode(struct span part)
{
    bytes_auto text = BYTES_INIT;
    if (part.len == 0 || base64url_decode(part, &text) < 0 || text.len == 0)
        return NULL;
    /* jansson 2.14 takes a raw NUL behind a number or literal. */
    if (memchr(text.data, '\0', text.len))
        return NULL;
    json_t *object = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    if (object && !json_is_object(object)) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static enum token_result parts_read(struct span text, struct token_text *parsed)
{
    struct span rest = text;
    struct span header = span_split(&rest, '.');
    struct span payload = span_split(&rest, '.');
    parsed->signed_part = (struct span){text.data, text.len - rest.len - 1};
    if (rest.len == 0 || base64url_decode(rest, &parsed->signature) < 0 || parsed->signature.len == 0)
        return TOKEN_MALFORMED;
    parsed->header = object_decode(header);
    if (!parsed->header)
        return TOKEN_MALFORMED;
    parsed->claims = object_decode(payload);
    return !parsed->claims ? TOKEN_MALFORMED : TOKEN_OK;
}

/* Other types (a logout token, a proof of possession …) may be signed with the same key and mean something
 * else (RFC 8725, 2.8 and 3.11). */
static bool type_fits(const json_t *type, enum algorithm alg)
{
    if (!type)
        return true;
    if (!json_is_string(type))
        return false;
    return span_equal_nocase(json_text(type), SPAN("JWT")) ||
           (!algorithm_is_hmac(alg) && span_equal_nocase(json_text(type), SPAN("at+jwt")));
}

static enum token_result header_read(struct token_text *parsed)
{
    if (json_object_get(parsed->header, "crit"))
        return TOKEN_MALFORMED;
    const json_t *kid = json_object_get(parsed->header, "kid");
    if (kid && !json_is_string(kid))
        return TOKEN_MALFORMED;
    parsed->kid = !kid ? SPAN_NONE : json_text(kid);
    const json_t *alg = json_object_get(parsed->header, "alg");
    if (!json_is_string(alg) || algorithm_parse(json_text(alg), &parsed->alg) < 0)
        return TOKEN_ALGORITHM;
    return type_fits(json_object_get(parsed->header, "typ"), parsed->alg) ? TOKEN_OK : TOKEN_MALFORMED;
}

enum token_result token_text_parse(struct span text, struct token_text *ret)
{
    if (text.len == 0)
        return TOKEN_MISSING;
    if (text.len > TOKEN_SIZE_MAX)
        return TOKEN_MALFORMED;
    struct token_text parsed = {0};
    enum token_result result = parts_read(text, &parsed);
    if (result == TOKEN_OK)
        result = header_read(&parsed);
    if (result == TOKEN_OK)
        *ret = parsed;
    else
        token_text_finish(&parsed);
    return result;
}

void token_text_finish(struct token_text *parsed)
{
    json_decref(parsed->header);
    json_decref(parsed->claims);
    bytes_finish(&parsed->signature);
}
