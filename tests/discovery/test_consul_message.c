/* Consul's words: what we register, what go-micro and others have registered, and how a long answer is cut. */
#include "tests/lib/test.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "discovery/consul_message.h"
#include "discovery/micro_service.h"
#include "discovery/micro_zlib.h"
#include "tests/lib/fault_heap.h"

/* By go-micro v2.9.1's own encoder. */
#define LATEST "v-789cca492c492d2e01040000ffff08cc028e"
#define PROTOCOL "t-789caa562a28ca2fc94fcecf51b252ca28292950aa05040000ffff46ca06ed"

static struct memory memory;
static struct consul_entry entry;
static struct why reason;

static enum err read_json(const char *json)
{
    memory_free(&memory);
    why_init(&reason);
    return consul_entry_read(&entry, slice_of(json), "orders", &memory, &reason);
}

/* An entry with these tags, these further members of the service, and these checks. */
static enum err read_entry(const char *tags, const char *more, const char *checks)
{
    char json[8192];

    snprintf(json, sizeof json,
             "{\"Node\":{\"Node\":\"n1\",\"Address\":\"10.0.0.9\"},"
             "\"Service\":{\"ID\":\"orders-1\",\"Service\":\"orders\",\"Address\":\"10.0."
             "0.5\",\"Port\":5001,"
             "\"Tags\":[%s]%s},\"Checks\":[%s]}",
             tags, more, checks);
    return read_json(json);
}

static void read_good(const char *tags, const char *more, const char *checks)
{
    enum err e = read_entry(tags, more, checks);

    if (e)
        fail_msg("%s", reason.text);
}

static const char *metadata(const char *key)
{
    const char *value = instance_metadata(&entry.instance, key);

    return value ? value : "(none)";
}

/* --- go-micro's tags --- */

TEST(reads_what_go_micro_has_registered)
{
    read_good("\"" PROTOCOL "\",\"" LATEST "\"", "", "");
    assert_string_equal(entry.instance.id, "orders-1");
    assert_string_equal(entry.instance.version, "latest");
    assert_string_equal(metadata("protocol"), "http");
    assert_int_equal(address_port(&entry.instance.address), 5001);
    assert_string_equal(entry.node, "n1");
    assert_int_equal(entry.health, CONSUL_IS_UP);
}

TEST(reads_the_plain_tags_of_its_first_versions)
{
    read_good(
        "\"t={\\\"zone\\\":\\\"eu\\\"}\",\"e={\\\"name\\\":\\\"A.B\\\"}\",\"v=1.0\"", "",
        "");
    assert_string_equal(entry.instance.version, "1.0");
    assert_string_equal(metadata("zone"), "eu");
    assert_string_equal(entry.instance.endpoints, "[{\"name\":\"A.B\"}]");
}

TEST(the_first_form_of_a_kind_counts)
{
    read_good("\"t={\\\"a\\\":\\\"1\\\"}\",\"" PROTOCOL "\"", "", "");
    assert_string_equal(metadata("a"), "1");
    assert_string_equal(metadata("protocol"), "(none)");
}

TEST(tags_of_others_that_look_like_its_own_change_nothing)
{
    read_good("\"t\",\"e\",\"v\",\"\",\"t-shirt\",\"e-mail\",\"v-8\",\"edge\",\"true\",7,"
              "null,\"" PROTOCOL "\",\"" LATEST "\"",
              "", "");
    assert_string_equal(metadata("protocol"), "http");
    assert_string_equal(entry.instance.version, "latest");
    assert_null(entry.instance.endpoints);
}

TEST(a_tag_that_inflates_without_end_is_a_bad_record)
{
    char *zeros = calloc(1, 8 << 20);
    struct text json;

    text_init(&json, 1 << 20);
    text_addf(&json, "{\"Service\":{\"ID\":\"x\",\"Service\":\"orders\",\"Address\":\"10."
                     "0.0.5\",\"Port\":1,\"Tags\":[\"t-");
    assert_int_equal(micro_deflate(&json, slice_from(zeros, 8 << 20)), ERR_OK);
    text_addf(&json, "\"]}}");
    assert_int_equal(read_json(json.base), ERR_TOO_LARGE);
    text_fini(&json);
    free(zeros);
}

/* --- records of others --- */

