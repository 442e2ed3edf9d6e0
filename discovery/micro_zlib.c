#include "discovery/micro_zlib.h"

#include <stdlib.h>
#include <zlib.h>

static void add_hex(struct text *out, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        char pair[2] = {digits[bytes[i] >> 4], digits[bytes[i] & 15]};

        text_add(out, slice_from(pair, 2));
    }
}

enum err micro_deflate(struct text *out, struct slice bytes)
{
    uLongf size = compressBound(bytes.size);
    uint8_t *deflated = malloc(size);
    bool done = deflated && compress(deflated, &size, (const uint8_t *)bytes.base,
                                     bytes.size) == Z_OK;
    bool fits = done && size * 2 <= out->limit - out->size;

    if (fits)
        add_hex(out, deflated, size);
    free(deflated);
    if (!done || (fits && out->failed))
        return ERR_NO_MEMORY;
    return fits ? ERR_OK : ERR_TOO_LARGE;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static enum err hex_decode(uint8_t *out, struct slice hex, struct why *w)
{
    if (hex.size == 0 || hex.size % 2)
        return why(w, ERR_BAD_RECORD, "its text is empty or of odd length");
    for (size_t i = 0; i < hex.size / 2; i++) {
        int high = hex_digit(hex.base[2 * i]), low = hex_digit(hex.base[2 * i + 1]);

        if (high < 0 || low < 0)
            return why(w, ERR_BAD_RECORD, "its text is not hexadecimal");
        out[i] = (uint8_t)(high << 4 | low);
    }
    return ERR_OK;
}

static enum err read_piece(z_stream *z, struct text *out, size_t limit, struct why *w)
{
    char piece[4096];
    int result;
    size_t size;

    z->next_out = (uint8_t *)piece;
    z->avail_out = sizeof(piece);
    result = inflate(z, Z_NO_FLUSH);
    size = sizeof(piece) - z->avail_out;
    if (z->total_out > limit)
        return why(w, ERR_TOO_LARGE, "its text inflates to more than %zu KiB",
                   limit / 1024);
    text_add(out, slice_from(piece, size));
    if (out->failed)
        return ERR_NO_MEMORY;
    if (result == Z_STREAM_END)
        return ERR_OK;
    if (result == Z_OK && (z->avail_in > 0 || z->avail_out == 0))
        return ERR_LATER;
    return why(w, ERR_BAD_RECORD, "its text is not zlib data, or is cut short");
}

static enum err inflate_bounded(struct text *out, uint8_t *in, size_t size, size_t limit,
                                struct why *w)
{
    z_stream z = {.next_in = in, .avail_in = (uInt)size};
    enum err e = ERR_LATER;

    if (inflateInit(&z) != Z_OK)
        return ERR_NO_MEMORY;
    while (e == ERR_LATER)
        e = read_piece(&z, out, limit, w);
    inflateEnd(&z);
    return e;
}

enum err micro_inflate(struct text *out, struct slice hex, size_t limit, struct why *w)
{
    uint8_t *deflated = malloc(hex.size / 2 + 1);
    enum err e = deflated ? hex_decode(deflated, hex, w) : ERR_NO_MEMORY;

    if (!e)
        e = inflate_bounded(out, deflated, hex.size / 2, limit, w);
    free(deflated);
    return e;
}
