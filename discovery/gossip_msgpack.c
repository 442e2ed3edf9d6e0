#include "discovery/gossip_msgpack.h"

enum {
    NIL = 0xc0,
    FALSE_BYTE = 0xc2,
    TRUE_BYTE = 0xc3,
    FIX_MAP = 0x80,
    FIX_RAW = 0xa0,
    RAW16 = 0xda,
    RAW32 = 0xdb,
    U8 = 0xcc,
    U16 = 0xcd,
    U32 = 0xce,
};

/* What a value's first byte says: bytes of a number behind it, and what that number (or the byte itself) counts. */
enum unit { UNIT_NONE, UNIT_BYTES, UNIT_VALUES, UNIT_PAIRS, UNIT_BAD };

struct lead {
    unsigned char first, last; /* the range of first bytes */
    unsigned char number;      /* bytes of it; 0: in the first byte, less `first` */
    unsigned char fixed;       /* bytes behind it in any case */
    enum unit unit;
};

static const struct lead leads[] = {
    {0x00, 0x7f, 0, 0,  UNIT_NONE  },
    {0x80, 0x8f, 0, 0,  UNIT_PAIRS },
    {0x90, 0x9f, 0, 0,  UNIT_VALUES},
    {0xa0, 0xbf, 0, 0,  UNIT_BYTES },
    {0xc0, 0xc0, 0, 0,  UNIT_NONE  },
    {0xc1, 0xc1, 0, 0,  UNIT_BAD   },
    {0xc2, 0xc3, 0, 0,  UNIT_NONE  },
    {0xc4, 0xc4, 1, 0,  UNIT_BYTES },
    {0xc5, 0xc5, 2, 0,  UNIT_BYTES },
    {0xc6, 0xc6, 4, 0,  UNIT_BYTES },
    {0xc7, 0xc7, 1, 1,  UNIT_BYTES },
    {0xc8, 0xc8, 2, 1,  UNIT_BYTES },
    {0xc9, 0xc9, 4, 1,  UNIT_BYTES },
    {0xca, 0xca, 0, 4,  UNIT_NONE  },
    {0xcb, 0xcb, 0, 8,  UNIT_NONE  },
    {0xcc, 0xcc, 0, 1,  UNIT_NONE  },
    {0xcd, 0xcd, 0, 2,  UNIT_NONE  },
    {0xce, 0xce, 0, 4,  UNIT_NONE  },
    {0xcf, 0xcf, 0, 8,  UNIT_NONE  },
    {0xd0, 0xd0, 0, 1,  UNIT_NONE  },
    {0xd1, 0xd1, 0, 2,  UNIT_NONE  },
    {0xd2, 0xd2, 0, 4,  UNIT_NONE  },
    {0xd3, 0xd3, 0, 8,  UNIT_NONE  },
    {0xd4, 0xd4, 0, 2,  UNIT_NONE  },
    {0xd5, 0xd5, 0, 3,  UNIT_NONE  },
    {0xd6, 0xd6, 0, 5,  UNIT_NONE  },
    {0xd7, 0xd7, 0, 9,  UNIT_NONE  },
    {0xd8, 0xd8, 0, 17, UNIT_NONE  },
    {0xd9, 0xd9, 1, 0,  UNIT_BYTES },
    {0xda, 0xda, 2, 0,  UNIT_BYTES },
    {0xdb, 0xdb, 4, 0,  UNIT_BYTES },
    {0xdc, 0xdc, 2, 0,  UNIT_VALUES},
    {0xdd, 0xdd, 4, 0,  UNIT_VALUES},
    {0xde, 0xde, 2, 0,  UNIT_PAIRS },
    {0xdf, 0xdf, 4, 0,  UNIT_PAIRS },
    {0xe0, 0xff, 0, 0,  UNIT_NONE  },
};

/* A value's head, read. */
struct head {
    unsigned char byte;
    enum unit unit;
    uint64_t number; /* counted in `unit`; else what a fixed integer's bytes say */
};

static uint64_t big_endian(const char *at, size_t size)
{
    uint64_t value = 0;

    for (size_t i = 0; i < size; i++)
        value = value << 8 | (unsigned char)at[i];
    return value;
}

static const struct lead *lead_of(unsigned char byte)
{
    const struct lead *at = leads;

    while (byte > at->last)
        at++;
    return at;
}

/* Moves `rest` behind the head, and behind a value of fixed size. */
static enum err read_head(struct slice *rest, struct head *h)
{
    const struct lead *lead;
    size_t size;

    if (rest->size == 0)
        return ERR_LATER;
    h->byte = (unsigned char)rest->base[0];
    lead = lead_of(h->byte);
    size = 1u + lead->number + lead->fixed;
    if (lead->unit == UNIT_BAD)
        return ERR_BAD_RECORD;
    if (rest->size < size)
        return ERR_LATER;
    h->unit = lead->unit;
    h->number = (uint64_t)(h->byte - lead->first);
    if (lead->number)
        h->number = big_endian(rest->base + 1, lead->number);
    else if (lead->fixed && lead->fixed <= 8)
        h->number = big_endian(rest->base + 1, lead->fixed);
    *rest = slice_after(*rest, size);
    return ERR_OK;
}