/* All that its tags may be, and one byte more: that must not look like memory that ran out, which fails the whole list. */
TEST(a_tag_one_byte_past_the_limit_is_a_bad_record_and_no_more)
{
    char *tags = malloc(MICRO_INFLATE_LIMIT + 200),
         *json = malloc(MICRO_INFLATE_LIMIT + 1000);

    for (int more = -1; more < 3; more++) {
        enum err e;

        sprintf(tags, "\"t={%*s}\",\"" LATEST "\"", MICRO_INFLATE_LIMIT - 2 + more, "");
        sprintf(json,
                "{\"Node\":{\"Node\":\"n\",\"Address\":\"10.0.0.9\"},\"Service\":{\"ID\":"
                "\"a\","
                "\"Service\":\"orders\",\"Port\":1,\"Tags\":[%s]}}",
                tags);
        e = read_json(json);
        if (e != ERR_TOO_LARGE)
            fail_msg("%d bytes more: %s", more, err_code(e));
    }
    free(tags);
    free(json);
}

TEST(who_has_no_tags_of_go_micro_is_read_from_consuls_fields)
{
    read_good("\"primary\"",
              ",\"Meta\":{\"version\":\"2.1\",\"zone\":\"eu-1\"},\"Weights\":{"
              "\"Passing\":5,\"Warning\":1}",
              "");
    assert_string_equal(entry.instance.version, "2.1");
    assert_string_equal(metadata("zone"), "eu-1");
    assert_string_equal(metadata("version"), "(none)");
    assert_int_equal(entry.instance.weight, 5);
}

TEST(a_version_may_be_a_tag)
{
    read_good("\"version=3\"", "", "");
    assert_string_equal(entry.instance.version, "3");
}

TEST(without_an_address_of_its_own_it_is_its_nodes)
{
    char ip[ADDRESS_TEXT];

    assert_int_equal(read_json("{\"Node\":{\"Address\":\"10.0.0.9\"},\"Service\":{\"ID\":"
                               "\"a\",\"Service\":\"orders\","
                               "\"Address\":\"\",\"Port\":80}}"),
                     ERR_OK);
    assert_string_equal(address_ip(&entry.instance.address, ip), "10.0.0.9");
}

TEST(ipv6_may_stand_in_brackets)
{
    static const char *const forms[] = {"::1", "[::1]"};
    char json[512], ip[ADDRESS_TEXT];

    for (unsigned i = 0; i < 2; i++) {
        snprintf(json, sizeof json,
                 "{\"Service\":{\"ID\":\"a\",\"Service\":\"orders\",\"Address\":\"%s\","
                 "\"Port\":80}}",
                 forms[i]);
        assert_int_equal(read_json(json), ERR_OK);
        assert_string_equal(address_ip(&entry.instance.address, ip), "::1");
    }
}

/* --- health --- */

#define CHECK(id, status) "{\"CheckID\":\"" id "\",\"Status\":\"" status "\"}"
#define WEIGHTS ",\"Weights\":{\"Passing\":5,\"Warning\":2}"

TEST(any_critical_check_takes_it_out)
{
    read_good("", "",
              CHECK("service:orders-1", "passing") "," CHECK("serfHealth", "critical"));
    assert_int_equal(entry.health, CONSUL_IS_DOWN);
}

TEST(maintenance_is_draining_unless_something_else_is_wrong)
{
    read_good("", "", CHECK("_service_maintenance:orders-1", "critical"));
    assert_int_equal(entry.health, CONSUL_IS_DRAINING);
    assert_true(entry.instance.draining);
    read_good("", "", CHECK("_node_maintenance", "critical"));
    assert_int_equal(entry.health, CONSUL_IS_DRAINING);
    read_good("", "", CHECK("_node_maintenance", "critical") "," CHECK("a", "critical"));
    assert_int_equal(entry.health, CONSUL_IS_DOWN);
}

TEST(a_warning_keeps_it_with_the_weight_for_that)
{
    read_good("", WEIGHTS, CHECK("a", "warning"));
    assert_int_equal(entry.health, CONSUL_IS_UP);
    assert_int_equal(entry.instance.weight, 2);
    read_good("", WEIGHTS, CHECK("a", "passing"));
    assert_int_equal(entry.instance.weight, 5);
}

TEST(a_weight_of_nothing_is_for_nobody_new)
{
    read_good("", ",\"Weights\":{\"Passing\":1,\"Warning\":0}", CHECK("a", "warning"));
    assert_true(entry.instance.draining);
}

