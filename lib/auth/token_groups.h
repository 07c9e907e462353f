/* SPDX-License-Identifier: MIT */
/* The groups that a token names, for token_claims.c alone.
 *
 * A token without the claim bounds nothing: a dashboard sees everyone. So what only looks as if the claim
 * were missing must not pass for it: identity providers leave it out for users in too many groups and say so
 * elsewhere in the token (OpenID Connect Core, 5.6.2: distributed claims; Entra ID: hasgroups). */
#ifndef AUTH_TOKEN_GROUPS_H
#define AUTH_TOKEN_GROUPS_H

#include "auth/token_claims.h"

/* Fills has_groups, groups, group_count, text and groups_problem, of which the caller owns groups and text
 * after TOKEN_OK. TOKEN_GROUPS or TOKEN_MANY_GROUPS leave *token untouched. */
enum token_result token_groups_read(const json_t *claims, const struct name_list *names, struct token *token);

#endif
