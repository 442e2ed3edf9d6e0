#include "sidecar/advertise.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/test.h"

/* Catalogs with registries that nobody has to run: one that only this host reads, one that all read. */
static enum err open_any(struct registry *r, struct why *w)
{
    (void)r;
    (void)w;
    return ERR_OK;
}

static void on_due(struct timer *t);

struct backend {
    struct registry registry;
    struct timer timer;
};

static void close_any(struct registry *r)
{
    struct backend *b = container_of(r, struct backend, registry);

    timer_init(&b->timer, on_due);
    timer_start(&b->timer, &r->loop->clock, 0);
}

static void on_due(struct timer *t)
{
    struct backend *b = container_of(t, struct backend, timer);

    b->registry.closed(&b->registry);
}

static const struct registry_ops near = {.scheme = "near",
                                         .size = sizeof(struct backend),
                                         .abilities = REGISTRY_WRITES | REGISTRY_IS_LOCAL,
                                         .open = open_any,
                                         .close = close_any};
static const struct registry_ops wide = {.scheme = "wide",
                                         .size = sizeof(struct backend),
                                         .abilities = REGISTRY_WRITES,
                                         .open = open_any,
                                         .close = close_any};
static const struct registry_ops *const backends[] = {&near, &wide, NULL};

static struct loop loop;
static struct random dice;
static struct catalog *catalog;
static struct settings *settings;
static struct port ingress_port;
static struct ports ports;
static struct address own;
static struct why w;
static bool is_closed;

static void on_closed(struct catalog *c)
{
    (void)c;
    is_closed = true;
}

static const struct catalog_events events = {.closed = on_closed};

static void open_catalog(const char *url)
{
    struct catalog_settings s = {
        .urls = &url, .count = 1, .coalesce_ms = 20, .environment.backends = backends};

    assert_int_equal(catalog_open(&catalog, &s, &loop, &dice, &events, NULL, &w), ERR_OK);
}

static int test_setup(void **state)
{
    (void)state;
    loop_open(&loop, 0);
    random_init(&dice, 1);
    why_init(&w);
    catalog = NULL;
    settings = NULL;
    ports = (struct ports){0};
    is_closed = false;
    address_parse(&own, SLICE("127.0.0.1:5000"), 0, NULL);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    if (catalog) {
        catalog_close(catalog);
        clock_advance(&loop.clock, loop_now(&loop) + 5000);
        clock_advance(&loop.clock, loop_now(&loop) + 5000);
        assert_true(is_closed);
        catalog_free(catalog);
    }
    settings_unref(settings);
    loop_close(&loop);
    return 0;
}

static void says(const char *yaml)
{
    if (settings_parse(&settings, slice_of(yaml), "t.yaml", &w))
        fail_msg("%s", w.text);
}

static void ingress_at(const char *address)
{
    ingress_port = (struct port){.use = PORT_INGRESS};
    assert_int_equal(address_parse(&ingress_port.address, slice_of(address), 0, NULL),
                     ERR_OK);
    ports = (struct ports){.items = &ingress_port, .count = 1};
}

/* "ADDRESS", or the reason why there is none. */
static const char *found(const char *registry, const char *pod_ip)
{
    static char text[ADDRESS_TEXT];
    struct address out;
    struct advertise a = {.own = &own, .ports = &ports, .pod_ip = pod_ip};

    if (!settings)
        says("app: { port: 5000 }\n");
    open_catalog(registry);
    a.app = &settings->all_apps[0];
    a.catalog = catalog;
    return advertise_find(&a, &out, &w) ? w.text : address_format(&out, text);
}

TEST(loopback_where_only_this_host_reads)
{
    assert_string_equal(found("near:", NULL), "127.0.0.1:5000");
}

TEST(the_family_that_answered)
{
    address_parse(&own, SLICE("[::1]:5000"), 0, NULL);
    assert_string_equal(found("near:", NULL), "[::1]:5000");
}

TEST(the_pods_address_with_the_apps_port)
{
    assert_string_equal(found("wide:", "10.1.2.3"), "10.1.2.3:5000");
}

TEST(the_pods_address_with_the_ingresss_port)
{
    ingress_at("0.0.0.0:8083");
    assert_string_equal(found("wide:", "10.1.2.3"), "10.1.2.3:8083");
}

TEST(a_pods_address_of_version_6)
{
    assert_string_equal(found("wide:", "fd00::3"), "[fd00::3]:5000");
}

TEST(nonsense_in_pod_ip_is_named)
{
    assert_string_equal(found("wide:", "tcp://x"),
                        "POD_IP is \"tcp://x\", which is no IP address");
}

TEST(the_ingress_on_this_host)
{
    ingress_at("0.0.0.0:8083");
    assert_string_equal(found("near:", NULL), "127.0.0.1:8083");
}

