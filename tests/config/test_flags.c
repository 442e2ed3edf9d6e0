#include "tests/lib/config/sample.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/test.h"

static const struct alias aliases[] = {
    {"-c",         "config"          },
    {"--timeout",  "defaults.timeout"},
    {"--registry", "urls"            },
    {NULL,         NULL              },
};

enum { MOST = 8 };

static int at;

/* Words up to NULL, as argv from its second on. */
static enum err overlay(const char *const *words)
{
    char *argv[MOST + 1] = {(char *)"csidecar"};
    int argc = 1;

    while (*words)
        argv[argc++] = (char *)*words++;
    at = 1;
    return settings_flags(&sample_tree, sample_fields, aliases, argc, argv, &at,
                          &sample_why);
}

#define FLAGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void takes(const char *const *words)
{
    assert_int_equal(overlay(words), ERR_OK);
    assert_int_equal(sample_decode_tree(), ERR_OK);
}

static void refuses(const char *const *words, const char *reason)
{
    enum err e = overlay(words);

    assert_int_not_equal(e ? e : sample_decode_tree(), ERR_OK);
    assert_string_equal(sample_why.text, reason);
}

TEST(a_flag_takes_the_next_word)
{
    takes(FLAGS("--workers", "3"));
    assert_int_equal(sample.workers, 3);
    assert_int_equal(at, 3);
}

TEST(a_flag_takes_what_follows_its_equals_sign)
{
    takes(FLAGS("--workers=3", "--token=a=b"));
    assert_int_equal(sample.workers, 3);
    assert_string_equal(sample.token, "a=b");
}

TEST(dots_and_underscores_become_dashes)
{
    takes(FLAGS("--max-head", "2KiB", "--defaults-retries-max=5"));
    assert_int_equal(sample.head, 2048);
    assert_int_equal(sample.defaults.retries.max, 5);
}

TEST(a_bool_needs_no_value)
{
    takes(FLAGS("--egress", "--workers=2"));
    assert_true(sample.egress);
    assert_int_equal(sample.workers, 2);
    takes(FLAGS("--no-egress"));
    assert_false(sample.egress);
    takes(FLAGS("--egress=yes"));
    assert_true(sample.egress);
}

TEST(a_bool_leaves_the_next_word_alone)
{
    takes(FLAGS("--egress", "run"));
    assert_int_equal(at, 2);
}

TEST(only_bools_can_be_negated)
{
    refuses(FLAGS("--no-workers"),
            "--no-workers: unknown flag (did you mean \"--workers\"?)");
    refuses(FLAGS("--no-egress=yes"), "--no-egress: takes no value");
}

TEST(short_forms_stand_for_their_paths)
{
    takes(FLAGS("-c", "x.yaml", "--timeout=2s"));
    assert_string_equal(sample.config, "x.yaml");
    assert_int_equal(sample.defaults.timeout, 2000);
}

TEST(the_last_one_wins)
{
    takes(FLAGS("--workers=2", "--workers=3"));
    assert_int_equal(sample.workers, 3);
}

TEST(a_list_given_again_grows)
{
    takes(FLAGS("--registry", "etcd://a:1,b:2", "--registry", "mdns://"));
    assert_int_equal(sample.urls.count, 2);
    assert_string_equal(sample.urls.items[1], "mdns://");
    takes(FLAGS("--listen=a,b", "--listen=c"));
    assert_int_equal(sample.listen.count, 3);
}

TEST(a_list_replaces_that_of_the_file)
{
    assert_int_equal(sample_decode("listen: [a, b]"), ERR_OK);
    takes(FLAGS("--listen", "c"));
    assert_int_equal(sample.listen.count, 1);
}

TEST(a_flag_wins_over_file_and_environment)
{
    char *environment[] = {(char *)"CSIDECAR_WORKERS=3", NULL};

    assert_int_equal(sample_decode("workers: 2"), ERR_OK);
    assert_int_equal(
        settings_environment(&sample_tree, sample_fields, environment, NULL, &sample_why),
        ERR_OK);
    takes(FLAGS("--workers", "4"));
    assert_int_equal(sample.workers, 4);
}

TEST(stops_at_the_first_other_word)
{
    takes(FLAGS("--workers=2", "check", "--nonsense"));
    assert_int_equal(at, 2);
    takes(FLAGS("--workers=2", "--", "--nonsense"));
    assert_int_equal(at, 2);
    takes(FLAGS("-", "--nonsense"));
    assert_int_equal(at, 1);
}

