#include "sidecar/core/sha1.h"

static uint32_t rotate(uint32_t x, unsigned bits)
{
    return x << bits | x >> (32 - bits);
}

static void expand(uint32_t w[80], const uint8_t block[64])
{
    for (unsigned t = 0; t < 16; t++, block += 4)
        w[t] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 |
               (uint32_t)block[2] << 8 | block[3];
    for (unsigned t = 16; t < 80; t++)
        w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
}

static uint32_t choose(unsigned t, uint32_t b, uint32_t c, uint32_t d)
{
    if (t < 20)
        return (b & c) | (~b & d);
    if (t >= 40 && t < 60)
        return (b & c) | (b & d) | (c & d);
    return b ^ c ^ d;
}

static void take_block(uint32_t h[5], const uint8_t block[64])
{
    static const uint32_t k[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    uint32_t w[80], v[5];

    expand(w, block);
    memcpy(v, h, sizeof(v));
    for (unsigned t = 0; t < 80; t++) {
        uint32_t next =
            rotate(v[0], 5) + choose(t, v[1], v[2], v[3]) + v[4] + w[t] + k[t / 20];

        v[4] = v[3];
        v[3] = v[2];
        v[2] = rotate(v[1], 30);
        v[1] = v[0];
        v[0] = next;
    }
    for (unsigned i = 0; i < 5; i++)
        h[i] += v[i];
}

void sha1(uint8_t out[SHA1_SIZE], struct slice text)
{
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint8_t padded[128] = {0};
    size_t size = text.size < SHA1_TEXT_LIMIT ? text.size : SHA1_TEXT_LIMIT;
    size_t blocks = size + 9 > 64 ? 2 : 1;

    if (size)
        memcpy(padded, text.base, size);
    padded[size] = 0x80;
    padded[blocks * 64 - 2] = (uint8_t)(size >> 5);
    padded[blocks * 64 - 1] = (uint8_t)(size << 3);
    for (size_t i = 0; i < blocks; i++)
        take_block(h, padded + i * 64);
    for (unsigned i = 0; i < SHA1_SIZE; i++)
        out[i] = (uint8_t)(h[i / 4] >> (24 - i % 4 * 8));
}
