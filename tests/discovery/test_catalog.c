#include "tests/lib/test.h"

#include "tests/lib/discovery/catalog_world.h"

static int test_setup(void **state)
{
    (void)state;
    world_begin();
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    world_close();
    return 0;
}

static struct memory_server *open_one(void)
{
    struct memory_server *a = memory_server("a");

    memory_put(a, "orders", "o1", "127.0.0.1:1");
    memory_put(a, "orders", "o2", "127.0.0.1:2");
    memory_put(a, "orders", "o3", "127.0.0.1:3");
    world_open("memory:a", NULL);
    return a;
}

TEST(knows_nothing_before_it_is_asked)
{
    open_one();
    world_passes(100);
    assert_string_equal(world_list("orders"), "?");
    assert_int_equal(world.changes, 0);
    assert_true(catalog_is_settled(world.catalog));
}

TEST(lists_what_the_registry_has)
{
    open_one();
    world_want("orders");
    assert_string_equal(world_list("orders"), "o1 o2 o3");
    assert_string_equal(world_find("orders", "o1")->source, "memory:a");
    assert_int_equal(world.changes, 1);
}

TEST(says_nothing_from_inside_a_call_and_the_first_list_at_once)
{
    open_one();
    catalog_want(world.catalog, SLICE("orders"));
    assert_int_equal(world.changes, 0);
    assert_false(catalog_is_settled(world.catalog));
    world_passes(2);
    assert_int_equal(world.changes, 1);
}

TEST(an_unknown_service_is_answered_with_nothing)
{
    open_one();
    world_want("nobody");
    assert_string_equal(world_list("nobody"), " unknown");
    assert_int_equal(world.changes, 1);
}

TEST(an_invalid_name_is_refused)
{
    open_one();
    assert_int_equal(catalog_want(world.catalog, SLICE("_csidecar")), ERR_BAD_VALUE);
    assert_int_equal(catalog_want(world.catalog, SLICE("")), ERR_BAD_VALUE);
}

TEST(wanting_again_tells_again)
{
    open_one();
    world_want("orders");
    world_want("orders");
    assert_int_equal(world.changes, 2);
    assert_int_equal(memory_server("a")->watches, 1);
}

TEST(changes_are_coalesced)
{
    struct memory_server *a = open_one();

    world_want("orders");
    memory_put(a, "orders", "o4", "127.0.0.1:4");
    world_passes(5);
    memory_put(a, "orders", "o5", "127.0.0.1:5");
    memory_drop(a, "orders", "o1");
    world_passes(30);
    assert_string_equal(world_list("orders"), "o4 o2 o3 o5");
    assert_int_equal(world.changes, 2);
}

TEST(a_list_that_says_the_same_changes_nothing)
{
    struct memory_server *a = open_one();

    world_want("orders");
    memory_repeat(a, "orders");
    world_passes(100);
    assert_int_equal(world.changes, 1);
}

TEST(an_instance_keeps_its_place_and_holes_are_filled)
{
    struct memory_server *a = open_one();
    uint32_t third;

    world_want("orders");
    third = world_find("orders", "o3")->index;
    memory_drop(a, "orders", "o2");
    world_passes(50);
    assert_int_equal(world_find("orders", "o3")->index, third);
    memory_put(a, "orders", "o9", "127.0.0.1:9");
    world_passes(50);
    assert_int_equal(world_find("orders", "o9")->index, 1);
    assert_int_equal(catalog_get(world.catalog, SLICE("orders"))->places, 3);
}

TEST(an_instance_that_moves_keeps_its_place)
{
    struct memory_server *a = open_one();

    world_want("orders");
    memory_drop(a, "orders", "o1");
    world_passes(50);
    memory_put(a, "orders", "o3", "127.0.0.1:33");
    world_passes(50);
    assert_int_equal(world_find("orders", "o3")->index, 2);
    memory_drop(a, "orders", "o3");
    memory_put(a, "orders", "o3", "127.0.0.1:34");
    world_passes(50);
    assert_int_equal(world_find("orders", "o3")->index, 2);
    assert_int_equal(world_find("orders", "o2")->index, 1);
}