TEST(set_reaches_everything)
{
    takes(FLAGS("--set", "services.orders.timeout=1s", "--set=metadata.zone=eu=1"));
    assert_string_equal(sample_service(0)->name, "orders");
    assert_int_equal(sample_service(0)->policy.timeout, 1000);
    assert_string_equal(sample.metadata.items[0].value, "eu=1");
}

TEST(set_takes_flow_and_places)
{
    takes(FLAGS("--set", "services.a={instances: [x:1, y:2]}", "--set",
                "services.a.instances[2].address=z:3", "--set",
                "services.\"b.c\".timeout=9s"));
    assert_int_equal(sample_service(0)->instances.count, 3);
    assert_string_equal(sample_service(1)->name, "b.c");
}

TEST(set_of_a_list_cuts_at_commas)
{
    takes(FLAGS("--set", "listen=a,b"));
    assert_int_equal(sample.listen.count, 2);
    takes(FLAGS("--set", "listen=[\"a,b\"]"));
    assert_int_equal(sample.listen.count, 1);
}

TEST(set_needs_a_path_and_a_value)
{
    refuses(FLAGS("--set", "workers"), "--set: must be path=value");
    refuses(FLAGS("--set"), "--set: needs a value");
    refuses(FLAGS("--set", "=1"), "--set: : not a path like services.orders.timeout");
}

TEST(errors_of_set_name_the_path)
{
    refuses(FLAGS("--set", "services.orders.retires.max=1"),
            "--set: services.orders.retires: unknown key (did you mean \"retries\"?)");
}

TEST(errors_name_the_flag_as_it_was_written)
{
    refuses(FLAGS("--timeout", "5"), "--timeout: defaults.timeout: must be a duration, "
                                     "not \"5\" (a unit is missing: ms, "
                                     "s, m or h)");
}

TEST(an_unknown_flag_names_the_nearest)
{
    refuses(FLAGS("--wrokers=2"),
            "--wrokers: unknown flag (did you mean \"--workers\"?)");
    refuses(FLAGS("--timeuot", "1s"),
            "--timeuot: unknown flag (did you mean \"--timeout\"?)");
    refuses(FLAGS("--nothing-like-it"), "--nothing-like-it: unknown flag");
    refuses(FLAGS("-x"), "-x: unknown flag");
}

TEST(a_flag_needs_its_value)
{
    refuses(FLAGS("--workers"), "--workers: needs a value");
    refuses(FLAGS("--workers", "--egress"), "--workers: needs a value");
    refuses(FLAGS("--workers="), "--workers: needs a value");
    refuses(FLAGS("--name", "--"), "--name: needs a value");
}

TEST(control_characters_in_a_flag_are_not_printed)
{
    assert_int_not_equal(overlay(FLAGS("--x\033[31m")), ERR_OK);
    assert_null(strchr(sample_why.text, '\033'));
}

static bool overlays(void)
{
    bool ok = overlay(FLAGS("--listen=a", "--listen=b", "--set", "metadata={k: v}")) ==
                  ERR_OK &&
              sample_decode_tree() == ERR_OK;

    sample_forget();
    return ok;
}

TEST(survives_each_refused_allocation)
{
    assert_in_range(fault_heap_each(overlays), 2, 100);
}

TESTS(SAMPLE(a_flag_takes_the_next_word),
      SAMPLE(a_flag_takes_what_follows_its_equals_sign),
      SAMPLE(dots_and_underscores_become_dashes), SAMPLE(a_bool_needs_no_value),
      SAMPLE(a_bool_leaves_the_next_word_alone), SAMPLE(only_bools_can_be_negated),
      SAMPLE(short_forms_stand_for_their_paths), SAMPLE(the_last_one_wins),
      SAMPLE(a_list_given_again_grows), SAMPLE(a_list_replaces_that_of_the_file),
      SAMPLE(a_flag_wins_over_file_and_environment),
      SAMPLE(stops_at_the_first_other_word), SAMPLE(set_reaches_everything),
      SAMPLE(set_takes_flow_and_places), SAMPLE(set_of_a_list_cuts_at_commas),
      SAMPLE(set_needs_a_path_and_a_value), SAMPLE(errors_of_set_name_the_path),
      SAMPLE(errors_name_the_flag_as_it_was_written),
      SAMPLE(an_unknown_flag_names_the_nearest), SAMPLE(a_flag_needs_its_value),
      SAMPLE(control_characters_in_a_flag_are_not_printed),
      SAMPLE(survives_each_refused_allocation))
