/* What a worker tells of itself, and the sum of several workers. */
#include "tests/lib/test.h"

#include "tests/lib/sidecar/scene.h"

static struct site site;
static struct peer client, server;

static int test_setup(void **state)
{
    (void)state;
    scene_open_shared("{}", 2);
    site_open(&site);
    scene_list("users", &site, 1);
    scene_client(&client);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    peer_close(&client);
    scene_close();
    site_close(&site);
    return 0;
}

static void call(void)
{
    peer_send(&client, "GET /users/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    site_accept(&site, &server);
    peer_expect(&server, "\r\n\r\n");
    peer_send(&server, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    peer_expect(&client, "\r\n\r\nok");
    scene_expect_idle();
}

static const struct report_service *find(const struct report *r, const char *name)
{
    for (uint32_t i = 0; i < r->service_count; i++)
        if (strcmp(r->services[i].name, name) == 0)
            return &r->services[i];
    fail_msg("no service \"%s\" in the report", name);
    return NULL;
}

TEST(counts_stand_with_their_service_and_instance)
{
    const struct report_service *users;
    struct report *r;

    call();
    r = report_make(&scene.worker, SLICE(""));
    users = find(r, "users");
    assert_int_equal(r->client_connections, 1);
    assert_int_equal(r->upstream_connections, 1);
    assert_int_equal(users->stats.requests, 1);
    assert_int_equal(users->instance_count, 1);
    assert_string_equal(users->instances[0].id, "users-0");
    assert_int_equal(users->instances[0].idle, 1);
    report_free(r);
    peer_close(&server);
}

TEST(requests_that_named_no_service_stand_without_a_name)
{
    struct report *r;

    peer_send(&client, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    peer_expect(&client, "404");
    r = report_make(&scene.worker, SLICE(""));
    assert_int_equal(find(r, "")->stats.requests, 1);
    report_free(r);
}

TEST(one_service_alone)
{
    struct report *r = report_make(&scene.worker, SLICE("users"));

    assert_int_equal(r->service_count, 1);
    assert_string_equal(r->services[0].name, "users");
    report_free(r);
}

TEST(reports_add_up_and_stay_sorted)
{
    struct report *a, *b;

    call();
    a = report_make(&scene.worker, SLICE(""));
    scene_list("albums", &site, 1);
    b = report_make(&scene.worker, SLICE(""));
    assert_int_equal(report_merge(a, b), ERR_OK);
    assert_int_equal(find(a, "users")->stats.requests, 2);
    assert_int_equal(find(a, "users")->instances[0].requests, 2);
    for (uint32_t i = 1; i < a->service_count; i++)
        assert_true(strcmp(a->services[i - 1].name, a->services[i].name) < 0);
    report_free(a);
    report_free(b);
    peer_close(&server);
}

TEST(an_ejected_instance_in_one_is_ejected_in_all)
{
    struct report *a = report_make(&scene.worker, SLICE("users")), *b;
    enum err e;
    struct service *s = worker_service(&scene.worker, SLICE("users"), &e);

    outlier_eject(&service_upstream(s, 0)->outlier, &s->policy->outlier.rule,
                  loop_now(&scene.worker.loop));
    b = report_make(&scene.worker, SLICE("users"));
    assert_int_equal(report_merge(a, b), ERR_OK);
    assert_int_equal(a->services[0].instances[0].state, OUTLIER_OPEN);
    assert_true(a->services[0].instances[0].rest_left_ms > 0);
    report_free(a);
    report_free(b);
}

TEST(comes_by_letter)
{
    peer_send(&client, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    peer_expect(&client, "404");
    assert_int_equal(worker_ask_report(&scene.worker, SLICE("")), ERR_OK);
    while (!scene.report)
        loop_settle(&scene.worker.loop);
    assert_int_equal(scene.report->client_connections, 1);
}

TESTS(RUN_WITH(counts_stand_with_their_service_and_instance),
      RUN_WITH(requests_that_named_no_service_stand_without_a_name),
      RUN_WITH(one_service_alone), RUN_WITH(reports_add_up_and_stay_sorted),
      RUN_WITH(an_ejected_instance_in_one_is_ejected_in_all), RUN_WITH(comes_by_letter))
