#include "tests/lib/test.h"

#include <stdio.h>

#include "discovery/complaints.h"

static struct complaints complaints;
static unsigned held_back;

static int test_setup(void **state)
{
    (void)state;
    complaints = (struct complaints){.next = 0};
    held_back = 0;
    return 0;
}

static bool complain(uint64_t now, const char *who)
{
    return complaints_may_log(&complaints, now, slice_of(who), SLICE("no JSON"),
                              &held_back);
}

static bool complain_number(uint64_t now, unsigned number)
{
    char who[16];

    snprintf(who, sizeof who, "%u", number);
    return complain(now, who);
}

TEST(says_a_mistake_once)
{
    assert_true(complain(1, "a"));
    assert_false(complain(1000 * 1000, "a"));
    assert_true(complain(1000 * 1000, "b"));
}

TEST(holds_back_a_flood_and_counts_it)
{
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(complain_number(1, i), i < COMPLAINTS_BURST);
    assert_true(complain_number(1 + COMPLAINTS_PAUSE_MS, 100));
    assert_int_equal(held_back, 100 - COMPLAINTS_BURST);
}

TESTS(cmocka_unit_test_setup(says_a_mistake_once, test_setup),
      cmocka_unit_test_setup(holds_back_a_flood_and_counts_it, test_setup))
