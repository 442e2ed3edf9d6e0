#include <stdio.h>

#include "tests/lib/config/sample.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/test.h"

TEST(nothing_gives_the_defaults)
{
    assert_int_equal(sample_decode(""), ERR_OK);
    assert_null(sample.name);
    assert_false(sample.egress);
    assert_int_equal(sample.workers, 1);
    assert_int_equal(sample.head, 65536);
    assert_int_equal(sample.budget, 20);
    assert_int_equal(sample.listen.count, 2);
    assert_string_equal(sample.listen.items[1], "[::1]:1");
    assert_int_equal(sample.defaults.timeout, 15000);
    assert_int_equal(sample.defaults.retries.backoff, 25);
    assert_int_equal(sample.defaults.balancer, 0);
    assert_int_equal(sample.services.count, 0);
}

TEST(takes_each_kind)
{
    assert_int_equal(
        sample_decode("name: users\negress: on\nworkers: 64\nmax_head: 2KiB\n"
                      "budget: 35%\ntoken: t0p\nlisten: [a, b, c]\n"
                      "compat: [micro]\nmetadata: {zone: eu, n: 08}\n"
                      "defaults: {timeout: 1.5s, balancer: random}\n"),
        ERR_OK);
    assert_string_equal(sample.name, "users");
    assert_true(sample.egress);
    assert_int_equal(sample.workers, 64);
    assert_int_equal(sample.head, 2048);
    assert_int_equal(sample.budget, 35);
    assert_string_equal(sample.token, "t0p");
    assert_string_equal(sample.listen.items[2], "c");
    assert_string_equal(sample.compat.items[0], "micro");
    assert_string_equal(sample.metadata.items[1].key, "n");
    assert_string_equal(sample.metadata.items[1].value, "08");
    assert_int_equal(sample.defaults.timeout, 1500);
    assert_int_equal(sample.defaults.balancer, 2);
    assert_int_equal(sample.defaults.retries.max, 2);
}

TEST(all_words_for_yes_and_no)
{
    assert_int_equal(sample_decode("egress: yes"), ERR_OK);
    assert_true(sample.egress);
    assert_int_equal(sample_decode("egress: 'true'"), ERR_OK);
    assert_true(sample.egress);
    assert_int_equal(sample_decode("egress: off"), ERR_OK);
    assert_false(sample.egress);
}

TEST(a_percent_may_do_without_its_sign)
{
    assert_int_equal(sample_decode("budget: 100"), ERR_OK);
    assert_int_equal(sample.budget, 100);
}

TEST(one_text_is_a_list_of_one_and_keeps_its_commas)
{
    assert_int_equal(sample_decode("urls: \"etcd://a:1,b:2\"\nlisten: a,b"), ERR_OK);
    assert_int_equal(sample.urls.count, 1);
    assert_string_equal(sample.urls.items[0], "etcd://a:1,b:2");
    assert_int_equal(sample.listen.count, 1);
}

TEST(an_empty_list_replaces_the_default)
{
    assert_int_equal(sample_decode("listen: []"), ERR_OK);
    assert_int_equal(sample.listen.count, 0);
}

TEST(null_leaves_the_default)
{
    assert_int_equal(
        sample_decode("workers: ~\nlisten: null\ndefaults:\nservices:\nmetadata: ~"),
        ERR_OK);
    assert_int_equal(sample.workers, 1);
    assert_int_equal(sample.listen.count, 2);
    assert_int_equal(sample.defaults.timeout, 15000);
}

TEST(a_service_starts_from_the_defaults_wherever_they_stand)
{
    assert_int_equal(sample_decode("services:\n  a: {retries: {max: 0}}\n  b:\n"
                                   "defaults: {timeout: 3s, retries: {backoff: 7ms}}\n"),
                     ERR_OK);
    assert_int_equal(sample.services.count, 2);
    assert_string_equal(sample_service(0)->name, "a");
    assert_int_equal(sample_service(0)->policy.timeout, 3000);
    assert_int_equal(sample_service(0)->policy.retries.max, 0);
    assert_int_equal(sample_service(0)->policy.retries.backoff, 7);
    assert_int_equal(sample_service(1)->policy.retries.max, 2);
}

TEST(an_item_may_be_its_short_form)
{
    struct sample_instance *i;

    assert_int_equal(
        sample_decode("services: {a: {instances: [x:1, {address: y:2, weight: 7, "
                      "metadata: {k: v}}]}}"),
        ERR_OK);
    i = sample_service(0)->instances.base;
    assert_int_equal(sample_service(0)->instances.count, 2);
    assert_string_equal(i[0].address, "x:1");
    assert_int_equal(i[0].weight, 1);
    assert_int_equal(i[1].weight, 7);
    assert_string_equal(i[1].metadata.items[0].value, "v");
}

