#include "sidecar/core/base64.h"

static const char letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void add_group(struct text *out, const unsigned char *in, size_t size)
{
    uint32_t bits = (uint32_t)in[0] << 16;
    char four[4];

    bits |= size > 1 ? (uint32_t)in[1] << 8 : 0;
    bits |= size > 2 ? in[2] : 0;
    for (unsigned i = 0; i < 4; i++)
        four[i] = i <= size ? letters[bits >> (18 - 6 * i) & 63] : '=';
    text_add(out, slice_from(four, 4));
}

void base64_encode(struct text *out, struct slice bytes)
{
    const unsigned char *in = (const unsigned char *)bytes.base;

    for (size_t at = 0; at < bytes.size; at += 3)
        add_group(out, in + at, bytes.size - at < 3 ? bytes.size - at : 3);
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static struct slice without_padding(struct slice text)
{
    if (text.size % 4 == 0 && text.size > 0 && text.base[text.size - 1] == '=')
        text.size -= text.base[text.size - 2] == '=' ? 2 : 1;
    return text;
}

/* Two to four letters. */
static enum err take_group(struct text *out, const char *in, size_t size)
{
    uint32_t bits = 0;
    char bytes[3];

    for (size_t i = 0; i < 4; i++) {
        int value = i < size ? value_of(in[i]) : 0;

        if (value < 0)
            return ERR_BAD_VALUE;
        bits = bits << 6 | (uint32_t)value;
    }
    for (unsigned i = 0; i < 3; i++)
        bytes[i] = (char)(bits >> (16 - 8 * i));
    text_add(out, slice_from(bytes, size - 1));
    return ERR_OK;
}

enum err base64_decode(struct text *out, struct slice text)
{
    enum err e = ERR_OK;

    text = without_padding(text);
    if (text.size % 4 == 1)
        return ERR_BAD_VALUE;
    for (size_t at = 0; at < text.size && !e; at += 4)
        e = take_group(out, text.base + at, text.size - at < 4 ? text.size - at : 4);
    if (!e && out->failed)
        e = text.size / 4 * 3 > out->limit - out->size ? ERR_TOO_LARGE : ERR_NO_MEMORY;
    return e;
}
