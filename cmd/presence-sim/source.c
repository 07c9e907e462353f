#include "sim.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPREAD 250

static int add(struct span text, struct sockaddr_storage **list, size_t *count)
{
    struct sockaddr_storage addr = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&addr;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&addr;
    char name[INET6_ADDRSTRLEN];

    if (span_copy(text, name, sizeof(name)))
        return -1;
    if (inet_pton(AF_INET, name, &v4->sin_addr) == 1)
        addr.ss_family = AF_INET;
    else if (inet_pton(AF_INET6, name, &v6->sin6_addr) == 1)
        addr.ss_family = AF_INET6;
    else
        return -1;
    *list = mem_realloc(*list, (*count + 1) * sizeof(**list));
    (*list)[(*count)++] = addr;
    return 0;
}

/* "127.n.0.1" stands for 127.1.0.1, 127.2.0.1 …: nginx's ip_hash looks at the first three numbers. */
static int add_spread(struct span text, const char *n, struct sockaddr_storage **list, size_t *count)
{
    size_t before = (size_t)(n - text.data);

    for (int i = 1; i <= SPREAD; i++) {
        char name[INET6_ADDRSTRLEN];
        int len = snprintf(name, sizeof(name), "%.*s%d%.*s", (int)before, text.data, i,
                           (int)(text.len - before - 1), n + 1);
        if (len < 0 || (size_t)len >= sizeof(name) || add(span_of(name), list, count))
            return -1;
    }
    return 0;
}

int sources_parse(const char *text, struct sockaddr_storage **ret, size_t *ret_count)
{
    struct sockaddr_storage *list = NULL;
    struct span rest = span_of(text);
    size_t count = 0;

    while (rest.len) {
        struct span one = span_trim(span_split(&rest, ','));
        const char *n = memchr(one.data, 'n', one.len);
        if (n ? add_spread(one, n, &list, &count) : add(one, &list, &count)) {
            free(list);
            return -1;
        }
    }
    *ret = list;
    *ret_count = count;
    return 0;
}
