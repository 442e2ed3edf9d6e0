/* virtual_time.h - hours in a microsecond: time passes, and each timer sees its own moment.
 *
 * clock_advance() alone is a loop that was late: all that fires sees the end of the leap.
 */
#ifndef TESTS_LIB_VIRTUAL_TIME_H
#define TESTS_LIB_VIRTUAL_TIME_H

#include "sidecar/core/clock.h"

static inline void time_passes(struct clock *c, uint64_t ms)
{
    uint64_t until = clock_now(c) + ms;

    while (clock_next(c) <= until)
        clock_advance(c, clock_next(c));
    clock_advance(c, until);
}

#endif
