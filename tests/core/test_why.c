#include "sidecar/core/why.h"

#include <string.h>

#include "tests/lib/test.h"

static struct why w;

TEST(returns_the_error_it_was_given)
{
    assert_int_equal(why(&w, ERR_BAD_VALUE, "no"), ERR_BAD_VALUE);
    assert_int_equal(why(NULL, ERR_IO, "no"), ERR_IO);
}

TEST(is_built_from_the_inside_out)
{
    why(&w, ERR_BAD_VALUE, "must be from %d to %d", 1, 65535);
    why_in(&w, "%s.%s", "app", "port");
    why_in(&w, "csidecar.yaml:%d:%d", 3, 10);
    assert_string_equal(w.text, "csidecar.yaml:3:10: app.port: must be from 1 to 65535");
}

TEST(starts_empty)
{
    why(&w, ERR_IO, "old");
    why_init(&w);
    assert_string_equal(w.text, "");
}

TEST(nobody_needs_to_ask)
{
    why_init(NULL);
    why_in(NULL, "place");
}

TEST(takes_its_own_text_as_an_argument)
{
    why(&w, ERR_IO, "inner");
    why(&w, ERR_IO, "<%s>", w.text);
    assert_string_equal(w.text, "<inner>");
}

TEST(too_long_a_text_ends_in_dots)
{
    why(&w, ERR_IO, "%2000d", 1);
    assert_int_equal(strlen(w.text), sizeof(w.text) - 1);
    assert_string_equal(w.text + strlen(w.text) - 4, " ...");
}

TEST(a_text_that_just_fits_has_no_dots)
{
    why(&w, ERR_IO, "%*d", (int)sizeof(w.text) - 1, 7);
    assert_int_equal(strlen(w.text), sizeof(w.text) - 1);
    assert_string_equal(w.text + strlen(w.text) - 2, " 7");
}

TEST(too_long_a_place_ends_in_dots)
{
    why(&w, ERR_IO, "%900d", 1);
    why_in(&w, "%900d", 2);
    assert_int_equal(strlen(w.text), sizeof(w.text) - 1);
    assert_string_equal(w.text + strlen(w.text) - 4, " ...");
    assert_non_null(strstr(w.text, " 2: "));
}

TEST(a_place_that_is_said_otherwise_is_dropped)
{
    why(&w, ERR_IO, "a:1: refused");
    why_drop(&w, "a:2");
    assert_string_equal(w.text, "a:1: refused");
    why_drop(&w, "a:1");
    assert_string_equal(w.text, "refused");
}

TESTS(RUN(a_place_that_is_said_otherwise_is_dropped), RUN(returns_the_error_it_was_given),
      RUN(is_built_from_the_inside_out), RUN(starts_empty), RUN(nobody_needs_to_ask),
      RUN(takes_its_own_text_as_an_argument), RUN(too_long_a_text_ends_in_dots),
      RUN(a_text_that_just_fits_has_no_dots), RUN(too_long_a_place_ends_in_dots))
