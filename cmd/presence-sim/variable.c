#include "stage.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

bool variable_name_valid(const char *name)
{
    size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

    return len && !name[len] && len < 64;
}

static struct variable *find(const struct stage *s, const char *name)
{
    for (size_t i = 0; i < s->variable_count; i++)
        if (!strcmp(s->variables[i].name, name))
            return &s->variables[i];
    return NULL;
}

const char *variable_get(const struct stage *s, const char *name)
{
    const struct variable *v = find(s, name);

    return v ? v->value : NULL;
}

void variable_set(struct stage *s, const char *name, const char *value, bool fixed)
{
    struct variable *v = find(s, name);

    if (v && v->fixed)
        return;
    if (!v) {
        s->variables = mem_realloc(s->variables, (s->variable_count + 1) * sizeof(*s->variables));
        v = &s->variables[s->variable_count++];
        *v = (struct variable){.name = mem_strdup(name)};
    }
    free(v->value);
    v->value = mem_strdup(value);
    v->fixed = fixed;
}
