/* http_text.h - comparing and checking short texts some bytes at a time. For the hot path. */
#ifndef TRANSPORT_HTTP_TEXT_H
#define TRANSPORT_HTTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "sidecar/core/slice.h"

#define TEXT_ONES (UINT64_MAX / 255)

/* Sixteen bytes side by side. Comparing two gives all ones in a lane where it holds. */
enum { TEXT_LANES = 16 };
typedef signed char text_lanes __attribute__((vector_size(TEXT_LANES)));

static inline text_lanes text_load(const char *p)
{
    text_lanes x;

    memcpy(&x, p, sizeof(x));
    return x;
}

/* Bit i: the lane i. */
static inline uint32_t text_mask(text_lanes x)
{
#ifdef __SSE2__
    return (uint32_t)__builtin_ia32_pmovmskb128((__attribute__((vector_size(16))) char)x);
#else
    const uint64_t bit_of_lane = 0x8040201008040201;
    uint64_t half[2];

    memcpy(half, &x, sizeof(half));
    return (uint32_t)((half[0] & bit_of_lane) * TEXT_ONES >> 56 |
                      (half[1] & bit_of_lane) * TEXT_ONES >> 56 << 8);
#endif
}

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

/* Has each of the eight bytes its high bit off when it is visible ASCII or a space? For others it is on,
 * and may then be on for a neighbour, too: look closer. The other bits mean nothing. */
static inline uint64_t text_unusual(uint64_t x)
{
    return (x - TEXT_ONES * 0x20) | (x + TEXT_ONES) | x;
}

/* Is it all visible ASCII and spaces? Ends overlap: no byte past them is read. */
static inline bool text_is_plain(const char *p, size_t size)
{
    uint64_t unusual = 0;

    if (size >= 8) {
        for (size_t i = 0; i + 8 < size; i += 8)
            unusual |= text_unusual(text_eight(p + i));
        unusual |= text_unusual(text_eight(p + size - 8));
    } else if (size >= 4) {
        unusual = text_unusual(text_four(p) | (uint64_t)text_four(p + size - 4) << 32);
    } else {
        for (size_t i = 0; i < size; i++)
            unusual |= text_unusual((unsigned char)p[i] * TEXT_ONES);
    }
    return !(unusual & TEXT_ONES * 0x80);
}

#endif
