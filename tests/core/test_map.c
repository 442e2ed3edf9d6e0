#include "sidecar/core/map.h"

#include <stdio.h>
#include <stdlib.h>

#include "sidecar/core/random.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/test.h"

enum { MANY = 1000 };

static struct map m;
static char names[MANY][24];

static int test_setup(void **state)
{
    (void)state;
    m = (struct map){0};
    for (int i = 0; i < MANY; i++)
        snprintf(names[i], sizeof(names[i]), "service-%d", i);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    map_fini(&m);
    return m.entries != NULL;
}

static struct slice name(int i)
{
    return slice_of(names[i]);
}

TEST(an_empty_map_has_nothing)
{
    assert_null(map_get(&m, SLICE("orders")));
    assert_null(map_remove(&m, SLICE("orders")));
    map_each(e, &m) fail();
}

TEST(finds_what_was_put)
{
    int one, two;

    assert_int_equal(map_put(&m, SLICE("orders"), &one), ERR_OK);
    assert_int_equal(map_put(&m, SLICE("items"), &two), ERR_OK);
    assert_ptr_equal(map_get(&m, SLICE("orders")), &one);
    assert_ptr_equal(map_get(&m, SLICE("items")), &two);
    assert_null(map_get(&m, SLICE("order")));
}

TEST(a_replaced_entry_takes_the_new_key_too)
{
    char first[] = "orders", second[] = "orders";

    map_put(&m, slice_of(first), first);
    map_put(&m, slice_of(second), second);
    assert_int_equal(m.count, 1);
    map_each(e, &m) assert_ptr_equal(e->key.base, second);
}

TEST(keys_may_hold_any_bytes)
{
    int a, b, empty;

    map_put(&m, slice_from("a\0b", 3), &a);
    map_put(&m, slice_from("a\0c", 3), &b);
    map_put(&m, (struct slice){NULL, 0}, &empty);
    assert_ptr_equal(map_get(&m, slice_from("a\0b", 3)), &a);
    assert_ptr_equal(map_get(&m, slice_from("a\0c", 3)), &b);
    assert_ptr_equal(map_get(&m, SLICE("")), &empty);
}

TEST(grows_and_keeps_all)
{
    for (int i = 0; i < MANY; i++)
        assert_int_equal(map_put(&m, name(i), names[i]), ERR_OK);
    for (int i = 0; i < MANY; i++)
        assert_ptr_equal(map_get(&m, name(i)), names[i]);
    assert_int_equal(m.count, MANY);
}

TEST(visits_each_entry_once)
{
    unsigned visited = 0;

    for (int i = 0; i < MANY; i++)
        map_put(&m, name(i), names[i]);
    map_each(e, &m)
    {
        assert_ptr_equal(e->key.base, e->value);
        visited++;
    }
    assert_int_equal(visited, MANY);
}

TEST(a_removed_entry_is_gone_and_the_others_are_not)
{
    for (int i = 0; i < MANY; i++)
        map_put(&m, name(i), names[i]);
    for (int i = 0; i < MANY; i += 2)
        assert_ptr_equal(map_remove(&m, name(i)), names[i]);
    for (int i = 0; i < MANY; i++)
        assert_ptr_equal(map_get(&m, name(i)), i % 2 ? names[i] : NULL);
    assert_int_equal(m.count, MANY / 2);
}

TEST(most_keys_are_found_at_the_first_look)
{
    unsigned at_home = 0;

    for (int i = 0; i < MANY; i++)
        map_put(&m, name(i), names[i]);
    map_each(e, &m) at_home += (e->hash & (m.capacity - 1)) == (uint32_t)(e - m.entries);
    assert_in_range(at_home, MANY * 6 / 10, MANY);
}

TEST(equal_bytes_have_equal_hashes)
{
    char copy[] = "orders-of-more-than-eight-bytes";

    assert_int_equal(hash_bytes(slice_of(copy)),
                     hash_bytes(SLICE("orders-of-more-than-eight-bytes")));
    assert_int_not_equal(hash_bytes(SLICE("a")), hash_bytes(slice_from("a\0", 2)));
}

static bool puts_many(void)
{
    struct map mine = {0};
    enum err e = ERR_OK;

    for (int i = 0; i < 50 && !e; i++)
        e = map_put(&mine, name(i), names[i]);
    for (unsigned i = 0; i < mine.count; i++)
        assert_ptr_equal(map_get(&mine, name((int)i)), names[i]);
    map_fini(&mine);
    return e == ERR_OK;
}

TEST(keeps_what_it_had_when_memory_is_out)
{
    assert_int_equal(fault_heap_each(puts_many), 5);
}

TEST(agrees_with_an_array_whatever_is_done)
{
    bool there[100] = {false};
    struct random r;

    random_init(&r, 11);
    for (int step = 0; step < 100000; step++) {
        int i = (int)random_below(&r, 100);

        if (random_below(&r, 2)) {
            map_put(&m, name(i), names[i]);
            there[i] = true;
        } else {
            assert_ptr_equal(map_remove(&m, name(i)), there[i] ? names[i] : NULL);
            there[i] = false;
        }
        i = (int)random_below(&r, 100);
        assert_ptr_equal(map_get(&m, name(i)), there[i] ? names[i] : NULL);
    }
}

TESTS(RUN_WITH(an_empty_map_has_nothing), RUN_WITH(finds_what_was_put),
      RUN_WITH(a_replaced_entry_takes_the_new_key_too), RUN_WITH(keys_may_hold_any_bytes),
      RUN_WITH(grows_and_keeps_all), RUN_WITH(visits_each_entry_once),
      RUN_WITH(a_removed_entry_is_gone_and_the_others_are_not),
      RUN_WITH(most_keys_are_found_at_the_first_look),
      RUN_WITH(equal_bytes_have_equal_hashes),
      RUN_WITH(keeps_what_it_had_when_memory_is_out),
      RUN_WITH(agrees_with_an_array_whatever_is_done))
