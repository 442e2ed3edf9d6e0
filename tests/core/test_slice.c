#include "sidecar/core/slice.h"

#include <stdlib.h>

#include "tests/lib/fault_heap.h"
#include "tests/lib/test.h"

TEST(equal_bytes_are_equal)
{
    assert_true(slice_is(SLICE("orders"), "orders"));
    assert_false(slice_is(SLICE("orders"), "order"));
    assert_false(slice_is(SLICE("orders"), "Orders"));
    assert_true(slice_equals((struct slice){NULL, 0}, SLICE("")));
}

TEST(letters_are_equal_in_either_case)
{
    assert_true(slice_equals_nocase(SLICE("Content-Length"), SLICE("cONTENT-lENGTH")));
    assert_false(slice_equals_nocase(SLICE("Content-Length"), SLICE("Content-Lengtx")));
    assert_false(slice_equals_nocase(SLICE("Host"), SLICE("Hosts")));
}

TEST(only_letters_have_two_cases)
{
    assert_false(slice_equals_nocase(SLICE("@"), SLICE("`")));
    assert_false(slice_equals_nocase(SLICE("["), SLICE("{")));
    assert_false(slice_equals_nocase(SLICE("\r"), SLICE("-")));
    assert_false(slice_equals_nocase(SLICE("\xC4"), SLICE("\xE4")));
}

TEST(trims_blanks_and_tabs_alone)
{
    assert_true(slice_is(slice_trim(SLICE(" \t a b\t ")), "a b"));
    assert_true(slice_is(slice_trim(SLICE("\ra\n")), "\ra\n"));
    assert_int_equal(slice_trim(SLICE(" \t ")).size, 0);
}

TEST(finds_the_first_of_a_character)
{
    assert_int_equal(slice_find(SLICE("a=b=c"), '='), 1);
    assert_int_equal(slice_find(SLICE("abc"), '='), 3);
    assert_int_equal(slice_find((struct slice){NULL, 0}, '='), 0);
}

TEST(never_reaches_past_the_end)
{
    assert_int_equal(slice_after(SLICE("abc"), 9).size, 0);
    assert_int_equal(slice_first(SLICE("abc"), 9).size, 3);
    assert_true(slice_starts_with(SLICE("abc"), SLICE("ab")));
    assert_false(slice_starts_with(SLICE("ab"), SLICE("abc")));
}

TEST(cuts_a_list_into_trimmed_items)
{
    struct slice rest = SLICE("gzip, chunked ,,x");

    assert_true(slice_is(slice_next(&rest, ','), "gzip"));
    assert_true(slice_is(slice_next(&rest, ','), "chunked"));
    assert_true(slice_is(slice_next(&rest, ','), ""));
    assert_non_null(rest.base);
    assert_true(slice_is(slice_next(&rest, ','), "x"));
    assert_null(rest.base);
}

TEST(a_separator_at_the_end_means_one_more_empty_item)
{
    struct slice rest = SLICE("a,");

    slice_next(&rest, ',');
    assert_non_null(rest.base);
    assert_int_equal(slice_next(&rest, ',').size, 0);
    assert_null(rest.base);
}

TEST(an_empty_list_has_one_empty_item)
{
    struct slice rest = SLICE("");

    assert_int_equal(slice_next(&rest, ',').size, 0);
    assert_null(rest.base);
}

TEST(reads_decimal_numbers)
{
    uint64_t value;

    assert_true(slice_to_u64(SLICE("0"), &value) && value == 0);
    assert_true(slice_to_u64(SLICE("007"), &value) && value == 7);
    assert_true(slice_to_u64(SLICE("18446744073709551615"), &value) &&
                value == UINT64_MAX);
}

TEST(refuses_what_is_no_number)
{
    const char *const bad[] = {"",   "-1",  "+1", " 1", "1 ", "0x1",
                               "1a", "1.0", "١",  ":",  "/",  "18446744073709551616"};
    uint64_t value = 42;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(slice_to_u64(slice_of(bad[i]), &value));
    assert_int_equal(value, 42);
}

TEST(a_copy_is_terminated)
{
    char *copy = slice_dup(slice_first(SLICE("orders"), 3));

    assert_string_equal(copy, "ord");
    free(copy);
    copy = slice_dup((struct slice){NULL, 0});
    assert_string_equal(copy, "");
    free(copy);
}

static bool copies(void)
{
    char *copy = slice_dup(SLICE("orders"));

    free(copy);
    return copy;
}

TEST(no_copy_without_memory)
{
    assert_int_equal(fault_heap_each(copies), 1);
}

TESTS(RUN(equal_bytes_are_equal), RUN(letters_are_equal_in_either_case),
      RUN(only_letters_have_two_cases), RUN(trims_blanks_and_tabs_alone),
      RUN(finds_the_first_of_a_character), RUN(never_reaches_past_the_end),
      RUN(cuts_a_list_into_trimmed_items),
      RUN(a_separator_at_the_end_means_one_more_empty_item),
      RUN(an_empty_list_has_one_empty_item), RUN(reads_decimal_numbers),
      RUN(refuses_what_is_no_number), RUN(a_copy_is_terminated),
      RUN(no_copy_without_memory))
