#include "tests/lib/test.h"

#include <stdlib.h>
#include <unistd.h>

#include "discovery/lease.h"
#include "discovery/service_file.h"
#include "tests/lib/discovery/catalog_world.h"
#include "tests/lib/discovery/local_world.h"
#include "tests/lib/fault_heap.h"

/* Every allocation fails once: nothing crashes, nothing leaks, all closes. */

static void on_changed(struct lease *l, bool held)
{
    (void)l;
    (void)held;
}

static void on_stopped(struct lease *l)
{
    (void)l;
}

static const struct lease_events events = {.changed = on_changed, .stopped = on_stopped};

static struct lease *open_lease(void)
{
    struct registration r = {.service = "orders",
                             .version = "1",
                             .id = "me",
                             .weight = 1,
                             .ttl_ms = 3000,
                             .heartbeat_ms = 1000};
    struct lease *l = NULL;

    address_parse(&r.address, SLICE("127.0.0.1:5000"), 0, NULL);
    if (lease_open(&l, world.catalog, &r, &events, NULL))
        return NULL;
    return l;
}

static void register_and_leave(void)
{
    struct lease *l = open_lease();

    if (!l)
        return;
    lease_start(l);
    world_passes(5000);
    lease_stop(l, 1000);
    world_passes(1100);
    lease_free(l);
}

static bool a_whole_life(void)
{
    world_begin();
    if (world_try_open("memory:a", "memory:b", NULL)) {
        world_passes(10);
        return true;
    }
    catalog_watch_names(world.catalog);
    catalog_want(world.catalog, SLICE("orders"));
    catalog_want(world.catalog, SLICE("nobody"));
    register_and_leave();
    world_reload("memory:b", NULL);
    world_passes(120 * 1000);
    world_close();
    return true;
}

TEST(a_catalog_lives_without_memory_here_and_there)
{
    assert_true(fault_heap_each_tolerated(a_whole_life) > 30);
    memory_reset();
}

static bool finds_after_a_failure(void)
{
    bool found;

    world_begin();
    if (world_try_open("memory:a", NULL)) {
        world_passes(10);
        return true;
    }
    register_and_leave();
    fault_heap_stop();
    memory_put(memory_server("a"), "orders", "o1", "127.0.0.1:1");
    catalog_want(world.catalog, SLICE("orders"));
    world_passes(5000);
    found = world_find("orders", "o1") != NULL;
    world_close();
    return found;
}

TEST(a_failure_of_the_past_hinders_nothing)
{
    fault_heap_each_tolerated(finds_after_a_failure);
    memory_reset();
}

static bool reads_a_file(void)
{
    struct service_file f;
    bool read;

    local_world_begin();
    local_world_run("echo 'orders: [\"127.0.0.1:1\", {address: \"127.0.0.1:2\"}]' > f");
    read = !service_file_read(&f, local_world_path("f"), NULL);
    service_file_free(&f);
    local_world_end();
    return read;
}

TEST(a_file_is_read_or_refused)
{
    assert_true(fault_heap_each(reads_a_file) > 3);
}

TESTS(RUN(a_catalog_lives_without_memory_here_and_there),
      RUN(a_failure_of_the_past_hinders_nothing), RUN(a_file_is_read_or_refused))
