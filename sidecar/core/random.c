#include "sidecar/core/random.h"

#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* splitmix64 (Vigna, 2015): spreads one number over a state. */
static uint64_t spread(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* Where a sandbox forbids getrandom(), ids still differ from process to process. */
static uint64_t seed_without_kernel(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_nsec ^ (uint64_t)t.tv_sec << 32 ^ (uint64_t)getpid() << 16;
}

static uint64_t seed_from_kernel(void)
{
    uint64_t seed;

    if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
        return seed_without_kernel();
    return seed;
}

void random_init(struct random *r, uint64_t seed)
{
    seed = seed ? seed : seed_from_kernel();
    for (unsigned i = 0; i < 4; i++)
        r->state[i] = spread(&seed);
}

static uint64_t rotated(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

/* xoshiro256** (Blackman and Vigna, 2018). */
uint64_t random_next(struct random *r)
{
    uint64_t *s = r->state;
    uint64_t result = rotated(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotated(s[3], 45);
    return result;
}

uint32_t random_below(struct random *r, uint32_t bound)
{
    return (uint32_t)((random_next(r) >> 32) * bound >> 32);
}

static uint64_t scaled(uint64_t value, uint64_t by, uint64_t of)
{
    return (uint64_t)((unsigned __int128)value * by / of);
}

uint64_t random_jitter(struct random *r, uint64_t value, unsigned percent)
{
    uint64_t most = scaled(value, percent < 100 ? percent : 100, 100);
    uint64_t least = value - most;
    unsigned __int128 span = (unsigned __int128)most * 2 + 1;
    uint64_t more = (uint64_t)(span * (random_next(r) >> 32) >> 32);

    return more > UINT64_MAX - least ? UINT64_MAX : least + more;
}

void random_hex(char *out, size_t size)
{
    struct random r;

    for (size_t i = 0; i < size; i++) {
        if (i % 16 == 0)
            random_init(&r, 0);
        out[i] = "0123456789abcdef"[r.state[0] >> i % 16 * 4 & 15];
    }
    out[size] = '\0';
}
