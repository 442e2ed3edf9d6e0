/* logarithm.h - ln(x) for normal x > 0, within 1e-8 and the same on every machine: hashes that are weighed by it must
 * agree. libm would take 300 KiB of memory for it. */
#ifndef SIDECAR_CORE_LOGARITHM_H
#define SIDECAR_CORE_LOGARITHM_H

#include <stdint.h>
#include <string.h>

#define LOGARITHM_OF_2 0.69314718055994530942
#define LOGARITHM_OF_10 2.30258509299404568402

/* x = m * 2^e with m from 1/sqrt(2) to sqrt(2); ln(m) = 2 artanh((m - 1) / (m + 1)), as a series. */
static inline double logarithm(double x)
{
    uint64_t bits;
    double m, e, t, t2;

    memcpy(&bits, &x, sizeof(bits));
    e = (double)(bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffffULL) | 1023ULL << 52;
    memcpy(&m, &bits, sizeof(m));
    if (m > 1.4142135623730951) {
        m /= 2;
        e += 1;
    }
    t = (m - 1) / (m + 1);
    t2 = t * t;
    return e * LOGARITHM_OF_2 +
           2 * t * (1 + t2 * (1. / 3 + t2 * (1. / 5 + t2 * (1. / 7 + t2 / 9))));
}

#endif
