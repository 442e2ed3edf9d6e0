/* go-micro's Service as JSON, there and back, and what a stranger may have written instead. */
#include "tests/lib/test.h"

#include "discovery/micro_service.h"
#include "discovery/micro_zlib.h"
#include "tests/lib/fault_heap.h"

static struct micro_service service;
static struct why reason;

static enum err read(const char *json)
{
    why_init(&reason);
    return micro_service_read(&service, slice_of(json), &reason);
}

static struct registration orders(void)
{
    static struct pair zone = {"zone", "eu-1 \"\xc3\xa9\""};
    struct registration r = {
        .service = "orders",
        .version = "1.4.0",
        .id = "orders-1",
        .metadata = {&zone, 1},
        .endpoints = "[{\"name\":\"Orders.Get\"}]",
        .weight = 7
    };

    address_from_ip(&r.address, SLICE("::1"), 5001);
    return r;
}

static enum err write_and_read(const struct registration *r)
{
    struct text out;
    enum err e;

    text_init(&out, RECORD_LIMIT);
    e = micro_service_write(&out, r);
    if (!e)
        e = micro_service_read(&service, text_slice(&out), &reason);
    text_fini(&out);
    return e;
}

TEST(what_is_written_is_read_again)
{
    struct registration r = orders();
    struct instance expected = registration_instance(&r), *i;
    struct pair pairs[] = {
        {"protocol", "http"},
        r.metadata.items[0]
    };

    expected.metadata = (struct pairs){pairs, 2};
    assert_int_equal(write_and_read(&r), ERR_OK);
    assert_string_equal(service.name, "orders");
    assert_int_equal(service.count, 1);
    i = &service.instances[0];
    assert_true(instance_equals(i, &expected));
    micro_service_fini(&service);
}

TEST(every_key_is_written)
{
    struct registration r = {.service = "a", .id = "b", .weight = 1};
    struct text out;

    address_from_ip(&r.address, SLICE("10.0.0.5"), 90);
    text_init(&out, RECORD_LIMIT);
    assert_int_equal(micro_service_write(&out, &r), ERR_OK);
    assert_string_equal(
        out.base,
        "{\"name\":\"a\",\"version\":\"latest\",\"metadata\":{},\"endpoints\":[],"
        "\"nodes\":[{\"id\":\"b\",\"address\":\"10.0.0.5:90\",\"metadata\":{"
        "\"protocol\":\"http\"}}]}");
    text_fini(&out);
}

TEST(instances_are_grouped_by_version)
{
    struct instance i[] = {
        {.id = "a", .version = "2", .weight = 1},
        {.id = "b", .version = "1", .weight = 1},
        {.id = "c", .version = "2", .weight = 1},
    };
    struct text out;

    for (unsigned at = 0; at < 3; at++)
        address_from_ip(&i[at].address, SLICE("10.0.0.5"), 1 + at);
    text_init(&out, RECORD_LIMIT);
    assert_int_equal(micro_service_write_versions(&out, "s", i, 3), ERR_OK);
    assert_non_null(strstr(out.base, "{\"name\":\"s\",\"version\":\"1\""));
    assert_null(strstr(strstr(out.base, "\"id\":\"a\""), "\"version\""));
    assert_non_null(strstr(strstr(out.base, "\"id\":\"a\""), "\"id\":\"c\""));
    text_fini(&out);
}

TEST(null_and_missing_are_alike_and_keys_have_any_case)
{
    assert_int_equal(
        read("{\"NAME\":\"a\",\"Endpoints\":null,\"nodes\":"
             "[{\"Id\":\"b\",\"Address\":\"10.0.0.5:90\",\"metadata\":null}]}"),
        ERR_OK);
    assert_string_equal(service.name, "a");
    assert_int_equal(service.count, 1);
    assert_null(service.instances[0].endpoints);
    assert_int_equal(service.instances[0].weight, 1);
    micro_service_fini(&service);
}

TEST(an_old_port_of_its_own_is_joined)
{
    assert_int_equal(read("{\"name\":\"a\",\"nodes\":[{\"id\":\"b\",\"address\":\"10.0.0."
                          "5\",\"port\":90}]}"),
                     ERR_OK);
    assert_int_equal(service.count, 1);
    assert_int_equal(address_port(&service.instances[0].address), 90);
    micro_service_fini(&service);
}