TEST(what_is_no_record_is_refused_and_said_why)
{
    assert_int_equal(read_json("{}"), ERR_BAD_RECORD);
    assert_int_equal(read_json("[]"), ERR_BAD_RECORD);
    assert_int_equal(read_json("{\"Service\":"), ERR_BAD_RECORD);
    assert_int_equal(read_json("{\"Service\":{\"Service\":\"Orders\",\"ID\":\"a\"}}"),
                     ERR_BAD_RECORD);
    assert_int_equal(read_entry("", ",\"ID\":7", ""), ERR_BAD_RECORD);
    assert_int_equal(read_entry("", ",\"Port\":0", ""), ERR_BAD_RECORD);
    assert_int_equal(read_entry("", ",\"Address\":\"db.example\"", ""), ERR_BAD_RECORD);
    assert_non_null(strstr(reason.text, "db.example"));
}

/* --- what we register --- */

static json_t *written(const struct registration *r)
{
    struct text out;
    json_t *root;

    text_init(&out, RECORD_LIMIT);
    assert_int_equal(consul_registration_write(&out, r, 90 * 1000), ERR_OK);
    root = json_loadb(out.base, out.size, 0, NULL);
    assert_non_null(root);
    text_fini(&out);
    return root;
}

static struct registration ours(struct pair *pairs, unsigned count)
{
    struct registration r = {
        .service = "orders",
        .version = "1.2",
        .id = "orders-1",
        .weight = 3,
        .metadata = {pairs, count},
        .ttl_ms = 30 * 1000
    };

    assert_int_equal(address_parse(&r.address, SLICE("[::1]:5001"), 0, NULL), ERR_OK);
    return r;
}

static const char *text_at(const json_t *root, const char *group, const char *name)
{
    return json_string_value(json_object_get(json_object_get(root, group), name));
}

TEST(what_we_register_is_what_go_micro_does_and_more)
{
    struct pair zone = {"zone", "eu-1"};
    struct registration r = ours(&zone, 1);
    json_t *root = written(&r);

    assert_string_equal(json_string_value(json_object_get(root, "Address")), "::1");
    assert_int_equal(json_integer_value(json_object_get(root, "Port")), 5001);
    assert_string_equal(text_at(root, "Meta", "zone"), "eu-1");
    assert_string_equal(text_at(root, "Meta", "version"), "1.2");
    assert_string_equal(text_at(root, "Check", "CheckID"), "service:orders-1");
    assert_string_equal(text_at(root, "Check", "TTL"), "30s");
    assert_string_equal(text_at(root, "Check", "Status"), "passing");
    assert_string_equal(text_at(root, "Check", "DeregisterCriticalServiceAfter"), "90s");
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(root, "Weights"), "Passing")),
        3);
    json_decref(root);
}

TEST(consul_gets_no_meta_that_it_would_refuse)
{
    static char long_key[CONSUL_META_KEY + 2], long_value[CONSUL_META_VALUE + 2];
    struct pair pairs[] = {
        {"a.b",      "dot"     },
        {"consul-x", "reserved"},
        {long_key,   "long"    },
        {"long",     long_value},
        {"fits",     "\"yes\"" },
    };
    struct registration r = ours(pairs, 5);
    json_t *root;

    memset(long_key, 'k', CONSUL_META_KEY + 1);
    memset(long_value, 'v', CONSUL_META_VALUE + 1);
    root = written(&r);
    assert_int_equal(json_object_size(json_object_get(root, "Meta")), 2);
    assert_string_equal(text_at(root, "Meta", "fits"), "\"yes\"");
    assert_int_equal(json_array_size(json_object_get(root, "Tags")), 7);
    json_decref(root);
}

/* As its agent would list it. */
static void listed_again(const struct registration *r)
{
    json_t *root = written(r), *answer;
    char *text;

    json_object_set_new(root, "Service", json_string("orders"));
    answer = json_pack("{s:o}", "Service", root);
    text = json_dumps(answer, 0);
    assert_int_equal(read_json(text), ERR_OK);
    free(text);
    json_decref(answer);
}

TEST(what_we_register_is_read_again)
{
    struct pair pairs[] = {
        {"zone", "eu-1 \xc3\xa9"},
        {"a.b",  "c"            }
    };
    struct registration r = ours(pairs, 2);

    r.endpoints = "[{\"name\":\"A.B\",\"metadata\":{}},{\"name\":\"A.C\"}]";
    listed_again(&r);
    assert_string_equal(entry.instance.version, "1.2");
    assert_int_equal(entry.instance.weight, 3);
    assert_string_equal(metadata("zone"), "eu-1 \xc3\xa9");
    assert_string_equal(metadata("a.b"), "c");
    assert_string_equal(metadata("protocol"), "http");
    assert_string_equal(entry.instance.endpoints, r.endpoints);
    assert_true(address_equals(&entry.instance.address, &r.address));
}

