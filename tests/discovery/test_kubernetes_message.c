/* Kubernetes' words: slices, pods and their records, the lines of a watch, and what becomes of a record that is ours and others'. */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "discovery/kubernetes_message.h"

#define META                                                                             \
    "\"metadata\":{\"name\":\"users-a\",\"labels\":{\"kubernetes.io/"                    \
    "service-name\":\"users\"}}"
#define PORTS                                                                            \
    "\"ports\":[{\"name\":\"metrics\",\"port\":9},{\"name\":\"http\",\"port\":80}]"

static json_t *root;
static struct micro_service said;
static struct why reason;
static struct text out;

static int test_setup(void **state)
{
    (void)state;
    text_init(&out, RECORD_LIMIT);
    why_init(&reason);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    micro_service_fini(&said);
    json_decref(root);
    root = NULL;
    text_fini(&out);
    return 0;
}

static json_t *load(const char *json)
{
    json_decref(root);
    root = json_loads(json, 0, NULL);
    assert_non_null(root);
    return root;
}

static enum err read_slice(const char *type, const char *endpoints, const char *port)
{
    char json[2048];

    snprintf(json, sizeof json,
             "{" META ",\"addressType\":%s,\"endpoints\":%s," PORTS "}", type, endpoints);
    micro_service_fini(&said);
    return kubernetes_slice_read(&said, load(json), port, &reason);
}

/* --- slices --- */

TEST(an_endpoint_is_an_instance)
{
    char text[ADDRESS_TEXT];

    assert_int_equal(read_slice("\"IPv4\"",
                                "[{\"addresses\":[\"10.0.0.5\",\"10.0.0.6\"],"
                                "\"targetRef\":{\"name\":\"users-1\"},\"zone\":\"eu\"}]",
                                NULL),
                     ERR_OK);
    assert_string_equal(said.name, "users");
    assert_int_equal(said.count, 1);
    assert_string_equal(said.instances[0].id, "users-1");
    assert_string_equal(address_format(&said.instances[0].address, text), "10.0.0.5:80");
    assert_string_equal(instance_metadata(&said.instances[0], "zone"), "eu");
    assert_null(instance_metadata(&said.instances[0], "node"));
}

TEST(its_id_is_the_address_where_no_pod_is_behind_it)
{
    assert_int_equal(
        read_slice("\"IPv6\"", "[{\"addresses\":[\"2001:db8::1\"]}]", "metrics"), ERR_OK);
    assert_string_equal(said.instances[0].id, "[2001:db8::1]:9");
}

TEST(only_what_is_served_counts_and_what_ends_is_draining)
{
    const char *endpoints =
        "[{\"addresses\":[\"10.0.0.1\"],\"conditions\":{\"ready\":false}},"
        "{\"addresses\":[\"10.0.0.2\"],\"conditions\":{\"ready\":false,\"serving\":true,"
        "\"terminating\":true}},"
        "{\"addresses\":[\"10.0.0.3\"],\"conditions\":{\"ready\":true}},"
        "{\"addresses\":[\"10.0.0.4\"],\"conditions\":{\"ready\":false,\"serving\":false,"
        "\"terminating\":true}}]";

    assert_int_equal(read_slice("\"IPv4\"", endpoints, NULL), ERR_OK);
    assert_int_equal(said.count, 2);
    assert_true(said.instances[0].draining);
    assert_false(said.instances[1].draining);
}

TEST(without_the_wanted_port_there_is_nobody)
{
    assert_int_equal(read_slice("\"IPv4\"", "[{\"addresses\":[\"10.0.0.1\"]}]", "grpc"),
                     ERR_OK);
    assert_int_equal(said.count, 0);
}

TEST(a_bad_endpoint_is_left_out_and_counted)
{
    assert_int_equal(read_slice("\"IPv4\"",
                                "[7,{},{\"addresses\":[\"nowhere\"]},"
                                "{\"addresses\":[\"10.0.0.1\"]}]",
                                NULL),
                     ERR_OK);
    assert_int_equal(said.count, 1);
    assert_int_equal(said.refused, 3);
    assert_string_equal(reason.text, "an endpoint has no address in numbers");
}

