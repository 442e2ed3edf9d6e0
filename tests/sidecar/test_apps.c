#include "sidecar/apps.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/discovery/registry_memory.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/test.h"
#include "tests/lib/transport/fake_app.h"
#include "tests/lib/transport/loops.h"

/* Apps that listen, a registry that does as it is told, and virtual time. */
static struct loop loop;
static struct random dice;
static struct fake_app app;
static struct catalog *catalog;
static struct memory_server *server;
static struct ports ports;
static struct settings *settings;
static struct apps *apps;
static struct why w;
static unsigned ready_changes, deregistrations, closings;
static bool catalog_is_closed;

static void on_list(struct catalog *c, struct instance_list *l)
{
    (void)c;
    (void)l;
}

static void on_names(struct catalog *c)
{
    (void)c;
}

static void on_catalog_closed(struct catalog *c)
{
    (void)c;
    catalog_is_closed = true;
}

static const struct catalog_events catalog_events = {
    .changed = on_list, .names_changed = on_names, .closed = on_catalog_closed};

static void on_ready_changed(void *owner, bool ready)
{
    (void)owner;
    assert_int_equal(ready, apps_are_ready(apps));
    ready_changes++;
}

static void on_deregistered(void *owner)
{
    (void)owner;
    deregistrations++;
}

static void on_closed(void *owner)
{
    (void)owner;
    closings++;
}

static const struct apps_events events = {.ready_changed = on_ready_changed,
                                          .deregistered = on_deregistered,
                                          .closed = on_closed};

static void open_catalog(void)
{
    static const char *urls[] = {"memory:a"};
    struct catalog_settings s = {.urls = urls,
                                 .count = 1,
                                 .coalesce_ms = 20,
                                 .environment.backends = memory_backends};

    assert_int_equal(catalog_open(&catalog, &s, &loop, &dice, &catalog_events, NULL, &w),
                     ERR_OK);
    server = memory_server("a");
}

static int test_setup(void **state)
{
    (void)state;
    loop_open(&loop, 0);
    random_init(&dice, 5);
    memory_reset();
    why_init(&w);
    fake_app_open(&app, &loop, NULL);
    ports = (struct ports){0};
    settings = NULL;
    apps = NULL;
    ready_changes = deregistrations = closings = 0;
    catalog_is_closed = false;
    open_catalog();
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    if (apps) {
        apps_close(apps);
        assert_int_equal(closings, 0);
        for (int i = 0; i < 400 && !closings; i++)
            loop_passes(&loop, 1);
        assert_int_equal(closings, 1);
        apps_free(apps);
    }
    catalog_close(catalog);
    loop_passes(&loop, 3000);
    assert_true(catalog_is_closed);
    catalog_free(catalog);
    settings_unref(settings);
    fake_app_close(&app);
    memory_reset();
    assert_int_equal(loop_close(&loop), ERR_OK);
    return 0;
}

static void passes(uint64_t ms)
{
    loop_passes(&loop, ms);
}

/* %PORT is the app's. memory: counts as a registry of many, so loopback is written. */
static struct settings *parse(const char *more)
{
    struct settings *s;
    char yaml[1024];

    snprintf(
        yaml, sizeof(yaml),
        "name: web\n%s"
        "app: { port: %u, id: me, health: { tcp: true, fall: 1, interval: 1s } }\n%s",
        strstr(more, "advertise") ? "" : "advertise: 127.0.0.1\n",
        address_port(&app.address), more);
    if (settings_parse(&s, slice_of(yaml), "t.yaml", &w))
        fail_msg("%s", w.text);
    return s;
}

static void open_apps(const char *more)
{
    struct apps_context context = {
        .loop = &loop, .random = &dice, .catalog = catalog, .ports = &ports};

    context.settings = settings = parse(more);
    assert_int_equal(apps_open(&apps, &context, &events, NULL, &w), ERR_OK);
}

static enum err configure(const char *more)
{
    struct settings *next = parse(more);
    enum err e = apps_configure(apps, next, &w);

    settings_unref(settings);
    settings = next;
    return e;
}

static struct app_status status(void)
{
    struct app_status s;

    apps_status(apps, 0, &s);
    return s;
}

static bool is_registered(void)
{
    return memory_has(server, "web", "me");
}

