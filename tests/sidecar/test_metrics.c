#include "sidecar/metrics.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/test.h"

static struct report_service services[METRICS_SERVICES + 20];
static char names[METRICS_SERVICES + 20][16];
static struct report report = {.services = services};
static struct text out;

static int test_setup(void **state)
{
    (void)state;
    memset(services, 0, sizeof(services));
    report.service_count = 0;
    text_init(&out, 8 * 1024 * 1024);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    text_fini(&out);
    return 0;
}

static struct report_service *add(const char *name)
{
    unsigned at = report.service_count++;

    snprintf(names[at], sizeof(names[at]), "%s", name);
    services[at].name = names[at];
    return &services[at];
}

static bool is_known(const void *owner, const char *service)
{
    (void)owner;
    return service[0] != 'x';
}

static const char *print(void)
{
    struct metrics m = {.report = &report, .is_known = is_known, .version = "1.2.3"};

    metrics_print(&m, &out);
    assert_false(out.failed);
    return out.base;
}

static void assert_line(const char *line)
{
    const char *at = strstr(print(), line);

    if (!at)
        fail_msg("no line: %s\n%s", line, out.base);
    assert_true(at == out.base || at[-1] == '\n');
    assert_int_equal(at[strlen(line)], '\n');
}

static unsigned count(const char *what)
{
    unsigned sum = 0;

    for (const char *at = print(); (at = strstr(at, what)); at++)
        sum++;
    return sum;
}

TEST(prints_without_any_report)
{
    struct metrics m = {.version = "1.2.3"};

    metrics_print(&m, &out);
    assert_non_null(strstr(out.base, "csidecar_build_info{version=\"1.2.3\"} 1\n"));
    assert_null(strstr(out.base, "service="));
}

TEST(counts_by_class)
{
    add("orders")->stats.by_class[2] = 7;
    assert_line("csidecar_requests_total{service=\"orders\",direction=\"outbound\",class="
                "\"2xx\"} 7");
}

TEST(tells_an_ingress_apart_from_a_service_of_the_same_name)
{
    add("orders")->stats.attempts = 1;
    *add("orders") =
        (struct report_service){.name = names[1], .inbound = true, .stats.attempts = 2};
    print();
    assert_non_null(
        strstr(out.base,
               "csidecar_attempts_total{service=\"orders\",direction=\"outbound\"} 1\n"));
    assert_non_null(
        strstr(out.base,
               "csidecar_attempts_total{service=\"orders\",direction=\"inbound\"} 2\n"));
}

TEST(only_errors_that_happened_make_series)
{
    struct report_service *s = add("orders");

    s->stats.by_error[ERR_DEADLINE] = 3;
    s->stats.by_error[ERR_OK] = 9;
    assert_line("csidecar_errors_total{service=\"orders\",direction=\"outbound\",code="
                "\"deadline\"} 3");
    assert_int_equal(count("code="), 2);
}

TEST(buckets_add_up)
{
    struct report_service *s = add("orders");

    s->stats.latency[0] = 2;
    s->stats.latency[1] = 3;
    s->stats.latency[LATENCY_BUCKETS - 1] = 1;
    s->stats.latency_sum_ms = 12345;
    assert_line("csidecar_request_duration_seconds_bucket{service=\"orders\",direction="
                "\"outbound\",le=\"0.002\"} 5");
    assert_non_null(strstr(out.base, "le=\"10\"} 5\n"));
    assert_non_null(strstr(out.base, "le=\"+Inf\"} 6\n"));
    assert_non_null(strstr(out.base, "_sum{service=\"orders\",direction=\"outbound\"} "
                                     "12.345\n"));
}

TEST(names_that_no_registry_knows_share_one_label)
{
    add("x1")->stats.attempts = 1;
    add("x2")->stats.attempts = 2;
    assert_line("csidecar_attempts_total{service=\"_unknown\",direction=\"outbound\"} 3");
    assert_null(strstr(out.base, "x1"));
}

TEST(requests_that_named_none_have_a_label)
{
    add("")->stats.attempts = 4;
    assert_line("csidecar_attempts_total{service=\"_none\",direction=\"outbound\"} 4");
}

TEST(there_is_a_limit_to_labels)
{
    char name[16];

    for (unsigned i = 0; i < METRICS_SERVICES + 10; i++) {
        snprintf(name, sizeof(name), "s%04u", i);
        add(name)->stats.attempts = 1;
    }
    assert_line("csidecar_attempts_total{service=\"_other\",direction=\"outbound\"} 10");
    test_teardown(NULL);
    text_init(&out, 8 * 1024 * 1024);
    assert_int_equal(count("csidecar_attempts_total{"), METRICS_SERVICES + 1);
}

TEST(instances_are_counted_by_state)
{
    struct report_instance instances[4] = {
        {.state = OUTLIER_OPEN}, {.draining = true}, {.id = NULL}, {.id = NULL}};
    struct report_service *s = add("orders");

    s->instances = instances;
    s->instance_count = 4;
    assert_line(
        "csidecar_instances{service=\"orders\",direction=\"outbound\",state=\"up\"} 2");
    assert_non_null(strstr(out.base, "state=\"ejected\"} 1\n"));
    assert_non_null(strstr(out.base, "state=\"draining\"} 1\n"));
}

TEST(label_values_are_escaped)
{
    struct metrics_registry registry = {.url = "file:a\"b\\c\nd", .reachable = true};
    struct metrics m = {.version = "1", .registries = &registry, .registry_count = 1};

    metrics_print(&m, &out);
    assert_non_null(
        strstr(out.base, "csidecar_registry_up{registry=\"file:a\\\"b\\\\c\\nd\"} 1\n"));
}

TEST(what_does_not_fit_is_a_failure_not_half_a_page)
{
    struct metrics m = {.version = "1"};

    text_fini(&out);
    text_init(&out, 100);
    metrics_print(&m, &out);
    assert_true(out.failed);
}

TEST(reads_what_this_process_uses)
{
    struct metrics_process p;

    metrics_process_read(&p);
    assert_true(p.resident_bytes > 100000 && p.virtual_bytes >= p.resident_bytes);
    assert_true(p.open_fds >= 3 && p.max_fds > p.open_fds);
    assert_true(p.started_seconds > 1.6e9);
}

TESTS(RUN_WITH(prints_without_any_report), RUN_WITH(counts_by_class),
      RUN_WITH(tells_an_ingress_apart_from_a_service_of_the_same_name),
      RUN_WITH(only_errors_that_happened_make_series), RUN_WITH(buckets_add_up),
      RUN_WITH(names_that_no_registry_knows_share_one_label),
      RUN_WITH(requests_that_named_none_have_a_label),
      RUN_WITH(there_is_a_limit_to_labels), RUN_WITH(instances_are_counted_by_state),
      RUN_WITH(label_values_are_escaped),
      RUN_WITH(what_does_not_fit_is_a_failure_not_half_a_page),
      RUN(reads_what_this_process_uses))