TEST(an_unknown_key_names_its_place_and_the_nearest)
{
    sample_refuses(
        "services:\n  billing:\n    retires: {max: 0}\n",
        "t.yaml:3:5: services.billing.retires: unknown key (did you mean \"retries\"?)");
    sample_refuses("wrokers: 2",
                   "t.yaml:1:1: wrokers: unknown key (did you mean \"workers\"?)");
    sample_refuses("zebra: 2", "t.yaml:1:1: zebra: unknown key");
}

TEST(an_inline_group_offers_its_keys_too)
{
    sample_refuses(
        "services: {a: {timeuot: 1s}}",
        "t.yaml:1:16: services.a.timeuot: unknown key (did you mean \"timeout\"?)");
}

TEST(a_count_names_its_range)
{
    sample_refuses("workers: many",
                   "t.yaml:1:10: workers: must be from 1 to 64, not \"many\"");
    sample_refuses("workers: 65",
                   "t.yaml:1:10: workers: must be from 1 to 64, not \"65\"");
    sample_refuses("workers: -1",
                   "t.yaml:1:10: workers: must be from 1 to 64, not \"-1\"");
    sample_refuses(
        "workers: 99999999999999999999",
        "t.yaml:1:10: workers: must be from 1 to 64, not \"99999999999999999999\"");
}

TEST(a_duration_misses_its_unit)
{
    sample_refuses(
        "defaults: {timeout: 5}",
        "t.yaml:1:21: defaults.timeout: must be a duration, not \"5\" (a unit is "
        "missing: ms, s, m or h)");
    sample_refuses(
        "defaults: {retries: {backoff: 2m}}",
        "t.yaml:1:31: defaults.retries.backoff: must be a duration from 1ms to 1m, "
        "not \"2m\"");
}

TEST(sizes_and_percents_name_their_ranges)
{
    sample_refuses("max_head: 12",
                   "t.yaml:1:11: max_head: must be a size from 1KiB to 1MiB, "
                   "not \"12\"");
    sample_refuses("budget: 101%",
                   "t.yaml:1:9: budget: must be from 0% to 100%, not \"101%\"");
}

TEST(a_choice_names_all_and_the_nearest)
{
    sample_refuses(
        "defaults: {balancer: randon}",
        "t.yaml:1:22: defaults.balancer: must be one of p2c, round_robin, random, not "
        "\"randon\" (did you mean \"random\"?)");
    sample_refuses(
        "compat: [dapr, mikro]",
        "t.yaml:1:16: compat[1]: must be one of dapr, micro, not \"mikro\" (did you "
        "mean \"micro\"?)");
}

TEST(a_bool_is_no_number)
{
    sample_refuses("egress: 1", "t.yaml:1:9: egress: must be true or false, not \"1\"");
}

TEST(wrong_shapes_are_refused)
{
    sample_refuses("name: [a]", "t.yaml:1:7: name: must be a value, not a list");
    sample_refuses("name: {a: 1}", "t.yaml:1:7: name: must be a value, not a map");
    sample_refuses("listen: {a: 1}", "t.yaml:1:9: listen: must be a list");
    sample_refuses("listen: [[a]]", "t.yaml:1:10: listen[0]: must be a value");
    sample_refuses("metadata: [a]", "t.yaml:1:11: metadata: must be a map of texts");
    sample_refuses("metadata: {a: [b]}", "t.yaml:1:15: metadata.a: must be a text");
    sample_refuses("defaults: 5", "t.yaml:1:11: defaults: must be a map");
    sample_refuses("services: [a]", "t.yaml:1:11: services: must be a map of names");
    sample_refuses("services: {a: {instances: x}}",
                   "t.yaml:1:27: services.a.instances: must be a list");
    sample_refuses("services: {a: 5}", "t.yaml:1:15: services.a: must be a map");
    sample_refuses("[a]", "t.yaml:1:1: must be a map");
    sample_refuses("just text", "t.yaml:1:1: must be a map");
}

TEST(a_key_needs_a_value)
{
    sample_refuses("a: 1", "t.yaml:1:1: a: unknown key");
    sample_refuses("name:\nworkers: 2", "t.yaml:1:6: name: needs a value");
    sample_refuses("listen:\n", "t.yaml:1:8: listen: needs a value");
    sample_refuses("name: ''", "t.yaml:1:7: name: must not begin with _");
    sample_refuses("token: ''", "t.yaml:1:8: token: must not be empty");
}

