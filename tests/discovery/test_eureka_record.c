/* One instance, as Spring Cloud's server and go-micro's plugin have it, written and read. The answers were recorded from
 * Spring Cloud Netflix 4.3. */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "discovery/eureka_record.h"
#include "discovery/micro_service.h"
#include "tests/lib/fault_heap.h"

static struct eureka_record record;
static struct instance found;
static struct memory memory;
static struct why reason;

static int test_setup(void **state)
{
    (void)state;
    why_init(&reason);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    eureka_record_fini(&record);
    memory_free(&memory);
    return 0;
}

static enum err read_slice(struct slice json)
{
    enum err e;

    test_teardown(NULL);
    e = eureka_record_load(&record, json, &reason);
    return e ? e : eureka_record_instance(&record, &found, &memory, &reason);
}

static enum err read(const char *json)
{
    return read_slice(slice_of(json));
}

static void finds_at(const char *address)
{
    char text[ADDRESS_TEXT];

    assert_string_equal(address_format(&found.address, text), address);
}

#define SPRING(more)                                                                     \
    "{\"instanceId\":\"orders-1\",\"hostName\":\"127.0.0.1\",\"app\":\"ORDERS\","        \
    "\"ipAddr\":\"127.0.0.1\",\"status\":\"UP\",\"overriddenStatus\":\"UNKNOWN\","       \
    "\"port\":{\"$\":5001,\"@enabled\":\"true\"},\"securePort\":{\"$\":443,"             \
    "\"@enabled\":\"false\"},\"countryId\":1,\"dataCenterInfo\":{\"@class\":"            \
    "\"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo\",\"name\":\"MyOwn\"},"    \
    "\"leaseInfo\":{\"renewalIntervalInSecs\":1,\"durationInSecs\":3,"                   \
    "\"evictionTimestamp\":0},\"vipAddress\":\"orders\",\"lastUpdatedTimestamp\":"       \
    "\"1795715143153\",\"lastDirtyTimestamp\":\"1700000000000\"" more "}"

TEST(reads_what_springs_server_answers)
{
    assert_int_equal(read(SPRING(",\"metadata\":{\"zone\":\"eu-1\",\"version\":\"1.0\","
                                 "\"weight\":\"3\",\"endpoints\":\"[{\\\"name\\\":"
                                 "\\\"Get\\\"}]\"},\"actionType\":\"ADDED\"")),
                     ERR_OK);
    assert_string_equal(record.app, "ORDERS");
    assert_string_equal(found.id, "orders-1");
    finds_at("127.0.0.1:5001");
    assert_string_equal(found.version, "1.0");
    assert_int_equal(found.weight, 3);
    assert_int_equal(found.metadata.count, 1);
    assert_string_equal(instance_metadata(&found, "zone"), "eu-1");
    assert_string_equal(found.endpoints, "[{\"name\":\"Get\"}]");
    assert_true(eureka_record_is_listed(&record));
}

TEST(an_empty_map_has_no_pairs)
{
    assert_int_equal(
        read(SPRING(",\"metadata\":{\"@class\":\"java.util.Collections$EmptyMap\"}")),
        ERR_OK);
    assert_int_equal(found.metadata.count, 0);
    assert_string_equal(found.version, "");
}

TEST(numbers_in_an_older_servers_metadata_are_texts)
{
    assert_int_equal(read(SPRING(",\"metadata\":{\"version\":1.5,\"port\":8080,"
                                 "\"on\":true,\"off\":null}")),
                     ERR_OK);
    assert_string_equal(found.version, "1.5");
    assert_string_equal(instance_metadata(&found, "port"), "8080");
    assert_string_equal(instance_metadata(&found, "on"), "true");
}

#define OLD(port)                                                                        \
    "{\"hostName\":\"h\",\"app\":\"OLD\",\"ipAddr\":\"10.0.0.1\",\"status\":"            \
    "\"UP\"," port "}"

TEST(a_port_may_be_a_text_or_a_bare_number)
{
    assert_int_equal(read(OLD("\"port\":{\"@enabled\":\"true\",\"$\":\"8080\"}")),
                     ERR_OK);
    finds_at("10.0.0.1:8080");
    assert_string_equal(found.id, "h");
    assert_int_equal(read(OLD("\"port\":8081")), ERR_OK);
    finds_at("10.0.0.1:8081");
}

