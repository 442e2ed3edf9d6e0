#include "sidecar/report_json.h"

#include "tests/lib/test.h"

static struct service_stats stats;

static int test_setup(void **state)
{
    (void)state;
    memset(&stats, 0, sizeof(stats));
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    return 0;
}

static void assert_percentile(double percent, double low, double high)
{
    double is = stats_percentile(&stats, percent);

    if (is < low || is > high)
        fail_msg("p%g is %g, not from %g to %g", percent, is, low, high);
}

TEST(no_request_has_no_percentile)
{
    assert_percentile(50, 0, 0);
    assert_percentile(99, 0, 0);
}

TEST(a_percentile_is_within_its_bucket)
{
    stats.latency[2] = 10; /* 2 to 5 ms */
    assert_percentile(1, 2, 2.5);
    assert_percentile(50, 3.4, 3.6);
    assert_percentile(100, 5, 5);
}

TEST(a_few_slow_ones_show_in_the_last_percent)
{
    stats.latency[0] = 98;
    stats.latency[9] = 2; /* 500 to 1000 ms */
    assert_percentile(50, 0, 1);
    assert_percentile(99, 500, 1000);
}

TEST(past_the_last_bound_the_bound_is_said)
{
    stats.latency[LATENCY_BUCKETS - 1] = 1;
    assert_percentile(50, 10000, 10000);
}

static char name[] = "orders", none[] = "", id[] = "a";

static struct report_service services[] = {
    {.name = none},
    { .name = name,                .stats.requests = 2},
    { .name = name, .inbound = true, .stats.requests = 5},
};
static struct report report = {.services = services, .service_count = 3};

TEST(services_nobody_called_are_left_out_of_the_stats)
{
    json_t *value = report_stats_json(&report);

    assert_int_equal(json_array_size(value), 2);
    json_decref(value);
}

TEST(pools_are_of_services_only)
{
    json_t *all = report_pools_json(&report, NULL),
           *other = report_pools_json(&report, "x");

    assert_int_equal(json_array_size(all), 2);
    assert_int_equal(json_array_size(other), 0);
    json_decref(all);
    json_decref(other);
}

TEST(finds_the_outbound_one)
{
    assert_ptr_equal(report_find(&report, "orders"), &services[1]);
    assert_null(report_find(&report, "x"));
    assert_null(report_find(NULL, "orders"));
}

TEST(a_draining_instance_is_called_so_whatever_else_it_is)
{
    struct report_instance i = {.id = id, .draining = true, .state = OUTLIER_OPEN};
    struct report_service s = {.name = name, .instances = &i, .instance_count = 1};
    struct report r = {.services = &s, .service_count = 1};
    json_t *all = report_pools_json(&r, NULL);
    const json_t *list = json_object_get(json_array_get(all, 0), "instances");

    assert_string_equal(
        json_string_value(json_object_get(json_array_get(list, 0), "state")), "draining");
    json_decref(all);
}

TESTS(RUN_WITH(no_request_has_no_percentile), RUN_WITH(a_percentile_is_within_its_bucket),
      RUN_WITH(a_few_slow_ones_show_in_the_last_percent),
      RUN_WITH(past_the_last_bound_the_bound_is_said),
      RUN(services_nobody_called_are_left_out_of_the_stats),
      RUN(pools_are_of_services_only), RUN(finds_the_outbound_one),
      RUN(a_draining_instance_is_called_so_whatever_else_it_is))
