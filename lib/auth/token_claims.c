#include "auth/token_claims.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define DATE_MAX    INT64_C(253402300799) /* the end of the year 9999 */
#define NUMBER_SIZE 24

/* A string, or an integer as its decimal text in `number`; SPAN_NONE for anything else. */
static struct span id_text(const json_t *value, char number[NUMBER_SIZE])
{
    if (json_is_string(value))
        return (struct span){json_string_value(value), json_string_length(value)};
    if (!json_is_integer(value))
        return SPAN_NONE;
    int len = snprintf(number, NUMBER_SIZE, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return (struct span){number, (size_t)len};
}

/* NumericDate: an integer or a real (RFC 7519, 2). 1 when there is none, -1 when it is no number. */
static int date_read(const json_t *value, bool round_up, int64_t *ret)
{
    if (value == NULL)
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

/* The first claim that is there decides, also when it is wrong; null says as much as leaving it out. */
static enum token_result user_read(const json_t *claims, struct token *token)
{
    static const char *const names[] = {"uid", "user_id", "userId", "sub", "id"};
    const json_t *value = NULL;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && (value == NULL || json_is_null(value)); i++)
        value = json_object_get(claims, names[i]);
    char number[NUMBER_SIZE];
    struct span user = id_text(value, number);
    if (!user_id_valid(user) || span_copy(user, token->user, sizeof(token->user)) < 0)
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
    if (value == NULL || json_is_null(value) || role_known(value, &token->role))
        return TOKEN_OK;
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (role_known(json_array_get(value, i), &token->role))
            return TOKEN_OK;
    }
    return TOKEN_ROLE;
}

static void id_read(const json_t *value, struct token *token)
{
    char number[NUMBER_SIZE];
    struct span id = id_text(value, number);
    if (token_id_valid(id))
        (void)span_copy(id, token->id, sizeof(token->id));
}

/* NULL when neither claim is there. Null is no list and refused: it must not mean "everyone". */
static const json_t *groups_claim(const json_t *claims)
{
    const json_t *groups = json_object_get(claims, "groups");
    return groups != NULL ? groups : json_object_get(claims, "channelIds");
}

/* The bytes that the groups' text needs. */
static enum token_result groups_measure(const json_t *list, size_t *ret_size)
{
    if (!json_is_array(list) || json_array_size(list) > GROUPS_MAX)
        return TOKEN_GROUPS;
    size_t size = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        char number[NUMBER_SIZE];
        struct span group = id_text(json_array_get(list, i), number);
        if (!group_id_valid(group))
            return TOKEN_GROUPS;
        size += group.len;
    }
    *ret_size = size;
    return TOKEN_OK;
}

static bool group_listed(const struct token *token, struct span group)
{
    for (size_t i = 0; i < token->group_count; i++) {
        if (span_equal(token->groups[i], group))
            return true;
    }
    return false;
}

/* `list` has been measured: `size` bytes are enough. */
static void groups_copy(const json_t *list, size_t size, struct token *token)
{
    token->has_groups = true;
    token->groups = mem_array(json_array_size(list) + 1, sizeof(*token->groups));
    token->text = mem_alloc(size + 1);
    char *end = token->text;
    for (size_t i = 0; i < json_array_size(list); i++) {
        char number[NUMBER_SIZE];
        struct span group = id_text(json_array_get(list, i), number);
        if (group_listed(token, group))
            continue;
        memcpy(end, group.data, group.len);
        token->groups[token->group_count++] = (struct span){end, group.len};
        end += group.len;
    }
}

enum token_result token_claims_read(const json_t *claims, const struct token_rules *rules, int64_t now_s,
                                    struct token *ret)
{
    struct token token = {0};
    size_t groups_size = 0;
    const json_t *groups = groups_claim(claims);
    enum token_result result = dates_read(claims, rules, now_s, &token);
    if (result == TOKEN_OK)
        result = user_read(claims, &token);
    if (result == TOKEN_OK && groups != NULL)
        result = groups_measure(groups, &groups_size);
    if (result == TOKEN_OK)
        result = role_read(json_object_get(claims, "role"), &token);
    if (result != TOKEN_OK)
        return result;
    id_read(json_object_get(claims, "jti"), &token);
    if (groups != NULL)
        groups_copy(groups, groups_size, &token);
    *ret = token;
    return TOKEN_OK;
}
