#include "sidecar/core/queue.h"

#include <stdlib.h>

#include "sidecar/core/random.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/test.h"

enum { MODEL_SIZE = 200000 };

static struct queue_pool pool;
static struct queue q;
static char model[MODEL_SIZE];

static int test_setup(void **state)
{
    (void)state;
    q = (struct queue){0};
    queue_pool_init(&pool, 2);
    for (size_t i = 0; i < MODEL_SIZE; i++)
        model[i] = (char)(i * 7 + i / 251);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    queue_clear(&q, &pool);
    queue_pool_fini(&pool);
    return q.first != NULL || pool.spare != NULL;
}

static enum err append(size_t at, size_t size)
{
    return queue_append(&q, &pool, slice_from(model + at, size));
}

/* What is queued from `offset` on is model[at ...]. */
static void assert_holds(size_t offset, size_t at, size_t size)
{
    struct slice slices[16];
    unsigned count = queue_peek_from(&q, offset, slices, 16);

    for (unsigned i = 0; i < count; i++) {
        assert_memory_equal(slices[i].base, model + at, slices[i].size);
        at += slices[i].size;
        size -= slices[i].size;
    }
    assert_int_equal(size, 0);
}

TEST(an_empty_queue_holds_nothing)
{
    struct slice slice;

    assert_int_equal(queue_size(&q), 0);
    assert_int_equal(queue_peek(&q, &slice, 1), 0);
    assert_null(q.first);
}

TEST(gives_back_what_was_put_in)
{
    append(0, 100);
    append(100, 200);
    assert_int_equal(queue_size(&q), 300);
    assert_holds(0, 0, 300);
}

TEST(spans_chunks)
{
    append(0, 3 * QUEUE_CHUNK + 5);
    assert_int_equal(queue_size(&q), 3 * QUEUE_CHUNK + 5);
    assert_holds(0, 0, 3 * QUEUE_CHUNK + 5);
}

TEST(fills_a_chunk_before_it_takes_another)
{
    struct slice first;

    append(0, QUEUE_CHUNK - 1);
    append(QUEUE_CHUNK - 1, 2);
    assert_holds(0, 0, QUEUE_CHUNK + 1);
    queue_peek(&q, &first, 1);
    assert_int_equal(first.size, QUEUE_CHUNK);
}

TEST(peeks_from_the_middle)
{
    append(0, 2 * QUEUE_CHUNK + 10);
    assert_holds(7, 7, 2 * QUEUE_CHUNK + 3);
    assert_holds(QUEUE_CHUNK, QUEUE_CHUNK, QUEUE_CHUNK + 10);
    assert_holds(2 * QUEUE_CHUNK + 9, 2 * QUEUE_CHUNK + 9, 1);
    assert_holds(2 * QUEUE_CHUNK + 10, 0, 0);
}

TEST(peeks_no_more_slices_than_asked)
{
    struct slice slices[2];

    append(0, 5 * QUEUE_CHUNK);
    assert_int_equal(queue_peek(&q, slices, 2), 2);
    assert_int_equal(slices[0].size + slices[1].size, 2 * QUEUE_CHUNK);
}

TEST(consumes_from_the_front)
{
    append(0, 2 * QUEUE_CHUNK);
    queue_consume(&q, &pool, QUEUE_CHUNK + 100);
    assert_int_equal(queue_size(&q), QUEUE_CHUNK - 100);
    assert_holds(0, QUEUE_CHUNK + 100, QUEUE_CHUNK - 100);
}

TEST(consumes_at_most_all)
{
    append(0, 100);
    queue_consume(&q, &pool, 1000);
    assert_int_equal(queue_size(&q), 0);
    assert_null(q.first);
    assert_null(q.last);
}

TEST(an_emptied_queue_gives_its_chunks_back)
{
    append(0, 5 * QUEUE_CHUNK);
    queue_clear(&q, &pool);
    assert_null(q.first);
    assert_int_equal(pool.count, 2);
}

TEST(spare_chunks_are_used_again)
{
    append(0, 2 * QUEUE_CHUNK);
    queue_clear(&q, &pool);
    fault_heap_fail_at(1);
    assert_int_equal(append(0, 2 * QUEUE_CHUNK), ERR_OK);
    assert_false(fault_heap_stop());
    assert_holds(0, 0, 2 * QUEUE_CHUNK);
}

TEST(nothing_appended_changes_nothing)
{
    assert_int_equal(queue_append(&q, &pool, (struct slice){NULL, 0}), ERR_OK);
    assert_null(q.first);
}

TEST(no_memory_leaves_the_queue_as_it_was)
{
    append(0, 100);
    fault_heap_fail_at(3);
    assert_int_equal(append(100, 4 * QUEUE_CHUNK), ERR_NO_MEMORY);
    assert_true(fault_heap_stop());
    assert_int_equal(queue_size(&q), 100);
    assert_holds(0, 0, 100);
}

static bool appends_much(void)
{
    struct queue mine = {0};
    struct queue_pool its;
    enum err e;

    queue_pool_init(&its, 4);
    e = queue_append(&mine, &its, slice_from(model, 1000));
    if (!e)
        e = queue_append(&mine, &its, slice_from(model, 3 * QUEUE_CHUNK));
    queue_clear(&mine, &its);
    queue_pool_fini(&its);
    return e == ERR_OK;
}

TEST(says_so_when_memory_is_out)
{
    assert_int_equal(fault_heap_each(appends_much), 4);
}

TEST(agrees_with_a_plain_buffer_whatever_is_done)
{
    struct random r;
    size_t head = 0, tail = 0;

    random_init(&r, 7);
    while (tail < MODEL_SIZE) {
        size_t more = random_below(&r, 40000);

        more = more < MODEL_SIZE - tail ? more : MODEL_SIZE - tail;
        append(tail, more);
        tail += more;
        more = random_below(&r, (uint32_t)(tail - head) + 1);
        queue_consume(&q, &pool, more);
        head += more;
        assert_int_equal(queue_size(&q), tail - head);
        assert_holds(0, head, tail - head);
    }
}

TESTS(RUN_WITH(an_empty_queue_holds_nothing), RUN_WITH(gives_back_what_was_put_in),
      RUN_WITH(spans_chunks), RUN_WITH(fills_a_chunk_before_it_takes_another),
      RUN_WITH(peeks_from_the_middle), RUN_WITH(peeks_no_more_slices_than_asked),
      RUN_WITH(consumes_from_the_front), RUN_WITH(consumes_at_most_all),
      RUN_WITH(an_emptied_queue_gives_its_chunks_back),
      RUN_WITH(spare_chunks_are_used_again), RUN_WITH(nothing_appended_changes_nothing),
      RUN_WITH(no_memory_leaves_the_queue_as_it_was),
      RUN_WITH(says_so_when_memory_is_out),
      RUN_WITH(agrees_with_a_plain_buffer_whatever_is_done))