TEST(an_outage_keeps_the_list_and_marks_it)
{
    struct memory_server *a = open_one();

    world_want("orders");
    memory_break(a);
    world_passes(10 * 60 * 1000);
    assert_string_equal(world_list("orders"), "o1 o2 o3 suspect unanswered");
    assert_true(catalog_get(world.catalog, SLICE("orders"))->stale_since_wall_ms > 0);
    a->away = false;
    world_passes(40 * 1000);
    assert_string_equal(world_list("orders"), "o1 o2 o3");
}

TEST(a_failing_registry_is_asked_again_ever_more_rarely)
{
    struct memory_server *a = open_one();
    unsigned before;

    world_want("orders");
    memory_break(a);
    world_passes(10 * 1000);
    assert_in_range(a->watches, 4, 6);
    world_passes(60 * 1000);
    before = a->watches;
    world_passes(240 * 1000);
    assert_in_range(a->watches - before, 6, 11);
}

TEST(what_failed_is_asked_for_soon_when_one_was_answered_again)
{
    struct memory_server *a = open_one();

    world_want("orders");
    memory_break(a);
    world_passes(10 * 60 * 1000);
    a->away = false;
    world_want("cart");
    world_passes(1100);
    assert_string_equal(world_list("orders"), "o1 o2 o3");
}

TEST(what_fails_while_others_are_answered_is_asked_for_no_sooner)
{
    struct memory_server *a = open_one();
    unsigned before;

    world_want("orders");
    world_passes(5 * 1000);
    memory_break(a);
    a->away = false;
    world_want("cart");
    before = a->watches;
    world_passes(500);
    assert_int_equal(a->watches, before);
}

TEST(a_registry_that_fails_from_the_start_is_not_an_answer)
{
    struct memory_server *a = open_one();

    a->away = true;
    world_want("orders");
    assert_string_equal(world_list("orders"), " unknown unanswered");
    assert_true(catalog_is_settled(world.catalog));
    a->away = false;
    world_passes(2000);
    assert_string_equal(world_list("orders"), "o1 o2 o3");
}

TEST(a_registry_that_cannot_know_a_service_has_answered)
{
    struct memory_server *a = open_one();

    a->unsupporting = true;
    world_want("orders");
    assert_string_equal(world_list("orders"), " unknown");
}

TEST(nothing_is_told_before_all_registries_have_spoken)
{
    open_one();
    memory_server("slow")->delay_ms = 200;
    catalog_reload(world.catalog, &world.settings, NULL);
    world_reload("memory:a", "memory:slow", NULL);
    world_want("nobody");
    assert_string_equal(world_list("nobody"), "?");
    world_passes(200);
    assert_string_equal(world_list("nobody"), " unknown");
}

TEST(what_one_registry_knows_does_not_wait_for_another)
{
    open_one();
    memory_server("slow")->silent = true;
    world_reload("memory:slow", "memory:a", NULL);
    world_want("orders");
    assert_string_equal(world_list("orders"), "o1 o2 o3 unanswered");
}

TEST(a_confirmed_shrink_is_believed_at_once)
{
    struct memory_server *a = open_one();

    a->whole_lists = true;
    world_want("orders");
    memory_say(a, "orders", NULL, 0, LIST_CONFIRMED);
    world_passes(50);
    assert_string_equal(world_list("orders"), "");
}

TEST(an_unconfirmed_shrink_is_doubted_until_it_is_repeated)
{
    struct memory_server *a = open_one();

    world_want("orders");
    memory_say(a, "orders", NULL, 0, LIST_SUSPECT);
    world_passes(1000);
    assert_string_equal(world_list("orders"), "o1 o2 o3 suspect");
    memory_say(a, "orders", NULL, 0, LIST_SUSPECT);
    world_passes(50);
    assert_string_equal(world_list("orders"), "");
}

TEST(an_unconfirmed_shrink_is_believed_after_a_while)
{
    struct memory_server *a = open_one();

    world_want("orders");
    memory_say(a, "orders", NULL, 0, LIST_SUSPECT);
    world_passes(29 * 1000);
    assert_string_equal(world_list("orders"), "o1 o2 o3 suspect");
    world_passes(2 * 1000);
    assert_string_equal(world_list("orders"), "");
}

TEST(an_unconfirmed_list_that_did_not_shrink_is_taken)
{
    struct memory_server *a = open_one();

    world_want("orders");
    memory_drop(a, "orders", "o1");
    a->authority = LIST_SUSPECT;
    memory_repeat(a, "orders");
    world_passes(50);
    assert_string_equal(world_list("orders"), "o2 o3 suspect");
}

