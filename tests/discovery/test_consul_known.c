/* Of one answer after the other, what has changed. */
#include "tests/lib/test.h"

#include <stdio.h>

#include "discovery/consul_parts.h"
#include "tests/lib/fault_heap.h"

static struct loop loop;
static struct consul consul;
static struct consul_known known;
static struct text body;
static char said[1024]; /* "+a:1 -b " */

static int test_setup(void **state)
{
    (void)state;
    loop.clock.now = 1000;
    consul.base.loop = &loop;
    known = (struct consul_known){0};
    text_init(&body, 1 << 20);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    consul_known_fini(&known);
    text_fini(&body);
    return 0;
}

static void begin(void)
{
    text_clear(&body);
    text_addf(&body, "[");
}

static void has_status(const char *id, const char *node, unsigned port,
                       const char *status)
{
    text_addf(&body,
              "%s{\"Node\":{\"Node\":\"%s\"},\"Service\":{\"ID\":\"%s\",\"Service\":"
              "\"orders\",\"Address\":\"10.0.0.5\",\"Port\":%u},"
              "\"Checks\":[{\"CheckID\":\"c\",\"Status\":\"%s\"}]}",
              body.size > 1 ? "," : "", node, id, port, status);
}

static void has(const char *id, const char *node, unsigned port)
{
    has_status(id, node, port, "passing");
}

static enum err take_body(void)
{
    struct consul_change change;
    enum err e = consul_known_take(&known, &change, text_slice(&body), "orders", &consul);
    size_t at = 0;

    said[0] = 0;
    for (uint32_t i = 0; i < change.added_count && !e; i++)
        at += (size_t)snprintf(said + at, sizeof said - at, "+%s:%u ", change.added[i].id,
                               address_port(&change.added[i].address));
    for (uint32_t i = 0; i < change.gone_count && !e; i++)
        at += (size_t)snprintf(said + at, sizeof said - at, "-%s ", change.gone[i]);
    consul_change_fini(&change);
    return e;
}

static const char *take(void)
{
    text_addf(&body, "]");
    assert_int_equal(take_body(), ERR_OK);
    return said;
}

TEST(at_first_all_is_new_and_then_nothing)
{
    begin(), has("a", "n1", 1), has("b", "n1", 2);
    assert_string_equal(take(), "+a:1 +b:2 ");
    begin(), has("a", "n1", 1), has("b", "n1", 2);
    assert_string_equal(take(), "");
}

TEST(another_order_is_no_change_of_who_is_there)
{
    begin(), has("a", "n1", 1), has("b", "n1", 2), has("c", "n1", 3);
    take();
    begin(), has("c", "n1", 3), has("a", "n1", 1), has("b", "n1", 2);
    assert_null(strchr(take(), '-'));
    begin(), has("c", "n1", 3), has("a", "n1", 1), has("b", "n1", 2);
    assert_string_equal(take(), "");
}

TEST(many_that_leave_in_the_middle_are_looked_beyond)
{
    char id[16];

    begin();
    for (unsigned n = 0; n < 60; n++) {
        snprintf(id, sizeof id, "%u", n);
        has(id, "n1", n + 1);
    }
    take();
    begin(), has("0", "n1", 1), has("59", "n1", 60);
    assert_null(strchr(take(), '+'));
    assert_int_equal(known.count, 2);
}

TEST(one_that_changes_is_told_alone)
{
    begin(), has("a", "n1", 1), has("b", "n1", 2);
    take();
    begin(), has("a", "n1", 1), has("b", "n1", 3);
    assert_string_equal(take(), "+b:3 ");
    begin(), has("a", "n1", 1), has("b", "n1", 2);
    assert_string_equal(take(), "+b:2 ");
}

TEST(who_is_not_there_any_more_has_gone)
{
    begin(), has("a", "n1", 1), has("b", "n1", 2);
    take();
    begin(), has("b", "n1", 2);
    assert_string_equal(take(), "-a ");
    begin();
    assert_string_equal(take(), "-b ");
    assert_int_equal(known.count, 0);
}

TEST(who_becomes_critical_has_gone_and_comes_back)
{
    begin(), has("a", "n1", 1);
    take();
    begin(), has_status("a", "n1", 1, "critical");
    assert_string_equal(take(), "-a ");
    begin(), has_status("a", "n1", 1, "critical");
    assert_string_equal(take(), "");
    begin(), has("a", "n1", 1);
    assert_string_equal(take(), "+a:1 ");
}

