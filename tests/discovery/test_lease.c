#include "tests/lib/test.h"

#include "discovery/lease.h"
#include "tests/lib/discovery/catalog_world.h"

static struct lease *lease;
static unsigned stops;
static unsigned changes;
static bool held;

static void on_changed(struct lease *l, bool now_held)
{
    (void)l;
    changes++;
    held = now_held;
}

static void on_stopped(struct lease *l)
{
    (void)l;
    stops++;
}

static const struct lease_events events = {.changed = on_changed, .stopped = on_stopped};

static int test_setup(void **state)
{
    (void)state;
    world_begin();
    lease = NULL;
    stops = changes = 0;
    held = false;
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    if (lease)
        lease_free(lease);
    world_close();
    return 0;
}

static void open_lease(void)
{
    struct registration r = {.service = "orders",
                             .version = "1",
                             .id = "me",
                             .weight = 1,
                             .ttl_ms = 30000,
                             .heartbeat_ms = 10000};

    assert_int_equal(address_parse(&r.address, SLICE("127.0.0.1:5000"), 0, NULL), ERR_OK);
    assert_int_equal(lease_open(&lease, world.catalog, &r, &events, NULL), ERR_OK);
}

static struct memory_server *open_one(void)
{
    world_open("memory:a", NULL);
    open_lease();
    return memory_server("a");
}

static enum lease_state state_at(unsigned at)
{
    return lease_state(lease, at, NULL);
}

TEST(registers_not_where_one_only_resolves)
{
    world_open("memory:a?use=resolve", "memory:b", NULL);
    open_lease();
    lease_start(lease);
    world_passes(5);
    assert_true(held);
    assert_false(memory_has(memory_server("a"), "orders", "me"));
    assert_true(memory_has(memory_server("b"), "orders", "me"));
    lease_stop(lease, 1000);
    world_passes(50);
}

TEST(registers_and_tells_later)
{
    struct memory_server *a = open_one();

    lease_start(lease);
    assert_int_equal(state_at(0), LEASE_PUTTING);
    assert_int_equal(changes, 0);
    world_passes(5);
    assert_true(held);
    assert_true(memory_has(a, "orders", "me"));
    lease_stop(lease, 1000);
    world_passes(5);
}

TEST(renews_at_each_heartbeat)
{
    struct memory_server *a = open_one();

    lease_start(lease);
    world_passes(100 * 1000);
    assert_in_range(a->renews, 8, 11);
    assert_int_equal(a->puts, 1);
    assert_int_equal(changes, 1);
    lease_stop(lease, 1000);
    world_passes(5);
}

TEST(registers_again_when_the_registry_forgot)
{
    struct memory_server *a = open_one();

    lease_start(lease);
    world_passes(5);
    memory_forget(a);
    world_passes(11 * 1000 + 50);
    assert_true(memory_has(a, "orders", "me"));
    assert_true(held);
    lease_stop(lease, 1000);
    world_passes(5);
}

TEST(backs_off_while_the_registry_is_away)
{
    struct memory_server *a = open_one();
    const char *why_text;

    a->away = true;
    lease_start(lease);
    world_passes(20 * 1000);
    assert_int_equal(lease_state(lease, 0, &why_text), LEASE_BACKING_OFF);
    assert_string_equal(why_text, "not reachable");
    assert_in_range(a->puts, 4, 6);
    assert_false(held);
    world_passes(100 * 1000);
    a->away = false;
    world_passes(11 * 1000 + 50); /* one heartbeat, however long it was away */
    assert_true(held);
    lease_stop(lease, 1000);
    world_passes(5);
}

TEST(a_failed_renewal_is_no_longer_held_until_it_is_put_again)
{
    struct memory_server *a = open_one();

    lease_start(lease);
    world_passes(5);
    a->away = true;
    world_passes(11 * 1000 + 50);
    assert_false(held);
    a->away = false;
    world_passes(3 * 1000);
    assert_true(held);
    lease_stop(lease, 1000);
    world_passes(5);
}

TEST(stops_and_leaves_nothing)
{
    struct memory_server *a = open_one();

    lease_start(lease);
    world_passes(5);
    lease_stop(lease, 1000);
    lease_stop(lease, 1000);
    assert_int_equal(stops, 0);
    world_passes(5);
    assert_int_equal(stops, 1);
    assert_int_equal(a->removes, 1);
    assert_false(held);
    assert_false(memory_has(a, "orders", "me"));
}

