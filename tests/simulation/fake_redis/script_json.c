/* SPDX-License-Identifier: MIT */
#include "script_json.h"

#include "base/bytes.h"

#include <lauxlib.h>
#include <lua.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 32

/* As cjson does: '/' and DEL are escaped too, other bytes go through as they are. */
static void encode_string(struct bytes *out, const char *text, size_t len)
{
    static const char special[] = "\"\\/\b\f\n\r\t", letters[] = "\"\\/bfnrt";
    bytes_append_char(out, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        const char *at = c ? strchr(special, c) : NULL;
        if (at)
            bytes_printf(out, "\\%c", letters[at - special]);
        else if (c < 0x20 || c == 0x7f)
            bytes_printf(out, "\\u%04x", c);
        else
            bytes_append_char(out, (char)c);
    }
    bytes_append_char(out, '"');
}

static void encode(lua_State *lua, int at, struct bytes *out);

/* Arrays of what stands at 1 … n; an empty table is {}. */
static void encode_table(lua_State *lua, int at, struct bytes *out)
{
    size_t n = lua_objlen(lua, at);
    if (n == 0)
        bytes_append_text(out, "{}");
    for (size_t i = 1; i <= n; i++) {
        bytes_append_char(out, i == 1 ? '[' : ',');
        lua_rawgeti(lua, at, (int)i);
        encode(lua, lua_gettop(lua), out);
        lua_pop(lua, 1);
        if (i == n)
            bytes_append_char(out, ']');
    }
}

static void encode(lua_State *lua, int at, struct bytes *out)
{
    size_t len;
    const char *text;
    switch (lua_type(lua, at)) {
    case LUA_TSTRING:
        text = lua_tolstring(lua, at, &len);
        encode_string(out, text, len);
        break;
    case LUA_TNUMBER: bytes_printf(out, "%.14g", lua_tonumber(lua, at)); break;
    case LUA_TBOOLEAN: bytes_append_text(out, lua_toboolean(lua, at) ? "true" : "false"); break;
    case LUA_TTABLE: encode_table(lua, at, out); break;
    default: bytes_append_text(out, "null");
    }
}

static int lua_encode(lua_State *lua)
{
    bytes_auto out = BYTES_INIT;
    luaL_checkany(lua, 1);
    encode(lua, 1, &out);
    lua_pushlstring(lua, out.data, out.len);
    return 1;
}

struct reader {
    const char *at, *end;
    lua_State *lua;
    int depth;
};

static bool read_value(struct reader *r);

static void skip_space(struct reader *r)
{
    while (r->at < r->end && strchr(" \t\r\n", *r->at))
        r->at++;
}

static bool eat(struct reader *r, const char *word)
{
    size_t len = strlen(word);
    skip_space(r);
    if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0)
        return false;
    r->at += len;
    return true;
}

static void append_utf8(struct bytes *out, unsigned c)
{
    if (c < 0x80) {
        bytes_append_char(out, (char)c);
    } else if (c < 0x800) {
        bytes_append_char(out, (char)(0xc0 | c >> 6));
        bytes_append_char(out, (char)(0x80 | (c & 0x3f)));
    } else {
        bytes_append_char(out, (char)(0xe0 | c >> 12));
        bytes_append_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
        bytes_append_char(out, (char)(0x80 | (c & 0x3f)));
    }
}

static bool read_escape(struct reader *r, struct bytes *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *known = r->at < r->end && *r->at ? strchr(from, *r->at) : NULL;
    char digits[5] = {0}, *end;
    if (known) {
        bytes_append_char(out, to[known - from]);
        r->at++;
        return true;
    }
    if (r->end - r->at < 5 || *r->at != 'u')
        return false;
    memcpy(digits, r->at + 1, 4);
    append_utf8(out, (unsigned)strtoul(digits, &end, 16));
    r->at += 5;
    return *end == '\0';
}

static bool read_string(struct reader *r)
{
    bytes_auto out = BYTES_INIT;
    for (; r->at < r->end && *r->at != '"';) {
        char c = *r->at++;
        if (c != '\\')
            bytes_append_char(&out, c);
        else if (!read_escape(r, &out))
            return false;
    }
    if (r->at == r->end)
        return false;
    r->at++;
    lua_pushlstring(r->lua, out.data ? out.data : "", out.len);
    return true;
}

static bool read_number(struct reader *r)
{
    char text[64], *end;
    size_t len = 0;
    while (r->at + len < r->end && len < sizeof(text) - 1 && strchr("+-.0123456789eE", r->at[len]))
        len++;
    memcpy(text, r->at, len);
    text[len] = '\0';
    lua_pushnumber(r->lua, strtod(text, &end));
    r->at += len;
    return len > 0 && *end == '\0';
}

static bool read_array(struct reader *r)
{
    lua_newtable(r->lua);
    if (eat(r, "]"))
        return true;
    for (int i = 1;; i++) {
        if (!read_value(r))
            return false;
        lua_rawseti(r->lua, -2, i);
        if (eat(r, "]"))
            return true;
        if (!eat(r, ","))
            return false;
    }
}

static bool read_object(struct reader *r)
{
    lua_newtable(r->lua);
    if (eat(r, "}"))
        return true;
    for (;;) {
        if (!eat(r, "\"") || !read_string(r) || !eat(r, ":") || !read_value(r))
            return false;
        lua_rawset(r->lua, -3);
        if (eat(r, "}"))
            return true;
        if (!eat(r, ","))
            return false;
    }
}

static bool read_value(struct reader *r)
{
    bool good;
    if (++r->depth > DEPTH_MAX || !lua_checkstack(r->lua, 4))
        return false;
    if (eat(r, "\"")) {
        good = read_string(r);
    } else if (eat(r, "[")) {
        good = read_array(r);
    } else if (eat(r, "{")) {
        good = read_object(r);
    } else if (eat(r, "true") || eat(r, "false")) {
        lua_pushboolean(r->lua, r->at[-2] == 'u');
        good = true;
    } else if (eat(r, "null")) {
        lua_pushlightuserdata(r->lua, NULL);
        good = true;
    } else {
        good = read_number(r);
    }
    r->depth--;
    return good;
}

static int lua_decode(lua_State *lua)
{
    size_t len;
    const char *text = luaL_checklstring(lua, 1, &len);
    struct reader r = {text, text + len, lua, 0};
    bool good = read_value(&r);
    skip_space(&r);
    if (!good || r.at != r.end)
        return luaL_error(lua, "Expected value but found invalid token at character %d",
                          (int)(r.at - text) + 1);
    return 1;
}

void script_json_open(struct lua_State *lua)
{
    static const luaL_Reg functions[] = {{"encode", lua_encode}, {"decode", lua_decode}, {NULL, NULL}};
    lua_newtable(lua);
    luaL_register(lua, NULL, functions);
    lua_setglobal(lua, "cjson");
}
