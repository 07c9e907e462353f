/* SPDX-License-Identifier: MIT */
#include "http/origin.h"

#include "net/authority.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define PORT_MAX 65535

struct parts {
    struct span scheme, authority; /* "https", and all behind "://" */
    struct span host, port;        /* an IPv6 host keeps its brackets */
    bool has_port;                 /* a colon stands there, with or without digits behind it */
};

/* What can't match, why, and what was meant (empty: not known). */
struct fault {
    struct span entry;
    const char *why;
    struct bytes right;
};

static int split_origin(struct span origin, struct parts *ret)
{
    const char *mark = origin.len ? memmem(origin.data, origin.len, "://", 3) : NULL;
    if (!mark || mark == origin.data)
        return -1;
    ret->scheme = (struct span){origin.data, (size_t)(mark - origin.data)};
    ret->authority = (struct span){mark + 3, origin.len - ret->scheme.len - 3};
    ret->has_port = authority_split(ret->authority, &ret->host, &ret->port);
    return 0;
}

/* NULL: no scheme of the web, but one of a shell, whose hosts may be anything or nothing. */
static const char *own_port(struct span scheme)
{
    static const struct {
        const char *scheme, *port;
    } rows[] = {{"http", "80"}, {"https", "443"}, {"ws", "80"}, {"wss", "443"}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (span_equal_nocase(scheme, span_of(rows[i].scheme)))
            return rows[i].port;
    return NULL;
}

static struct span port_beside_own(const struct parts *parts)
{
    return span_equal(parts->port, span_of(own_port(parts->scheme))) ? SPAN_NONE : parts->port;
}

static bool has_any(struct span text, const char *characters)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] && strchr(characters, text.data[i]))
            return true;
    return false;
}

/* The Host's own name. Without the scheme's own port a browser names none in either. */
static bool is_own(struct span origin, struct span host, bool other_ports)
{
    struct parts parts, own;
    if (split_origin(origin, &parts) || has_any(parts.authority, "/@"))
        return false;
    own.scheme = parts.scheme;
    authority_split(host, &own.host, &own.port);
    return own.host.len > 0 && authority_same_host(parts.host, own.host) &&
           (other_ports || span_equal(port_beside_own(&parts), port_beside_own(&own)));
}

static bool entry_matches(struct span entry, struct span origin)
{
    struct parts pattern, parts;
    if (span_equal(entry, SPAN("*")))
        return true;
    if (span_equal(entry, SPAN("null")))
        return span_equal(origin, entry);
    if (split_origin(entry, &pattern) || split_origin(origin, &parts) || has_any(parts.authority, "/@"))
        return false;
    return span_equal_nocase(pattern.scheme, parts.scheme) &&
           span_equal(port_beside_own(&pattern), port_beside_own(&parts)) &&
           authority_host_matches(pattern.host, parts.host);
}

bool origin_allowed(const char *allowed, struct span origin, struct span host, bool other_ports)
{
    struct span rest = span_of(allowed);
    if (origin.len == 0)
        return true;
    if (span_trim(rest).len == 0)
        return is_own(origin, host, other_ports);
    while (rest.len > 0)
        if (entry_matches(span_trim(span_split(&rest, ',')), origin))
            return true;
    return false;
}

bool origin_names_host(const char *allowed, struct span host)
{
    struct span rest = span_of(allowed);
    while (rest.len > 0) {
        struct span entry = span_trim(span_split(&rest, ','));
        struct parts parts;
        if (span_equal(entry, SPAN("*")) || (split_origin(entry, &parts) == 0 && own_port(parts.scheme) &&
                                             authority_host_matches(parts.host, host)))
            return true;
    }
    return false;
}

/* Fills *f, the right spelling in three pieces; always -1, so that callers can return it. */
static int fail(struct fault *f, const char *why, struct span front, const char *between, struct span back)
{
    f->why = why;
    bytes_append_span(&f->right, front);
    bytes_append_text(&f->right, between);
    bytes_append_span(&f->right, back);
    return -1;
}