TEST(stops_at_once_when_never_started)
{
    open_one();
    lease_stop(lease, 1000);
    world_passes(5);
    assert_int_equal(stops, 1);
    assert_int_equal(memory_server("a")->removes, 0);
}

TEST(a_stop_during_the_first_put_removes_afterwards)
{
    struct memory_server *a = open_one();

    a->delay_ms = 100;
    lease_start(lease);
    lease_stop(lease, 1000);
    world_passes(150);
    assert_true(memory_has(a, "orders", "me"));
    assert_int_equal(stops, 0);
    world_passes(100);
    assert_false(memory_has(a, "orders", "me"));
    assert_int_equal(stops, 1);
}

TEST(gives_up_on_a_silent_registry_and_may_be_freed)
{
    struct memory_server *a = open_one();

    lease_start(lease);
    world_passes(5);
    a->silent = true;
    lease_stop(lease, 500);
    world_passes(499);
    assert_int_equal(stops, 0);
    world_passes(5);
    assert_int_equal(stops, 1);
}

TEST(a_record_that_comes_after_giving_up_is_removed)
{
    struct memory_server *a = open_one();

    a->delay_ms = 1000;
    lease_start(lease);
    lease_stop(lease, 100);
    world_passes(150);
    assert_int_equal(stops, 1);
    lease_free(lease);
    lease = NULL;
    world_passes(1000);
    assert_true(memory_has(a, "orders", "me"));
    world_passes(1000);
    assert_false(memory_has(a, "orders", "me"));
}

TEST(a_start_overtakes_a_stop)
{
    struct memory_server *a = open_one();

    lease_start(lease);
    world_passes(5);
    a->delay_ms = 100;
    lease_stop(lease, 1000);
    lease_start(lease);
    world_passes(300);
    assert_true(memory_has(a, "orders", "me"));
    assert_true(held);
    assert_int_equal(stops, 0);
    lease_stop(lease, 1000);
    world_passes(300);
}

TEST(starts_again_after_a_stop)
{
    struct memory_server *a = open_one();

    lease_start(lease);
    world_passes(5);
    lease_stop(lease, 1000);
    world_passes(5);
    lease_start(lease);
    world_passes(5);
    assert_true(memory_has(a, "orders", "me"));
    lease_stop(lease, 1000);
    world_passes(5);
    assert_int_equal(stops, 2);
}

TEST(one_of_two_registries_away_is_not_held_but_the_other_has_it)
{
    world_open("memory:a", "memory:b", NULL);
    open_lease();
    memory_server("b")->away = true;
    lease_start(lease);
    world_passes(100);
    assert_int_equal(state_at(0), LEASE_HELD);
    assert_int_equal(state_at(1), LEASE_BACKING_OFF);
    assert_false(held);
    lease_stop(lease, 1000);
    world_passes(1100);
}

TEST(a_registry_that_cannot_write_is_none_of_its_business)
{
    world_open("static", NULL);
    open_lease();
    lease_start(lease);
    world_passes(5);
    assert_int_equal(state_at(0), LEASE_ABSENT);
    assert_true(held);
    lease_stop(lease, 1000);
    world_passes(5);
}

TEST(follows_a_reload_to_another_registry)
{
    world_open("memory:a", NULL);
    open_lease();
    lease_start(lease);
    world_passes(5);
    assert_int_equal(world_reload("memory:b", NULL), ERR_OK);
    world_passes(50);
    assert_true(memory_has(memory_server("b"), "orders", "me"));
    assert_false(memory_has(memory_server("a"), "orders", "me"));
    assert_int_equal(memory_server("a")->closed, 1);
    assert_true(held);
    lease_stop(lease, 1000);
    world_passes(5);
}

TEST(does_not_wait_for_ever_for_a_registry_that_leaves)
{
    world_open("memory:a", NULL);
    open_lease();
    lease_start(lease);
    world_passes(5);
    memory_server("a")->silent = true;
    world_reload("memory:b", NULL);
    world_passes(1000);
    assert_int_equal(memory_server("a")->closed, 0);
    world_passes(1100);
    assert_int_equal(memory_server("a")->closed, 1);
    lease_stop(lease, 1000);
    world_passes(5);
}