static void restart_without_memory(struct memory_server *a)
{
    world_want("orders");
    memory_break(a);
    memory_forget(a);
    a->away = false;
    world_passes(2000);
}

TEST(a_registry_that_lost_its_memory_empties_nothing)
{
    struct memory_server *a = open_one();

    restart_without_memory(a);
    assert_string_equal(world_list("orders"), "o1 o2 o3 suspect");
    memory_put(a, "orders", "o2", "127.0.0.1:2");
    world_passes(50);
    assert_string_equal(world_list("orders"), "o1 o2 o3 suspect");
    world_passes(31 * 1000);
    assert_string_equal(world_list("orders"), "o2");
}

TEST(those_who_come_back_one_by_one_do_not_push_out_the_others)
{
    struct memory_server *a = open_one();

    a->whole_lists = true;
    restart_without_memory(a);
    memory_put(a, "orders", "o2", "127.0.0.1:2");
    world_passes(50);
    memory_put(a, "orders", "o3", "127.0.0.1:3");
    world_passes(50);
    assert_string_equal(world_list("orders"), "o1 o2 o3 suspect");
    memory_put(a, "orders", "o1", "127.0.0.1:1");
    world_passes(50);
    assert_string_equal(world_list("orders"), "o1 o2 o3");
}

TEST(a_removal_after_a_lost_memory_is_believed)
{
    struct memory_server *a = open_one();

    restart_without_memory(a);
    memory_put(a, "orders", "o2", "127.0.0.1:2");
    memory_drop(a, "orders", "o2");
    world_passes(50);
    assert_string_equal(world_list("orders"), "o1 o3 suspect");
}

TEST(the_last_instance_gone_leaves_a_known_service_for_a_while)
{
    struct memory_server *a = open_one();

    memory_put(a, "cart", "c1", "127.0.0.1:9");
    world_want("cart");
    memory_drop(a, "cart", "c1");
    world_passes(1000);
    assert_string_equal(world_list("cart"), "");
    world_want("cart");
    world_passes(50 * 1000);
    world_want("cart");
    world_passes(40 * 1000);
    assert_string_equal(world_list("cart"), " unknown");
}

TEST(names_nobody_wants_are_forgotten_and_watched_anew)
{
    open_one();
    world_want("orders");
    world_want("nobody");
    world_passes(120 * 1000);
    assert_string_equal(world_list("nobody"), "?");
    assert_string_equal(world_list("orders"), "o1 o2 o3");
    assert_int_equal(world.forgotten, 1);
    world_want("nobody");
    assert_string_equal(world_list("nobody"), " unknown");
}

TEST(names_no_registry_speaks_of_are_forgotten_too)
{
    struct memory_server *a = open_one();

    a->silent = true;
    world_want("nobody");
    assert_string_equal(world_list("nobody"), "?");
    assert_int_equal(a->watches, 1);
    world_passes(120 * 1000);
    assert_int_equal(world.forgotten, 1);
}

static void want_crowd(unsigned from, unsigned count)
{
    char name[16];

    for (unsigned i = from; i < from + count; i++) {
        snprintf(name, sizeof name, "n%u", i);
        assert_int_equal(catalog_want(world.catalog, slice_of(name)), ERR_OK);
    }
    world_passes(10);
}

TEST(a_flood_of_names_nobody_has_is_forgotten_soon)
{
    open_one();
    world_want("orders");
    for (unsigned second = 0; second < 12; second++) {
        want_crowd(second * 2000, 2000);
        world_passes(990);
    }
    assert_in_range(world.forgotten, 9000, 18000);
    assert_string_equal(world_list("orders"), "o1 o2 o3");
    assert_string_equal(world_list("n23999"), " unknown");
}

TEST(too_many_names_are_refused)
{
    world.settings.names_limit = 2;
    open_one();
    world_want("orders");
    world_want("b");
    assert_int_equal(catalog_want(world.catalog, SLICE("c")), ERR_TOO_LARGE);
}

