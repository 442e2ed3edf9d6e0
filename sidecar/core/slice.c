#include "sidecar/core/slice.h"

#include <stdlib.h>

/* Letters of different case differ in this bit alone. */
enum { CASE_BIT = 0x20 };

static bool is_letter(unsigned char c)
{
    c |= CASE_BIT;
    return c >= 'a' && c <= 'z';
}

bool slice_equals_nocase(struct slice a, struct slice b)
{
    if (a.size != b.size)
        return false;
    if (slice_equals(a, b))
        return true;
    for (size_t i = 0; i < a.size; i++) {
        unsigned char c = (unsigned char)a.base[i];
        unsigned char difference = c ^ (unsigned char)b.base[i];

        if (difference && (difference != CASE_BIT || !is_letter(c)))
            return false;
    }
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice s)
{
    while (s.size && is_blank(s.base[0])) {
        s.base++;
        s.size--;
    }
    while (s.size && is_blank(s.base[s.size - 1]))
        s.size--;
    return s;
}

size_t slice_find(struct slice s, char c)
{
    const char *at = s.size ? memchr(s.base, c, s.size) : NULL;

    return at ? (size_t)(at - s.base) : s.size;
}

struct slice slice_next(struct slice *rest, char separator)
{
    size_t at = slice_find(*rest, separator);
    struct slice item = slice_first(*rest, at);

    *rest = at < rest->size ? slice_after(*rest, at + 1) : (struct slice){NULL, 0};
    return slice_trim(item);
}

bool slice_to_u64(struct slice s, uint64_t *value)
{
    enum { NEVER_TOO_LARGE = 19 }; /* digits */
    uint64_t sum = 0;

    for (size_t i = 0; i < s.size; i++) {
        unsigned digit = (unsigned char)s.base[i] - (unsigned)'0';

        if (digit > 9 || (i >= NEVER_TOO_LARGE && sum > (UINT64_MAX - digit) / 10))
            return false;
        sum = sum * 10 + digit;
    }
    if (s.size == 0)
        return false;
    *value = sum;
    return true;
}

char *slice_dup(struct slice s)
{
    char *copy = malloc(s.size + 1);

    if (!copy)
        return NULL;
    if (s.size)
        memcpy(copy, s.base, s.size);
    copy[s.size] = '\0';
    return copy;
}