TEST(an_ingress_at_an_address_of_its_own)
{
    ingress_at("10.9.8.7:8083");
    assert_string_equal(found("wide:", NULL), "10.9.8.7:8083");
}

TEST(an_ingress_of_another_app_is_not_meant)
{
    ingress_at("0.0.0.0:8083");
    ingress_port.app = 1;
    assert_string_equal(found("near:", NULL), "127.0.0.1:5000");
}

TEST(an_ingress_on_loopback_is_refused_where_others_read)
{
    ingress_at("127.0.0.1:8083");
    assert_non_null(
        strstr(found("wide:", NULL), "the ingress listens on 127.0.0.1:8083"));
}

TEST(an_app_at_an_address_of_its_own)
{
    address_parse(&own, SLICE("10.9.8.7:5000"), 0, NULL);
    assert_string_equal(found("wide:", NULL), "10.9.8.7:5000");
}

TEST(what_is_written_wins)
{
    says("app: { port: 5000, advertise: \"10.0.0.1:80\" }\n");
    ingress_at("0.0.0.0:8083");
    assert_string_equal(found("wide:", "10.1.2.3"), "10.0.0.1:80");
}

TEST(loopback_may_be_written)
{
    says("app: { port: 5000, advertise: 127.0.0.1 }\n");
    assert_string_equal(found("wide:", NULL), "127.0.0.1:5000");
}

TEST(a_written_ip_takes_the_ingresss_port)
{
    says("app: { port: 5000, advertise: 10.0.0.1 }\n");
    ingress_at("0.0.0.0:8083");
    assert_string_equal(found("wide:", NULL), "10.0.0.1:8083");
}

TEST(any_address_is_nobodys)
{
    says("app: { port: 5000, advertise: 0.0.0.0 }\n");
    assert_string_equal(found("near:", NULL),
                        "advertise is 0.0.0.0, which is no host's address");
}

TEST(a_unix_socket_is_for_this_host_alone)
{
    address_parse(&own, SLICE("unix:/run/web.sock"), 0, NULL);
    assert_non_null(strstr(found("wide:", "10.1.2.3"), "ingress.listen"));
    assert_string_equal(w.text + strlen(w.text) - 1, ")");
}

TEST(a_unix_socket_is_fine_on_this_host)
{
    address_parse(&own, SLICE("unix:/run/web.sock"), 0, NULL);
    assert_string_equal(found("near:", NULL), "unix:/run/web.sock");
}

/* The registry at 127.0.0.1 is no hint; else the way out is never loopback. */
TEST(the_way_to_the_registry_is_never_loopback)
{
    const char *text = found("wide://127.0.0.1:8500", NULL);

    assert_null(strstr(text, "127.0.0.1"));
    assert_null(strstr(text, "0.0.0.0"));
}

static const char *explained(const char *at)
{
    struct advertise a = {.own = &own, .ports = &ports};
    struct address address;

    address_parse(&address, slice_of(at), 0, NULL);
    advertise_explain(&a, &address, "connection refused", &w);
    return w.text;
}

TEST(a_loopback_app_is_told_of_the_ingress)
{
    assert_non_null(strstr(explained("10.0.0.1:5000"), "ingress.listen: 0.0.0.0:8083"));
    assert_non_null(strstr(w.text, "127.0.0.1:5000"));
}

TEST(who_has_an_ingress_is_not_told_to_get_one)
{
    ingress_at("0.0.0.0:8083");
    assert_null(strstr(explained("10.0.0.1:8083"), "ingress"));
    assert_non_null(strstr(w.text, "connection refused"));
}

TESTS(RUN_WITH(loopback_where_only_this_host_reads), RUN_WITH(the_family_that_answered),
      RUN_WITH(the_pods_address_with_the_apps_port),
      RUN_WITH(the_pods_address_with_the_ingresss_port),
      RUN_WITH(a_pods_address_of_version_6), RUN_WITH(nonsense_in_pod_ip_is_named),
      RUN_WITH(the_ingress_on_this_host), RUN_WITH(an_ingress_at_an_address_of_its_own),
      RUN_WITH(an_ingress_of_another_app_is_not_meant),
      RUN_WITH(an_ingress_on_loopback_is_refused_where_others_read),
      RUN_WITH(an_app_at_an_address_of_its_own), RUN_WITH(what_is_written_wins),
      RUN_WITH(loopback_may_be_written), RUN_WITH(a_written_ip_takes_the_ingresss_port),
      RUN_WITH(any_address_is_nobodys), RUN_WITH(a_unix_socket_is_for_this_host_alone),
      RUN_WITH(a_unix_socket_is_fine_on_this_host),
      RUN_WITH(the_way_to_the_registry_is_never_loopback),
      RUN_WITH(a_loopback_app_is_told_of_the_ingress),
      RUN_WITH(who_has_an_ingress_is_not_told_to_get_one))
