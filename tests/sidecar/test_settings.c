#include "sidecar/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/fault_heap.h"
#include "tests/lib/test.h"

static struct settings *s;
static struct why w;

static int test_setup(void **state)
{
    (void)state;
    s = NULL;
    why_init(&w);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    settings_unref(s);
    return 0;
}

static void takes(const char *yaml)
{
    settings_unref(s);
    if (settings_parse(&s, slice_of(yaml), "t.yaml", &w))
        fail_msg("%s", w.text);
}

static void refuses(const char *yaml, const char *reason)
{
    settings_unref(s);
    assert_int_not_equal(settings_parse(&s, slice_of(yaml), "t.yaml", &w), ERR_OK);
    assert_null(s);
    assert_string_equal(w.text, reason);
}

static const char *address(const struct listen_addresses *at, unsigned index)
{
    static char text[ADDRESS_TEXT];

    assert_in_range(index + 1, 1, at->count);
    return address_format(&at->items[index], text);
}

static const char example[] =
    "name: users\nversion: 1.4.0\n"
    "app: { port: 5000, health: { http: /healthz, interval: 5s, timeout: 1s, fall: 3, "
    "rise: 1 } }\n"
    "metadata: { zone: eu-1 }\n"
    "registry: { url: \"consul://127.0.0.1:8500\", ttl: 30s, heartbeat: 10s }\n"
    "proxy: { listen: [\"127.0.0.1:8081\", \"[::1]:8081\"], workers: 1 }\n"
    "admin: { listen: 127.0.0.1:8082 }\n"
    "defaults:\n  timeout: 15s\n  connect_timeout: 1s\n"
    "  retries: { max: 2, backoff: 25ms, budget: 20% }\n  balancer: p2c\n"
    "  pool: { idle: 64, idle_timeout: 4s }\n"
    "  outlier: { failures: 5, rest: 30s, max_ejected: 50% }\n"
    "services:\n  billing: { timeout: 60s, retries: { max: 0 } }\n  search:\n"
    "    instances: [\"127.0.0.1:5001\", { address: \"127.0.0.1:5002\", weight: 2, "
    "metadata: { "
    "zone: eu-1 } }]\n"
    "drain: { settle: 2s, finish: 6s }\nstate: { dir: /var/lib/csidecar, max_age: 24h }\n"
    "log: { level: info, format: text, access: true }\n";

/* The registries of later versions are not known yet. */
static char *example_with(const char *url)
{
    char *yaml = malloc(sizeof(example) + 100);
    const char *at = strstr(example, "consul://127.0.0.1:8500");

    sprintf(yaml, "%.*s%s%s", (int)(at - example), example, url,
            at + strlen("consul://127.0.0.1:8500"));
    return yaml;
}

TEST(takes_the_example_of_the_manual)
{
    char *yaml = example_with("local");
    const struct service_entry *search;
    const struct static_instance *instances;

    takes(yaml);
    free(yaml);
    assert_string_equal(s->name, "users");
    assert_int_equal(s->app_count, 1);
    assert_int_equal(s->all_apps[0].health.kind, HEALTH_HTTP);
    assert_int_equal(service_settings_of(s, SLICE("billing"))->timeout, 60000);
    assert_int_equal(service_settings_of(s, SLICE("billing"))->retries.max, 0);
    search = service_entry_of(s, SLICE("search"));
    instances = search->instances.base;
    assert_int_equal(search->instances.count, 2);
    assert_string_equal(instances[1].address, "127.0.0.1:5002");
    assert_int_equal(s->drain.settle, 2000);
}

TEST(nothing_gives_the_defaults_of_the_manual)
{
    const struct service_settings *d;

    takes("");
    d = &s->defaults;
    assert_int_equal(d->timeout, 15000);
    assert_int_equal(d->connect_timeout, 1000);
    assert_int_equal(d->try_timeout, 5000);
    assert_int_equal(d->idle_timeout, 300000);
    assert_int_equal(d->tunnel_idle_timeout, 3600000);
    assert_int_equal(d->retries.max, 2);
    assert_int_equal(d->retries.backoff_max, 250);
    assert_int_equal(d->retries.replay, 65536);
    assert_int_equal(d->balancer, BALANCER_P2C);
    assert_int_equal(d->outlier.rule.rest_max_ms, 300000);
    assert_int_equal(d->limits.in_flight, 1024);
    assert_int_equal(d->limits.waiting, 64);
    assert_int_equal(s->limits.head, 65536);
    assert_int_equal(s->limits.fields, 100);
    assert_int_equal(s->limits.target, 32768);
    assert_int_equal(s->registry.ttl, 30000);
    assert_int_equal(s->drain.finish, 6000);
    assert_int_equal(s->app_count, 0);
    assert_int_equal(s->log.level, LOG_INFO);
    assert_string_equal(d->upgrades.items[0], "websocket");
}

