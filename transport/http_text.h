/* http_text.h - comparing and checking short texts some bytes at a time. For the hot path. */
#ifndef TRANSPORT_HTTP_TEXT_H
#define TRANSPORT_HTTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "sidecar/core/slice.h"

#define TEXT_ONES (UINT64_MAX / 255)

static inline uint64_t text_eight(const char *p)
{
    uint64_t x;

    memcpy(&x, p, sizeof(x));
    return x;
}

static inline uint32_t text_four(const char *p)
{
    uint32_t x;

    memcpy(&x, p, sizeof(x));
    return x;
}

/* Is `text`, which holds no control characters, `lower` but for case? `lower` is of small letters,
 * digits and '-': then setting bit 5 makes nothing else equal. Ends overlap: no byte past them is read. */
static inline bool text_is(const char *text, const char *lower, size_t size)
{
    const uint64_t bits = TEXT_ONES * 0x20;

    if (size >= 8) {
        for (size_t i = 0; i + 8 < size; i += 8)
            if ((text_eight(text + i) | bits) != text_eight(lower + i))
                return false;
        return (text_eight(text + size - 8) | bits) == text_eight(lower + size - 8);
    }
    if (size >= 4)
        return (text_four(text) | (uint32_t)bits) == text_four(lower) &&
               (text_four(text + size - 4) | (uint32_t)bits) ==
                   text_four(lower + size - 4);
    for (size_t i = 0; i < size; i++)
        if ((text[i] | 0x20) != lower[i])
            return false;
    return true;
}

#define TEXT_IS(slice, literal)                                                          \
    ((slice).size == sizeof(literal) - 1 &&                                              \
     text_is((slice).base, "" literal, sizeof(literal) - 1))

/* The three below give the high bit of each byte that is meant. A borrow may mark the byte after a
 * marked one besides, never hide one (Hacker's Delight §6-1). */
static inline uint64_t text_equal_to(uint64_t x, unsigned char c)
{
    uint64_t same = x ^ TEXT_ONES * c;

    return (same - TEXT_ONES) & ~same & TEXT_ONES * 0x80;
}

static inline uint64_t text_below(uint64_t x, unsigned char c)
{
    return (x - TEXT_ONES * c) & ~x & TEXT_ONES * 0x80;
}

/* Control characters, tabs among them. */
static inline uint64_t text_controls(uint64_t x)
{
    return text_below(x, 0x20) | text_equal_to(x, 0x7f);
}

/* What no request target may hold: all but visible ASCII, and '#'. */
static inline uint64_t text_outside_target(uint64_t x)
{
    return text_below(x, 0x21) | text_equal_to(x, 0x7f) | text_equal_to(x, '#') |
           (x & TEXT_ONES * 0x80);
}

/* Is any of these bytes marked? Exactly, as a borrow needs a marked byte. Ends overlap. */
static inline bool text_any(const char *p, size_t size, uint64_t (*marks)(uint64_t))
{
    uint64_t found = 0, last = TEXT_ONES * 'a';

    if (size >= 8) {
        for (size_t i = 0; i + 8 < size; i += 8)
            found |= marks(text_eight(p + i));
        return found | marks(text_eight(p + size - 8));
    }
    if (size >= 4)
        return marks(text_four(p) | (uint64_t)text_four(p + size - 4) << 32);
    for (size_t i = 0; i < size; i++)
        last = last << 8 | (unsigned char)p[i];
    return marks(last);
}

#endif
