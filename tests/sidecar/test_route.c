/* Which service a request names, by every form, and who may not drive the endpoint. */
#include "tests/lib/test.h"

#include "sidecar/guard.h"
#include "sidecar/settings.h"

static struct http_field fields[8];
static struct http_head head;
static struct gateway gateway;
static struct route route;
static const char *hint;

static int test_setup(void **state)
{
    (void)state;
    memset(fields, 0, sizeof(fields));
    head = (struct http_head){.method = METHOD_GET, .minor = 1, .fields = fields};
    gateway = (struct gateway){.kind = GATEWAY_LOCAL, .port = 8081};
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    return 0;
}

static void add(enum http_field_id id, const char *value)
{
    fields[head.count++] = (struct http_field){http_field_name(id), slice_of(value), id};
    head.present |= 1ULL << id;
}

static enum err ask(const char *target, const char *host)
{
    head.target = slice_of(target);
    add(FIELD_ID_HOST, host);
    return route_request(&route, &gateway, &head, &hint);
}

static void goes_to(const char *service, bool slash, const char *target)
{
    assert_true(slice_is(route.service, service));
    assert_true(slice_is(route.target, target));
    assert_int_equal(route.slash, slash);
}

TEST(the_first_segment_of_the_path_names_the_service)
{
    assert_int_equal(ask("/orders/items/7?x=%2F", "127.0.0.1:8081"), ERR_OK);
    assert_int_equal(route.form, ROUTE_PATH);
    goes_to("orders", false, "/items/7?x=%2F");
    assert_true(slice_is(route.prefix, "/orders"));
}

TEST(a_service_alone_is_its_root)
{
    assert_int_equal(ask("/orders", "localhost"), ERR_OK);
    goes_to("orders", true, "");
}

TEST(a_query_right_after_the_service_stays_one)
{
    assert_int_equal(ask("/orders?x=1", "[::1]:8081"), ERR_OK);
    goes_to("orders", true, "?x=1");
}

TEST(an_absolute_target_names_it_by_its_authority)
{
    assert_int_equal(ask("http://orders/items/7", "ignored.example"), ERR_OK);
    assert_int_equal(route.form, ROUTE_PROXY);
    goes_to("orders", false, "/items/7");
    assert_true(slice_is(route.authority, "orders"));
}

TEST(an_absolute_target_to_ourselves_is_a_path)
{
    assert_int_equal(ask("http://127.0.0.1:8081/orders/x", "127.0.0.1:8081"), ERR_OK);
    assert_int_equal(route.form, ROUTE_PATH);
    goes_to("orders", false, "/x");
}

TEST(the_host_names_it_below_localhost_and_csidecar)
{
    assert_int_equal(ask("/items", "orders.localhost:8081"), ERR_OK);
    assert_int_equal(route.form, ROUTE_HOST);
    goes_to("orders", false, "/items");
    head.count = 0;
    assert_int_equal(ask("/items", "Orders.Csidecar"), ERR_OK);
    goes_to("Orders", false, "/items");
}

TEST(a_header_names_it_and_leaves_the_target)
{
    add(FIELD_ID_CSIDECAR_SERVICE, "orders");
    assert_int_equal(ask("/any/path", "127.0.0.1:8081"), ERR_OK);
    assert_int_equal(route.form, ROUTE_HEADER);
    goes_to("orders", false, "/any/path");
}

TEST(a_port_of_its_own_needs_no_name)
{
    gateway.kind = GATEWAY_PORT;
    gateway.service = SLICE("orders");
    assert_int_equal(ask("/items", "127.0.0.1:9001"), ERR_OK);
    goes_to("orders", false, "/items");
}

TEST(an_ingress_takes_any_host_for_its_app)
{
    gateway.kind = GATEWAY_INGRESS;
    gateway.service = SLICE("app");
    assert_int_equal(ask("/items", "whatever.example"), ERR_OK);
    goes_to("app", false, "/items");
}

TEST(dapr_paths_work_where_they_are_asked_for)
{
    gateway.compat = COMPAT_DAPR;
    assert_int_equal(ask("/v1.0/invoke/orders/method/items?x=1", "localhost:3500"),
                     ERR_OK);
    goes_to("orders", false, "/items?x=1");
}

TEST(our_own_prefix_is_ours)
{
    assert_int_equal(ask("/_csidecar/health", "127.0.0.1:8081"), ERR_OK);
    assert_int_equal(route.form, ROUTE_OWN);
    assert_true(slice_is(route.target, "/health"));
}

TEST(a_request_for_everything_stays_an_asterisk)
{
    head.method = METHOD_OPTIONS;
    add(FIELD_ID_CSIDECAR_SERVICE, "orders");
    assert_int_equal(ask("*", "127.0.0.1"), ERR_OK);
    goes_to("orders", false, "*");
}