TEST(listens_on_both_loopbacks_by_default)
{
    takes("");
    assert_int_equal(s->proxy.addresses.count, 2);
    assert_string_equal(address(&s->proxy.addresses, 0), "127.0.0.1:8081");
    assert_string_equal(address(&s->proxy.addresses, 1), "[::1]:8081");
    assert_true(s->proxy.addresses.by_default);
    assert_true(s->admin.addresses.by_default);
    assert_int_equal(s->probes.addresses.count, 0);
}

TEST(a_port_takes_the_place_of_those_in_listen)
{
    takes("proxy: {port: 9000}");
    assert_string_equal(address(&s->proxy.addresses, 1), "[::1]:9000");
    assert_false(s->proxy.addresses.by_default);
    takes("proxy: {port: 9000, listen: [\"unix:/tmp/x\", 127.0.0.1:1]}");
    assert_string_equal(address(&s->proxy.addresses, 0), "unix:/tmp/x");
    assert_string_equal(address(&s->proxy.addresses, 1), "127.0.0.1:9000");
}

TEST(localhost_is_both_loopbacks)
{
    takes("admin: {listen: localhost:7000}");
    assert_int_equal(s->admin.addresses.count, 2);
    assert_string_equal(address(&s->admin.addresses, 1), "[::1]:7000");
}

TEST(listening_elsewhere_asks_for_a_token)
{
    refuses("proxy: {listen: 0.0.0.0:80}",
            "t.yaml:1:17: proxy.listen: 0.0.0.0:80 is not loopback: set proxy.token or "
            "proxy.token_file");
    refuses("admin: {listen: [127.0.0.1:1, 10.0.0.1:80]}",
            "t.yaml:1:17: admin.listen: 10.0.0.1:80 is not loopback: set admin.token or "
            "admin.token_file");
    takes("proxy: {listen: 0.0.0.0:80, token: x}\nprobes: {listen: 0.0.0.0:8084}");
    assert_string_equal(s->proxy.secret, "x");
}

TEST(an_address_that_is_none_is_refused_at_its_place)
{
    assert_int_not_equal(settings_parse(&s,
                                        SLICE("proxy: {listen: [127.0.0.1:1, nowhere]}"),
                                        "t.yaml", &w),
                         ERR_OK);
    assert_memory_equal(w.text, "t.yaml:1:31: proxy.listen[1]: ", 30);
    refuses("probes: {listen: ':80'}",
            "t.yaml:1:18: probes.listen: needs an address before the "
            "port: 127.0.0.1:80 or 0.0.0.0:80");
}

TEST(two_listeners_of_one_address_are_refused)
{
    refuses("proxy: {listen: 127.0.0.1:90}\nadmin: {listen: 127.0.0.1:90}",
            "t.yaml:2:17: admin.listen: 127.0.0.1:90 is taken by proxy.listen");
    refuses(
        "app: {port: 5}\ningress: {listen: 127.0.0.1:90}\nprobes: {listen: 0.0.0.0:90}",
        "t.yaml:3:18: probes.listen: 0.0.0.0:90 is taken by ingress.listen");
    refuses("admin: {listen: 127.0.0.1:90}\nservices: {a: {listen: 127.0.0.1:90}}",
            "t.yaml:2:24: services.a.listen: 127.0.0.1:90 is taken by admin.listen");
    takes("admin: {listen: 127.0.0.1:8081}");
}

TEST(the_app_is_on_both_loopbacks)
{
    takes("app: {port: 5000}");
    assert_int_equal(s->all_apps[0].address_count, 2);
    assert_int_equal(address_port(&s->all_apps[0].addresses[1]), 5000);
    assert_int_equal(s->all_apps[0].health.kind, HEALTH_AUTO);
    assert_string_equal(s->all_apps[0].health.path, "/healthz");
    assert_string_equal(s->all_apps[0].name, s->name);
}

