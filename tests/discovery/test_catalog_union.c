#include "tests/lib/test.h"

#include "tests/lib/discovery/catalog_world.h"

static struct memory_server *a, *b;
static struct static_instance written;
static struct static_service services[1];

static int test_setup(void **state)
{
    (void)state;
    world_begin();
    a = memory_server("a");
    b = memory_server("b");
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    world_close();
    return 0;
}

static void write_static(const char *address)
{
    written = (struct static_instance){.address = address, .weight = 1};
    services[0] = (struct static_service){"orders", &written, 1};
    world.settings.environment.static_services = services;
    world.settings.environment.static_count = 1;
}

TEST(an_instance_of_two_registries_comes_from_the_first)
{
    memory_put(a, "orders", "x", "127.0.0.1:1");
    memory_put(b, "orders", "x", "127.0.0.1:2");
    world_open("memory:b", "memory:a", NULL);
    world_want("orders");
    assert_string_equal(world_list("orders"), "x");
    assert_int_equal(address_port(&world_find("orders", "x")->address), 2);
}

TEST(an_address_of_two_registries_is_one_instance)
{
    memory_put(a, "orders", "x", "127.0.0.1:1");
    memory_put(b, "orders", "y", "127.0.0.1:1");
    memory_put(b, "orders", "z", "[::1]:1");
    world_open("memory:a", "memory:b", NULL);
    world_want("orders");
    assert_string_equal(world_list("orders"), "x z");
}

TEST(two_ids_at_one_address_in_one_registry_are_two)
{
    memory_put(a, "orders", "x", "127.0.0.1:1");
    memory_put(a, "orders", "y", "127.0.0.1:1");
    world_open("memory:a", "memory:b", NULL);
    world_want("orders");
    assert_string_equal(world_list("orders"), "x y");
}

TEST(the_second_takes_over_when_the_first_lets_go)
{
    memory_put(a, "orders", "x", "127.0.0.1:1");
    memory_put(b, "orders", "x", "127.0.0.1:2");
    world_open("memory:a", "memory:b", NULL);
    world_want("orders");
    memory_drop(a, "orders", "x");
    world_passes(50);
    assert_int_equal(address_port(&world_find("orders", "x")->address), 2);
    assert_string_equal(world_find("orders", "x")->source, "memory:b");
}

TEST(one_registry_away_leaves_the_other_and_no_404)
{
    memory_put(b, "orders", "y", "127.0.0.1:1");
    a->away = true;
    world_open("memory:a", "memory:b", NULL);
    world_want("orders");
    assert_string_equal(world_list("orders"), "y unanswered");
    world_want("nobody");
    assert_string_equal(world_list("nobody"), " unknown unanswered");
}

TEST(written_instances_join_those_of_a_registry)
{
    memory_put(a, "orders", "x", "127.0.0.1:1");
    write_static("127.0.0.1:9");
    world_open("memory:a", NULL);
    world_want("orders");
    assert_string_equal(world_list("orders"), "x 127.0.0.1:9");
    assert_int_equal(catalog_registry_count(world.catalog), 2);
    assert_string_equal(world_find("orders", "127.0.0.1:9")->source, "static");
}

TEST(written_instances_need_no_registry)
{
    const char *const *names;

    write_static("127.0.0.1:9");
    world_open(NULL);
    catalog_watch_names(world.catalog);
    world_want("orders");
    assert_string_equal(world_list("orders"), "127.0.0.1:9");
    assert_int_equal(catalog_names(world.catalog, &names), 1);
}

TEST(no_registry_at_all_answers_nothing)
{
    world_open(NULL);
    world_want("orders");
    assert_string_equal(world_list("orders"), " unknown");
}

TEST(a_url_written_twice_is_one_registry)
{
    world_open("memory:a", " memory:a", NULL);
    assert_int_equal(catalog_registry_count(world.catalog), 1);
}

TEST(a_reload_keeps_registries_that_stay)
{
    memory_put(a, "orders", "x", "127.0.0.1:1");
    world_open("memory:a", NULL);
    world_want("orders");
    assert_int_equal(world_reload("memory:b", "memory:a", NULL), ERR_OK);
    world_passes(50);
    assert_int_equal(a->opened, 1);
    assert_int_equal(a->watches, 1);
    assert_string_equal(world_list("orders"), "x");
}