TEST(good_nodes_are_taken_and_bad_ones_counted)
{
    assert_int_equal(
        read("{\"name\":\"a\",\"nodes\":[{\"id\":\"b\",\"address\":\"10.0.0.5:90\"},7,"
             "{\"id\":\"c\",\"address\":\"some.host:90\"},{\"id\":\"\",\"address\":\"10."
             "0.0.5:1\"}]}"),
        ERR_OK);
    assert_int_equal(service.count, 1);
    assert_int_equal(service.refused, 3);
    assert_non_null(strstr(reason.text, "a node is no map"));
    micro_service_fini(&service);
}

TEST(a_service_without_nodes_is_one)
{
    assert_int_equal(read("{\"name\":\"a\",\"nodes\":null}"), ERR_OK);
    assert_int_equal(service.count, 0);
    micro_service_fini(&service);
}

TEST(refuses_what_is_no_service_and_says_why)
{
    static const struct {
        const char *json, *word;
    } wrong[] = {
        {"",                                "JSON"     },
        {"[]",                              "object"   },
        {"{\"name\":7}",                    "name"     },
        {"{\"name\":\"\xff\"}",             "JSON"     },
        {"{\"name\":\"a\",\"nodes\":{}}",   "nodes"    },
        {"{\"name\":\"a\",\"version\":[]}", "version"  },
        {"{\"endpoints\":\"x\"}",           "endpoints"},
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_int_equal(read(wrong[i].json), ERR_BAD_RECORD);
        assert_non_null(strstr(reason.text, wrong[i].word));
        assert_int_equal(service.count, 0);
    }
}

TEST(refuses_json_nested_too_deep_or_too_long)
{
    static char deep[MICRO_JSON_DEPTH + 2], large[RECORD_LIMIT + 2];

    memset(deep, '[', sizeof(deep) - 1);
    memset(large, ' ', sizeof(large) - 1);
    assert_int_equal(read(deep), ERR_BAD_RECORD);
    assert_non_null(strstr(reason.text, "deep"));
    assert_int_equal(read(large), ERR_BAD_RECORD);
    assert_non_null(strstr(reason.text, "1 MiB"));
}

TEST(hex_of_zlib_is_what_go_micro_writes_and_reads)
{
    static const char from_go[] =
        "789caa562a28ca2fc94fcecf51b252ca28292950aa05040000ffff46ca06ed";
    struct text out;

    text_init(&out, 1024);
    assert_int_equal(micro_inflate(&out, slice_of(from_go), 100, &reason), ERR_OK);
    assert_string_equal(out.base, "{\"protocol\":\"http\"}");
    text_clear(&out);
    assert_int_equal(micro_deflate(&out, SLICE("latest")), ERR_OK);
    assert_string_equal(out.base, "789ccb492c492d2e010008cc028e");
    text_fini(&out);
}

TEST(a_bomb_is_stopped_at_the_limit)
{
    static char zeros[100 * 1000];
    struct text hex, out;

    text_init(&hex, 100 * 1000);
    text_init(&out, 1000 * 1000);
    assert_int_equal(micro_deflate(&hex, slice_from(zeros, sizeof(zeros))), ERR_OK);
    assert_int_equal(micro_inflate(&out, text_slice(&hex), 1000, &reason), ERR_TOO_LARGE);
    assert_true(out.size <= 8192);
    text_fini(&hex);
    text_fini(&out);
}

static bool there_and_back(void)
{
    struct registration r = orders();
    bool well = write_and_read(&r) == ERR_OK && service.count == 1;

    micro_service_fini(&service);
    return well;
}

TEST(no_memory_is_an_answer)
{
    assert_in_range(fault_heap_each(there_and_back), 3, 200);
}

TESTS(RUN(what_is_written_is_read_again), RUN(instances_are_grouped_by_version),
      RUN(every_key_is_written), RUN(null_and_missing_are_alike_and_keys_have_any_case),
      RUN(an_old_port_of_its_own_is_joined),
      RUN(good_nodes_are_taken_and_bad_ones_counted), RUN(a_service_without_nodes_is_one),
      RUN(refuses_what_is_no_service_and_says_why),
      RUN(refuses_json_nested_too_deep_or_too_long),
      RUN(hex_of_zlib_is_what_go_micro_writes_and_reads),
      RUN(a_bomb_is_stopped_at_the_limit), RUN(no_memory_is_an_answer))