TEST(checks_are_asked)
{
    sample_refuses("name: _x", "t.yaml:1:7: name: must not begin with _");
    sample_refuses("services: {_x: {}}",
                   "t.yaml:1:12: services._x: must not begin with _");
}

TEST(names_with_dots_stand_in_quotes)
{
    sample_refuses("services: {a.b: {x: 1}}",
                   "t.yaml:1:18: services.\"a.b\".x: unknown key");
}

TEST(control_characters_are_refused_and_not_printed)
{
    sample_refuses("name: \"a\\nb\"",
                   "t.yaml:1:7: name: must have no control characters, not \"a\\nb\"");
    assert_int_not_equal(sample_decode("\"a\\e[31m\": 1"), ERR_OK);
    assert_null(strchr(sample_why.text, '\033'));
}

TEST(what_is_wrong_with_a_secret_is_not_told)
{
    sample_refuses(
        "token: \"a\\tb\"",
        "t.yaml:1:8: token: must have no control characters, not \"(secret)\"");
}

TEST(some_settings_are_not_for_files)
{
    sample_refuses(
        "config: x",
        "t.yaml:1:9: config: cannot be set in a file: use its flag or variable");
}

TEST(an_error_in_the_defaults_is_told_where_they_stand)
{
    sample_refuses("services: {a: {}}\ndefaults: {timeout: x}\n",
                   "t.yaml:2:21: defaults.timeout: must be a duration, not \"x\"");
}

TEST(long_values_are_cut_off)
{
    char yaml[2000] = "workers: ";

    memset(yaml + 9, 'x', 1900);
    assert_int_not_equal(sample_decode(yaml), ERR_OK);
    assert_in_range(strlen(sample_why.text), 20, 150);
}

TEST(a_reason_can_be_given_a_place_later)
{
    sample_decode("defaults: {timeout: 1s}");
    why(&sample_why, ERR_BAD_VALUE, "no");
    settings_why_at(&sample_why, sample_tree.root, "defaults.timeout");
    assert_string_equal(sample_why.text, "t.yaml:1:21: defaults.timeout: no");
    why(&sample_why, ERR_BAD_VALUE, "no");
    settings_why_at(&sample_why, sample_tree.root, "workers");
    assert_string_equal(sample_why.text, "t.yaml:1:1: workers: no");
    why(&sample_why, ERR_BAD_VALUE, "no");
    settings_why_at(&sample_why, NULL, "workers");
    assert_string_equal(sample_why.text, "workers: no");
}

static bool decodes(void)
{
    bool ok = sample_decode("name: x\nlisten: [a, b]\nmetadata: {k: v}\nservices:\n  a: "
                            "{instances: [x, {address: y}]}\n") == ERR_OK;

    sample_forget();
    return ok;
}

TEST(survives_each_refused_allocation)
{
    assert_in_range(fault_heap_each(decodes), 3, 200);
}

TESTS(SAMPLE(nothing_gives_the_defaults), SAMPLE(takes_each_kind),
      SAMPLE(all_words_for_yes_and_no), SAMPLE(a_percent_may_do_without_its_sign),
      SAMPLE(one_text_is_a_list_of_one_and_keeps_its_commas),
      SAMPLE(an_empty_list_replaces_the_default), SAMPLE(null_leaves_the_default),
      SAMPLE(a_service_starts_from_the_defaults_wherever_they_stand),
      SAMPLE(an_item_may_be_its_short_form),
      SAMPLE(an_unknown_key_names_its_place_and_the_nearest),
      SAMPLE(an_inline_group_offers_its_keys_too), SAMPLE(a_count_names_its_range),
      SAMPLE(a_duration_misses_its_unit), SAMPLE(sizes_and_percents_name_their_ranges),
      SAMPLE(a_choice_names_all_and_the_nearest), SAMPLE(a_bool_is_no_number),
      SAMPLE(wrong_shapes_are_refused), SAMPLE(a_key_needs_a_value),
      SAMPLE(checks_are_asked), SAMPLE(names_with_dots_stand_in_quotes),
      SAMPLE(control_characters_are_refused_and_not_printed),
      SAMPLE(what_is_wrong_with_a_secret_is_not_told),
      SAMPLE(some_settings_are_not_for_files),
      SAMPLE(an_error_in_the_defaults_is_told_where_they_stand),
      SAMPLE(long_values_are_cut_off), SAMPLE(a_reason_can_be_given_a_place_later),
      SAMPLE(survives_each_refused_allocation))