enum err msgpack_read_map(struct slice *rest, unsigned *pairs)
{
    struct slice at = *rest;
    struct head h;
    enum err e = read_head(&at, &h);

    if (e)
        return e;
    if (h.unit != UNIT_PAIRS || h.number > MSGPACK_PAIRS)
        return ERR_BAD_RECORD;
    *pairs = (unsigned)h.number;
    *rest = at;
    return ERR_OK;
}

enum err msgpack_read_bytes(struct slice *rest, struct slice *bytes)
{
    struct slice at = *rest;
    struct head h;
    enum err e = read_head(&at, &h);

    if (e)
        return e;
    if (h.byte == NIL) {
        *bytes = (struct slice){NULL, 0};
        *rest = at;
        return ERR_OK;
    }
    if (h.unit != UNIT_BYTES)
        return ERR_BAD_RECORD;
    if (at.size < h.number)
        return ERR_LATER;
    *bytes = slice_first(at, (size_t)h.number);
    *rest = slice_after(at, (size_t)h.number);
    return ERR_OK;
}

/* Positive fixed ones, and those with a sign whose highest bit is not set. */
static bool is_unsigned(const struct head *h)
{
    static const unsigned bits[] = {7, 15, 31, 63};

    if (h->byte <= 0x7f || (h->byte >= 0xcc && h->byte <= 0xcf))
        return true;
    return h->byte >= 0xd0 && h->byte <= 0xd3 && h->number >> bits[h->byte - 0xd0] == 0;
}

enum err msgpack_read_u32(struct slice *rest, uint32_t *value)
{
    struct slice at = *rest;
    struct head h;
    enum err e = read_head(&at, &h);

    if (e)
        return e;
    if (!is_unsigned(&h) || h.number > UINT32_MAX)
        return ERR_BAD_RECORD;
    *value = (uint32_t)h.number;
    *rest = at;
    return ERR_OK;
}

enum err msgpack_read_bool(struct slice *rest, bool *value)
{
    struct slice at = *rest;
    struct head h;
    enum err e = read_head(&at, &h);

    if (e)
        return e;
    if (h.byte != NIL && h.byte != FALSE_BYTE && h.byte != TRUE_BYTE)
        return ERR_BAD_RECORD;
    *value = h.byte == TRUE_BYTE;
    *rest = at;
    return ERR_OK;
}

/* Counts what is still to be skipped, level by level: a value may hold others. */
static enum err skip_nested(struct slice *rest)
{
    uint64_t left[MSGPACK_DEPTH] = {1};
    unsigned depth = 0;
    struct head h;
    enum err e;

    for (;;) {
        while (left[depth] == 0) {
            if (depth == 0)
                return ERR_OK;
            depth--;
        }
        left[depth]--;
        e = read_head(rest, &h);
        if (e)
            return e;
        if (h.unit == UNIT_BYTES && rest->size < h.number)
            return ERR_LATER;
        if (h.unit == UNIT_BYTES)
            *rest = slice_after(*rest, (size_t)h.number);
        if (h.unit != UNIT_VALUES && h.unit != UNIT_PAIRS)
            continue;
        if (++depth == MSGPACK_DEPTH)
            return ERR_BAD_RECORD;
        left[depth] = h.unit == UNIT_PAIRS ? h.number * 2 : h.number;
    }
}

enum err msgpack_skip(struct slice *rest)
{
    struct slice at = *rest;
    enum err e = skip_nested(&at);

    if (!e)
        *rest = at;
    return e;
}

/* Writing */

static void write_number(struct text *out, unsigned char byte, uint32_t value,
                         unsigned size)
{
    char bytes[5] = {(char)byte};

    for (unsigned i = 0; i < size; i++)
        bytes[1 + i] = (char)(value >> 8 * (size - 1 - i));
    text_add(out, slice_from(bytes, 1 + size));
}

void msgpack_write_map(struct text *out, unsigned pairs)
{
    write_number(out, (unsigned char)(FIX_MAP | pairs), 0, 0);
}

void msgpack_write_raw(struct text *out, struct slice bytes)
{
    if (bytes.size < 32)
        write_number(out, (unsigned char)(FIX_RAW | bytes.size), 0, 0);
    else if (bytes.size <= UINT16_MAX)
        write_number(out, RAW16, (uint32_t)bytes.size, 2);
    else
        write_number(out, RAW32, (uint32_t)bytes.size, 4);
    text_add(out, bytes);
}

void msgpack_write_nil(struct text *out)
{
    write_number(out, NIL, 0, 0);
}

void msgpack_write_u32(struct text *out, uint32_t value)
{
    if (value < 0x80)
        write_number(out, (unsigned char)value, 0, 0);
    else if (value <= UINT8_MAX)
        write_number(out, U8, value, 1);
    else if (value <= UINT16_MAX)
        write_number(out, U16, value, 2);
    else
        write_number(out, U32, value, 4);
}

void msgpack_write_bool(struct text *out, bool value)
{
    write_number(out, value ? TRUE_BYTE : FALSE_BYTE, 0, 0);
}
