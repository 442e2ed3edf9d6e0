#include "config/nearest.h"

#include "tests/lib/test.h"

static const char *const known[] = {"retries", "timeout", "pool", "port", "balancer"};

static const char *near(const char *word)
{
    return nearest(slice_of(word), known, sizeof(known) / sizeof(known[0]));
}

TEST(finds_swapped_missing_added_and_wrong_letters)
{
    assert_string_equal(near("retires"), "retries");
    assert_string_equal(near("retris"), "retries");
    assert_string_equal(near("timeouts"), "timeout");
    assert_string_equal(near("balanser"), "balancer");
}

TEST(a_third_of_the_word_may_be_wrong_and_no_more)
{
    assert_string_equal(near("ballonser"), "balancer");
    assert_null(near("bxxxxcer"));
    assert_string_equal(near("por"), "port");
    assert_null(near("xx"));
}

TEST(the_first_of_equally_near_ones_wins)
{
    assert_string_equal(near("poot"), "pool");
    assert_string_equal(near("poxl"), "pool");
}

TEST(the_word_itself_is_nearest)
{
    assert_string_equal(near("pool"), "pool");
}

TEST(nothing_is_near_to_nothing)
{
    assert_null(near(""));
    assert_null(nearest(SLICE("x"), known, 0));
}

TEST(endless_words_are_near_to_nothing)
{
    char word[5000];

    memset(word, 'a', sizeof(word));
    assert_null(nearest(slice_from(word, sizeof(word)), known, 5));
    assert_null(nearest(slice_from(word, 64), known, 5));
    assert_null(nearest(slice_from(word, 63), known, 5));
}

TEST(says_what_and_the_nearest)
{
    struct nearest n;
    struct why w;

    nearest_init(&n, SLICE("retires"));
    nearest_offer(&n, SLICE("retries"));
    assert_int_equal(nearest_why(&n, &w, ERR_BAD_VALUE, "unknown"), ERR_BAD_VALUE);
    assert_string_equal(w.text, "unknown (did you mean \"retries\"?)");
}

TESTS(RUN(finds_swapped_missing_added_and_wrong_letters),
      RUN(a_third_of_the_word_may_be_wrong_and_no_more),
      RUN(the_first_of_equally_near_ones_wins), RUN(the_word_itself_is_nearest),
      RUN(nothing_is_near_to_nothing), RUN(endless_words_are_near_to_nothing),
      RUN(says_what_and_the_nearest))
