#include "sidecar/core/random.h"

#include "tests/lib/test.h"

TEST(the_same_seed_gives_the_same_numbers)
{
    struct random one, two;

    random_init(&one, 42);
    random_init(&two, 42);
    for (int i = 0; i < 100; i++)
        assert_true(random_next(&one) == random_next(&two));
}

TEST(the_kernel_gives_a_different_seed_each_time)
{
    struct random one, two;

    random_init(&one, 0);
    random_init(&two, 0);
    assert_true(random_next(&one) != random_next(&two));
}

TEST(stays_below_the_bound_and_reaches_all_of_it)
{
    unsigned seen[7] = {0};
    struct random r;

    random_init(&r, 1);
    for (int i = 0; i < 7000; i++)
        seen[random_below(&r, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_in_range(seen[i], 800, 1200);
}

TEST(below_one_is_zero)
{
    struct random r;

    random_init(&r, 1);
    for (int i = 0; i < 100; i++)
        assert_int_equal(random_below(&r, 1), 0);
}

TEST(jitter_stays_in_its_range_and_reaches_both_ends)
{
    bool low = false, high = false;
    struct random r;

    random_init(&r, 1);
    for (int i = 0; i < 10000; i++) {
        uint64_t value = random_jitter(&r, 5000, 10);

        assert_in_range(value, 4500, 5500);
        low = low || value < 4510;
        high = high || value > 5490;
    }
    assert_true(low && high);
}

TEST(jitter_of_small_values_reaches_each)
{
    unsigned seen[12] = {0};
    struct random r;

    random_init(&r, 1);
    for (int i = 0; i < 3000; i++)
        seen[random_jitter(&r, 10, 10)]++;
    for (int i = 9; i <= 11; i++)
        assert_in_range(seen[i], 900, 1100);
}

TEST(no_jitter_changes_nothing)
{
    struct random r;

    random_init(&r, 1);
    assert_int_equal(random_jitter(&r, 5000, 0), 5000);
    assert_int_equal(random_jitter(&r, 0, 50), 0);
    assert_int_equal(random_jitter(&r, 3, 10), 3);
}

TEST(jitter_of_large_values_does_not_overflow)
{
    struct random r;

    random_init(&r, 1);
    for (int i = 0; i < 100; i++)
        assert_true(random_jitter(&r, UINT64_MAX, 50) >= UINT64_MAX / 2);
}

TEST(hex_digits_are_as_many_as_asked_for_and_a_zero)
{
    char id[33];

    memset(id, 'x', sizeof(id));
    random_hex(id, 32);
    assert_int_equal(strlen(id), 32);
    assert_int_equal(strspn(id, "0123456789abcdef"), 32);
    random_hex(id, 5);
    assert_int_equal(strlen(id), 5);
}

TEST(ids_differ)
{
    char one[33], two[33];

    random_hex(one, 32);
    random_hex(two, 32);
    assert_string_not_equal(one, two);
    assert_int_not_equal(memcmp(one, one + 16, 16), 0);
}

TESTS(RUN(the_same_seed_gives_the_same_numbers),
      RUN(the_kernel_gives_a_different_seed_each_time),
      RUN(stays_below_the_bound_and_reaches_all_of_it), RUN(below_one_is_zero),
      RUN(jitter_stays_in_its_range_and_reaches_both_ends),
      RUN(jitter_of_small_values_reaches_each), RUN(no_jitter_changes_nothing),
      RUN(jitter_of_large_values_does_not_overflow),
      RUN(hex_digits_are_as_many_as_asked_for_and_a_zero), RUN(ids_differ))
