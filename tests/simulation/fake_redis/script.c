/* SPDX-License-Identifier: MIT */
#include "script.h"

#include "base/mem.h"
#include "script_json.h"
#include "store/scripts.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHEBANG   "#!lua"
#define ALLOW_OOM "allow-oom"

#define CALL_ARGS_MAX 256

struct compiled {
    int reference; /* of the compiled function */
    bool may_oom;
    size_t len;
    char text[];
};

struct script_host {
    struct redis_model *model;
    lua_State *lua;
    struct map by_text;
    struct compiled *known[SCRIPTS]; /* EVALSHA may be used */
    bool may_oom;                    /* of the script under way */
    struct bytes answer;             /* of redis.call */
};

static struct span text_of(const void *object)
{
    const struct compiled *s = object;
    return (struct span){s->text, s->len};
}

static struct script_host *host_of(lua_State *lua)
{
    return lua_touserdata(lua, lua_upvalueindex(1));
}

/* RESP to Lua, as Redis does: nil is false, a status {ok=…}, an error {err=…}. Returns what is behind it. */
static const char *push_answer(lua_State *lua, const char *at)
{
    const char *line = at + 1, *end = strchr(at, '\r');
    long long number = strtoll(line, NULL, 10);
    switch (*at) {
    case ':': lua_pushnumber(lua, (lua_Number)number); return end + 2;
    case '$':
        if (number < 0) {
            lua_pushboolean(lua, 0);
            return end + 2;
        }
        lua_pushlstring(lua, end + 2, (size_t)number);
        return end + 2 + number + 2;
    case '*':
        lua_createtable(lua, (int)number, 0);
        at = end + 2;
        for (int i = 1; i <= number; i++) {
            at = push_answer(lua, at);
            lua_rawseti(lua, -2, i);
        }
        return at;
    default:
        lua_createtable(lua, 0, 1);
        lua_pushlstring(lua, line, (size_t)(end - line));
        lua_setfield(lua, -2, *at == '+' ? "ok" : "err");
        return end + 2;
    }
}

static int run_command(lua_State *lua, bool raise)
{
    struct script_host *h = host_of(lua);
    int count = lua_gettop(lua);
    struct span args[CALL_ARGS_MAX];
    if (count == 0)
        return luaL_error(lua, "Please specify at least one argument for this redis.call()");
    if (count > CALL_ARGS_MAX)
        return luaL_error(lua, "more arguments than the model takes");
    for (int i = 0; i < count; i++) {
        if (!lua_isstring(lua, i + 1))
            return luaL_error(lua, "Lua redis lib command arguments must be strings or integers");
        args[i].data = lua_tolstring(lua, i + 1, &args[i].len);
    }
    bytes_reset(&h->answer);
    struct call call = {.model = h->model,
                        .args = args,
                        .count = (size_t)count,
                        .out = &h->answer,
                        .in_script = true,
                        .may_oom = h->may_oom};
    command_execute(&call);
    push_answer(lua, bytes_text(&h->answer));
    return raise && h->answer.data[0] == '-' ? lua_error(lua) : 1;
}

static int redis_call(lua_State *lua)
{
    return run_command(lua, true);
}

static int redis_pcall(lua_State *lua)
{
    return run_command(lua, false);
}

static int one_field(lua_State *lua, const char *field)
{
    luaL_checkstring(lua, 1);
    lua_createtable(lua, 0, 1);
    lua_pushvalue(lua, 1);
    lua_setfield(lua, -2, field);
    return 1;
}

static int redis_error_reply(lua_State *lua)
{
    return one_field(lua, "err");
}

static int redis_status_reply(lua_State *lua)
{
    return one_field(lua, "ok");
}

static int refuse_global(lua_State *lua)
{
    return luaL_error(lua, "Script attempted to create global variable '%s'", lua_tostring(lua, 2));
}

