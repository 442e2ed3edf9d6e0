/* What a Eureka server lists, whole and in pieces, from new servers and old ones, and what is no such list. */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "discovery/eureka_answer.h"
#include "discovery/instance.h"

static struct eureka_answer answer;
static char records[4096]; /* "{...} {...} " */
static unsigned too_large;

static void on_record(struct eureka_answer *a, struct slice json)
{
    size_t size = strlen(records);

    assert_ptr_equal(a->owner, records);
    if (json.base)
        snprintf(records + size, sizeof records - size, "%.*s ", (int)json.size,
                 json.base);
    else
        too_large++;
}

static enum err read_in_pieces(struct slice all, size_t piece)
{
    enum err e = ERR_OK;

    eureka_answer_fini(&answer);
    eureka_answer_init(&answer, records, on_record);
    records[0] = 0;
    too_large = 0;
    while (all.size > 0 && !e) {
        e = eureka_answer_feed(&answer, slice_first(all, piece));
        all = slice_after(all, piece);
    }
    return e ? e : eureka_answer_end(&answer);
}

static enum err read(const char *json)
{
    return read_in_pieces(slice_of(json), SIZE_MAX);
}

static int test_setup(void **state)
{
    (void)state;
    eureka_answer_init(&answer, records, on_record);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    eureka_answer_fini(&answer);
    return 0;
}

#define ALL                                                                              \
    "{\"applications\":{\"versions__delta\":\"7\",\"apps__hashcode\":\"DOWN_1_UP_1_\","  \
    "\"application\":[{\"name\":\"ORDERS\",\"instance\":[{\"instanceId\":\"a}\\\"]\","   \
    "\"metadata\":{\"instance\":\"no\"}},{\"instanceId\":\"b\"}]},"                      \
    "{\"name\":\"CART\",\"instance\":[{\"instanceId\":\"c\"}]}]}}"

TEST(hands_over_each_instance_and_what_stands_around)
{
    assert_int_equal(read(ALL), ERR_OK);
    assert_string_equal(records,
                        "{\"instanceId\":\"a}\\\"]\",\"metadata\":{\"instance\":\"no\"}} "
                        "{\"instanceId\":\"b\"} {\"instanceId\":\"c\"} ");
    assert_int_equal(answer.records, 3);
    assert_string_equal(answer.hash, "DOWN_1_UP_1_");
    assert_int_equal(answer.version, 7);
}

TEST(reads_the_same_in_pieces_of_any_size)
{
    char whole[sizeof records];

    read(ALL);
    memcpy(whole, records, sizeof whole);
    for (size_t piece = 1; piece < sizeof ALL; piece++) {
        assert_int_equal(read_in_pieces(SLICE(ALL), piece), ERR_OK);
        assert_string_equal(records, whole);
        assert_string_equal(answer.hash, "DOWN_1_UP_1_");
        assert_int_equal(answer.version, 7);
    }
}

TEST(takes_one_application)
{
    assert_int_equal(read("{\"application\":{\"name\":\"ORDERS\",\"instance\":"
                          "[{\"a\":1}]}}"),
                     ERR_OK);
    assert_string_equal(records, "{\"a\":1} ");
    assert_false(answer.has_hash);
}

TEST(takes_an_older_servers_single_objects_and_numbers)
{
    assert_int_equal(
        read("{ \"applications\" : {\"versions__delta\":1,\"apps__hashcode\":\"UP_1_\",\n"
             "\"application\":{\"name\":\"ORDERS\",\"instance\":{\"a\":1.5e3}}}}\r\n"),
        ERR_OK);
    assert_string_equal(records, "{\"a\":1.5e3} ");
    assert_int_equal(answer.version, 1);
}

TEST(a_server_without_instances_has_answered)
{
    assert_int_equal(read("{\"applications\":{\"versions__delta\":\"1\","
                          "\"apps__hashcode\":\"\",\"application\":[]}}"),
                     ERR_OK);
    assert_int_equal(answer.records, 0);
    assert_true(answer.has_hash);
    assert_string_equal(answer.hash, "");
}

TEST(what_is_cut_short_is_no_list)
{
    for (size_t size = 0; size < sizeof ALL - 1; size++)
        assert_int_equal(read_in_pieces(slice_first(SLICE(ALL), size), SIZE_MAX),
                         ERR_BAD_RESPONSE);
}

TEST(what_is_something_else_is_no_list)
{
    static const char *const others[] = {
        "{}",
        "[]",
        "{\"status\":\"UP\"}",
        "{\"applications\":[]}",
        "{\"applications\":\"\"}",
        "{\"instance\":{\"a\":1}}",
        "<applications><versions__delta>1</versions__delta></applications>",
        "\"applications\"",
        "1",
        "{\"applications\":{}} {",
        "{\"applications\":{]}",
        "{\"applications\":{\"application\":[}}",
        "{\"applications\":{\"application\":[nonsense]}}",
        "{\"applications\":{\"application\":[1 2]}}",
        "{\"applications\":{\"application\" []}}",
        "{\"applications\":{\"application\":[],}}",
        "{\"applications\":{\"a\":1,,\"b\":2}}",
        "{\"applications\":{1:2}}",
        "{\"applications\":{true}}",
    };

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (read(others[i]) != ERR_BAD_RESPONSE)
            fail_msg("taken for a list: %s", others[i]);
}

TEST(depth_outside_of_instances_is_bounded)
{
    char deep[256] = "{\"applications\":{\"a\":";

    memset(deep + strlen(deep), '[', 200);
    assert_int_equal(read(deep), ERR_BAD_RESPONSE);
}

static struct slice with_a_value_of(char *buffer, size_t size)
{
    int head = sprintf(buffer, "{\"application\":{\"instance\":[{\"a\":\"");

    memset(buffer + head, 'x', size);
    strcpy(buffer + head + size, "\"},{\"b\":2}]}}");
    return slice_of(buffer);
}

TEST(an_instance_that_is_too_large_is_named_and_the_rest_is_read)
{
    char *buffer = malloc(RECORD_LIMIT + 256);

    assert_non_null(buffer);
    assert_int_equal(read_in_pieces(with_a_value_of(buffer, RECORD_LIMIT), 65536),
                     ERR_OK);
    assert_int_equal(too_large, 1);
    assert_string_equal(records, "{\"b\":2} ");
    free(buffer);
}

TEST(a_key_that_is_too_long_is_none_we_know)
{
    char json[512];

    snprintf(json, sizeof json, "{\"applications\":{\"apps__hashcode\":\"%0300d\"}}", 0);
    assert_int_equal(read(json), ERR_OK);
    assert_string_equal(answer.hash, "");
}

TESTS(RUN_WITH(hands_over_each_instance_and_what_stands_around),
      RUN_WITH(reads_the_same_in_pieces_of_any_size), RUN_WITH(takes_one_application),
      RUN_WITH(takes_an_older_servers_single_objects_and_numbers),
      RUN_WITH(a_server_without_instances_has_answered),
      RUN_WITH(what_is_cut_short_is_no_list), RUN_WITH(what_is_something_else_is_no_list),
      RUN_WITH(depth_outside_of_instances_is_bounded),
      RUN_WITH(an_instance_that_is_too_large_is_named_and_the_rest_is_read),
      RUN_WITH(a_key_that_is_too_long_is_none_we_know))