TEST(what_names_no_service_is_told_how_to)
{
    static const char *const targets[] = {"/", "//orders", "/.hidden/x", "/_x/y",
                                          "/a%20b/c"};

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        head.count = 0;
        assert_int_equal(ask(targets[i], "127.0.0.1"), ERR_NO_ROUTE);
        assert_true(strlen(hint) > 20);
    }
}

TEST(connect_is_refused_with_a_hint)
{
    head.method = METHOD_CONNECT;
    assert_int_equal(ask("orders:80", "orders:80"), ERR_METHOD);
    assert_non_null(strstr(hint, "http_proxy"));
}

TEST(a_foreign_host_is_misdirected)
{
    assert_int_equal(ask("/orders/x", "evil.example"), ERR_MISDIRECTED);
    assert_non_null(strstr(hint, "proxy.allowed_hosts"));
}

TEST(a_host_that_the_settings_name_is_not_foreign)
{
    static const char *const hosts[] = {"*.corp.example", "gateway"};

    gateway.allowed_hosts = hosts;
    gateway.allowed_host_count = 2;
    assert_int_equal(ask("/orders/x", "a.corp.example:80"), ERR_OK);
    head.count = 0;
    assert_int_equal(ask("/orders/x", "corp.example"), ERR_MISDIRECTED);
}

TEST(any_host_will_do_on_a_unix_socket)
{
    gateway.kind = GATEWAY_UNIX;
    assert_int_equal(ask("/orders/x", "anything"), ERR_OK);
}

TEST(a_page_of_another_origin_is_forbidden)
{
    add(FIELD_ID_ORIGIN, "https://evil.example");
    assert_int_equal(ask("/orders/x", "127.0.0.1:8081"), ERR_FORBIDDEN_ORIGIN);
    assert_non_null(strstr(hint, "proxy.allowed_origins"));
}

TEST(a_page_of_another_port_of_localhost_is_forbidden_until_named)
{
    static const char *const origins[] = {"http://localhost:3000"};

    add(FIELD_ID_ORIGIN, "http://localhost:3000");
    assert_int_equal(ask("/orders/x", "127.0.0.1:8081"), ERR_FORBIDDEN_ORIGIN);
    head.count = 1;
    gateway.allowed_origins = origins;
    gateway.allowed_origin_count = 1;
    assert_int_equal(ask("/orders/x", "127.0.0.1:8081"), ERR_OK);
}

TEST(a_page_of_this_very_endpoint_may_call)
{
    add(FIELD_ID_ORIGIN, "http://127.0.0.1:8081");
    assert_int_equal(ask("/orders/x", "127.0.0.1:8081"), ERR_OK);
}

TEST(what_another_site_started_is_forbidden)
{
    add(FIELD_ID_SEC_FETCH_SITE, "cross-site");
    assert_int_equal(ask("/orders/x", "127.0.0.1:8081"), ERR_FORBIDDEN_ORIGIN);
}

TEST(a_service_header_waives_the_origin_but_not_the_host)
{
    add(FIELD_ID_ORIGIN, "https://elsewhere.example");
    add(FIELD_ID_CSIDECAR_SERVICE, "orders");
    assert_int_equal(ask("/x", "127.0.0.1:8081"), ERR_OK);
    head.count = 2;
    assert_int_equal(ask("/x", "rebound.example"), ERR_MISDIRECTED);
}

TEST(private_network_preflights_are_forbidden)
{
    head.method = METHOD_OPTIONS;
    add(FIELD_ID_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK, "true");
    assert_int_equal(ask("/orders/x", "127.0.0.1:8081"), ERR_FORBIDDEN_ORIGIN);
}

TEST(a_token_must_be_whole)
{
    static const char *const wrong[] = {"", "secre", "secret1", "Secret"};

    gateway.token = SLICE("secret");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        head.count = 0;
        add(FIELD_ID_CSIDECAR_TOKEN, wrong[i]);
        assert_int_equal(ask("/orders/x", "127.0.0.1"), ERR_UNAUTHORIZED);
    }
    head.count = 0;
    add(FIELD_ID_CSIDECAR_TOKEN, "secret");
    assert_int_equal(ask("/orders/x", "127.0.0.1"), ERR_OK);
}

TEST(loopback_is_more_than_one_address)
{
    assert_true(host_is_loopback(SLICE("127.8.9.10:80")));
    assert_true(host_is_loopback(SLICE("LOCALHOST")));
    assert_true(host_is_loopback(SLICE("[::1]:1")));
    assert_false(host_is_loopback(SLICE("127.evil.example")));
    assert_false(host_is_loopback(SLICE("128.0.0.1")));
    assert_false(host_is_loopback(SLICE("localhost.evil")));
}

TEST(prana_names_the_service_and_its_path_in_the_query)
{
    gateway.compat = COMPAT_PRANA;
    assert_int_equal(ask("/proxy?path=%2Fitems&vip=orders", "localhost"), ERR_OK);
    goes_to("orders", false, "%2Fitems");
    assert_true(route.encoded);
}

TEST(prana_without_a_vip_names_no_service)
{
    gateway.compat = COMPAT_PRANA;
    assert_int_equal(ask("/proxy?path=%2Fitems", "localhost"), ERR_NO_ROUTE);
}