TEST(registers_after_the_first_pass)
{
    fake_app_gone(&app);
    open_apps("");
    passes(500);
    assert_false(is_registered());
    assert_string_equal(status().state, "waiting");
    assert_null(apps_registration(apps, 0));
    fake_app_back(&app);
    passes(1000);
    assert_true(is_registered());
    assert_string_equal(status().state, "registered");
    assert_string_equal(apps_registration(apps, 0)->id, "me");
}

TEST(is_ready_once_registered)
{
    server->delay_ms = 500;
    open_apps("");
    passes(400);
    assert_false(apps_are_ready(apps));
    passes(200);
    assert_true(apps_are_ready(apps));
    assert_int_equal(ready_changes, 1);
}

TEST(is_ready_although_the_registry_is_away)
{
    server->away = true;
    open_apps("");
    passes(1900);
    assert_false(apps_are_ready(apps));
    passes(200);
    assert_true(apps_are_ready(apps));
    assert_string_equal(status().state, "registering");
    assert_string_equal(status().reason, "not reachable");
    server->away = false;
    passes(40 * 1000);
    assert_true(is_registered());
}

TEST(stays_ready_when_the_registry_goes_away)
{
    open_apps("");
    passes(100);
    server->away = true;
    passes(15 * 1000);
    assert_string_equal(status().state, "registering");
    assert_true(apps_are_ready(apps));
    assert_int_equal(ready_changes, 1);
}

TEST(a_failing_check_takes_it_out)
{
    open_apps("");
    passes(100);
    fake_app_gone(&app);
    passes(1200);
    assert_false(is_registered());
    assert_string_equal(status().state, "out");
    assert_false(apps_are_ready(apps));
    assert_int_equal(ready_changes, 2);
}

/* One outing and return; how long it took to be registered again after its checks passed. */
static uint64_t return_takes(void)
{
    uint64_t start;

    fake_app_gone(&app);
    for (int i = 0; i < 2000 && is_registered(); i++)
        passes(10);
    fake_app_back(&app);
    while (status().probe.state != PROBE_UP)
        passes(10);
    for (start = loop_now(&loop); !is_registered();)
        passes(10);
    return loop_now(&loop) - start;
}

TEST(each_return_waits_longer_up_to_30_seconds)
{
    static const uint64_t waits[] = {0, 1000, 2000, 4000, 8000, 16000, 30000, 30000};

    open_apps("");
    passes(100);
    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
        assert_in_range(return_takes(), waits[i], waits[i] + 50);
}

TEST(after_a_long_stay_a_return_is_free_again)
{
    open_apps("");
    passes(100);
    return_takes();
    assert_in_range(return_takes(), 1000, 1050);
    passes(61 * 1000);
    assert_in_range(return_takes(), 0, 50);
}

TEST(going_down_while_it_waits_to_return_is_no_registration)
{
    open_apps("");
    passes(100);
    return_takes();
    fake_app_gone(&app);
    passes(1200);
    fake_app_back(&app);
    while (status().probe.state != PROBE_UP)
        passes(10);
    passes(10);
    assert_string_equal(status().state, "returning");
    fake_app_gone(&app);
    passes(10 * 1000);
    assert_string_equal(status().state, "out");
    assert_false(is_registered());
}

TEST(deregisters_and_never_comes_back)
{
    open_apps("");
    passes(100);
    apps_deregister(apps, 2000);
    assert_int_equal(deregistrations, 0);
    passes(10);
    assert_int_equal(deregistrations, 1);
    assert_false(is_registered());
    passes(60 * 1000);
    assert_false(is_registered());
    assert_int_equal(deregistrations, 1);
    assert_string_equal(status().state, "leaving");
}

TEST(deregistering_gives_up_in_time)
{
    open_apps("");
    passes(100);
    server->silent = true;
    apps_deregister(apps, 500);
    passes(490);
    assert_int_equal(deregistrations, 0);
    passes(20);
    assert_int_equal(deregistrations, 1);
}

TEST(deregistering_before_anything_was_registered)
{
    fake_app_gone(&app);
    open_apps("");
    passes(50);
    apps_deregister(apps, 2000);
    passes(10);
    assert_int_equal(deregistrations, 1);
}

