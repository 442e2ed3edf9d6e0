/* random.h - xoshiro-class numbers for jitter and balancing: not for secrets.
 * One state per loop; a test seeds it and gets the same numbers each time. */
#ifndef CORE_RANDOM_H
#define CORE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t state[4];
};

/* seed 0: from the kernel. */
void random_init(struct random *r, uint64_t seed);
uint64_t random_next(struct random *r);
/* 0 .. bound-1, unbiased enough; bound > 0. */
uint32_t random_below(struct random *r, uint32_t bound);
/* `value` ± percent, evenly. */
uint64_t random_jitter(struct random *r, uint64_t value, unsigned percent);
/* Lower-case hex digits from the kernel's generator, fit for ids: `size` digits and a zero. */
void random_hex(char *out, size_t size);

#endif