static void set_function(struct script_host *h, const char *name, lua_CFunction function)
{
    lua_pushlightuserdata(h->lua, h);
    lua_pushcclosure(h->lua, function, 1);
    lua_setfield(h->lua, -2, name);
}

static void open_library(lua_State *lua, lua_CFunction open, const char *name)
{
    lua_pushcfunction(lua, open);
    lua_pushstring(lua, name);
    lua_call(lua, 1, 0);
}

struct script_host *script_host_create(struct redis_model *m)
{
    struct script_host *h = mem_zalloc(sizeof(*h));
    h->model = m;
    h->lua = luaL_newstate();
    map_init(&h->by_text, text_of);
    open_library(h->lua, luaopen_base, "");
    open_library(h->lua, luaopen_table, LUA_TABLIBNAME);
    open_library(h->lua, luaopen_string, LUA_STRLIBNAME);
    open_library(h->lua, luaopen_math, LUA_MATHLIBNAME);
    script_json_open(h->lua);
    lua_newtable(h->lua);
    set_function(h, "call", redis_call);
    set_function(h, "pcall", redis_pcall);
    set_function(h, "error_reply", redis_error_reply);
    set_function(h, "status_reply", redis_status_reply);
    lua_setglobal(h->lua, "redis");
    lua_newtable(h->lua);
    lua_pushcfunction(h->lua, refuse_global);
    lua_setfield(h->lua, -2, "__newindex");
    lua_setmetatable(h->lua, LUA_GLOBALSINDEX);
    return h;
}

void script_host_destroy(struct script_host *h)
{
    struct compiled *s;
    size_t at = 0;
    lua_close(h->lua);
    while ((s = map_next(&h->by_text, &at)))
        free(s);
    map_finish(&h->by_text);
    bytes_finish(&h->answer);
    free(h);
}

void script_host_flush(struct script_host *h)
{
    memset(h->known, 0, sizeof(h->known));
}

/* The line of flags is not Lua's; its place is kept, so that lines are counted alike. */
static int compile(lua_State *lua, const struct compiled *s)
{
    size_t skip = strncmp(s->text, SHEBANG, strlen(SHEBANG)) == 0 ? strcspn(s->text, "\n") : 0;
    return luaL_loadbuffer(lua, s->text + skip, s->len - skip, "@user_script");
}

static void answer_lua_error(struct call *c, lua_State *lua)
{
    char text[512];
    if (lua_istable(lua, -1))
        lua_getfield(lua, -1, "err");
    const char *said = lua_tostring(lua, -1);
    bool coded = said && said[0] >= 'A' && said[0] <= 'Z';
    snprintf(text, sizeof(text), "%s%s", coded ? "" : "ERR ", said ? said : "error in script");
    text[strcspn(text, "\r\n")] = '\0';
    answer_error(c, text);
}

static struct compiled *obtain(struct call *c, struct script_host *h, struct span text)
{
    struct compiled *s = map_get(&h->by_text, text);
    if (s)
        return s;
    s = mem_zalloc(sizeof(*s) + text.len + 1);
    memcpy(s->text, text.data, text.len);
    s->len = text.len;
    s->may_oom = strncmp(s->text, SHEBANG, strlen(SHEBANG)) == 0 &&
                 strstr(s->text, ALLOW_OOM) < strchr(s->text, '\n') && strstr(s->text, ALLOW_OOM);
    if (compile(h->lua, s)) {
        answer_lua_error(c, h->lua);
        lua_settop(h->lua, 0);
        free(s);
        return NULL;
    }
    s->reference = luaL_ref(h->lua, LUA_REGISTRYINDEX);
    map_put(&h->by_text, s);
    return s;
}

static void answer_value(struct call *c, lua_State *lua);

static bool answer_marked(struct call *c, lua_State *lua, const char *field, char mark)
{
    lua_getfield(lua, -1, field);
    bool found = lua_isstring(lua, -1);
    if (found) {
        bytes_append_char(c->out, mark);
        bytes_append_text(c->out, lua_tostring(lua, -1));
        bytes_append(c->out, "\r\n", 2);
    }
    lua_pop(lua, 1);
    return found;
}