TEST(names_for_addresses_are_refused)
{
    assert_int_equal(read_slice("\"FQDN\"", "[]", NULL), ERR_BAD_RECORD);
    assert_int_equal(read_slice("7", "[]", NULL), ERR_BAD_RECORD);
    assert_string_equal(reason.text, "its addresses are no IP addresses");
}

TEST(a_slice_of_no_service_is_nobodys_business)
{
    assert_int_equal(kubernetes_slice_read(&said, load("{}"), NULL, &reason),
                     ERR_NOT_FOUND);
    assert_int_equal(
        kubernetes_slice_read(&said,
                              load("{\"metadata\":{\"labels\":{\"kubernetes.io/"
                                   "service-name\":\"../x\"}}}"),
                              NULL, &reason),
        ERR_BAD_RECORD);
}

/* --- pods --- */

TEST(a_pod_is_there_when_it_runs_and_is_ready_and_stays)
{
    assert_true(kubernetes_pod_is_there(load("{\"status\":{\"phase\":\"Running\"}}")));
    assert_false(kubernetes_pod_is_there(load("{\"status\":{\"phase\":\"Failed\"}}")));
    assert_false(kubernetes_pod_is_there(load("{}")));
    assert_false(kubernetes_pod_is_there(
        load("{\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\","
             "\"status\":\"False\"}]}}")));
    assert_false(kubernetes_pod_is_there(
        load("{\"metadata\":{\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"},"
             "\"status\":{\"phase\":\"Running\"}}")));
}

TEST(a_record_stands_under_its_services_name)
{
    load("{\"metadata\":{\"annotations\":{\"micro.mu/"
         "service-users\":\"{}\",\"mine\":7}}}");
    assert_string_equal(kubernetes_record_of(root, "users"), "{}");
    assert_null(kubernetes_record_of(root, "orders"));
    assert_true(kubernetes_is_record("micro.mu/service-users"));
    assert_false(kubernetes_is_record("micro.mu/servic"));
}

/* --- the lines of a watch --- */

TEST(a_line_tells_what_became_of_an_object)
{
    const json_t *object;

    assert_int_equal(
        kubernetes_event_read(load("{\"type\":\"ADDED\",\"object\":{}}"), &object),
        KUBERNETES_CHANGED);
    assert_int_equal(
        kubernetes_event_read(load("{\"type\":\"DELETED\",\"object\":{}}"), &object),
        KUBERNETES_DELETED);
    assert_int_equal(
        kubernetes_event_read(load("{\"type\":\"ERROR\",\"object\":7}"), &object),
        KUBERNETES_NO_EVENT);
    assert_int_equal(kubernetes_event_read(load("{}"), &object), KUBERNETES_NO_EVENT);
    assert_int_equal(kubernetes_event_read(NULL, &object), KUBERNETES_NO_EVENT);
}

/* --- our record --- */

#define NODE(id, address) "{\"id\":\"" id "\",\"address\":\"" address "\"}"
#define RECORD(version, nodes)                                                           \
    "{\"name\":\"users\",\"version\":\"" version "\",\"nodes\":[" nodes "]}"

static struct kubernetes_ours ours(const char *record)
{
    struct kubernetes_ours o = {.id = "users-1", .record = slice_of(record)};

    assert_int_equal(address_parse(&o.address, SLICE("10.0.0.5:80"), 0, NULL), ERR_OK);
    return o;
}

static enum err merge(const char *there, const char *record)
{
    struct kubernetes_ours o = ours(record);

    text_clear(&out);
    return kubernetes_merge(&out, there, &o, &reason);
}

TEST(our_node_joins_those_of_others_in_the_pod)
{
    assert_int_equal(merge(RECORD("1", NODE("users-2", "10.0.0.5:81")),
                           RECORD("1", NODE("users-1", "10.0.0.5:80"))),
                     ERR_OK);
    assert_string_equal(out.base, RECORD("1", NODE("users-1", "10.0.0.5:80") "," NODE(
                                                  "users-2", "10.0.0.5:81")));
}

TEST(what_we_were_in_former_times_goes)
{
    assert_int_equal(merge(RECORD("0", NODE("users-1", "10.9.9.9:1") "," NODE(
                                           "users-0", "10.0.0.5:80")),
                           RECORD("1", NODE("users-1", "10.0.0.5:80"))),
                     ERR_OK);
    assert_string_equal(out.base, RECORD("1", NODE("users-1", "10.0.0.5:80")));
}