TEST(deregistering_while_the_address_is_being_looked_at)
{
    open_apps("");
    passes(0); /* the check is on its way */
    apps_deregister(apps, 2000);
    passes(5000);
    assert_int_equal(deregistrations, 1);
    assert_false(is_registered());
}

TEST(what_is_gone_is_out_at_once_and_stays_so)
{
    open_apps("");
    passes(100);
    apps_gone(apps, "the app has exited");
    passes(10);
    assert_false(is_registered());
    assert_string_equal(status().state, "gone");
    assert_string_equal(status().reason, "the app has exited");
    passes(60 * 1000);
    assert_false(is_registered());
    apps_deregister(apps, 2000);
    passes(10);
    assert_int_equal(deregistrations, 1);
    assert_string_equal(status().state, "gone");
}

TEST(closing_removes_what_is_registered)
{
    open_apps("");
    passes(100);
    apps_close(apps);
    passes(10);
    assert_int_equal(closings, 1);
    assert_false(is_registered());
    apps_free(apps);
    apps = NULL;
}

TEST(closing_waits_a_little_for_the_registry_and_not_for_ever)
{
    open_apps("");
    passes(100);
    server->silent = true;
    apps_close(apps);
    passes(190);
    assert_int_equal(closings, 0);
    passes(20);
    assert_int_equal(closings, 1);
    apps_free(apps);
    apps = NULL;
}

TEST(metadata_changes_in_place)
{
    open_apps("");
    passes(100);
    assert_int_equal(configure("metadata: { zone: eu-1 }\n"), ERR_OK);
    passes(100);
    assert_true(is_registered());
    assert_int_equal(server->removes, 0);
    assert_int_equal(server->puts, 2);
    assert_string_equal(status().state, "registered");
    assert_int_equal(ready_changes, 1);
}

TEST(the_same_settings_again_write_nothing)
{
    open_apps("");
    passes(100);
    assert_int_equal(configure("drain: { finish: 1s }\n"), ERR_OK);
    passes(100);
    assert_int_equal(server->puts, 1);
    assert_string_equal(status().state, "registered");
}

TEST(to_publish_no_more_takes_it_out_and_is_ready)
{
    open_apps("");
    passes(100);
    configure("registry: { publish: false }\n");
    passes(100);
    assert_false(is_registered());
    assert_string_equal(status().state, "unpublished");
    assert_true(apps_are_ready(apps));
    configure("");
    passes(100);
    assert_true(is_registered());
    assert_int_equal(ready_changes, 1);
}

TEST(an_address_where_nobody_answers_is_not_registered)
{
    open_apps("advertise: 127.0.0.2\n");
    passes(100);
    assert_string_equal(status().state, "unreachable");
    assert_non_null(strstr(status().reason, "connection refused"));
    passes(60 * 1000);
    assert_int_equal(server->puts, 0);
    assert_false(apps_are_ready(apps));
}

TEST(many_registry_losses_are_healed)
{
    open_apps("");
    passes(100);
    for (int i = 0; i < 5; i++) {
        memory_forget(server);
        passes(12 * 1000);
        assert_true(is_registered());
    }
}

TEST(without_apps_it_is_ready_and_deregisters_at_once)
{
    struct apps_context context = {
        .loop = &loop, .random = &dice, .catalog = catalog, .ports = &ports};

    assert_int_equal(settings_parse(&settings, SLICE("name: web\n"), "t.yaml", &w),
                     ERR_OK);
    context.settings = settings;
    assert_int_equal(apps_open(&apps, &context, &events, NULL, &w), ERR_OK);
    passes(1);
    assert_true(apps_are_ready(apps));
    assert_int_equal(apps_count(apps), 0);
    apps_deregister(apps, 2000);
    passes(1);
    assert_int_equal(deregistrations, 1);
}

/* ---- out of memory ---- */

static void close_apps(void)
{
    apps_close(apps);
    for (int i = 0; i < 400 && !closings; i++)
        loop_passes(&loop, 1);
    assert_int_equal(closings, 1);
    apps_free(apps);
    apps = NULL;
    closings = 0;
}