TEST(paths_are_escaped)
{
    struct text t;

    text_init(&t, 100);
    consul_add_escaped(&t, "a/b c~%\n");
    assert_string_equal(t.base, "a%2Fb%20c~%25%0A");
    text_fini(&t);
}

/* --- cutting --- */

static unsigned count_elements(const char *json, enum err *end)
{
    struct slice rest, element;
    unsigned count = 0;

    assert_true(consul_open(&rest, slice_of(json), '['));
    while (!(*end = consul_next_element(&rest, &element)))
        count++;
    return count;
}

TEST(a_list_is_cut_into_its_elements)
{
    enum err end;

    assert_int_equal(
        count_elements(" [ {\"a\":[1,{}],\"b\":\"]},\\\"\"} , 7,\"x\" ]", &end), 3);
    assert_int_equal(end, ERR_NOT_FOUND);
    assert_int_equal(count_elements("[]", &end), 0);
    assert_int_equal(end, ERR_NOT_FOUND);
}

TEST(a_list_that_is_cut_short_is_none)
{
    static const char *const broken[] = {"[",    "[{\"a\":1}", "[{\"a", "[{}",
                                         "[{},", "[\"a\\\"]",  "[[[",   "[}"};
    enum err end;

    for (unsigned i = 0; i < sizeof broken / sizeof *broken; i++) {
        count_elements(broken[i], &end);
        assert_int_equal(end, ERR_BAD_RESPONSE);
    }
}

TEST(names_are_the_keys_of_a_map)
{
    struct slice rest, key;

    assert_true(consul_open(&rest, SLICE("{\"a\":[\"x\",\"}\"], \"b\" : []}"), '{'));
    assert_int_equal(consul_next_key(&rest, &key), ERR_OK);
    assert_true(slice_is(key, "a"));
    assert_int_equal(consul_next_key(&rest, &key), ERR_OK);
    assert_true(slice_is(key, "b"));
    assert_int_equal(consul_next_key(&rest, &key), ERR_NOT_FOUND);
}

/* --- memory --- */

/* The last test: it leaves nothing behind. */
static bool write_and_read(void)
{
    struct pair zone = {"zone", "eu-1"};
    struct registration r = ours(&zone, 1);
    struct text out;
    enum err e;

    text_init(&out, RECORD_LIMIT);
    e = consul_registration_write(&out, &r, 90 * 1000);
    text_fini(&out);
    if (!e)
        e = read_entry("\"" PROTOCOL "\",\"" LATEST "\"", "", "");
    memory_free(&memory);
    return !e;
}

TEST(memory_that_runs_out_is_an_error)
{
    assert_true(fault_heap_each(write_and_read) > 10);
}

TESTS(RUN(reads_what_go_micro_has_registered),
      RUN(reads_the_plain_tags_of_its_first_versions),
      RUN(the_first_form_of_a_kind_counts),
      RUN(tags_of_others_that_look_like_its_own_change_nothing),
      RUN(a_tag_that_inflates_without_end_is_a_bad_record),
      RUN(a_tag_one_byte_past_the_limit_is_a_bad_record_and_no_more),
      RUN(who_has_no_tags_of_go_micro_is_read_from_consuls_fields),
      RUN(a_version_may_be_a_tag), RUN(without_an_address_of_its_own_it_is_its_nodes),
      RUN(ipv6_may_stand_in_brackets), RUN(any_critical_check_takes_it_out),
      RUN(maintenance_is_draining_unless_something_else_is_wrong),
      RUN(a_warning_keeps_it_with_the_weight_for_that),
      RUN(a_weight_of_nothing_is_for_nobody_new),
      RUN(what_is_no_record_is_refused_and_said_why),
      RUN(what_we_register_is_what_go_micro_does_and_more),
      RUN(consul_gets_no_meta_that_it_would_refuse), RUN(what_we_register_is_read_again),
      RUN(paths_are_escaped), RUN(a_list_is_cut_into_its_elements),
      RUN(a_list_that_is_cut_short_is_none), RUN(names_are_the_keys_of_a_map),
      RUN(memory_that_runs_out_is_an_error))
