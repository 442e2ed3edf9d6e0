/* Idle connections: which one comes next, how long they last, and what ends them. */
#include "tests/lib/test.h"

#include "sidecar/connection.h"
#include "sidecar/pool.h"
#include "tests/lib/sidecar/scene.h"

static struct site site;
static struct peer servers[4];
static struct connection *made[4];
static struct upstream *up;
static struct service *service;

static int test_setup(void **state)
{
    enum err e;

    (void)state;
    scene_open("services: {users: {pool: {idle: 2}}}");
    site_open(&site);
    scene_list("users", &site, 1);
    service = worker_service(&scene.worker, SLICE("users"), &e);
    up = service_upstream(service, 0);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    scene_close();
    site_close(&site);
    return 0;
}

static uint64_t now(void)
{
    return loop_now(&scene.worker.loop);
}

/* A call that only waits for its connection. */
static void connect_one(unsigned i)
{
    struct peer client;

    scene_client(&client);
    peer_send(&client, "GET /users/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    site_accept(&site, &servers[i]);
    peer_expect(&servers[i], "\r\n\r\n");
    made[i] = container_of(scene.worker.connections.previous, struct connection, all);
    peer_send(&servers[i], "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    peer_expect(&client, "\r\n\r\n");
    peer_close(&client);
}

/* `count` of them, all open at once, then idle in their order. */
static void connect_many(unsigned count)
{
    struct peer clients[4];

    for (unsigned i = 0; i < count; i++) {
        scene_client(&clients[i]);
        peer_send(&clients[i], "GET /users/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
        site_accept(&site, &servers[i]);
        peer_expect(&servers[i], "\r\n\r\n");
        made[i] = container_of(scene.worker.connections.previous, struct connection, all);
    }
    for (unsigned i = 0; i < count; i++) {
        peer_send(&servers[i], "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        peer_expect(&clients[i], "\r\n\r\n");
        peer_close(&clients[i]);
    }
}

static void close_servers(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        peer_close(&servers[i]);
}

static struct connection *lease(void)
{
    return pool_lease(up, now(), POOL_TRUST_MS);
}

TEST(the_warmest_comes_first)
{
    connect_many(2);
    assert_int_equal(up->idle_count, 2);
    assert_ptr_equal(lease(), made[1]);
    assert_ptr_equal(lease(), made[0]);
    assert_null(lease());
    assert_int_equal(up->idle_count, 0);
    pool_return(made[0], now());
    pool_return(made[1], now());
    close_servers(2);
}

TEST(more_than_the_pool_is_for_stay_for_a_second)
{
    connect_many(3);
    assert_int_equal(up->idle_count, 3);
    scene_wait(500); /* connecting took some time, too */
    assert_int_equal(up->idle_count, 3);
    scene_wait(600);
    assert_int_equal(up->idle_count, 2);
    peer_expect_end(&servers[2]);
    close_servers(3);
}

TEST(what_was_idle_too_long_is_closed)
{
    connect_one(0);
    assert_null(pool_lease(up, now() + 4000, POOL_TRUST_MS));
    peer_expect_end(&servers[0]);
    close_servers(1);
}

TEST(what_nobody_leases_is_closed_in_time)
{
    connect_one(0);
    scene_wait(4001);
    peer_expect_end(&servers[0]);
    assert_int_equal(up->idle_count, 0);
    close_servers(1);
}

TEST(a_close_that_was_not_heard_of_yet_is_looked_up)
{
    connect_one(0);
    peer_finish(&servers[0]);
    assert_null(pool_lease(up, now(), 0));
    close_servers(1);
}

TEST(a_byte_that_nobody_asked_for_ends_it)
{
    connect_one(0);
    peer_send(&servers[0], "x");
    peer_expect_end(&servers[0]);
    assert_int_equal(up->idle_count, 0);
    close_servers(1);
}

TEST(a_hint_is_kept_a_second_below)
{
    pool_learn_hint(up, SLICE("max=100, timeout = 5"));
    assert_int_equal(up->idle_limit_ms, 4000);
    pool_learn_hint(up, SLICE("timeout=1"));
    assert_int_equal(up->idle_limit_ms, 500);
    pool_learn_hint(up, SLICE("timeout=0"));
    assert_int_equal(up->idle_limit_ms, 100);
    pool_learn_hint(up, SLICE("timeout=80000"));
    assert_int_equal(up->idle_limit_ms, 10 * 60 * 1000);
}

TEST(a_strange_hint_says_nothing)
{
    uint64_t before = up->idle_limit_ms;

    pool_learn_hint(up, SLICE(""));
    pool_learn_hint(up, SLICE("timeout"));
    pool_learn_hint(up, SLICE("timeout=-1, timeout=5s, timeouts=9"));
    pool_learn_hint(up, SLICE("timeout=99999999999999999999"));
    assert_int_equal(up->idle_limit_ms, before);
}

TEST(an_end_that_was_seen_is_kept_below)
{
    pool_learn_end(up, 1000);
    assert_int_equal(up->idle_limit_ms, 900);
    pool_learn_end(up, 2000); /* longer than we wait anyway */
    assert_int_equal(up->idle_limit_ms, 900);
    pool_learn_end(up, 20); /* a restart, say */
    assert_int_equal(up->idle_limit_ms, 900);
}

TEST(an_end_is_learned_from_the_instance)
{
    connect_one(0);
    scene_wait(2000);
    peer_finish(&servers[0]);
    while (up->idle_count)
        loop_settle(&scene.worker.loop);
    assert_true(up->idle_limit_ms >= 1800 && up->idle_limit_ms < 2000);
    close_servers(1);
}

TEST(a_connection_of_an_instance_that_left_is_not_kept)
{
    struct upstream *kept = upstream_ref(up);
    struct connection *c;

    connect_one(0);
    c = lease();
    scene_list("users", NULL, 0);
    assert_true(kept->removed);
    pool_return(c, now());
    assert_true(c->closing);
    upstream_unref(kept);
    close_servers(1);
}

TESTS(RUN_WITH(the_warmest_comes_first),
      RUN_WITH(more_than_the_pool_is_for_stay_for_a_second),
      RUN_WITH(what_was_idle_too_long_is_closed),
      RUN_WITH(what_nobody_leases_is_closed_in_time),
      RUN_WITH(a_close_that_was_not_heard_of_yet_is_looked_up),
      RUN_WITH(a_byte_that_nobody_asked_for_ends_it),
      RUN_WITH(a_hint_is_kept_a_second_below), RUN_WITH(a_strange_hint_says_nothing),
      RUN_WITH(an_end_that_was_seen_is_kept_below),
      RUN_WITH(an_end_is_learned_from_the_instance),
      RUN_WITH(a_connection_of_an_instance_that_left_is_not_kept))