TEST(the_secure_port_is_taken_where_it_is_the_only_one)
{
    assert_int_equal(read(OLD("\"port\":{\"$\":80,\"@enabled\":\"false\"},"
                              "\"securePort\":{\"$\":8443,\"@enabled\":\"true\"}")),
                     ERR_OK);
    finds_at("10.0.0.1:8443");
}

#define MICRO(ip)                                                                        \
    "{\"instanceId\":\"10.0.0.5:9090:greeter-1\",\"hostName\":\"10.0.0.5:9090\","        \
    "\"app\":\"GREETER\",\"ipAddr\":\"" ip "\",\"status\":\"UP\","                       \
    "\"port\":{\"$\":9090,\"@enabled\":\"false\"},\"securePort\":{\"$\":0,"              \
    "\"@enabled\":\"true\"},\"metadata\":{\"version\":\"latest\",\"instanceId\":"        \
    "\"greeter-1\",\"endpoints\":\"[{\\\"name\\\":\\\"Say.Hello\\\"}]\","                \
    "\"metadata\":\"{\\\"protocol\\\":\\\"grpc\\\"}\"}}"

TEST(reads_what_go_micros_plugin_registers)
{
    assert_int_equal(read(MICRO("10.0.0.5:9090")), ERR_OK);
    assert_string_equal(found.id, "greeter-1");
    finds_at("10.0.0.5:9090");
    assert_string_equal(found.version, "latest");
    assert_string_equal(instance_metadata(&found, "protocol"), "grpc");
    assert_int_equal(found.metadata.count, 1);
    assert_string_equal(found.endpoints, "[{\"name\":\"Say.Hello\"}]");
}

TEST(reads_what_its_older_versions_register)
{
    assert_int_equal(read(MICRO("10.0.0.5")), ERR_OK);
    finds_at("10.0.0.5:9090");
    assert_string_equal(found.id, "greeter-1");
}

static enum eureka_status status_of(const char *name)
{
    char json[256];

    snprintf(json, sizeof json,
             "{\"instanceId\":\"i\",\"app\":\"A\",\"ipAddr\":\"10.0.0.1\",\"port\":1,"
             "\"status\":\"%s\"}",
             name);
    assert_int_equal(read(json), ERR_OK);
    return record.status;
}

TEST(only_up_and_out_of_service_are_listed)
{
    assert_int_equal(status_of("UP"), EUREKA_UP);
    assert_true(eureka_record_is_listed(&record) && !found.draining);
    assert_int_equal(status_of("out_of_service"), EUREKA_OUT_OF_SERVICE);
    assert_true(eureka_record_is_listed(&record) && found.draining);
    assert_int_equal(status_of("DOWN"), EUREKA_DOWN);
    assert_false(eureka_record_is_listed(&record));
    assert_int_equal(status_of("STARTING"), EUREKA_STARTING);
    assert_false(eureka_record_is_listed(&record));
    assert_int_equal(status_of("whatever"), EUREKA_UNKNOWN);
    assert_false(eureka_record_is_listed(&record));
}

TEST(what_a_delta_deletes_is_not_listed)
{
    assert_int_equal(read(SPRING(",\"actionType\":\"DELETED\"")), ERR_OK);
    assert_true(record.is_deleted);
    assert_false(eureka_record_is_listed(&record));
}

TEST(bad_records_are_refused_with_a_reason)
{
    static const char *const bad[] = {
        "{",
        "[]",
        "{\"app\":\"A\"}",
        "{\"instanceId\":\"i\"}",
        "{\"instanceId\":\"i\",\"app\":\"A\"}",
        "{\"instanceId\":\"i\",\"app\":\"A\",\"ipAddr\":\"10.0.0.1\"}",
        "{\"instanceId\":\"i\",\"app\":\"A\",\"ipAddr\":\"10.0.0.1\",\"port\":70000}",
        "{\"instanceId\":\"i\",\"app\":\"A\",\"ipAddr\":\"10.0.0.1\",\"port\":-1}",
        "{\"instanceId\":\"i\",\"app\":\"A\",\"ipAddr\":\"host\",\"port\":1}",
        "{\"instanceId\":\"i\",\"app\":\"A\",\"ipAddr\":7,\"port\":1}",
        "{\"instanceId\":\"i\",\"app\":\"A\",\"ipAddr\":\"10.0.0.1\",\"port\":1,"
        "\"metadata\":[]}",
        "{\"instanceId\":\"i\",\"app\":\"A\",\"ipAddr\":\"10.0.0.1\",\"port\":1,"
        "\"metadata\":{\"a\":{}}}",
        "{\"instanceId\":\"i\",\"app\":\"A\",\"ipAddr\":\"10.0.0.1\",\"port\":1,"
        "\"metadata\":{\"instanceId\":\"n\",\"metadata\":\"{\"}}",
        "{\"instanceId\":\"\\u001b[2J\",\"app\":\"A\",\"ipAddr\":\"10.0.0.1\",\"port\":"
        "1}",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        why_init(&reason);
        if (!read(bad[i]) || !reason.text[0])
            fail_msg("taken, or without a reason: %s", bad[i]);
    }
}

