#include "discovery/gossip_lzw.h"

enum {
    CLEAR = 256, /* forget all codes */
    END = 257,
    WIDTH_MIN = 9,
    WIDTH_MAX = 12,
    CODES = 1 << WIDTH_MAX,
    NONE = CODES,
};

/* A code is an earlier one and a byte more. */
struct lzw {
    struct slice packed;
    size_t at;
    uint32_t bits;
    unsigned bit_count;
    unsigned width;
    unsigned last_code; /* the highest there is, or would be made next */
    unsigned previous;  /* the code before this one; NONE: there is none */
    uint16_t prefix[CODES];
    unsigned char suffix[CODES];
};

static void forget(struct lzw *l)
{
    l->width = WIDTH_MIN;
    l->last_code = END;
    l->previous = NONE;
}

static enum err next_code(struct lzw *l, unsigned *code)
{
    while (l->bit_count < l->width) {
        if (l->at == l->packed.size)
            return ERR_BAD_RECORD;
        l->bits |= (uint32_t)(unsigned char)l->packed.base[l->at++] << l->bit_count;
        l->bit_count += 8;
    }
    *code = l->bits & ((1u << l->width) - 1);
    l->bits >>= l->width;
    l->bit_count -= l->width;
    return ERR_OK;
}

static unsigned char first_byte(const struct lzw *l, unsigned code)
{
    while (code > END)
        code = l->prefix[code];
    return (unsigned char)code;
}

static void put(struct text *out, const struct lzw *l, unsigned code)
{
    char bytes[CODES];
    size_t at = sizeof bytes;

    for (; code > END; code = l->prefix[code])
        bytes[--at] = (char)l->suffix[code];
    bytes[--at] = (char)code;
    text_add(out, slice_from(bytes + at, sizeof bytes - at));
}

/* The code that may be used before it is known is the one just being made: the previous with its own first byte. */
static void learn(struct lzw *l, unsigned code)
{
    if (l->previous == NONE)
        return;
    l->prefix[l->last_code] = (uint16_t)l->previous;
    l->suffix[l->last_code] = first_byte(l, code == l->last_code ? l->previous : code);
}

/* Go goes on with 12 bits when all codes are taken, and leaves the last one unused. */
static void count_on(struct lzw *l, unsigned code)
{
    l->previous = code;
    l->last_code++;
    if (l->last_code < 1u << l->width)
        return;
    if (l->width < WIDTH_MAX) {
        l->width++;
        return;
    }
    l->previous = NONE;
    l->last_code--;
}

enum err gossip_lzw_unpack(struct text *out, struct slice packed)
{
    struct lzw l = {.packed = packed};
    unsigned code = 0;
    enum err e;

    forget(&l);
    for (;;) {
        e = next_code(&l, &code);
        if (e || code == END)
            return e;
        if (code == CLEAR) {
            forget(&l);
            continue;
        }
        if (code > l.last_code)
            return ERR_BAD_RECORD;
        learn(&l, code);
        put(out, &l, code);
        if (out->failed)
            return ERR_TOO_LARGE;
        count_on(&l, code);
    }
}