TEST(the_app_is_not_where_we_listen)
{
    refuses("app: {port: 8081}\nproxy: {port: 8081}",
            "t.yaml:1:13: app.port: is where proxy.listen listens");
    refuses("app: {port: 83}\ningress: {listen: 0.0.0.0:83}",
            "t.yaml:1:13: app.port: is where the ingress listens");
    refuses("app: {host: 'unix:/tmp/a'}\nproxy: {listen: 'unix:/tmp/a'}",
            "t.yaml:1:13: app.host: is where proxy.listen listens");
    takes("app: {port: 8081}");
    takes("app: {port: 83}\ningress: {listen: 10.0.0.1:83}");
}

TEST(the_app_may_be_elsewhere)
{
    takes("app: {port: 5000, host: 10.1.2.3}");
    assert_int_equal(s->all_apps[0].address_count, 1);
    takes("app: {host: 'unix:/tmp/app'}");
    assert_true(address_is_path(&s->all_apps[0].addresses[0]));
    refuses("app: {port: 1, host: example.com}",
            "t.yaml:1:22: app.host: must be an IP address or unix:/path");
}

TEST(one_check_of_health_and_no_more)
{
    takes("app: {port: 1, health: {exec: [true, -x]}}");
    assert_int_equal(s->all_apps[0].health.kind, HEALTH_EXEC);
    takes("app: {port: 1, health: {tcp: true}}");
    assert_int_equal(s->all_apps[0].health.kind, HEALTH_TCP);
    takes("app: {port: 1, health: {off: true}}");
    assert_int_equal(s->all_apps[0].health.kind, HEALTH_NONE);
    refuses("app: {port: 1, health: {tcp: true, http: /x}}",
            "t.yaml:1:24: app.health: http, tcp, exec and off exclude each other");
    refuses("app: {port: 1, health: {http: x}}",
            "t.yaml:1:31: app.health.http: must be a path like /healthz");
}

TEST(several_apps_share_what_the_top_level_says)
{
    takes("version: 1\nmetadata: {zone: a, x: 1}\napp: {health: {interval: 9s}}\n"
          "apps: [{name: a, port: 1, metadata: {zone: b}}, {name: b, port: 2, version: "
          "2}]");
    assert_int_equal(s->app_count, 2);
    assert_string_equal(s->all_apps[0].version, "1");
    assert_string_equal(s->all_apps[1].version, "2");
    assert_int_equal(s->all_apps[1].health.interval, 9000);
    assert_int_equal(s->all_apps[0].metadata.count, 2);
    assert_string_equal(s->all_apps[0].metadata.items[0].value, "b");
    assert_string_equal(s->all_apps[0].metadata.items[1].key, "x");
}

TEST(several_apps_need_names_and_ports)
{
    refuses("apps: [{port: 1}, {port: 2}]",
            "t.yaml:1:8: apps[0]: each of several apps needs a name");
    refuses("apps: [{name: a}]", "t.yaml:1:8: apps[0]: needs a port");
    refuses("app: {port: 1}\napps: [{name: a, port: 2}]",
            "t.yaml:1:13: app.port: app and apps exclude each other");
    takes("name: x\napps: [{port: 1}]");
    assert_string_equal(s->all_apps[0].name, "x");
}

TEST(an_ingress_needs_its_app)
{
    refuses("ingress: {listen: 0.0.0.0:8083}",
            "t.yaml:1:19: ingress.listen: there is no app behind it: set app.port");
    refuses(
        "ingress: {listen: 0.0.0.0:8083}\napps: [{name: a, port: 1}, {name: b, port: 2}]",
        "t.yaml:1:19: ingress.listen: is for one app: set apps[].ingress");
    takes("ingress: {listen: 0.0.0.0:8083, timeout: 7s}\napp: {port: 1}");
    assert_string_equal(address(&s->all_apps[0].ingress_listen, 0), "0.0.0.0:8083");
    assert_int_equal(s->ingress.policy.timeout, 7000);
    assert_int_equal(s->ingress.policy.retries.max, 0);
    takes("apps: [{name: a, port: 1, ingress: 127.0.0.1:9}]");
    assert_int_equal(s->all_apps[0].ingress_listen.count, 1);
}

TEST(what_is_advertised)
{
    takes("app: {port: 1}");
    assert_true(s->all_apps[0].advertise_auto);
    takes("app: {port: 1}\nadvertise: 10.0.0.1:99");
    assert_int_equal(address_port(&s->all_apps[0].advertised), 99);
    takes("app: {port: 1, advertise: fd00::1}");
    assert_int_equal(address_port(&s->all_apps[0].advertised), 0);
    refuses("app: {port: 1}\nadvertise: example.com",
            "t.yaml:2:12: advertise: must be auto, IP or IP:PORT, not \"example.com\"");
}