TEST(lists_names_of_all_registries_once_and_sorted)
{
    const char *const *names;

    memory_put(memory_server("b"), "orders", "x", "127.0.0.1:7");
    memory_put(memory_server("b"), "cart", "x", "127.0.0.1:8");
    open_one();
    world_reload("memory:a", "memory:b", NULL);
    catalog_watch_names(world.catalog);
    world_passes(10);
    assert_int_equal(catalog_names(world.catalog, &names), 2);
    assert_string_equal(names[0], "cart");
    assert_string_equal(names[1], "orders");
    assert_true(world.names_changes > 0);
}

TEST(asks_for_names_again_after_an_outage)
{
    struct memory_server *a = open_one();
    const char *const *names;

    catalog_watch_names(world.catalog);
    world_passes(10);
    memory_break(a);
    assert_int_equal(catalog_names(world.catalog, &names), 1);
    memory_put(a, "cart", "x", "127.0.0.1:8");
    a->away = false;
    world_passes(2000);
    assert_int_equal(catalog_names(world.catalog, &names), 2);
}

TEST(tells_how_a_registry_does)
{
    struct memory_server *a = open_one();
    struct registry_status s;

    catalog_registry_status(world.catalog, 0, &s);
    assert_true(!s.heard && s.reachable);
    world_want("orders");
    catalog_registry_status(world.catalog, 0, &s);
    assert_true(s.heard && s.reachable);
    assert_string_equal(s.url, "memory:a");
    memory_break(a);
    catalog_registry_status(world.catalog, 0, &s);
    assert_false(s.reachable);
    assert_string_equal(s.error, "memory:a is away");
    assert_int_equal(s.failures, 1);
}

TEST(closes_while_an_answer_is_due)
{
    open_one();
    memory_server("a")->delay_ms = 1000;
    catalog_want(world.catalog, SLICE("orders"));
}

TESTS(RUN_WITH(knows_nothing_before_it_is_asked), RUN_WITH(lists_what_the_registry_has),
      RUN_WITH(says_nothing_from_inside_a_call_and_the_first_list_at_once),
      RUN_WITH(an_unknown_service_is_answered_with_nothing),
      RUN_WITH(an_invalid_name_is_refused), RUN_WITH(wanting_again_tells_again),
      RUN_WITH(changes_are_coalesced),
      RUN_WITH(a_list_that_says_the_same_changes_nothing),
      RUN_WITH(an_instance_keeps_its_place_and_holes_are_filled),
      RUN_WITH(an_instance_that_moves_keeps_its_place),
      RUN_WITH(an_outage_keeps_the_list_and_marks_it),
      RUN_WITH(a_failing_registry_is_asked_again_ever_more_rarely),
      RUN_WITH(what_failed_is_asked_for_soon_when_one_was_answered_again),
      RUN_WITH(what_fails_while_others_are_answered_is_asked_for_no_sooner),
      RUN_WITH(a_registry_that_fails_from_the_start_is_not_an_answer),
      RUN_WITH(a_registry_that_cannot_know_a_service_has_answered),
      RUN_WITH(nothing_is_told_before_all_registries_have_spoken),
      RUN_WITH(what_one_registry_knows_does_not_wait_for_another),
      RUN_WITH(a_confirmed_shrink_is_believed_at_once),
      RUN_WITH(an_unconfirmed_shrink_is_doubted_until_it_is_repeated),
      RUN_WITH(an_unconfirmed_shrink_is_believed_after_a_while),
      RUN_WITH(an_unconfirmed_list_that_did_not_shrink_is_taken),
      RUN_WITH(a_registry_that_lost_its_memory_empties_nothing),
      RUN_WITH(those_who_come_back_one_by_one_do_not_push_out_the_others),
      RUN_WITH(a_removal_after_a_lost_memory_is_believed),
      RUN_WITH(the_last_instance_gone_leaves_a_known_service_for_a_while),
      RUN_WITH(names_nobody_wants_are_forgotten_and_watched_anew),
      RUN_WITH(names_no_registry_speaks_of_are_forgotten_too),
      RUN_WITH(a_flood_of_names_nobody_has_is_forgotten_soon),
      RUN_WITH(too_many_names_are_refused),
      RUN_WITH(lists_names_of_all_registries_once_and_sorted),
      RUN_WITH(asks_for_names_again_after_an_outage), RUN_WITH(tells_how_a_registry_does),
      RUN_WITH(closes_while_an_answer_is_due))
