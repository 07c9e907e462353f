/* SPDX-License-Identifier: MIT */
#include "http/host.h"

#include "http/origin.h"
#include "net/authority.h"

#include <stdio.h>

#define PORT_MAX 65535

static bool entry_matches(struct span entry, struct span name, struct span port)
{
    struct span entry_name, entry_port;
    if (span_equal(entry, SPAN("*")))
        return true;
    authority_split(entry, &entry_name, &entry_port);
    return authority_host_matches(entry_name, name) && (entry_port.len == 0 || span_equal(entry_port, port));
}

bool host_allowed(const char *hosts, const char *origins, struct span host)
{
    struct span rest = span_of(hosts), name, port;
    authority_split(host, &name, &port);
    if (host.len == 0 || span_equal_nocase(name, SPAN("localhost")) || authority_is_address(name))
        return true;
    while (rest.len > 0)
        if (entry_matches(span_trim(span_split(&rest, ',')), name, port))
            return true;
    return origin_names_host(origins, name);
}

/* NULL: it can match. */
static const char *fault_of(struct span entry)
{
    struct span name, port;
    uint64_t number;
    if (entry.len == 0)
        return "it is blank; take away the comma beside it";
    if (span_equal(entry, SPAN("*")))
        return NULL;
    if (authority_split(entry, &name, &port) &&
        (span_to_u64(port, PORT_MAX, &number) < 0 || number == 0 || port.data[0] == '0'))
        return "a host is a name, or a name and a port, as presence.example:3001, without scheme and path";
    if (name.len > 2 && memcmp(name.data, "*.", 2) == 0)
        name = (struct span){name.data + 2, name.len - 2};
    if (authority_is_address(name))
        return NULL;
    if (name.len == 0)
        return "it names no host";
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && c != '-' && c != '_' && (c != '.' || i == 0))
            return "it has a character that stands in no host's name";
    }
    return NULL;
}

int host_check(const char *hosts, char *error, size_t size)
{
    struct span rest = span_of(hosts);
    bool more = rest.len > 0;
    while (more) {
        more = memchr(rest.data, ',', rest.len);
        struct span entry = span_trim(span_split(&rest, ','));
        const char *fault = fault_of(entry);
        if (!fault)
            continue;
        snprintf(error, size, "the entry '%.*s' can never match: %s", entry.len < 100 ? (int)entry.len : 100,
                 entry.len ? entry.data : "", fault);
        return -1;
    }
    return 0;
}

int host_check_settings(const char *origins, const char *hosts, char *error, size_t size)
{
    const char *setting = "PRESENCE_ALLOWED_ORIGINS";
    char text[400];
    int result = origin_check(origins, text, sizeof(text));
    if (result == 0) {
        setting = "PRESENCE_ALLOWED_HOSTS";
        result = host_check(hosts, text, sizeof(text));
    }
    if (result < 0)
        snprintf(error, size, "%s: %s", setting, text);
    return result;
}