TEST(settling_takes_no_time_with_only_local_registries)
{
    takes("");
    assert_true(s->registry.only_local);
    assert_int_equal(s->drain.settle, 0);
    takes("drain: {settle: 1s}");
    assert_int_equal(s->drain.settle, 1000);
    takes("registry: {url: [local, 'mdns://']}");
    assert_false(s->registry.only_local);
    assert_int_equal(s->drain.settle, 2000);
}

TEST(an_unknown_registry_names_the_nearest)
{
    refuses("registry: {url: mdsn}", "t.yaml:1:17: registry.url: no registry is called "
                                     "\"mdsn\" (did you mean \"mdns\"?)");
    assert_int_not_equal(
        settings_parse(&s, SLICE("registry: {url: [local, 'zzz://x']}"), "t.yaml", &w),
        ERR_OK);
    assert_non_null(
        strstr(w.text, "registry.url[1]: no registry is called \"zzz\" (there are "));
    assert_non_null(strstr(w.text, "local, mdns, nats"));
}

TEST(a_heartbeat_is_shorter_than_the_lease)
{
    refuses("registry: {ttl: 10s, heartbeat: 10s}",
            "t.yaml:1:33: registry.heartbeat: must be shorter than the ttl (10s)");
    refuses("registry: {ttl: 5s}",
            "t.yaml:1:11: registry.heartbeat: must be shorter than the ttl (5s)");
}

TEST(limits_of_policies_hold_together)
{
    refuses("services: {a.b: {retries: {backoff: 1s}}}",
            "t.yaml:1:37: services.\"a.b\".retries.backoff: must not be longer than "
            "backoff_max");
    refuses("defaults: {outlier: {rest: 20m}}",
            "t.yaml:1:28: defaults.outlier.rest: must not be longer than max_rest");
    refuses(
        "defaults: {host: 'a b'}",
        "t.yaml:1:18: defaults.host: must be instance, service or a host, not \"a b\"");
    takes("services: {a: {host: service}, b: {host: x.example}}");
    assert_int_equal(service_settings_of(s, SLICE("a"))->host_kind, HOST_SERVICE);
    assert_int_equal(service_settings_of(s, SLICE("b"))->host_kind, HOST_TEXT);
    assert_int_equal(s->defaults.host_kind, HOST_INSTANCE);
}

TEST(instances_need_addresses)
{
    refuses("services: {a: {instances: [{weight: 1}]}}",
            "t.yaml:1:28: services.a.instances[0]: needs an address");
    assert_int_not_equal(
        settings_parse(&s, SLICE("services: {a: {instances: [x, 127.0.0.1]}}"), "t.yaml",
                       &w),
        ERR_OK);
    assert_memory_equal(w.text, "t.yaml:1:28: services.a.instances[0]: ", 38);
}

TEST(a_drop_in_hides_no_service)
{
    takes("compat: [dapr, prana]\nservices: {rpc: {}}");
    assert_int_equal(s->compat_flags, COMPAT_DAPR | COMPAT_PRANA);
    refuses("compat: [prana]\nservices: {proxy: {}}",
            "t.yaml:2:19: services.proxy: compat prana takes this name");
}

TEST(names_of_services_do_as_path_segments)
{
    assert_int_not_equal(settings_parse(&s, SLICE("services: {a/b: {}}"), "t.yaml", &w),
                         ERR_OK);
    assert_int_not_equal(settings_parse(&s, SLICE("name: _x"), "t.yaml", &w), ERR_OK);
    takes("services: {go.micro.srv.greeter: {timeout: 1s}}");
    assert_int_equal(service_settings_of(s, SLICE("go.micro.srv.greeter"))->timeout,
                     1000);
}

TEST(each_service_is_found_and_no_other)
{
    static const char *const others[] = {"", "a", "az", "d", "cc\0", "b "};

    takes("services: {c: {timeout: 3s}, ab: {timeout: 1s}, b: {timeout: 2s}, cc: "
          "{timeout: 4s}}");
    assert_int_equal(service_settings_of(s, SLICE("ab"))->timeout, 1000);
    assert_int_equal(service_settings_of(s, SLICE("b"))->timeout, 2000);
    assert_int_equal(service_settings_of(s, SLICE("c"))->timeout, 3000);
    assert_int_equal(service_settings_of(s, SLICE("cc"))->timeout, 4000);
    for (unsigned i = 0; i < 4; i++)
        assert_null(service_entry_of(s, slice_of(others[i])));
    assert_null(service_entry_of(s, slice_from("cc\0", 3)));
    assert_ptr_equal(service_settings_of(s, SLICE("x")), &s->defaults);
}