TEST(taken_out_others_stay_and_nobody_is_nothing)
{
    assert_int_equal(merge(RECORD("1", NODE("users-1", "10.0.0.5:80") "," NODE(
                                           "users-2", "10.0.0.5:81")),
                           ""),
                     ERR_OK);
    assert_string_equal(out.base, RECORD("1", NODE("users-2", "10.0.0.5:81")));
    assert_int_equal(merge(RECORD("1", NODE("users-1", "10.0.0.5:80")), ""), ERR_OK);
    assert_int_equal(out.size, 0);
    assert_int_equal(merge(NULL, ""), ERR_OK);
    assert_int_equal(out.size, 0);
}

TEST(another_version_in_the_same_pod_is_refused)
{
    assert_int_equal(merge(RECORD("2", NODE("users-2", "10.0.0.5:81")),
                           RECORD("1", NODE("users-1", "10.0.0.5:80"))),
                     ERR_UNSUPPORTED);
    assert_int_equal(out.size, 0);
}

TEST(what_cannot_be_read_is_replaced)
{
    static const char *const bad[] = {"", "{", "7", "[]", "{\"nodes\":7}"};

    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(merge(bad[i], RECORD("1", NODE("users-1", "10.0.0.5:80"))),
                         ERR_OK);
        assert_string_equal(out.base, RECORD("1", NODE("users-1", "10.0.0.5:80")));
    }
}

TEST(our_node_is_known_again_as_it_was_written)
{
    struct kubernetes_ours o = ours(RECORD("1", NODE("users-1", "10.0.0.5:80")));

    assert_true(kubernetes_has_ours(
        RECORD("1", NODE("users-2", "10.0.0.5:81") "," NODE("users-1", "10.0.0.5:80")),
        &o));
    assert_false(kubernetes_has_ours(RECORD("2", NODE("users-1", "10.0.0.5:80")), &o));
    assert_false(kubernetes_has_ours(RECORD("1", NODE("users-1", "10.0.0.5:81")), &o));
    assert_false(kubernetes_has_ours("{", &o));
}

TEST(a_patch_names_the_version_that_was_read)
{
    kubernetes_write_patch(&out, "42", "users", SLICE("{\"a\":1}"));
    assert_string_equal(
        out.base, "{\"metadata\":{\"resourceVersion\":\"42\",\"labels\":{\"micro.mu/"
                  "type\":\"service\",\"micro.mu/selector-users\":\"service\"},"
                  "\"annotations\":{\"micro.mu/service-users\":\"{\\\"a\\\":1}\"}}}");
    text_clear(&out);
    kubernetes_write_patch(&out, "42", "users", (struct slice){0});
    assert_non_null(strstr(out.base, "\"micro.mu/selector-users\":null"));
    assert_non_null(strstr(out.base, "\"micro.mu/service-users\":null"));
}

TESTS(RUN_WITH(an_endpoint_is_an_instance),
      RUN_WITH(its_id_is_the_address_where_no_pod_is_behind_it),
      RUN_WITH(only_what_is_served_counts_and_what_ends_is_draining),
      RUN_WITH(without_the_wanted_port_there_is_nobody),
      RUN_WITH(a_bad_endpoint_is_left_out_and_counted),
      RUN_WITH(names_for_addresses_are_refused),
      RUN_WITH(a_slice_of_no_service_is_nobodys_business),
      RUN_WITH(a_pod_is_there_when_it_runs_and_is_ready_and_stays),
      RUN_WITH(a_record_stands_under_its_services_name),
      RUN_WITH(a_line_tells_what_became_of_an_object),
      RUN_WITH(our_node_joins_those_of_others_in_the_pod),
      RUN_WITH(what_we_were_in_former_times_goes),
      RUN_WITH(taken_out_others_stay_and_nobody_is_nothing),
      RUN_WITH(another_version_in_the_same_pod_is_refused),
      RUN_WITH(what_cannot_be_read_is_replaced),
      RUN_WITH(our_node_is_known_again_as_it_was_written),
      RUN_WITH(a_patch_names_the_version_that_was_read))
