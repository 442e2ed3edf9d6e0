#include <jansson.h>

#include "sidecar/core/text.h"
#include "tests/lib/config/sample.h"
#include "tests/lib/test.h"

static struct text out;

static int test_setup(void **state)
{
    text_init(&out, 1 << 20);
    return sample_setup(state);
}

static int test_teardown(void **state)
{
    text_fini(&out);
    return sample_teardown(state);
}

static const char full[] =
    "name: \"true\"\negress: on\nworkers: 3\nmax_head: 100000\nbudget: 5%\n"
    "listen: [\"a, b\", 'c']\nurls: [\"consul://h:1\"]\ncompat: [dapr]\n"
    "metadata: {\"a b\": 'it''s', n: ~, \"null\": \"x\\ny\"}\n"
    "defaults: {timeout: 1500ms, retries: {max: 0, backoff: 1ms}, balancer: random}\n"
    "services:\n  a.b: {timeout: 7s, instances: [x:1, {address: y:2, weight: 3, "
    "metadata: {k: "
    "v}}]}\n  \"no\": {}\n";

TEST(yaml_decodes_to_the_same_settings)
{
    struct text again = {.limit = 1 << 20};
    char *first;

    assert_int_equal(sample_decode(full), ERR_OK);
    settings_print_yaml(sample_fields, &sample, &out);
    first = text_take(&out);
    assert_int_equal(sample_decode(first), ERR_OK);
    settings_print_yaml(sample_fields, &sample, &again);
    assert_string_equal(first, again.base);
    assert_int_equal(sample_service(0)->instances.count, 2);
    assert_string_equal(sample.name, "true");
    assert_string_equal(sample.metadata.items[2].value, "x\ny");
    free(first);
    text_fini(&again);
}

TEST(the_defaults_survive_the_round_too)
{
    assert_int_equal(sample_decode(""), ERR_OK);
    settings_print_yaml(sample_fields, &sample, &out);
    assert_int_equal(sample_decode(out.base), ERR_OK);
    assert_int_equal(sample.workers, 1);
    assert_null(sample.name);
}

TEST(writes_one_key_a_line)
{
    assert_int_equal(sample_decode("services: {a: {instances: [x:1]}}"), ERR_OK);
    settings_print_yaml(sample_fields, &sample, &out);
    assert_non_null(strstr(out.base, "name: null\negress: false\nworkers: 1\n"));
    assert_non_null(strstr(out.base, "budget: 20%\n"));
    assert_non_null(
        strstr(out.base, "defaults:\n  timeout: 15s\n  retries:\n    max: 2\n"));
    assert_non_null(
        strstr(out.base, "    instances:\n      -\n        address: \"x:1\"\n"));
}

TEST(characters_that_yaml_refuses_are_escaped)
{
    static const char odd[] =
        "metadata: {a: \"\\u007f\\u0085\\u009e\\u2028\\ufeff\\u00e9\"}";

    assert_int_equal(sample_decode(odd), ERR_OK);
    settings_print_yaml(sample_fields, &sample, &out);
    assert_non_null(strstr(out.base, "\\u007f\\u0085\\u009e\\u2028\\ufeff\xc3\xa9"));
    assert_int_equal(sample_decode(out.base), ERR_OK);
    assert_string_equal(sample.metadata.items[0].value,
                        "\x7f\xc2\x85\xc2\x9e\xe2\x80\xa8\xef\xbb\xbf\xc3\xa9");
}

TEST(json_is_json)
{
    json_t *json;

    assert_int_equal(sample_decode(full), ERR_OK);
    settings_print_json(sample_fields, &sample, &out);
    json = json_loads(out.base, 0, NULL);
    assert_non_null(json);
    assert_int_equal(json_integer_value(json_object_get(json, "workers")), 3);
    assert_true(json_is_true(json_object_get(json, "egress")));
    assert_int_equal(json_object_size(json_object_get(json, "services")), 2);
    assert_true(json_is_null(json_object_get(json, "token")));
    json_decref(json);
}

