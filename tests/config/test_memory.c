#include "config/memory.h"

#include "tests/lib/fault_heap.h"
#include "tests/lib/test.h"

static struct memory m;

TEST(hands_out_zeroed_and_aligned_pieces)
{
    for (size_t size = 1; size < 10000; size += 97) {
        char *piece = memory_take(&m, size);

        assert_non_null(piece);
        assert_int_equal((uintptr_t)piece % 16, 0);
        assert_int_equal(piece[0] | piece[size - 1], 0);
        memset(piece, 0xff, size);
    }
    memory_free(&m);
}

TEST(copies_end_in_a_zero)
{
    assert_string_equal(memory_copy(&m, slice_from("abcdef", 3)), "abc");
    assert_string_equal(memory_copy(&m, (struct slice){NULL, 0}), "");
    memory_free(&m);
}

TEST(hands_out_nothing_past_its_limit)
{
    m.limit = 100;
    assert_non_null(memory_take(&m, 60));
    assert_null(memory_take(&m, 41));
    assert_null(memory_take(&m, SIZE_MAX));
    assert_non_null(memory_take(&m, 40));
    memory_free(&m);
    assert_non_null(memory_take(&m, 100));
    memory_free(&m);
    m.limit = 0;
}

TEST(joins_older_blocks)
{
    struct memory other = {0};
    char *text = memory_copy(&other, SLICE("old"));

    memory_take(&m, 10);
    memory_join(&m, other.blocks);
    assert_string_equal(text, "old");
    memory_free(&m);
}

static bool takes(void)
{
    void *a = memory_take(&m, 5000), *b = memory_take(&m, 5000);

    memory_free(&m);
    return a && b;
}

TEST(survives_each_refused_allocation)
{
    assert_int_equal(fault_heap_each(takes), 2);
}

TESTS(RUN(hands_out_zeroed_and_aligned_pieces), RUN(copies_end_in_a_zero),
      RUN(hands_out_nothing_past_its_limit), RUN(joins_older_blocks),
      RUN(survives_each_refused_allocation))
