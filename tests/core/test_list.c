#include "sidecar/core/list.h"

#include "tests/lib/test.h"

struct item {
    int number;
    struct list node;
};

static struct list head;
static struct item one = {.number = 1}, two = {.number = 2}, three = {.number = 3};

static int fill(void **state)
{
    (void)state;
    list_init(&head);
    list_push_back(&head, &one.node);
    list_push_back(&head, &two.node);
    list_push_back(&head, &three.node);
    return 0;
}

static int number_of(struct list *node)
{
    return container_of(node, struct item, node)->number;
}

static int digits(void)
{
    int sum = 0;

    list_each(at, after, &head) sum = sum * 10 + number_of(at);
    return sum;
}

TEST(keeps_the_order)
{
    assert_int_equal(digits(), 123);
}

TEST(a_node_in_no_list_is_empty)
{
    list_remove(&two.node);
    assert_true(list_empty(&two.node));
    assert_false(list_empty(&one.node));
    assert_int_equal(digits(), 13);
}

TEST(may_be_removed_twice)
{
    list_remove(&two.node);
    list_remove(&two.node);
    assert_int_equal(digits(), 13);
}

TEST(goes_in_front_when_asked)
{
    list_remove(&three.node);
    list_push_front(&head, &three.node);
    assert_int_equal(digits(), 312);
}

TEST(pops_the_first_until_it_is_empty)
{
    assert_int_equal(number_of(list_pop_front(&head)), 1);
    assert_int_equal(number_of(list_pop_front(&head)), 2);
    assert_int_equal(number_of(list_pop_front(&head)), 3);
    assert_null(list_pop_front(&head));
    assert_true(list_empty(&head));
}

TEST(a_node_may_remove_itself_in_the_loop)
{
    list_each(at, after, &head) list_remove(at);
    assert_true(list_empty(&head));
}

#define RUN_FILLED(name) cmocka_unit_test_setup(name, fill)

TESTS(RUN_FILLED(keeps_the_order), RUN_FILLED(a_node_in_no_list_is_empty),
      RUN_FILLED(may_be_removed_twice), RUN_FILLED(goes_in_front_when_asked),
      RUN_FILLED(pops_the_first_until_it_is_empty),
      RUN_FILLED(a_node_may_remove_itself_in_the_loop))
