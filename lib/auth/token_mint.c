/* SPDX-License-Identifier: MIT */
#include "auth/hmac.h"
#include "auth/token_keys.h"
#include "base/utf8.h"

#include <string.h>

static bool groups_valid(const struct token_claims *claims)
{
    if (!claims->has_groups)
        return true;
    if (claims->group_count > GROUPS_MAX)
        return false;
    for (size_t i = 0; i < claims->group_count; i++) {
        if (!identity_group_valid(span_of(claims->groups[i])))
            return false;
    }
    return true;
}

/* An unknown role is minted: a test of the refusal needs one. */
static bool claims_valid(const struct token_claims *claims)
{
    const struct span texts[] = {span_of(claims->role), claims->audience,  claims->issuer,
                                 claims->user_name,     claims->role_name, claims->groups_name};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (!utf8_valid_plain(texts[i]))
            return false;
    }
    return identity_user_valid(span_of(claims->user)) && groups_valid(claims) &&
           (!claims->id || (utf8_valid_plain(span_of(claims->id)) && strlen(claims->id) <= TOKEN_ID_MAX));
}

static void append_name(struct bytes *b, struct span name)
{
    if (b->data[b->len - 1] != '{')
        bytes_append_char(b, ',');
    bytes_append_json(b, name);
    bytes_append_char(b, ':');
}

static void append_text(struct bytes *b, struct span name, struct span value)
{
    if (!value.data)
        return;
    append_name(b, name);
    bytes_append_json(b, value);
}

static struct span name_or(struct span name, const char *usual)
{
    return name.data ? name : span_of(usual);
}

static void append_date(struct bytes *b, struct span name, int64_t date_s)
{
    if (date_s == 0)
        return;
    append_name(b, name);
    bytes_append_i64(b, date_s);
}

static void append_groups(struct bytes *b, const struct token_claims *claims)
{
    if (!claims->has_groups)
        return;
    append_name(b, name_or(claims->groups_name, "groups"));
    bytes_append_char(b, '[');
    for (size_t i = 0; i < claims->group_count; i++) {
        if (i > 0)
            bytes_append_char(b, ',');
        bytes_append_json(b, span_of(claims->groups[i]));
    }
    bytes_append_char(b, ']');
}

static void claims_write(const struct token_claims *claims, struct bytes *out)
{
    bytes_append_char(out, '{');
    append_text(out, name_or(claims->user_name, "uid"), span_of(claims->user));
    append_text(out, name_or(claims->role_name, "role"), span_of(claims->role));
    append_text(out, SPAN("jti"), span_of(claims->id));
    append_text(out, SPAN("iss"), claims->issuer);
    append_text(out, SPAN("aud"), claims->audience);
    append_date(out, SPAN("iat"), claims->issued_s);
    append_date(out, SPAN("exp"), claims->expires_s);
    append_groups(out, claims);
    bytes_append_char(out, '}');
}

static int mint(struct span secret, const struct token_claims *claims, struct bytes *out)
{
    if (secret.len == 0 || !claims_valid(claims))
        return -1;
    bytes_auto payload = BYTES_INIT;
    bytes_auto text = BYTES_INIT;
    claims_write(claims, &payload);
    if (hmac_sign(bytes_text(&payload), secret, &text) < 0 || text.len > TOKEN_SIZE_MAX)
        return -1;
    bytes_append_span(out, bytes_span(&text));
    return 0;
}

int token_mint(const char *secret, const struct token_claims *claims, struct bytes *out)
{
    return mint(span_of(secret), claims, out);
}

int token_mint_by(const struct token_keys *keys, const struct token_claims *claims, struct bytes *out)
{
    return mint((struct span){keys->secret, keys->secret_len}, claims, out);
}
