#include "sidecar/core/arena.h"

#include <stdint.h>

#include "tests/lib/fault_heap.h"
#include "tests/lib/test.h"

#ifdef ARENA_EMULATE
#define ONLY_WITH_BLOCKS() skip()
#else
#define ONLY_WITH_BLOCKS()
#endif

static struct arena_pool pool;
static struct arena a;

static int test_setup(void **state)
{
    (void)state;
    arena_pool_init(&pool, 2);
    arena_init(&a, &pool, ARENA_LIMIT);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    arena_fini(&a);
    arena_pool_fini(&pool);
    return a.total != 0 || a.top != NULL || pool.spare != NULL;
}

TEST(takes_no_memory_until_asked)
{
    assert_null(a.top);
    assert_int_equal(a.total, 0);
}

TEST(pieces_are_aligned_and_apart)
{
    char *last = arena_take(&a, 1);

    for (size_t size = 1; size < 100; size++) {
        char *piece = arena_take(&a, size);

        assert_int_equal((uintptr_t)piece % _Alignof(max_align_t), 0);
        assert_true(piece != last);
        memset(piece, (int)size, size);
        last = piece;
    }
}

TEST(a_piece_of_nothing_is_a_piece)
{
    assert_non_null(arena_take(&a, 0));
}

TEST(small_pieces_share_a_block)
{
    char *first;

    ONLY_WITH_BLOCKS();
    first = arena_take(&a, 16);
    assert_ptr_equal(arena_take(&a, 16), first + 16);
}

TEST(a_large_piece_gets_a_block_of_its_own)
{
    char *piece = arena_take(&a, 3 * ARENA_BLOCK);

    memset(piece, 1, 3 * ARENA_BLOCK);
    assert_true(a.total >= 3 * ARENA_BLOCK);
}

TEST(nothing_past_the_limit)
{
    size_t taken = 0;

    while (arena_take(&a, 1000))
        taken += 1000;
    assert_in_range(taken, ARENA_LIMIT * 9 / 10, ARENA_LIMIT);
    assert_in_range(a.total, taken, ARENA_LIMIT);
}

TEST(sizes_that_overflow_are_past_the_limit)
{
    assert_null(arena_take(&a, SIZE_MAX));
    assert_null(arena_take(&a, SIZE_MAX - 14));
    assert_null(arena_take(&a, SIZE_MAX / 2));
    assert_null(arena_copy(&a, (struct slice){"x", SIZE_MAX}).base);
}

TEST(still_gives_after_it_refused)
{
    assert_null(arena_take(&a, ARENA_LIMIT + 1));
    assert_non_null(arena_take(&a, 10));
}

TEST(a_copy_is_terminated)
{
    struct slice copy = arena_copy(&a, slice_first(SLICE("orders"), 3));

    assert_string_equal(copy.base, "ord");
    assert_int_equal(copy.size, 3);
    assert_string_equal(arena_copy(&a, (struct slice){NULL, 0}).base, "");
}

TEST(a_rewind_takes_back_what_came_after_the_mark)
{
    char *kept = arena_take(&a, 10);
    struct arena_mark mark = arena_mark(&a);
    size_t total = a.total;

    strcpy(kept, "kept");
    for (int i = 0; i < 20; i++)
        arena_take(&a, 1000);
    arena_rewind(&a, mark);
    assert_int_equal(a.total, total);
    assert_string_equal(kept, "kept");
}

TEST(after_a_rewind_the_same_memory_comes_again)
{
    struct arena_mark mark;
    void *piece;

    ONLY_WITH_BLOCKS();
    arena_take(&a, 10);
    mark = arena_mark(&a);
    piece = arena_take(&a, 10);
    arena_rewind(&a, mark);
    assert_ptr_equal(arena_take(&a, 10), piece);
}

TEST(may_be_rewound_to_the_mark_again_and_again)
{
    struct arena_mark mark = arena_mark(&a);

    for (int i = 0; i < 10; i++) {
        assert_non_null(arena_take(&a, 100));
        arena_rewind(&a, mark);
        assert_int_equal(a.total, 0);
    }
}

TEST(a_trimmed_tail_is_handed_out_again)
{
    char *piece;

    ONLY_WITH_BLOCKS();
    piece = arena_take(&a, 1024);
    arena_trim(&a, piece, 1024, 100);
    assert_ptr_equal(arena_take(&a, 10), piece + 112);
}

TEST(only_the_newest_piece_is_trimmed)
{
    char *old = arena_take(&a, 64);
    char *newest = arena_take(&a, 64);

    strcpy(newest, "newest");
    arena_trim(&a, old, 64, 0);
    memset(arena_take(&a, 64), 'x', 64);
    assert_string_equal(newest, "newest");
}

TEST(blocks_go_back_to_the_pool_and_no_more_than_it_keeps)
{
    ONLY_WITH_BLOCKS();
    for (int i = 0; i < 20; i++)
        arena_take(&a, 1000);
    arena_fini(&a);
    assert_int_equal(pool.count, 2);
}

TEST(steady_use_allocates_nothing)
{
    ONLY_WITH_BLOCKS();
    arena_take(&a, 1000);
    arena_fini(&a);
    fault_heap_fail_at(1);
    for (int i = 0; i < 100; i++) {
        assert_non_null(arena_take(&a, 1000));
        arena_fini(&a);
    }
    assert_false(fault_heap_stop());
}

TEST(large_blocks_are_not_kept)
{
    arena_take(&a, 3 * ARENA_BLOCK);
    arena_fini(&a);
    assert_int_equal(pool.count, 0);
}

static bool takes_ten(void)
{
    bool all = true;

    for (int i = 0; i < 10; i++)
        all = arena_take(&a, 1500) && all;
    arena_fini(&a);
    arena_pool_fini(&pool);
    return all;
}

TEST(says_so_when_memory_is_out)
{
    assert_in_range(fault_heap_each(takes_ten), 5, 10);
}

TESTS(RUN_WITH(takes_no_memory_until_asked), RUN_WITH(pieces_are_aligned_and_apart),
      RUN_WITH(a_piece_of_nothing_is_a_piece), RUN_WITH(small_pieces_share_a_block),
      RUN_WITH(a_large_piece_gets_a_block_of_its_own), RUN_WITH(nothing_past_the_limit),
      RUN_WITH(sizes_that_overflow_are_past_the_limit),
      RUN_WITH(still_gives_after_it_refused), RUN_WITH(a_copy_is_terminated),
      RUN_WITH(a_rewind_takes_back_what_came_after_the_mark),
      RUN_WITH(after_a_rewind_the_same_memory_comes_again),
      RUN_WITH(may_be_rewound_to_the_mark_again_and_again),
      RUN_WITH(a_trimmed_tail_is_handed_out_again),
      RUN_WITH(only_the_newest_piece_is_trimmed),
      RUN_WITH(blocks_go_back_to_the_pool_and_no_more_than_it_keeps),
      RUN_WITH(steady_use_allocates_nothing), RUN_WITH(large_blocks_are_not_kept),
      RUN_WITH(says_so_when_memory_is_out))