static int fail_without_hint(struct fault *f, const char *why)
{
    return fail(f, why, SPAN_NONE, "", SPAN_NONE);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int check_characters(struct fault *f, struct span entry)
{
    for (size_t i = 0; i < entry.len; i++) {
        unsigned char c = (unsigned char)entry.data[i];
        if (c <= ' ')
            return fail_without_hint(f, "it has a blank in it; origins are separated by commas");
        if (c >= 0x7f)
            return fail_without_hint(f, "browsers write other letters in ASCII, as xn--bcher-kva.example");
    }
    return 0;
}

/* RFC 3986, 3.1. */
static int check_scheme(struct fault *f, struct span scheme)
{
    for (size_t i = 0; i < scheme.len; i++)
        if (!is_letter(scheme.data[i]) &&
            (i == 0 || (!is_digit(scheme.data[i]) && !strchr("+-.", scheme.data[i]))))
            return fail_without_hint(f, "before :// stands no scheme, as https");
    return 0;
}

/* From here on the parts behind the mark are read; `p` is an entry's. */
static int check_end(struct fault *f, const struct parts *p)
{
    struct span rest = p->authority;
    size_t end = 0;
    while (end < rest.len && !strchr("/?#\\", rest.data[end]))
        end++;
    if (span_equal_nocase(p->scheme, SPAN("file")) && rest.len > 0)
        return fail(f, "pages from files have no host and no path", SPAN_NONE, "file://", SPAN_NONE);
    if (end < rest.len)
        return fail(f, "an origin ends before the path, without a slash", p->scheme, "://",
                    (struct span){rest.data, end});
    while (has_any(rest, "@"))
        span_split(&rest, '@');
    if (rest.len < p->authority.len)
        return fail(f, "an origin names no user", p->scheme, "://", rest);
    return 0;
}

static int check_port(struct fault *f, const struct parts *p)
{
    uint64_t number;
    if (!p->has_port)
        return 0;
    if (span_to_u64(p->port, PORT_MAX, &number) < 0 || number == 0 || p->port.data[0] == '0')
        return fail(f, "behind the colon stands no port from 1 to 65535", p->scheme, "://", p->host);
    return 0;
}

static int check_ipv6(struct fault *f, const struct parts *p)
{
    unsigned char address[16];
    if (has_any(p->host, "[]") ? authority_ipv6(p->host, address) == 0 : !has_any(p->host, ":"))
        return 0;
    return fail_without_hint(f, "an IPv6 address stands in brackets, as in http://[::1]:8080");
}

static int check_stars(struct fault *f, struct span host, struct span *name)
{
    *name = host;
    if (name->len > 2 && memcmp(name->data, "*.", 2) == 0)
        *name = (struct span){name->data + 2, name->len - 2};
    if (!has_any(*name, "*"))
        return 0;
    return fail_without_hint(
        f, "* stands alone for every origin, or once before a name, as in https://*.example.com");
}

/* Names and addresses as browsers write them in origins of the web; `name` is without the "*." before it. */
static int check_name(struct fault *f, const struct parts *p, struct span name)
{
    bool digits = true;
    char text[INET_ADDRSTRLEN];
    unsigned char address[4];
    if (name.len == 0)
        return fail_without_hint(f, "it names no host");
    if (name.data[0] == '.')
        return fail(f, "a name does not begin with a dot", p->scheme, "://*", p->authority);
    if (name.data[0] == '[')
        return 0;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (!is_letter(c) && !is_digit(c) && !strchr("-._", c))
            return fail_without_hint(f, "it has a character that stands in no host's name");
        digits &= is_digit(c) || c == '.';
    }
    if (digits && (span_copy(name, text, sizeof(text)) < 0 || inet_pton(AF_INET, text, address) != 1))
        return fail_without_hint(f, "an IPv4 address has four numbers to 255, as in http://127.0.0.1");
    return 0;
}

static int check_parts(struct fault *f, const struct parts *p)
{
    struct span name;
    if (check_scheme(f, p->scheme) < 0 || check_end(f, p) < 0 || check_ipv6(f, p) < 0 ||
        check_port(f, p) < 0 || check_stars(f, p->host, &name) < 0)
        return -1;
    return own_port(p->scheme) ? check_name(f, p, name) : 0;
}

/* What may have been meant: the scheme without its slashes, or a name or address alone. */
static int fail_without_scheme(struct fault *f, struct span entry)
{
    struct span name, rest = entry, scheme = span_split(&rest, ':');
    if (check_stars(f, entry, &name) < 0)
        return -1;
    if (span_equal_nocase(scheme, SPAN("file")))
        return fail(f, "two slashes stand behind the scheme", scheme, "://", SPAN_NONE);
    if (!own_port(scheme)) {
        scheme = SPAN("https");
        rest = entry;
    }
    while (rest.len > 0 && strchr("/:", rest.data[0]))
        rest = (struct span){rest.data + 1, rest.len - 1};
    return fail(f, "an origin begins with its scheme and ://", scheme, "://", span_split(&rest, '/'));
}

static int check_entry(struct fault *f, struct span entry)
{
    struct parts parts;
    if (entry.len == 0)
        return fail_without_hint(f, "it is blank; take away the comma beside it");
    if (span_equal(entry, SPAN("*")) || span_equal(entry, SPAN("null")))
        return 0;
    if (span_equal_nocase(entry, SPAN("null")))
        return fail(f, "it is written in small letters", SPAN_NONE, "null", SPAN_NONE);
    if (check_characters(f, entry) < 0)
        return -1;
    return split_origin(entry, &parts) < 0 ? fail_without_scheme(f, entry) : check_parts(f, &parts);
}

static int shown(size_t len)
{
    return len < 100 ? (int)len : 100;
}

int origin_check(const char *allowed, char *error, size_t size)
{
    struct span rest = span_of(allowed);
    struct fault f = {.right = BYTES_INIT};
    bool more = rest.len > 0;
    int result = 0;
    while (more && result == 0) {
        more = memchr(rest.data, ',', rest.len);
        f.entry = span_trim(span_split(&rest, ','));
        result = check_entry(&f, f.entry);
    }
    if (result < 0)
        snprintf(error, size, "the entry '%.*s' can never match: %s%s%.*s", shown(f.entry.len), f.entry.data,
                 f.why, f.right.len ? "; write " : "", shown(f.right.len), f.right.len ? f.right.data : "");
    bytes_finish(&f.right);
    return result;
}