TEST(opening_without_memory_is_an_error_and_closes_well)
{
    struct apps_context context = {
        .loop = &loop, .random = &dice, .catalog = catalog, .ports = &ports};
    unsigned refused = 0;
    bool was_refused = true;

    context.settings = settings = parse("");
    while (was_refused) {
        enum err e;

        fault_heap_fail_at(refused + 1);
        e = apps_open(&apps, &context, &events, NULL, &w);
        was_refused = fault_heap_stop();
        assert_int_equal(e, was_refused ? ERR_NO_MEMORY : ERR_OK);
        refused += was_refused;
        if (apps)
            close_apps();
    }
    assert_in_range(refused, 3, 20);
}

TEST(new_settings_without_memory_change_nothing)
{
    struct settings *next = parse("metadata: { zone: eu-1 }\n");
    unsigned refused = 0;

    next->all_apps[0].health.interval = 2000;
    open_apps("");
    passes(100);
    for (bool was_refused = true; was_refused; refused += was_refused) {
        enum err e;

        fault_heap_fail_at(refused + 1);
        e = apps_configure(apps, next, &w);
        was_refused = fault_heap_stop();
        assert_int_equal(e, was_refused ? ERR_NO_MEMORY : ERR_OK);
        passes(100);
        assert_int_equal(server->puts, was_refused ? 1 : 2);
        assert_true(is_registered());
    }
    assert_in_range(refused, 3, 20);
    settings_unref(settings);
    settings = next;
}

/* ---- a port for the child ---- */

static void chooses(const char *yaml, unsigned *port)
{
    settings_unref(settings);
    assert_int_equal(settings_parse(&settings, slice_of(yaml), "t.yaml", &w), ERR_OK);
    assert_int_equal(apps_choose_port(settings, port, &w), ERR_OK);
}

TEST(a_port_is_chosen_for_a_command_without_one_and_kept)
{
    unsigned port = 0, again;

    chooses("run: { command: [web] }\n", &port);
    assert_int_not_equal(port, 0);
    assert_int_equal(address_port(&settings->all_apps[0].addresses[0]), port);
    again = port;
    chooses("run: { command: [web] }\n", &again);
    assert_int_equal(again, port);
    assert_int_equal(settings->all_apps[0].port, port);
}

TEST(no_port_is_chosen_where_there_is_one_or_no_command)
{
    unsigned port = 0;

    chooses("run: { command: [web] }\napp: { port: 5000 }\n", &port);
    chooses("run: { command: [web] }\napp: { host: \"unix:/run/web.sock\" }\n", &port);
    chooses("name: web\n", &port);
    assert_int_equal(port, 0);
}

TESTS(RUN_WITH(registers_after_the_first_pass), RUN_WITH(is_ready_once_registered),
      RUN_WITH(is_ready_although_the_registry_is_away),
      RUN_WITH(stays_ready_when_the_registry_goes_away),
      RUN_WITH(a_failing_check_takes_it_out),
      RUN_WITH(each_return_waits_longer_up_to_30_seconds),
      RUN_WITH(after_a_long_stay_a_return_is_free_again),
      RUN_WITH(going_down_while_it_waits_to_return_is_no_registration),
      RUN_WITH(deregisters_and_never_comes_back),
      RUN_WITH(deregistering_gives_up_in_time),
      RUN_WITH(deregistering_before_anything_was_registered),
      RUN_WITH(deregistering_while_the_address_is_being_looked_at),
      RUN_WITH(what_is_gone_is_out_at_once_and_stays_so),
      RUN_WITH(closing_removes_what_is_registered),
      RUN_WITH(closing_waits_a_little_for_the_registry_and_not_for_ever),
      RUN_WITH(metadata_changes_in_place),
      RUN_WITH(the_same_settings_again_write_nothing),
      RUN_WITH(to_publish_no_more_takes_it_out_and_is_ready),
      RUN_WITH(an_address_where_nobody_answers_is_not_registered),
      RUN_WITH(many_registry_losses_are_healed),
      RUN_WITH(without_apps_it_is_ready_and_deregisters_at_once),
      RUN_WITH(opening_without_memory_is_an_error_and_closes_well),
      RUN_WITH(new_settings_without_memory_change_nothing),
      RUN_WITH(a_port_is_chosen_for_a_command_without_one_and_kept),
      RUN_WITH(no_port_is_chosen_where_there_is_one_or_no_command))
