/* Who is there in which status, by whole lists and deltas, and the sum that must come out. */
#include "tests/lib/test.h"

#include <stdio.h>

#include "discovery/eureka_table.h"
#include "tests/lib/fault_heap.h"

static struct eureka_table table;

static int test_setup(void **state)
{
    (void)state;
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    eureka_table_fini(&table);
    return 0;
}

static enum err take(const char *app, const char *id, enum eureka_status status)
{
    struct eureka_record r = {.app = app, .id = id, .status = status};

    return eureka_table_take(&table, &r);
}

static enum err drop(const char *app, const char *id)
{
    struct eureka_record r = {
        .app = app, .id = id, .status = EUREKA_UP, .is_deleted = true};

    return eureka_table_take(&table, &r);
}

static const char *hash(void)
{
    static char text[EUREKA_TOKEN];

    eureka_table_hash(&table, text);
    return text;
}

TEST(nothing_is_the_empty_sum)
{
    assert_string_equal(hash(), "");
}

TEST(statuses_are_counted_in_the_order_of_their_names)
{
    take("A", "1", EUREKA_UP);
    take("A", "2", EUREKA_UP);
    take("B", "1", EUREKA_OUT_OF_SERVICE);
    take("B", "2", EUREKA_DOWN);
    take("B", "3", EUREKA_STARTING);
    take("B", "4", EUREKA_UNKNOWN);
    assert_string_equal(hash(), "DOWN_1_OUT_OF_SERVICE_1_STARTING_1_UNKNOWN_1_UP_2_");
}

TEST(an_instance_that_changes_is_counted_once)
{
    take("A", "1", EUREKA_UP);
    take("A", "1", EUREKA_UP);
    take("A", "1", EUREKA_DOWN);
    assert_string_equal(hash(), "DOWN_1_");
    assert_int_equal(eureka_table_listed(&table, "A"), 0);
}

TEST(the_same_id_in_two_services_is_two_instances)
{
    take("A", "1", EUREKA_UP);
    take("B", "1", EUREKA_UP);
    assert_string_equal(hash(), "UP_2_");
    drop("A", "1");
    assert_int_equal(eureka_table_listed(&table, "A"), 0);
    assert_int_equal(eureka_table_listed(&table, "B"), 1);
}

TEST(an_app_goes_with_its_last_instance)
{
    take("A", "1", EUREKA_UP);
    take("A", "2", EUREKA_OUT_OF_SERVICE);
    assert_int_equal(eureka_table_listed(&table, "A"), 2);
    drop("A", "1");
    drop("A", "2");
    drop("A", "2");
    assert_int_equal(table.apps.count, 0);
    assert_string_equal(hash(), "");
}

static bool fills(void)
{
    bool fine = !take("A", "1", EUREKA_UP) && !take("A", "2", EUREKA_UP) &&
                !take("B", "1", EUREKA_UP);

    eureka_table_fini(&table);
    return fine;
}

TEST(memory_that_runs_out_is_an_answer)
{
    fault_heap_each(fills);
}

TESTS(RUN_WITH(nothing_is_the_empty_sum),
      RUN_WITH(statuses_are_counted_in_the_order_of_their_names),
      RUN_WITH(an_instance_that_changes_is_counted_once),
      RUN_WITH(the_same_id_in_two_services_is_two_instances),
      RUN_WITH(an_app_goes_with_its_last_instance),
      RUN_WITH(memory_that_runs_out_is_an_answer))
