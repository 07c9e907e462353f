/* SPDX-License-Identifier: MIT */
/* cjson.encode and cjson.decode, as far as the scripts use them. */
#ifndef MODEL_SCRIPT_JSON_H
#define MODEL_SCRIPT_JSON_H

struct lua_State;

/* Sets the global `cjson`. */
void script_json_open(struct lua_State *lua);

#endif
