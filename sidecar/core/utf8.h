/* utf8.h - which bytes are well-formed UTF-8 (RFC 3629 §4). */
#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include "sidecar/core/slice.h"

/* Size of the well-formed character that `s` begins with: 1 to 4, or 0 when it does not.
 */
static inline size_t utf8_size(struct slice s)
{
    const unsigned char *c = (const unsigned char *)s.base;
    size_t size;

    if (s.size == 0)
        return 0;
    if (c[0] < 0x80)
        return 1;
    size = c[0] >= 0xF0 ? 4 : c[0] >= 0xE0 ? 3 : 2;
    if (c[0] < 0xC2 || c[0] > 0xF4 || s.size < size)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((c[i] & 0xC0) != 0x80)
            return 0;
    /* Overlong forms, surrogates, and what is past U+10FFFF. */
    if ((c[0] == 0xE0 && c[1] < 0xA0) || (c[0] == 0xED && c[1] > 0x9F) ||
        (c[0] == 0xF0 && c[1] < 0x90) || (c[0] == 0xF4 && c[1] > 0x8F))
        return 0;
    return size;
}

/* Bytes of the control character that a text begins with: C0, DEL, or U+0080 to U+009F in two bytes (also cut short),
 * which are commands to a terminal, too (ECMA-48); 0: it begins with none, or is empty. */
static inline size_t utf8_control_size(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;

    if (c[0] == 0xc2 && c[1] < 0xa0)
        return c[1] ? 2 : 1;
    return c[0] && (c[0] < 0x20 || c[0] == 0x7f);
}

#endif