/* --- writing --- */

static struct registration orders(const char *address)
{
    static struct pair zone = {"zone", "eu-1"};
    struct registration r = {
        .service = "Orders",
        .version = "1.2",
        .id = "orders-1",
        .metadata = {&zone, 1},
        .endpoints = "[{\"name\":\"Orders.Get\"}]",
        .weight = 7,
        .ttl_ms = 30 * 1000,
        .heartbeat_ms = 10 * 1000
    };

    assert_int_equal(address_parse(&r.address, slice_of(address), 0, NULL), ERR_OK);
    return r;
}

/* The instance within {"instance":...}, for the reader; released by the test's own memory. */
static json_t *write(const struct registration *r, enum eureka_shape shape, bool twin)
{
    struct text out;
    json_t *root;

    text_init(&out, RECORD_LIMIT);
    assert_int_equal(eureka_record_write(&out, r, shape, twin, 1700000000000), ERR_OK);
    root = json_loadb(out.base, out.size, JSON_REJECT_DUPLICATES, NULL);
    text_fini(&out);
    assert_non_null(root);
    return root;
}

static void write_and_read(const struct registration *r, enum eureka_shape shape,
                           bool twin)
{
    json_t *root = write(r, shape, twin);
    char *inner = json_dumps(json_object_get(root, "instance"), 0);

    assert_int_equal(read(inner), ERR_OK);
    free(inner);
    json_decref(root);
}

static void is_what_was_written(const struct registration *r)
{
    char expected[ADDRESS_TEXT];

    assert_string_equal(found.id, r->id);
    finds_at(address_format(&r->address, expected));
    assert_string_equal(found.version, r->version);
    assert_int_equal(found.weight, r->weight);
    assert_string_equal(found.endpoints, r->endpoints);
    assert_string_equal(instance_metadata(&found, "zone"), "eu-1");
    assert_string_equal(instance_metadata(&found, "protocol"), "http");
    assert_int_equal(found.draining, r->draining);
}

TEST(what_is_written_is_read_again)
{
    static const char *const addresses[] = {"10.0.0.5:5001", "[2001:db8::1]:5001"};

    for (unsigned i = 0; i < 4; i++) {
        struct registration r = orders(addresses[i / 2]);

        r.draining = i % 2;
        write_and_read(&r, i % 2 ? EUREKA_MICRO : EUREKA_SPRING, false);
        is_what_was_written(&r);
    }
}

static const char *text_in(const json_t *root, const char *key)
{
    return json_string_value(json_object_get(json_object_get(root, "instance"), key));
}

TEST(springs_clients_get_bare_addresses_and_hosts_for_urls)
{
    struct registration r = orders("[2001:db8::1]:5001");
    json_t *root = write(&r, EUREKA_SPRING, false);

    assert_string_equal(text_in(root, "instanceId"), "orders-1");
    assert_string_equal(text_in(root, "ipAddr"), "2001:db8::1");
    assert_string_equal(text_in(root, "hostName"), "[2001:db8::1]");
    assert_string_equal(text_in(root, "vipAddress"), "Orders");
    assert_string_equal(text_in(root, "lastDirtyTimestamp"), "1700000000000");
    json_decref(root);
}

TEST(go_micros_plugin_gets_its_own_shape)
{
    struct registration r = orders("10.0.0.5:5001");
    json_t *root = write(&r, EUREKA_MICRO, false);

    assert_string_equal(text_in(root, "instanceId"), "10.0.0.5:5001:orders-1");
    assert_string_equal(text_in(root, "ipAddr"), "10.0.0.5:5001");
    assert_string_equal(text_in(root, "hostName"), "10.0.0.5:5001");
    assert_string_equal(text_in(root, "vipAddress"), "10.0.0.5:5001");
    json_decref(root);
}

