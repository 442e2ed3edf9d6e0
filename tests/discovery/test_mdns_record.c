/* The TXT of go-micro's mDNS registry, there and back, and what a stranger may send
 * instead. */
#include "tests/lib/test.h"

#include <stdlib.h>
#include <zlib.h>

#include "discovery/mdns_record.h"
#include "discovery/micro_service.h"
#include "sidecar/core/random.h"
#include "tests/lib/fault_heap.h"

static struct mdns_record record;
static struct why reason;

/* Decodes `json` as it would come over the wire. */
static enum err decode(struct slice json)
{
    uLongf size = compressBound(json.size);
    uint8_t *deflated = malloc(size);
    struct text hex;
    enum err e;

    text_init(&hex, 1024 * 1024);
    assert_int_equal(compress(deflated, &size, (const uint8_t *)json.base, json.size),
                     Z_OK);
    for (uLongf i = 0; i < size; i++)
        text_addf(&hex, "%02x", deflated[i]);
    why_init(&reason);
    e = mdns_record_decode(&record, text_slice(&hex), &reason);
    text_fini(&hex);
    free(deflated);
    return e;
}

static enum err decode_text(const char *json)
{
    return decode(slice_of(json));
}

static const char *value_of(const char *key)
{
    for (unsigned i = 0; i < record.instance.metadata.count; i++)
        if (strcmp(record.instance.metadata.items[i].key, key) == 0)
            return record.instance.metadata.items[i].value;
    return NULL;
}

static enum err round_trip(const struct registration *r)
{
    struct text hex;
    enum err e;

    text_init(&hex, MDNS_TXT_LIMIT);
    e = mdns_record_encode(r, &hex);
    if (!e)
        e = mdns_record_decode(&record, text_slice(&hex), &reason);
    text_fini(&hex);
    return e;
}

TEST(what_is_written_is_read_again)
{
    struct pair zone = {"zone", "eu-1 \"\xc3\xa9\""};
    struct registration r = {
        .service = "greeter", .version = "1.4.0", .weight = 7, .metadata = {&zone, 1}
    };

    assert_int_equal(round_trip(&r), ERR_OK);
    assert_string_equal(record.service, "greeter");
    assert_string_equal(record.instance.version, "1.4.0");
    assert_int_equal(record.instance.weight, 7);
    assert_string_equal(value_of("zone"), zone.value);
    assert_null(value_of("weight"));
    mdns_record_fini(&record);
}

TEST(the_protocol_is_http_unless_the_metadata_says_otherwise)
{
    struct pair grpc = {"protocol", "grpc"};
    struct registration r = {.service = "greeter", .weight = 1};

    assert_int_equal(round_trip(&r), ERR_OK);
    assert_string_equal(value_of("protocol"), "http");
    mdns_record_fini(&record);
    r.metadata = (struct pairs){&grpc, 1};
    assert_int_equal(round_trip(&r), ERR_OK);
    assert_string_equal(value_of("protocol"), "grpc");
    mdns_record_fini(&record);
}

TEST(a_version_is_never_empty_for_go_micro_skips_such)
{
    struct registration r = {.service = "greeter", .version = "", .weight = 1};

    assert_int_equal(round_trip(&r), ERR_OK);
    assert_string_equal(record.instance.version, "latest");
    mdns_record_fini(&record);
}

TEST(more_metadata_than_a_datagram_carries_is_refused)
{
    char *noise = malloc(90 * 1024 + 1);
    struct pair big = {"noise", noise};
    struct registration r = {
        .service = "greeter", .weight = 1, .metadata = {&big, 1}
    };

    random_hex(noise, 90 * 1024);
    assert_int_equal(round_trip(&r), ERR_TOO_LARGE);
    free(noise);
}

TEST(reads_a_record_made_by_go_micro)
{
    /* encode() of v2.9.1's registry/mdns_registry.go */
    static const char hex[] =
        "789c5490c14ac5301045ffe5ae831f90bde8c68d821b798bd80e3598cec49969e151f2efd25afb5e"
        "57218773ef2559f0463ae78e103128919322e09dd4b230224a723247c023f75532bb217e2ce034ae"
        "89a7bfc4c33395220850fa99563d1ec6eb4e02fc5acf604e65a253dd761ca6b9661eee449e4a6997"
        "b6ce5815363aedece86ee820a78280913cf5c913e2d2da25e0e576c7a7ca372922bedc2b02aa8a4b"
        "2765fb9eda6d6f1cb2b95e1131f66c0830d279cbec866b62aba2fe8f5afb0d0000ffffa73e7a37";

    assert_int_equal(mdns_record_decode(&record, slice_of(hex), &reason), ERR_OK);
    assert_string_equal(record.service, "greeter");
    assert_string_equal(record.instance.version, "latest");
    assert_string_equal(value_of("protocol"), "grpc");
    mdns_record_fini(&record);
}