TEST(egress_asks_registries_for_names_only)
{
    gateway.egress = true;
    assert_int_equal(ask("http://example.com:8080/x", "other"), ERR_OK);
    assert_int_equal(route.form, ROUTE_EGRESS);
    goes_to("example.com", false, "/x");
    assert_true(slice_is(route.authority, "example.com:8080"));
}

TEST(egress_to_an_address_asks_nobody)
{
    gateway.egress = true;
    assert_int_equal(ask("http://10.1.2.3/x", "other"), ERR_OK);
    assert_int_equal(route.form, ROUTE_EGRESS);
    assert_int_equal(route.service.size, 0);
}

TEST(an_absolute_target_of_our_own_port_is_a_path)
{
    gateway.egress = true;
    assert_int_equal(ask("http://localhost:8081/orders/x", "other"), ERR_OK);
    assert_int_equal(route.form, ROUTE_PATH);
    goes_to("orders", false, "/x");
}

TEST(another_port_of_loopback_is_no_path_of_ours)
{
    assert_int_equal(ask("http://localhost:9200/orders/x", "localhost:9200"),
                     ERR_NO_ROUTE);
    assert_non_null(strstr(hint, "no_proxy"));
    assert_int_equal(route.service.size, 0);
}

TEST(another_port_of_loopback_is_outside)
{
    gateway.egress = true;
    assert_int_equal(ask("http://localhost:3000/orders/x", "other"), ERR_OK);
    assert_int_equal(route.form, ROUTE_EGRESS);
}

TEST(a_unix_socket_has_no_browsers_at_its_other_end)
{
    gateway.kind = GATEWAY_UNIX;
    add(FIELD_ID_ORIGIN, "http://evil.example");
    assert_int_equal(ask("http://orders/x", "orders"), ERR_OK);
}

TEST(a_services_own_port_takes_absolute_targets_too)
{
    gateway = (struct gateway){.kind = GATEWAY_PORT, .service = SLICE("orders")};
    assert_int_equal(ask("http://localhost:9001/users/x?y", "other"), ERR_OK);
    assert_int_equal(route.form, ROUTE_PORT);
    goes_to("orders", false, "/users/x?y");
}

TEST(a_services_own_port_is_no_proxy)
{
    gateway = (struct gateway){.kind = GATEWAY_PORT, .service = SLICE("orders")};
    assert_int_equal(ask("http://example.com/x", "localhost"), ERR_MISDIRECTED);
}

TESTS(RUN_WITH(the_first_segment_of_the_path_names_the_service),
      RUN_WITH(a_service_alone_is_its_root),
      RUN_WITH(a_query_right_after_the_service_stays_one),
      RUN_WITH(an_absolute_target_names_it_by_its_authority),
      RUN_WITH(an_absolute_target_to_ourselves_is_a_path),
      RUN_WITH(the_host_names_it_below_localhost_and_csidecar),
      RUN_WITH(a_header_names_it_and_leaves_the_target),
      RUN_WITH(a_port_of_its_own_needs_no_name),
      RUN_WITH(an_ingress_takes_any_host_for_its_app),
      RUN_WITH(dapr_paths_work_where_they_are_asked_for),
      RUN_WITH(our_own_prefix_is_ours),
      RUN_WITH(a_request_for_everything_stays_an_asterisk),
      RUN_WITH(what_names_no_service_is_told_how_to),
      RUN_WITH(connect_is_refused_with_a_hint), RUN_WITH(a_foreign_host_is_misdirected),
      RUN_WITH(a_host_that_the_settings_name_is_not_foreign),
      RUN_WITH(any_host_will_do_on_a_unix_socket),
      RUN_WITH(a_page_of_another_origin_is_forbidden),
      RUN_WITH(a_page_of_another_port_of_localhost_is_forbidden_until_named),
      RUN_WITH(a_page_of_this_very_endpoint_may_call),
      RUN_WITH(what_another_site_started_is_forbidden),
      RUN_WITH(a_service_header_waives_the_origin_but_not_the_host),
      RUN_WITH(private_network_preflights_are_forbidden), RUN_WITH(a_token_must_be_whole),
      RUN_WITH(loopback_is_more_than_one_address),
      RUN_WITH(prana_names_the_service_and_its_path_in_the_query),
      RUN_WITH(prana_without_a_vip_names_no_service),
      RUN_WITH(egress_asks_registries_for_names_only),
      RUN_WITH(egress_to_an_address_asks_nobody),
      RUN_WITH(an_absolute_target_of_our_own_port_is_a_path),
      RUN_WITH(another_port_of_loopback_is_outside),
      RUN_WITH(another_port_of_loopback_is_no_path_of_ours),
      RUN_WITH(a_unix_socket_has_no_browsers_at_its_other_end),
      RUN_WITH(a_services_own_port_takes_absolute_targets_too),
      RUN_WITH(a_services_own_port_is_no_proxy))
