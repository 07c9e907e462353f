/* SPDX-License-Identifier: MIT */
#include "base/settings_names.h"

#include <string.h>

/* Made of the programs' tables by the build (tests/tools/names.sh). */
extern const char *const settings_names[];

/* What the project's tests and tools read. */
static const char *const tools_names[] = {
    "PRESENCE_BIN",
    "PRESENCE_FULL",
    "PRESENCE_PATIENCE",
    "PRESENCE_REDIS_SERVER",
    "PRESENCE_SANITIZED",
    "PRESENCE_SEED",
    NULL,
};

static bool stands_in(const char *const *names, struct span name)
{
    for (; *names; names++)
        if (span_equal(span_of(*names), name))
            return true;
    return false;
}

bool settings_name_known(struct span name)
{
    return stands_in(settings_names, name) || stands_in(tools_names, name);
}

/* Letters to put in, to take out or to replace (Levenshtein's distance); both at most SETTINGS_NAME_SHOWN bytes. */
static size_t distance(struct span a, struct span b)
{
    size_t row[SETTINGS_NAME_SHOWN + 1];
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t replaced = diagonal + (a.data[i - 1] != b.data[j - 1]);
            size_t one_sided = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

            diagonal = row[j];
            row[j] = replaced < one_sided ? replaced : one_sided;
        }
    }
    return row[b.len];
}

static bool take_end(struct span *name, struct span end)
{
    if (name->len < end.len || memcmp(name->data + name->len - end.len, end.data, end.len) != 0)
        return false;
    name->len -= end.len;
    return true;
}

/* A value that was to come from a file counts as its name without _FILE. */
const char *settings_name_nearest(struct span name)
{
    struct span stem = name;
    size_t best = name.len / 5 + 1;
    const char *nearest = NULL;
    if (name.len > SETTINGS_NAME_SHOWN)
        return NULL;
    if (take_end(&stem, SPAN("_FILE")) && settings_name_known(stem))
        name = stem;
    for (const char *const *known = settings_names; *known; known++) {
        size_t away = distance(name, span_of(*known));

        if (away < best) {
            best = away;
            nearest = *known;
        }
    }
    return nearest;
}

static bool take_number(struct span *name)
{
    size_t before = name->len;
    while (name->len && name->data[name->len - 1] >= '0' && name->data[name->len - 1] <= '9')
        name->len--;
    return name->len < before;
}

/* …_PORT_6379_TCP, and with _PROTO, _PORT or _ADDR behind it. */
static bool is_port_link(struct span name)
{
    if (!take_end(&name, SPAN("_PROTO")) && !take_end(&name, SPAN("_ADDR")))
        take_end(&name, SPAN("_PORT"));
    if (!take_end(&name, SPAN("_TCP")) && !take_end(&name, SPAN("_UDP")) && !take_end(&name, SPAN("_SCTP")))
        return false;
    return take_number(&name) && take_end(&name, SPAN("_PORT_"));
}

bool settings_name_is_link(struct span name)
{
    struct span rest = name;
    return take_end(&rest, SPAN("_SERVICE_HOST")) || take_end(&rest, SPAN("_PORT")) ||
           memmem(name.data, name.len, "_SERVICE_PORT_", strlen("_SERVICE_PORT_")) || is_port_link(name);
}

bool settings_name_is_ours(struct span name)
{
    static const char *const begins[] = {"PRESENCE_", "REDIS_", "JWT_"};
    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
        if (name.len > strlen(begins[i]) && !memcmp(name.data, begins[i], strlen(begins[i])))
            return true;
    return false;
}