static enum err update(const char *version)
{
    struct registration r = *lease_registration(lease);

    r.version = version;
    return lease_update(lease, &r);
}

static const char *version_there(void)
{
    const struct instance *i = world_find("orders", "me");

    return i ? i->version : "";
}

TEST(an_update_is_put_without_a_gap)
{
    struct memory_server *a = open_one();

    world_want("orders");
    lease_start(lease);
    world_passes(50);
    assert_int_equal(update("2"), ERR_OK);
    assert_string_equal(lease_registration(lease)->version, "2");
    world_passes(50);
    assert_string_equal(version_there(), "2");
    assert_int_equal(a->puts, 2);
    assert_int_equal(a->removes, 0);
    assert_true(held);
    lease_stop(lease, 1000);
    world_passes(5);
}

TEST(updates_while_a_put_is_under_way_end_with_the_last_one)
{
    struct memory_server *a = open_one();

    world_want("orders");
    a->delay_ms = 100;
    lease_start(lease);
    world_passes(50);
    update("2");
    update("3");
    world_passes(400);
    assert_string_equal(version_there(), "3");
    assert_true(held);
    lease_stop(lease, 1000);
    world_passes(300);
}

TEST(an_update_of_what_is_not_started_waits_for_the_start)
{
    struct memory_server *a = open_one();

    world_want("orders");
    update("2");
    world_passes(50);
    assert_int_equal(a->puts, 0);
    lease_start(lease);
    world_passes(50);
    assert_string_equal(version_there(), "2");
    lease_stop(lease, 1000);
    world_passes(5);
}

TEST(an_update_while_the_registry_is_away_is_what_it_gets_later)
{
    struct memory_server *a = open_one();

    world_want("orders");
    a->away = true;
    lease_start(lease);
    world_passes(100);
    update("2");
    a->away = false;
    world_passes(3000);
    assert_string_equal(version_there(), "2");
    lease_stop(lease, 1000);
    world_passes(5);
}

TEST(a_stop_with_less_time_shortens_the_one_before)
{
    struct memory_server *a = open_one();

    lease_start(lease);
    world_passes(5);
    a->silent = true;
    lease_stop(lease, 5000);
    lease_stop(lease, 200);
    lease_stop(lease, 9000);
    world_passes(190);
    assert_int_equal(stops, 0);
    world_passes(15);
    assert_int_equal(stops, 1);
}

TEST(keeps_a_copy_of_what_it_registers)
{
    open_one();
    assert_string_equal(lease_registration(lease)->id, "me");
    assert_string_equal(lease_registration(lease)->service, "orders");
    assert_string_equal(lease_state_name(LEASE_BACKING_OFF), "backing_off");
}

TESTS(RUN_WITH(registers_not_where_one_only_resolves),
      RUN_WITH(registers_and_tells_later), RUN_WITH(renews_at_each_heartbeat),
      RUN_WITH(registers_again_when_the_registry_forgot),
      RUN_WITH(backs_off_while_the_registry_is_away),
      RUN_WITH(a_failed_renewal_is_no_longer_held_until_it_is_put_again),
      RUN_WITH(stops_and_leaves_nothing), RUN_WITH(stops_at_once_when_never_started),
      RUN_WITH(a_stop_during_the_first_put_removes_afterwards),
      RUN_WITH(gives_up_on_a_silent_registry_and_may_be_freed),
      RUN_WITH(a_record_that_comes_after_giving_up_is_removed),
      RUN_WITH(a_start_overtakes_a_stop), RUN_WITH(starts_again_after_a_stop),
      RUN_WITH(one_of_two_registries_away_is_not_held_but_the_other_has_it),
      RUN_WITH(a_registry_that_cannot_write_is_none_of_its_business),
      RUN_WITH(follows_a_reload_to_another_registry),
      RUN_WITH(does_not_wait_for_ever_for_a_registry_that_leaves),
      RUN_WITH(an_update_is_put_without_a_gap),
      RUN_WITH(updates_while_a_put_is_under_way_end_with_the_last_one),
      RUN_WITH(an_update_of_what_is_not_started_waits_for_the_start),
      RUN_WITH(an_update_while_the_registry_is_away_is_what_it_gets_later),
      RUN_WITH(a_stop_with_less_time_shortens_the_one_before),
      RUN_WITH(keeps_a_copy_of_what_it_registers))