TEST(origins_are_origins)
{
    takes("proxy: {allowed_origins: ['http://localhost:3000', '*']}");
    refuses("proxy: {allowed_origins: ['http://localhost:3000/']}",
            "t.yaml:1:27: proxy.allowed_origins[0]: must be an origin like "
            "http://localhost:3000");
}

TEST(makes_valid_names_of_anything)
{
    char name[129], longer[300];

    service_name_make(name, SLICE("My App!"));
    assert_string_equal(name, "My-App");
    service_name_make(name, SLICE("._-x"));
    assert_string_equal(name, "x");
    service_name_make(name, SLICE("\xc3\xa4"));
    assert_string_equal(name, "app");
    memset(longer, 'x', sizeof(longer));
    service_name_make(name, slice_from(longer, sizeof(longer)));
    assert_int_equal(strlen(name), 128);
}

TEST(the_check_shows_settings_and_registration)
{
    struct text out = {.limit = 1 << 20};

    takes("name: users\nproxy: {token: hush}\napp: {port: 5000, metadata: {zone: eu}}");
    settings_check_print(s, &out);
    assert_non_null(strstr(
        out.base, "# would be registered:\n#   service=users version=latest id=new "
                  "weight=1 address=127.0.0.1 port=5000 ttl=30s heartbeat=10s "
                  "zone=\"eu\"\n"));
    assert_null(strstr(out.base, "hush"));
    text_clear(&out);
    takes("");
    settings_check_print(s, &out);
    assert_non_null(strstr(out.base, "# nothing is registered: there is no app\n"));
    text_fini(&out);
}

TEST(what_the_check_prints_can_be_checked)
{
    struct text out = {.limit = 1 << 20};
    char *yaml = example_with("local");

    takes(yaml);
    free(yaml);
    settings_check_print(s, &out);
    takes(out.base);
    text_fini(&out);
}

static bool parses(void)
{
    struct settings *out;
    bool ok =
        settings_parse(&out,
                       SLICE("name: a\nmetadata: {a: b}\nproxy: {listen: 127.0.0.1:1}\n"
                             "app: {port: 9, ingress: 127.0.0.1:2, metadata: {c: d}}\n"
                             "services: {x: {instances: [127.0.0.1:3], listen: "
                             "127.0.0.1:4}}\n"),
                       "t.yaml", NULL) == ERR_OK;

    settings_unref(out);
    return ok;
}

TEST(survives_each_refused_allocation)
{
    assert_in_range(fault_heap_each(parses), 5, 2000);
}

TESTS(RUN_WITH(takes_the_example_of_the_manual),
      RUN_WITH(nothing_gives_the_defaults_of_the_manual),
      RUN_WITH(listens_on_both_loopbacks_by_default),
      RUN_WITH(a_port_takes_the_place_of_those_in_listen),
      RUN_WITH(localhost_is_both_loopbacks),
      RUN_WITH(listening_elsewhere_asks_for_a_token),
      RUN_WITH(an_address_that_is_none_is_refused_at_its_place),
      RUN_WITH(two_listeners_of_one_address_are_refused),
      RUN_WITH(the_app_is_on_both_loopbacks), RUN_WITH(the_app_is_not_where_we_listen),
      RUN_WITH(the_app_may_be_elsewhere), RUN_WITH(one_check_of_health_and_no_more),
      RUN_WITH(several_apps_share_what_the_top_level_says),
      RUN_WITH(several_apps_need_names_and_ports), RUN_WITH(an_ingress_needs_its_app),
      RUN_WITH(what_is_advertised),
      RUN_WITH(settling_takes_no_time_with_only_local_registries),
      RUN_WITH(an_unknown_registry_names_the_nearest),
      RUN_WITH(a_heartbeat_is_shorter_than_the_lease),
      RUN_WITH(limits_of_policies_hold_together), RUN_WITH(instances_need_addresses),
      RUN_WITH(a_drop_in_hides_no_service),
      RUN_WITH(names_of_services_do_as_path_segments),
      RUN_WITH(each_service_is_found_and_no_other), RUN_WITH(origins_are_origins),
      RUN_WITH(makes_valid_names_of_anything),
      RUN_WITH(the_check_shows_settings_and_registration),
      RUN_WITH(what_the_check_prints_can_be_checked),
      RUN_WITH(survives_each_refused_allocation))
