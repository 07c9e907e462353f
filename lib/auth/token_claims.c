/* SPDX-License-Identifier: MIT */
#include "auth/token_claims.h"

#include "auth/token_groups.h"

#include <stdio.h>
#include <string.h>

#define DATE_MAX INT64_C(253402300799) /* the end of the year 9999 */

struct span token_id_text(const json_t *value, char number[TOKEN_NUMBER_SIZE])
{
    if (json_is_string(value))
        return (struct span){json_string_value(value), json_string_length(value)};
    if (!json_is_integer(value))
        return SPAN_NONE;
    int len = snprintf(number, TOKEN_NUMBER_SIZE, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return (struct span){number, (size_t)len};
}

/* NumericDate: an integer or a real (RFC 7519, 2). 1 when there is none, -1 when it is no number. */
static int date_read(const json_t *value, bool round_up, int64_t *ret)
{
    if (!value)
        return 1;
    if (!json_is_number(value))
        return -1;
    double date = json_number_value(value);
    if (date >= (double)DATE_MAX || date <= -(double)DATE_MAX) {
        *ret = date > 0 ? DATE_MAX : -DATE_MAX;
        return 0;
    }
    int64_t whole = (int64_t)date;
    if (round_up && (double)whole < date)
        whole++;
    if (!round_up && (double)whole > date)
        whole--;
    *ret = whole;
    return 0;
}

static enum token_result dates_read(const json_t *claims, const struct token_rules *rules, int64_t now_s,
                                    struct token *token)
{
    int64_t not_before_s = 0;
    int expires = date_read(json_object_get(claims, "exp"), false, &token->expires_s);
    int not_before = date_read(json_object_get(claims, "nbf"), true, &not_before_s);
    int issued = date_read(json_object_get(claims, "iat"), false, &token->issued_s);
    if (expires < 0 || not_before < 0 || issued < 0)
        return TOKEN_MALFORMED;
    if (expires == 1 && rules->require_exp)
        return TOKEN_WITHOUT_EXP;
    /* expires_s 0 says "never", so a token that ends in 1970 must not pass, whatever the clock and the
     * leeway. */
    if (expires == 0 && (token->expires_s <= 0 || now_s - rules->leeway_s >= token->expires_s))
        return TOKEN_EXPIRED;
    if (not_before == 0 && now_s + rules->leeway_s < not_before_s)
        return TOKEN_NOT_YET;
    return TOKEN_OK;
}

const json_t *token_claim_find(const json_t *claims, struct span name)
{
    const json_t *value = json_object_getn(claims, name.data, name.len);
    const json_t *at = claims;
    struct span rest = name;
    if (value || !memchr(name.data, '.', name.len))
        return value;
    while (rest.len > 0 && at) {
        struct span step = span_split(&rest, '.');
        at = json_object_getn(at, step.data, step.len);
    }
    return at;
}

/* The first claim that is there decides, also when it is wrong; null says as much as leaving it out. */
static const json_t *first_claim(const json_t *claims, const struct name_list *names)
{
    const json_t *value = NULL;
    for (size_t i = 0; i < names->count && (!value || json_is_null(value)); i++)
        value = token_claim_find(claims, names->names[i]);
    return value;
}

static enum token_result user_read(const json_t *claims, const struct name_list *names, struct token *token)
{
    const json_t *value = first_claim(claims, names);
    char number[TOKEN_NUMBER_SIZE];
    struct span user = token_id_text(value, number);
    if (!identity_user_valid(user) || span_copy(user, token->user, sizeof(token->user)) < 0)
        return TOKEN_USER;
    token->user_len = user.len;
    return TOKEN_OK;
}

static bool role_known(const json_t *value, enum role *ret)
{
    return json_is_string(value) &&
           role_parse((struct span){json_string_value(value), json_string_length(value)}, ret) == 0;
}

static enum token_result role_read(const json_t *value, struct token *token)
{
    token->role = ROLE_MOBILE;
    if (!value || json_is_null(value) || role_known(value, &token->role))
        return TOKEN_OK;
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (role_known(json_array_get(value, i), &token->role))
            return TOKEN_OK;
    }
    return TOKEN_ROLE;
}

static void id_read(const json_t *value, struct token *token)
{
    char number[TOKEN_NUMBER_SIZE];
    struct span id = token_id_text(value, number);
    if (identity_token_valid(id))
        (void)span_copy(id, token->id, sizeof(token->id));
}

static bool is_named(const json_t *value, const struct name_list *accepted)
{
    return json_is_string(value) &&
           name_list_has(accepted, (struct span){json_string_value(value), json_string_length(value)});
}

/* RFC 7519, 4.1.1 and 4.1.3: iss is a string, aud one or a list of them. */
static enum token_result parties_read(const json_t *claims, const struct token_rules *rules)
{
    const json_t *audience = json_object_get(claims, "aud");
    bool for_us = rules->audience.count == 0 || is_named(audience, &rules->audience);
    for (size_t i = 0; i < json_array_size(audience) && !for_us; i++)
        for_us = is_named(json_array_get(audience, i), &rules->audience);
    if (!for_us)
        return TOKEN_AUDIENCE;
    if (rules->issuer.count > 0 && !is_named(json_object_get(claims, "iss"), &rules->issuer))
        return TOKEN_ISSUER;
    return TOKEN_OK;
}

/* Groups that nobody can know are none. */
static bool groups_known(const struct token *token)
{
    return token->has_groups && !token->groups_problem;
}

enum token_result token_claims_read(const json_t *claims, const struct token_rules *rules, int64_t now_s,
                                    struct token *ret)
{
    struct token token = {0};
    enum token_result result = parties_read(claims, rules);
    if (result == TOKEN_OK)
        result = dates_read(claims, rules, now_s, &token);
    if (result == TOKEN_OK)
        result = user_read(claims, &rules->user, &token);
    if (result == TOKEN_OK)
        result = token_groups_read(claims, &rules->groups, &token);
    if (result == TOKEN_OK)
        result = role_read(first_claim(claims, &rules->role), &token);
    if (result == TOKEN_OK && rules->require_groups && token.role != ROLE_MOBILE && !groups_known(&token))
        result = TOKEN_WITHOUT_GROUPS;
    if (result != TOKEN_OK) {
        token_finish(&token);
        return result;
    }
    id_read(json_object_get(claims, "jti"), &token);
    *ret = token;
    return TOKEN_OK;
}