TEST(takes_null_and_missing_alike_and_any_case_of_keys)
{
    assert_int_equal(
        decode_text(
            "{\"service\":\"a\",\"Metadata\":null,\"Endpoints\":null,\"Other\":1}"),
        ERR_OK);
    assert_string_equal(record.service, "a");
    assert_string_equal(record.instance.version, "");
    assert_int_equal(record.instance.metadata.count, 0);
    assert_int_equal(record.instance.weight, 1);
    mdns_record_fini(&record);
}

TEST(a_weight_that_is_none_stays_metadata)
{
    assert_int_equal(
        decode_text("{\"Service\":\"a\",\"Metadata\":{\"weight\":\"heavy\"}}"), ERR_OK);
    assert_int_equal(record.instance.weight, 1);
    assert_string_equal(value_of("weight"), "heavy");
    mdns_record_fini(&record);
}

TEST(refuses_wrong_types_and_says_where)
{
    static const struct {
        const char *json, *word;
    } wrong[] = {
        {"[]",                                                     "object"   },
        {"\"x\"",                                                  "JSON"     },
        {"{\"Service\":5}",                                        "Service"  },
        {"{\"Service\":\"a\",\"Version\":{}}",                     "Version"  },
        {"{\"Service\":\"a\",\"Endpoints\":{}}",                   "endpoints"},
        {"{\"Service\":\"a\",\"Metadata\":[]}",                    "metadata" },
        {"{\"Service\":\"a\",\"Metadata\":{\"x\":\"y\",\"n\":1}}", "metadata" },
        {"{\"Service\":\"a\\u0000b\"}",                            "JSON"     },
        {"{\"Service\":\"\xff\"}",                                 "JSON"     },
        {"{\"Service\":\"a\"",                                     "JSON"     },
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_int_equal(decode_text(wrong[i].json), ERR_BAD_RECORD);
        assert_non_null(strstr(reason.text, wrong[i].word));
        assert_null(record.service);
    }
}

TEST(refuses_json_nested_too_deep_but_not_brackets_in_text)
{
    char deep[64] = {0};

    memset(deep, '[', 33);
    assert_int_equal(decode_text(deep), ERR_BAD_RECORD);
    assert_non_null(strstr(reason.text, "nested"));
    assert_int_equal(
        decode_text("{\"Service\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[\"}"),
        ERR_OK);
    mdns_record_fini(&record);
}

TEST(refuses_a_bomb)
{
    size_t size = MICRO_INFLATE_LIMIT + 1;
    char *blank = malloc(size);

    memset(blank, ' ', size);
    assert_int_equal(decode(slice_from(blank, size)), ERR_TOO_LARGE);
    assert_non_null(strstr(reason.text, "inflates"));
    free(blank);
}

TEST(refuses_what_is_not_hex_or_not_zlib)
{
    const char *const wrong[] = {"", "7", "zz", "789c", "00000000", "789cgg", "deadbeef"};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_int_equal(mdns_record_decode(&record, slice_of(wrong[i]), &reason),
                         ERR_BAD_RECORD);
}

TEST(refuses_too_many_pairs)
{
    struct text json;

    text_init(&json, 64 * 1024);
    text_addf(&json, "{\"Service\":\"a\",\"Metadata\":{\"first\":\"\"");
    for (unsigned i = 0; i < INSTANCE_PAIRS_LIMIT; i++)
        text_addf(&json, ",\"k%u\":\"v\"", i);
    text_addf(&json, "}}");
    assert_int_equal(decode(text_slice(&json)), ERR_TOO_LARGE);
    text_fini(&json);
}

static bool there_and_back(void)
{
    struct pair zone = {"zone", "eu-1"};
    struct registration r = {
        .service = "greeter", .version = "1", .weight = 2, .metadata = {&zone, 1}
    };
    bool well = round_trip(&r) == ERR_OK;

    mdns_record_fini(&record);
    return well;
}

TEST(no_memory_is_an_answer)
{
    assert_in_range(fault_heap_each(there_and_back), 5, 100);
}

TESTS(RUN(no_memory_is_an_answer), RUN(what_is_written_is_read_again),
      RUN(the_protocol_is_http_unless_the_metadata_says_otherwise),
      RUN(a_version_is_never_empty_for_go_micro_skips_such),
      RUN(more_metadata_than_a_datagram_carries_is_refused),
      RUN(reads_a_record_made_by_go_micro),
      RUN(takes_null_and_missing_alike_and_any_case_of_keys),
      RUN(a_weight_that_is_none_stays_metadata), RUN(refuses_wrong_types_and_says_where),
      RUN(refuses_json_nested_too_deep_but_not_brackets_in_text), RUN(refuses_a_bomb),
      RUN(refuses_what_is_not_hex_or_not_zlib), RUN(refuses_too_many_pairs))
