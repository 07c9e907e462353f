/* SPDX-License-Identifier: MIT */
#include "auth/token_groups.h"

#include "base/mem.h"

#include <string.h>

/* The first of the claims that is there, null included: it must not mean "everyone". */
static const json_t *groups_claim(const json_t *claims, const struct name_list *names)
{
    for (size_t i = 0; i < names->count; i++) {
        const json_t *value = token_claim_find(claims, names->names[i]);
        if (value)
            return value;
    }
    return NULL;
}

/* "groups:src1": a claim that is to be had elsewhere. */
static bool has_source_key(const json_t *claims, struct span name)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)claims, key, value)
    {
        if (strncmp(key, name.data, name.len) == 0 && strncmp(key + name.len, ":src", 4) == 0)
            return true;
    }
    return false;
}

/* Whether `_claim_names` has the claim, or the object that the claim would be found in. */
static bool is_distributed(const json_t *claim_names, struct span name)
{
    struct span rest = name;
    struct span first = span_split(&rest, '.');
    return json_object_getn(claim_names, name.data, name.len) ||
           json_object_getn(claim_names, first.data, first.len);
}

static bool is_left_out(const json_t *claims, struct span name)
{
    return is_distributed(json_object_get(claims, "_claim_names"), name) || has_source_key(claims, name);
}

/* Why the claim is missing although the user has groups, or may have; NULL when nothing says so. */
static const char *overage_problem(const json_t *claims, const struct name_list *names)
{
    const json_t *claim_names = json_object_get(claims, "_claim_names");
    const json_t *mark = json_object_get(claims, "hasgroups");
    if (mark && !json_is_null(mark) && !json_is_false(mark))
        return "the identity provider left the groups out (hasgroups)";
    if (!claim_names ? !!json_object_get(claims, "_claim_sources") : !json_is_object(claim_names))
        return "the identity provider left claims out, perhaps the groups (_claim_sources)";
    bool left_out = is_left_out(claims, SPAN("groups"));
    for (size_t i = 0; i < names->count; i++)
        left_out |= is_left_out(claims, names->names[i]);
    return left_out ? "the identity provider left the groups out (_claim_names)" : NULL;
}

static size_t group_count(const json_t *value)
{
    return json_is_string(value) ? 1 : json_array_size(value);
}

static struct span group_at(const json_t *value, size_t i, char number[TOKEN_NUMBER_SIZE])
{
    return token_id_text(json_is_string(value) ? value : json_array_get(value, i), number);
}

/* The bytes that the groups' text needs. */
static enum token_result groups_measure(const json_t *value, size_t *ret_size)
{
    size_t size = 0;
    if (group_count(value) > GROUPS_MAX)
        return TOKEN_MANY_GROUPS;
    for (size_t i = 0; i < group_count(value); i++) {
        char number[TOKEN_NUMBER_SIZE];
        struct span group = group_at(value, i, number);
        if (!identity_group_valid(group))
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

/* `value` has been measured: `size` bytes are enough. */
static void groups_copy(const json_t *value, size_t size, struct token *token)
{
    token->groups = mem_array(group_count(value) + 1, sizeof(*token->groups));
    token->text = mem_alloc(size + 1);
    char *end = token->text;
    for (size_t i = 0; i < group_count(value); i++) {
        char number[TOKEN_NUMBER_SIZE];
        struct span group = group_at(value, i, number);
        if (group_listed(token, group))
            continue;
        memcpy(end, group.data, group.len);
        token->groups[token->group_count++] = (struct span){end, group.len};
        end += group.len;
    }
}

enum token_result token_groups_read(const json_t *claims, const struct name_list *names, struct token *token)
{
    const json_t *value = groups_claim(claims, names);
    const char *problem = NULL;
    size_t size = 0;
    if (!value)
        problem = overage_problem(claims, names);
    else if (!json_is_array(value) && !json_is_string(value))
        problem = "the groups claim is neither a list nor a text";
    if (value && !problem) {
        enum token_result result = groups_measure(value, &size);
        if (result != TOKEN_OK)
            return result;
        groups_copy(value, size, token);
    }
    token->has_groups = value || problem;
    token->groups_problem = problem;
    return TOKEN_OK;
}
