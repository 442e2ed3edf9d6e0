#include "tests/lib/test.h"

#include <math.h>

#include "sidecar/core/logarithm.h"

TEST(agrees_with_the_c_library)
{
    for (double x = 1e-16; x < 1e16; x *= 1.0173)
        assert_true(fabs(logarithm(x) - log(x)) < 1e-8);
}

TEST(is_nothing_at_one)
{
    assert_true(logarithm(1) == 0);
}

TEST(grows_with_its_number)
{
    for (double x = 0.5; x < 2.5; x += 0.0001)
        assert_true(logarithm(x + 0.0001) > logarithm(x));
}

TESTS(RUN(agrees_with_the_c_library), RUN(is_nothing_at_one), RUN(grows_with_its_number))