TEST(a_reload_to_another_registry_never_empties_a_list)
{
    memory_put(a, "orders", "x", "127.0.0.1:1");
    memory_put(b, "orders", "y", "127.0.0.1:2");
    world_open("memory:a", NULL);
    world_want("orders");
    b->delay_ms = 500;
    world_reload("memory:b", NULL);
    world_passes(400);
    assert_string_equal(world_list("orders"), "x suspect unanswered");
    assert_int_equal(a->closed, 1);
    world_passes(200);
    assert_string_equal(world_list("orders"), "y");
}

TEST(a_reload_exchanges_written_instances)
{
    write_static("127.0.0.1:9");
    world_open(NULL);
    world_want("orders");
    write_static("127.0.0.1:8");
    assert_int_equal(world_reload(NULL, NULL), ERR_OK);
    world_passes(50);
    assert_string_equal(world_list("orders"), "127.0.0.1:8");
}

TEST(a_reload_that_fails_changes_nothing)
{
    memory_put(a, "orders", "x", "127.0.0.1:1");
    world_open("memory:a", NULL);
    world_want("orders");
    assert_int_equal(world_reload("memory:b", "nonsense:", NULL), ERR_BAD_VALUE);
    world_passes(50);
    assert_string_equal(world_list("orders"), "x");
    assert_int_equal(catalog_registry_count(world.catalog), 1);
    assert_int_equal(b->closed, b->opened);
    memory_put(a, "orders", "y", "127.0.0.1:2");
    world_passes(50);
    assert_string_equal(world_list("orders"), "x y");
}

TEST(first_only_takes_the_second_when_the_first_has_none)
{
    memory_put(a, "orders", "x", "127.0.0.1:1");
    memory_put(b, "orders", "y", "127.0.0.1:2");
    world.settings.first_only = true;
    world_open("memory:a", "memory:b", NULL);
    world_want("orders");
    assert_string_equal(world_list("orders"), "x");
    memory_drop(a, "orders", "x");
    world_passes(50);
    assert_string_equal(world_list("orders"), "y");
}

TEST(first_only_stays_with_the_first_while_it_is_away)
{
    memory_put(a, "orders", "x", "127.0.0.1:1");
    memory_put(b, "orders", "y", "127.0.0.1:2");
    world.settings.first_only = true;
    world_open("memory:a", "memory:b", NULL);
    world_want("orders");
    memory_break(a);
    world_passes(50);
    assert_string_equal(world_list("orders"), "x suspect unanswered");
}

TEST(a_registry_only_to_register_in_is_never_asked)
{
    memory_put(a, "orders", "x", "127.0.0.1:1");
    memory_put(b, "orders", "y", "127.0.0.1:2");
    world_open("memory:a?use=register", "memory:b", NULL);
    catalog_watch_names(world.catalog);
    world_want("orders");
    assert_string_equal(world_list("orders"), "y");
    assert_int_equal(a->watches + a->names_watches, 0);
}

TEST(what_a_registry_is_for_is_checked)
{
    assert_int_equal(world_try_open("memory:a?use=both&use=all", NULL), ERR_BAD_VALUE);
    assert_int_equal(world_try_open("static:?use=register", NULL), ERR_BAD_VALUE);
    assert_non_null(strstr(world.why.text, "nothing can be registered"));
    world_open(NULL);
}

TESTS(RUN_WITH(first_only_takes_the_second_when_the_first_has_none),
      RUN_WITH(first_only_stays_with_the_first_while_it_is_away),
      RUN_WITH(a_registry_only_to_register_in_is_never_asked),
      RUN_WITH(what_a_registry_is_for_is_checked),
      RUN_WITH(an_instance_of_two_registries_comes_from_the_first),
      RUN_WITH(an_address_of_two_registries_is_one_instance),
      RUN_WITH(two_ids_at_one_address_in_one_registry_are_two),
      RUN_WITH(the_second_takes_over_when_the_first_lets_go),
      RUN_WITH(one_registry_away_leaves_the_other_and_no_404),
      RUN_WITH(written_instances_join_those_of_a_registry),
      RUN_WITH(written_instances_need_no_registry),
      RUN_WITH(no_registry_at_all_answers_nothing),
      RUN_WITH(a_url_written_twice_is_one_registry),
      RUN_WITH(a_reload_keeps_registries_that_stay),
      RUN_WITH(a_reload_to_another_registry_never_empties_a_list),
      RUN_WITH(a_reload_exchanges_written_instances),
      RUN_WITH(a_reload_that_fails_changes_nothing))