static const char *version_for_go(const char *version)
{
    static char text[64];
    struct registration r = orders("10.0.0.5:5001");
    json_t *root, *metadata;

    r.version = version;
    root = write(&r, EUREKA_MICRO, false);
    metadata = json_object_get(json_object_get(root, "instance"), "metadata");
    snprintf(text, sizeof text, "%s",
             json_string_value(json_object_get(metadata, "version")));
    json_decref(root);
    return text;
}

TEST(a_version_that_go_would_take_for_a_number_is_none)
{
    assert_string_equal(version_for_go("1.2.3"), "1.2.3");
    assert_string_equal(version_for_go("latest"), "latest");
    assert_string_equal(version_for_go(""), "latest");
    assert_string_equal(version_for_go("1"), "v1");
    assert_string_equal(version_for_go("1.2"), "v1.2");
    assert_string_equal(version_for_go("1e5"), "v1e5");
    assert_string_equal(version_for_go("true"), "vtrue");
    assert_string_equal(version_for_go("NaN"), "vNaN");
}

TEST(a_twin_is_not_listed_twice)
{
    struct registration r = orders("10.0.0.5:5001");

    write_and_read(&r, EUREKA_MICRO, true);
    assert_true(record.is_twin);
    assert_false(eureka_record_is_listed(&record));
}

TEST(durations_are_half_of_the_ttl)
{
    struct registration r = orders("10.0.0.5:5001");
    json_t *root = write(&r, EUREKA_SPRING, false), *lease;

    lease = json_object_get(json_object_get(root, "instance"), "leaseInfo");
    assert_int_equal(json_integer_value(json_object_get(lease, "durationInSecs")), 15);
    assert_int_equal(json_integer_value(json_object_get(lease, "renewalIntervalInSecs")),
                     10);
    json_decref(root);
}

TEST(own_metadata_called_version_is_written_once)
{
    static struct pair pairs[] = {
        {"version", "mine"},
        {"zone",    "eu-1"}
    };
    struct registration r = orders("10.0.0.5:5001");

    r.metadata = (struct pairs){pairs, 2};
    write_and_read(&r, EUREKA_SPRING, false);
    assert_string_equal(found.version, "mine");
}

TEST(a_record_past_its_limit_is_not_written)
{
    struct registration r = orders("10.0.0.5:5001");
    struct text out;

    text_init(&out, 64);
    assert_int_equal(eureka_record_write(&out, &r, EUREKA_SPRING, false, 1),
                     ERR_TOO_LARGE);
    text_fini(&out);
}

static bool reads_without_memory(void)
{
    bool fine = read(MICRO("10.0.0.5:9090")) == ERR_OK;

    test_teardown(NULL);
    return fine;
}

TEST(memory_that_runs_out_is_an_answer)
{
    fault_heap_each(reads_without_memory);
}

TESTS(RUN_WITH(reads_what_springs_server_answers), RUN_WITH(an_empty_map_has_no_pairs),
      RUN_WITH(numbers_in_an_older_servers_metadata_are_texts),
      RUN_WITH(a_port_may_be_a_text_or_a_bare_number),
      RUN_WITH(the_secure_port_is_taken_where_it_is_the_only_one),
      RUN_WITH(reads_what_go_micros_plugin_registers),
      RUN_WITH(reads_what_its_older_versions_register),
      RUN_WITH(only_up_and_out_of_service_are_listed),
      RUN_WITH(what_a_delta_deletes_is_not_listed),
      RUN_WITH(bad_records_are_refused_with_a_reason),
      RUN_WITH(what_is_written_is_read_again),
      RUN_WITH(springs_clients_get_bare_addresses_and_hosts_for_urls),
      RUN_WITH(go_micros_plugin_gets_its_own_shape),
      RUN_WITH(a_version_that_go_would_take_for_a_number_is_none),
      RUN_WITH(a_twin_is_not_listed_twice), RUN_WITH(durations_are_half_of_the_ttl),
      RUN_WITH(own_metadata_called_version_is_written_once),
      RUN_WITH(a_record_past_its_limit_is_not_written),
      RUN_WITH(memory_that_runs_out_is_an_answer))
