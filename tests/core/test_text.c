#include "sidecar/core/text.h"

#include <jansson.h>
#include <stdlib.h>

#include "sidecar/core/random.h"
#include "sidecar/core/utf8.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/test.h"

static struct text t;

static int test_setup(void **state)
{
    (void)state;
    text_init(&t, 1000);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    text_fini(&t);
    return t.base != NULL;
}

TEST(grows_as_it_is_added_to)
{
    for (int i = 0; i < 100; i++)
        text_addf(&t, "%d,", i % 10);
    assert_int_equal(t.size, 200);
    assert_string_equal(t.base + 194, "7,8,9,");
}

TEST(an_empty_text_is_empty)
{
    assert_int_equal(text_slice(&t).size, 0);
    text_add(&t, SLICE(""));
    assert_string_equal(t.base, "");
}

TEST(gives_back_what_a_long_text_took)
{
    text_addf(&t, "%900d", 1);
    text_clear_to(&t, 100);
    assert_null(t.base);
    text_addf(&t, "short");
    text_clear_to(&t, 100);
    assert_string_equal(t.base, "");
    assert_int_equal(t.limit, 1000);
}

TEST(fills_to_its_limit_and_no_further)
{
    text_addf(&t, "%1000d", 1);
    assert_false(t.failed);
    text_add(&t, SLICE("x"));
    assert_true(t.failed);
    assert_int_equal(t.size, 1000);
}

TEST(a_failure_stays_and_changes_nothing)
{
    text_add(&t, SLICE("kept"));
    text_addf(&t, "%2000d", 1);
    text_add(&t, SLICE("more"));
    assert_true(t.failed);
    assert_string_equal(t.base, "kept");
}

TEST(is_like_new_after_a_clear)
{
    text_addf(&t, "%2000d", 1);
    text_clear(&t);
    text_add(&t, SLICE("new"));
    assert_false(t.failed);
    assert_string_equal(t.base, "new");
}

TEST(what_is_taken_is_the_callers)
{
    char *taken;

    text_add(&t, SLICE("mine"));
    taken = text_take(&t);
    assert_string_equal(taken, "mine");
    assert_int_equal(t.size, 0);
    free(taken);
}

TEST(an_empty_text_can_be_taken)
{
    char *taken = text_take(&t);

    assert_string_equal(taken, "");
    free(taken);
}

TEST(a_failed_text_is_not_taken)
{
    text_addf(&t, "%2000d", 1);
    assert_null(text_take(&t));
    assert_false(t.failed);
}

static const char *json(struct slice s)
{
    text_clear(&t);
    text_add_json(&t, s);
    return t.base;
}

TEST(escapes_as_json_asks)
{
    assert_string_equal(json(SLICE("a\"b\\c/")), "\"a\\\"b\\\\c/\"");
    assert_string_equal(json(SLICE("\b\f\n\r\t")), "\"\\b\\f\\n\\r\\t\"");
    assert_string_equal(json(slice_from("\x00\x1f\x7f", 3)), "\"\\u0000\\u001f\x7f\"");
    assert_string_equal(json(SLICE("")), "\"\"");
}

TEST(good_utf8_passes)
{
    assert_string_equal(json(SLICE("é€😀")), "\"é€😀\"");
}

TEST(bad_utf8_is_replaced_byte_by_byte)
{
    assert_string_equal(json(SLICE("a\xff")), "\"a\xEF\xBF\xBD\"");
    assert_string_equal(json(SLICE("\xC0\xAF")), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
    assert_string_equal(json(SLICE("\xE2\x82")), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

TEST(knows_the_edges_of_utf8)
{
    assert_int_equal(utf8_size(SLICE("\xED\x9F\xBF")), 3);
    assert_int_equal(utf8_size(SLICE("\xED\xA0\x80")), 0);
    assert_int_equal(utf8_size(SLICE("\xF4\x8F\xBF\xBF")), 4);
    assert_int_equal(utf8_size(SLICE("\xF4\x90\x80\x80")), 0);
    assert_int_equal(utf8_size(SLICE("\xE0\x9F\xBF")), 0);
    assert_int_equal(utf8_size(SLICE("\xF0\x8F\xBF\xBF")), 0);
    assert_int_equal(utf8_size(SLICE("\xC3")), 0);
    assert_int_equal(utf8_size(SLICE("")), 0);
}

TEST(json_that_does_not_fit_adds_nothing)
{
    text_addf(&t, "%995d", 1);
    text_add_json(&t, SLICE("too long"));
    assert_true(t.failed);
    assert_int_equal(t.size, 995);
}

TEST(any_bytes_become_json_that_a_parser_takes)
{
    struct random r;
    char bytes[60];

    random_init(&r, 5);
    for (int i = 0; i < 2000; i++) {
        json_t *parsed;

        for (size_t at = 0; at < sizeof(bytes); at++)
            bytes[at] = (char)random_next(&r);
        json(slice_from(bytes, random_below(&r, sizeof(bytes))));
        parsed = json_loads(t.base, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_non_null(parsed);
        json_decref(parsed);
    }
}

static bool builds_a_text(void)
{
    struct text mine;
    char *taken;

    text_init(&mine, 10000);
    for (int i = 0; i < 20; i++)
        text_add_json(&mine, SLICE("some\ntext that fills the buffer"));
    text_addf(&mine, "%500d", 1);
    taken = text_take(&mine);
    free(taken);
    return taken;
}

TEST(says_so_when_memory_is_out)
{
    assert_in_range(fault_heap_each(builds_a_text), 3, 10);
}

TESTS(RUN_WITH(grows_as_it_is_added_to), RUN_WITH(an_empty_text_is_empty),
      RUN_WITH(gives_back_what_a_long_text_took),
      RUN_WITH(fills_to_its_limit_and_no_further),
      RUN_WITH(a_failure_stays_and_changes_nothing), RUN_WITH(is_like_new_after_a_clear),
      RUN_WITH(what_is_taken_is_the_callers), RUN_WITH(an_empty_text_can_be_taken),
      RUN_WITH(a_failed_text_is_not_taken), RUN_WITH(escapes_as_json_asks),
      RUN_WITH(good_utf8_passes), RUN_WITH(bad_utf8_is_replaced_byte_by_byte),
      RUN_WITH(knows_the_edges_of_utf8), RUN_WITH(json_that_does_not_fit_adds_nothing),
      RUN_WITH(any_bytes_become_json_that_a_parser_takes),
      RUN_WITH(says_so_when_memory_is_out))
