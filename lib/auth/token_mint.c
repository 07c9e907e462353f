#include "auth/hmac.h"
#include "auth/token.h"

#include <string.h>

static bool groups_valid(const struct token_claims *claims)
{
    if (!claims->has_groups)
        return true;
    if (claims->group_count > GROUPS_MAX)
        return false;
    for (size_t i = 0; i < claims->group_count; i++) {
        if (!group_id_valid(span_of(claims->groups[i])))
            return false;
    }
    return true;
}

/* An unknown role is minted: a test of the refusal needs one. */
static bool claims_valid(const struct token_claims *claims)
{
    return user_id_valid(span_of(claims->user)) && groups_valid(claims) &&
           (claims->role == NULL || utf8_valid_plain(span_of(claims->role))) &&
           (claims->id == NULL ||
            (utf8_valid_plain(span_of(claims->id)) && strlen(claims->id) <= TOKEN_ID_MAX));
}

static void append_text(struct bytes *b, const char *name, const char *value)
{
    if (value == NULL)
        return;
    bytes_printf(b, ",\"%s\":", name);
    bytes_append_json(b, span_of(value));
}

static void append_date(struct bytes *b, const char *name, int64_t date_s)
{
    if (date_s == 0)
        return;
    bytes_printf(b, ",\"%s\":", name);
    bytes_append_i64(b, date_s);
}

static void append_groups(struct bytes *b, const struct token_claims *claims)
{
    if (!claims->has_groups)
        return;
    bytes_append_text(b, ",\"groups\":[");
    for (size_t i = 0; i < claims->group_count; i++) {
        if (i > 0)
            bytes_append_char(b, ',');
        bytes_append_json(b, span_of(claims->groups[i]));
    }
    bytes_append_char(b, ']');
}

static void claims_write(const struct token_claims *claims, struct bytes *out)
{
    bytes_append_text(out, "{\"uid\":");
    bytes_append_json(out, span_of(claims->user));
    append_text(out, "role", claims->role);
    append_text(out, "jti", claims->id);
    append_date(out, "iat", claims->issued_s);
    append_date(out, "exp", claims->expires_s);
    append_groups(out, claims);
    bytes_append_char(out, '}');
}

int token_mint(const char *secret, const struct token_claims *claims, struct bytes *out)
{
    if (secret == NULL || secret[0] == '\0' || !claims_valid(claims))
        return -1;
    bytes_auto payload = BYTES_INIT;
    bytes_auto text = BYTES_INIT;
    claims_write(claims, &payload);
    if (hmac_sign(bytes_text(&payload), span_of(secret), &text) < 0 || text.len > TOKEN_SIZE_MAX)
        return -1;
    bytes_append_span(out, bytes_span(&text));
    return 0;
}
