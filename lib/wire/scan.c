#include "wire/scan.h"

#define DIGITS_MAX 18 /* what an int64_t always holds */

void scan_init(struct scan *s, struct span text)
{
    s->at = text.len ? text.data : "";
    s->end = s->at + text.len;
}

static void skip_space(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
        s->at++;
}

enum scan_result scan_char(struct scan *s, char expected)
{
    skip_space(s);
    if (s->at == s->end)
        return SCAN_SHORT;
    if (*s->at != expected)
        return SCAN_BAD;
    s->at++;
    return SCAN_OK;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

enum scan_result scan_int(struct scan *s, int64_t *ret)
{
    int64_t value = 0;
    const char *first;
    bool negative;

    skip_space(s);
    negative = s->at < s->end && *s->at == '-';
    first = s->at += negative;
    while (s->at < s->end && is_digit(*s->at) && s->at - first < DIGITS_MAX)
        value = value * 10 + (*s->at++ - '0');
    if (s->at == s->end)
        return SCAN_SHORT;
    if (s->at == first || is_digit(*s->at) || (*first == '0' && s->at - first > 1))
        return SCAN_BAD;
    *ret = negative ? -value : value;
    return SCAN_OK;
}

enum scan_result scan_string(struct scan *s, struct span *ret)
{
    enum scan_result result = scan_char(s, '"');
    const char *first = s->at;

    if (result != SCAN_OK)
        return result;
    while (s->at < s->end && *s->at != '"') {
        if ((unsigned char)*s->at < 0x20)
            return SCAN_BAD;
        if (*s->at == '\\' && ++s->at == s->end)
            return SCAN_SHORT;
        s->at++;
    }
    if (s->at == s->end)
        return SCAN_SHORT;
    *ret = (struct span){first, (size_t)(s->at++ - first)};
    return SCAN_OK;
}
