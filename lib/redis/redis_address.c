/* SPDX-License-Identifier: MIT */
#include "redis/redis_address.h"

#include <netdb.h>
#include <stdio.h>
#include <strings.h>

void redis_addresses_take(const struct addrinfo *list, struct redis_addresses *ret)
{
    ret->count = 0;
    for (; list && ret->count < REDIS_ADDRESSES_MAX; list = list->ai_next) {
        char *ip = ret->ip[ret->count];
        if (getnameinfo(list->ai_addr, list->ai_addrlen, ip, REDIS_ADDRESS_SIZE, NULL, 0, NI_NUMERICHOST) ==
            0)
            ret->count++;
    }
}

bool redis_addresses_known(const char *host, struct redis_addresses *ret)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    if (!strcasecmp(host, "localhost")) {
        *ret = (struct redis_addresses){2, {"::1", "127.0.0.1"}};
        return true;
    }
    if (getaddrinfo(host, NULL, &hints, &list) != 0)
        return false;
    redis_addresses_take(list, ret);
    freeaddrinfo(list);
    return ret->count > 0;
}