TEST(json_decodes_to_the_same_settings)
{
    assert_int_equal(sample_decode(full), ERR_OK);
    settings_print_json(sample_fields, &sample, &out);
    assert_int_equal(sample_decode(out.base), ERR_OK);
    assert_int_equal(sample_service(0)->policy.timeout, 7000);
    assert_string_equal(sample.listen.items[0], "a, b");
}

TEST(never_prints_a_secret)
{
    assert_int_equal(sample_decode("token: hunter2\nurls: [\"consul://u:hunter2@h\", "
                                   "\"gossip://h?bind=a:1&key=hunter2&name=b\"]"),
                     ERR_OK);
    settings_print_yaml(sample_fields, &sample, &out);
    settings_print_json(sample_fields, &sample, &out);
    assert_null(strstr(out.base, "hunter2"));
    assert_non_null(strstr(out.base, "token: \"(set)\"\n"));
    assert_non_null(strstr(out.base, "\"consul://u:***@h\""));
    assert_non_null(strstr(out.base, "\"gossip://h?bind=a:1&key=***&name=b\""));
}

TEST(does_not_print_what_cannot_stand_in_a_file)
{
    assert_int_equal(sample_decode(""), ERR_OK);
    sample.config = "x.yaml";
    settings_print_yaml(sample_fields, &sample, &out);
    assert_null(strstr(out.base, "config:"));
}

TEST(documents_each_setting)
{
    settings_print_docs(sample_fields, &out);
    assert_non_null(strstr(out.base,
                           "| `defaults.retries.backoff` | duration from 1ms to 1m "
                           "| `25ms` | `CSIDECAR_DEFAULTS_RETRIES_BACKOFF` "
                           "`--defaults-retries-backoff` | before the first |\n"));
    assert_non_null(strstr(out.base, "| `services.NAME.timeout` |"));
    assert_non_null(strstr(out.base, "| `services.NAME.instances[0].weight` |"));
    assert_non_null(strstr(out.base, "of the \\| service"));
    assert_non_null(strstr(out.base, "threads (needs a restart)"));
}

static struct sample before;

static const char *differs(const char *yaml)
{
    static char path[64];
    struct tree tree = {0};
    struct memory memory = {0};
    bool yes;

    assert_int_equal(sample_decode("workers: 2\nmetadata: {a: b}\nlisten: [x]"), ERR_OK);
    assert_int_equal(tree_parse(&tree, slice_of(yaml), "u.yaml", NULL), ERR_OK);
    memset(&before, 0, sizeof(before));
    assert_int_equal(settings_decode(sample_fields, tree.root, &before, &memory, NULL),
                     ERR_OK);
    yes =
        settings_start_only_differs(sample_fields, &before, &sample, path, sizeof(path));
    tree_free(&tree);
    memory_free(&memory);
    return yes ? path : NULL;
}

TEST(sees_what_a_reload_must_not_change)
{
    assert_null(differs("workers: 2\nmetadata: {a: b}\nlisten: [x]"));
    assert_null(differs("workers: 2\nmetadata: {a: b}\nlisten: [x]\nname: other"));
    assert_string_equal(differs("metadata: {a: b}\nlisten: [x]"), "workers");
    assert_string_equal(differs("workers: 2\nmetadata: {a: c}\nlisten: [x]"), "metadata");
    assert_string_equal(differs("workers: 2\nmetadata: {a: b}\nlisten: [x, y]"),
                        "listen");
    assert_string_equal(differs("workers: 2\nmetadata: {a: b}\nlisten: [y]"), "listen");
}

TESTS(RUN_WITH(yaml_decodes_to_the_same_settings),
      RUN_WITH(the_defaults_survive_the_round_too), RUN_WITH(writes_one_key_a_line),
      RUN_WITH(characters_that_yaml_refuses_are_escaped), RUN_WITH(json_is_json),
      RUN_WITH(json_decodes_to_the_same_settings), RUN_WITH(never_prints_a_secret),
      RUN_WITH(does_not_print_what_cannot_stand_in_a_file),
      RUN_WITH(documents_each_setting), RUN_WITH(sees_what_a_reload_must_not_change))
