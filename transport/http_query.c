#include "transport/http_server.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that "%XX" stands for; -1: none, or NUL, which would end our text early. */
static int decode_triplet(struct slice s)
{
    int high, low;

    if (s.size < 3)
        return -1;
    high = hex_digit(s.base[1]);
    low = hex_digit(s.base[2]);
    return high < 0 || low < 0 || (high | low) == 0 ? -1 : high << 4 | low;
}

static bool decode(struct slice in, bool plus_is_space, char *out, size_t size)
{
    size_t at = 0;

    while (in.size > 0) {
        bool triplet = in.base[0] == '%';
        int byte = triplet ? decode_triplet(in) : (unsigned char)in.base[0];

        if (byte <= 0 || at + 1 >= size)
            return false;
        if (plus_is_space && !triplet && byte == '+')
            byte = ' ';
        out[at++] = (char)byte;
        in = slice_after(in, triplet ? 3 : 1);
    }
    if (size == 0)
        return false;
    out[at] = 0;
    return true;
}

bool percent_decode(struct slice in, char *out, size_t size)
{
    return decode(in, false, out, size);
}

bool query_value(struct slice query, const char *name, char *out, size_t size)
{
    while (query.size > 0) {
        struct slice pair = slice_first(query, slice_find(query, '&'));
        size_t equals = slice_find(pair, '=');
        char key[128];

        if (decode(slice_first(pair, equals), true, key, sizeof(key)) &&
            strcmp(key, name) == 0)
            return decode(slice_after(pair, equals + 1), true, out, size);
        query = slice_after(query, pair.size + 1);
    }
    return false;
}
