#include "sidecar/cli_show.h"

#include <stdlib.h>

#include "tests/lib/test.h"

static char *printed;
static size_t printed_size;

static const char *print(struct show *s)
{
    FILE *out = open_memstream(&printed, &printed_size);

    assert_int_equal(show_print(s, out), 0);
    fclose(out);
    return printed;
}

static int test_setup(void **state)
{
    (void)state;
    printed = NULL;
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    free(printed);
    return 0;
}

TEST(columns_are_as_wide_as_their_widest_cell)
{
    struct show s;

    show_init(&s, "A", "LONG", "C", NULL);
    show_cell(&s, "%s", "wide cell");
    show_cell(&s, "%d", 1);
    show_cell(&s, "%s", "x");
    assert_string_equal(print(&s), "A          LONG  C\n"
                                   "wide cell  1     x\n");
}

TEST(nothing_is_a_dash)
{
    struct show s;

    show_init(&s, "A", NULL);
    show_cell(&s, "%s", "");
    assert_string_equal(print(&s), "A\n-\n");
}

TEST(letters_of_several_bytes_take_one_place)
{
    struct show s;

    show_init(&s, "A", "B", NULL);
    show_cell(&s, "%s", "z\xc3\xbcrich");
    show_cell(&s, "%s", "1");
    assert_string_equal(print(&s), "A       B\nz\xc3\xbcrich  1\n");
}

TEST(control_bytes_do_not_reach_the_terminal)
{
    struct show s;

    show_init(&s, "A", NULL);
    show_cell(&s, "%s", "a\x1b[2J\nb\x7f");
    show_cell(&s, "%s",
              "\xc2\x9b"
              "2J\xc3\xbc\xc2\xa0\xc2");
    assert_string_equal(print(&s), "A\na?[2J?b?\n??2J\xc3\xbc\xc2\xa0?\n");
}

static void assert_ago(json_int_t ms, const char *text)
{
    char out[48];

    assert_string_equal(show_ago(out, ms), text);
}

TEST(times_are_said_in_their_coarsest_units)
{
    assert_ago(0, "0ms");
    assert_ago(999, "999ms");
    assert_ago(1500, "1s");
    assert_ago(61000, "1m1s");
    assert_ago(600000, "10m");
    assert_ago(7200000, "2h");
    assert_ago(90000000, "1d1h");
}

static void assert_bytes(json_int_t bytes, const char *text)
{
    char out[48];

    assert_string_equal(show_bytes(out, bytes), text);
}

TEST(sizes_are_said_in_powers_of_1024)
{
    assert_bytes(0, "0 B");
    assert_bytes(1023, "1023 B");
    assert_bytes(1536, "1.5 KiB");
    assert_bytes(20 * 1024 * 1024, "20 MiB");
}

TEST(what_is_not_there_is_empty_or_zero)
{
    assert_string_equal(show_text(NULL, "x"), "");
    assert_int_equal(show_number(NULL, "x"), 0);
}

TESTS(RUN_WITH(columns_are_as_wide_as_their_widest_cell), RUN_WITH(nothing_is_a_dash),
      RUN_WITH(letters_of_several_bytes_take_one_place),
      RUN_WITH(control_bytes_do_not_reach_the_terminal),
      RUN(times_are_said_in_their_coarsest_units), RUN(sizes_are_said_in_powers_of_1024),
      RUN(what_is_not_there_is_empty_or_zero))