TEST(the_same_id_on_two_nodes_is_two_instances)
{
    begin(), has("web", "n1", 1), has("web", "n2", 1);
    assert_string_equal(take(), "+web:1 +web@n2:1 ");
    begin(), has("web", "n1", 1), has("web", "n2", 2);
    assert_string_equal(take(), "+web@n2:2 ");
    begin(), has("web", "n2", 2);
    assert_string_equal(take(), "-web ");
    begin(), has("web", "n2", 3);
    assert_string_equal(take(), "+web@n2:3 ");
}

TEST(an_id_that_moves_to_another_node_stays_itself)
{
    begin(), has("web", "n1", 1);
    take();
    begin(), has("web", "n2", 2);
    assert_string_equal(take(), "+web:2 ");
    begin(), has_status("web", "n3", 2, "critical");
    assert_string_equal(take(), "-web ");
}

TEST(a_bad_one_is_read_once_and_harms_nobody)
{
    begin(), has("a", "n1", 1), has("b", "n1", 0);
    assert_string_equal(take(), "+a:1 ");
    begin(), has("a", "n1", 1), has("b", "n1", 0);
    assert_string_equal(take(), "");
    assert_int_equal(known.count, 2);
    begin(), has("a", "n1", 1), has("b", "n1", 2);
    assert_string_equal(take(), "+b:2 ");
}

TEST(one_that_goes_bad_has_gone)
{
    begin(), has("a", "n1", 1);
    take();
    begin(), has("a", "n1", 0);
    assert_string_equal(take(), "-a ");
}

TEST(twice_the_same_is_one_more_and_no_disaster)
{
    begin(), has("a", "n1", 1), has("a", "n1", 1), has("a", "n1", 1);
    take();
    begin(), has("a", "n1", 1), has("a", "n1", 1), has("a", "n1", 1);
    take();
    begin(), has("b", "n1", 1);
    take();
    assert_int_equal(known.count, 1);
}

TEST(what_is_no_list_is_an_error_and_all_is_forgotten)
{
    begin(), has("a", "n1", 1);
    take();
    begin(), has("a", "n1", 1);
    assert_int_equal(take_body(), ERR_BAD_RESPONSE);
    assert_int_equal(known.count, 0);
    text_clear(&body);
    text_addf(&body, "{}");
    assert_int_equal(take_body(), ERR_BAD_RESPONSE);
}

static bool take_three_answers(void)
{
    enum err e;

    test_setup(NULL);
    begin(), has("a", "n1", 1), has("b", "n1", 2), has("web", "n1", 3),
        has("web", "n2", 3);
    text_addf(&body, "]");
    e = take_body();
    begin(), has("a", "n1", 4), has_status("b", "n1", 2, "critical"), has("web", "n2", 3);
    text_addf(&body, "]");
    if (!e && !body.failed)
        e = take_body();
    e = body.failed ? ERR_NO_MEMORY : e;
    test_teardown(NULL);
    return !e;
}

TEST(memory_that_runs_out_harms_nobody)
{
    test_teardown(NULL);
    fault_heap_each_tolerated(take_three_answers);
    test_setup(NULL);
}

TEST(an_id_that_a_node_has_three_times_is_told_twice_and_never_as_gone)
{
    begin();
    has("web", "n1", 1);
    has("web", "n1", 2);
    has_status("web", "n1", 3, "critical");
    assert_string_equal(take(), "+web:1 +web@n1:2 ");
    begin();
    assert_string_equal(take(), "-web -web@n1 ");
}

TESTS(RUN_WITH(at_first_all_is_new_and_then_nothing),
      RUN_WITH(another_order_is_no_change_of_who_is_there),
      RUN_WITH(many_that_leave_in_the_middle_are_looked_beyond),
      RUN_WITH(one_that_changes_is_told_alone),
      RUN_WITH(who_is_not_there_any_more_has_gone),
      RUN_WITH(who_becomes_critical_has_gone_and_comes_back),
      RUN_WITH(the_same_id_on_two_nodes_is_two_instances),
      RUN_WITH(an_id_that_moves_to_another_node_stays_itself),
      RUN_WITH(a_bad_one_is_read_once_and_harms_nobody),
      RUN_WITH(one_that_goes_bad_has_gone),
      RUN_WITH(twice_the_same_is_one_more_and_no_disaster),
      RUN_WITH(what_is_no_list_is_an_error_and_all_is_forgotten),
      RUN_WITH(memory_that_runs_out_harms_nobody),
      RUN_WITH(an_id_that_a_node_has_three_times_is_told_twice_and_never_as_gone))