static void answer_table(struct call *c, lua_State *lua)
{
    size_t count = 0;
    if (answer_marked(c, lua, "err", '-') || answer_marked(c, lua, "ok", '+'))
        return;
    for (;; count++) {
        lua_rawgeti(lua, -1, (int)count + 1);
        bool end = lua_isnil(lua, -1);
        lua_pop(lua, 1);
        if (end)
            break;
    }
    answer_array(c, count);
    for (size_t i = 1; i <= count; i++) {
        lua_rawgeti(lua, -1, (int)i);
        answer_value(c, lua);
        lua_pop(lua, 1);
    }
}

/* Lua to RESP: numbers are cut to integers, false is nil, an array ends at its first nil. */
static void answer_value(struct call *c, lua_State *lua)
{
    struct span text;
    switch (lua_type(lua, -1)) {
    case LUA_TSTRING:
        text.data = lua_tolstring(lua, -1, &text.len);
        answer_bulk(c, text);
        break;
    case LUA_TNUMBER: answer_integer(c, (int64_t)lua_tonumber(lua, -1)); break;
    case LUA_TBOOLEAN:
        if (lua_toboolean(lua, -1))
            answer_integer(c, 1);
        else
            answer_nil(c);
        break;
    case LUA_TTABLE:
        luaL_checkstack(lua, 4, "answer");
        answer_table(c, lua);
        break;
    default: answer_nil(c);
    }
}

static void set_arguments(lua_State *lua, const char *name, const struct span *args, size_t count)
{
    lua_pushstring(lua, name);
    lua_createtable(lua, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        lua_pushlstring(lua, args[i].data, args[i].len);
        lua_rawseti(lua, -2, (int)i + 1);
    }
    lua_rawset(lua, LUA_GLOBALSINDEX);
}

static void run(struct call *c, struct script_host *h, const struct compiled *s)
{
    int64_t keys;
    if (call_integer(c, 2, &keys) < 0)
        return;
    if (keys < 0 || (size_t)keys > c->count - 3) {
        answer_error(c, "ERR Number of keys can't be greater than number of args");
        return;
    }
    if (model_full(c->model) && !s->may_oom) {
        answer_error(c, "OOM command not allowed when used memory > 'maxmemory'.");
        return;
    }
    set_arguments(h->lua, "KEYS", c->args + 3, (size_t)keys);
    set_arguments(h->lua, "ARGV", c->args + 3 + keys, c->count - 3 - (size_t)keys);
    h->may_oom = s->may_oom;
    lua_rawgeti(h->lua, LUA_REGISTRYINDEX, s->reference);
    if (lua_pcall(h->lua, 0, 1, 0))
        answer_lua_error(c, h->lua);
    else
        answer_value(c, h->lua);
    lua_settop(h->lua, 0);
}

/* Which shipped script it is; SCRIPTS for another. */
static int shipped(struct span text)
{
    for (int i = 0; i < SCRIPTS; i++) {
        const struct script_info *info = script_info((enum script)i);
        if (span_equal(text, (struct span){info->text, *info->len}))
            return i;
    }
    return SCRIPTS;
}

void script_eval(struct call *c)
{
    struct script_host *h = model_scripts(c->model);
    struct compiled *s = obtain(c, h, c->args[1]);
    int number = shipped(c->args[1]);
    if (number < SCRIPTS)
        h->known[number] = s;
    if (s)
        run(c, h, s);
}

void script_evalsha(struct call *c)
{
    struct script_host *h = model_scripts(c->model);
    for (int i = 0; i < SCRIPTS; i++) {
        const struct script_info *info = script_info((enum script)i);
        if (!h->known[i] || !call_is(c, 1, info->sha1))
            continue;
        run(c, h, h->known[i]);
        return;
    }
    answer_error(c, "NOSCRIPT No matching script. Please use EVAL.");
}
