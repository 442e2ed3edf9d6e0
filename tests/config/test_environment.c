#include "sidecar/core/log.h"
#include "tests/lib/config/sample.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/test.h"

static enum err overlay(const char *variable)
{
    static const char *const ignored[] = {"CSIDECAR_URL", NULL};
    char *environment[] = {(char *)"PATH=/bin", (char *)variable, NULL};

    return settings_environment(&sample_tree, sample_fields, environment, ignored,
                                &sample_why);
}

static void takes(const char *variable)
{
    assert_int_equal(overlay(variable), ERR_OK);
    assert_int_equal(sample_decode_tree(), ERR_OK);
}

static void refuses(const char *variable, const char *reason)
{
    enum err e = overlay(variable);

    assert_int_not_equal(e ? e : sample_decode_tree(), ERR_OK);
    assert_string_equal(sample_why.text, reason);
}

TEST(a_variable_is_the_path_in_capitals)
{
    takes("CSIDECAR_DEFAULTS_RETRIES_MAX=7");
    assert_int_equal(sample.defaults.retries.max, 7);
}

TEST(underscores_of_keys_stay)
{
    takes("CSIDECAR_MAX_HEAD=1MiB");
    assert_int_equal(sample.head, 1 << 20);
}

TEST(a_variable_wins_over_the_file)
{
    assert_int_equal(sample_decode("workers: 2\nname: a"), ERR_OK);
    takes("CSIDECAR_WORKERS=3");
    assert_int_equal(sample.workers, 3);
    assert_string_equal(sample.name, "a");
}

TEST(a_list_is_cut_at_commas)
{
    takes("CSIDECAR_LISTEN=a:1, b:2");
    assert_int_equal(sample.listen.count, 2);
    assert_string_equal(sample.listen.items[1], "b:2");
}

TEST(urls_are_cut_at_spaces)
{
    takes("CSIDECAR_URLS=etcd://a:1,b:2  consul://c");
    assert_int_equal(sample.urls.count, 2);
    assert_string_equal(sample.urls.items[0], "etcd://a:1,b:2");
    assert_string_equal(sample.urls.items[1], "consul://c");
}

TEST(a_text_is_no_yaml)
{
    takes("CSIDECAR_NAME=[a: &b");
    assert_string_equal(sample.name, "[a: &b");
}

TEST(an_empty_variable_says_nothing)
{
    takes("CSIDECAR_WORKERS=");
    assert_int_equal(sample.workers, 1);
    takes("CSIDECAR_UNKNOWN=");
}

TEST(a_file_setting_may_come_from_a_variable)
{
    takes("CSIDECAR_CONFIG=x.yaml");
    assert_string_equal(sample.config, "x.yaml");
}

TEST(errors_name_the_variable_and_the_path)
{
    refuses("CSIDECAR_WORKERS=many",
            "CSIDECAR_WORKERS: workers: must be from 1 to 64, not \"many\"");
}

TEST(an_error_in_a_list_names_the_variable)
{
    refuses("CSIDECAR_COMPAT=dapr,mikro", "CSIDECAR_COMPAT: compat: must be one of dapr, "
                                          "micro, not \"mikro\" (did you mean "
                                          "\"micro\"?)");
}

TEST(an_unknown_variable_names_the_nearest)
{
    refuses("CSIDECAR_WROKERS=2",
            "CSIDECAR_WROKERS: unknown variable (did you mean \"CSIDECAR_WORKERS\"?)");
    refuses("CSIDECAR_SOMETHING_ELSE=2", "CSIDECAR_SOMETHING_ELSE: unknown variable");
}

TEST(lists_and_maps_have_no_variable)
{
    refuses("CSIDECAR_SERVICES=x", "CSIDECAR_SERVICES: unknown variable");
}

TEST(names_in_the_list_are_skipped)
{
    takes("CSIDECAR_URL=http://127.0.0.1:8081");
}

TEST(what_kubernetes_injects_is_skipped)
{
    log_setup(LOG_OFF, LOG_TEXT, 2);
    takes("CSIDECAR_WORKERS=tcp://10.0.0.1:80");
    assert_int_equal(sample.workers, 1);
    takes("CSIDECAR_SERVICE_HOST=10.0.0.1");
    takes("CSIDECAR_SERVICE_PORT=80");
    takes("CSIDECAR_SERVICE_PORT_HTTP=80");
    takes("CSIDECAR_PORT=tcp://10.0.0.1:80");
    takes("CSIDECAR_PORT_80_TCP=tcp://10.0.0.1:80");
    takes("CSIDECAR_PORT_80_TCP_ADDR=10.0.0.1");
    takes("CSIDECAR_PORT_80_TCP_PORT=80");
    takes("CSIDECAR_ADMIN_PORT_8082_UDP_PROTO=udp");
}

TEST(what_only_looks_a_little_injected_is_refused)
{
    refuses("CSIDECAR_PORT=80", "CSIDECAR_PORT: unknown variable");
    refuses("CSIDECAR_X_TCP_ADDR=80", "CSIDECAR_X_TCP_ADDR: unknown variable");
}

TEST(other_variables_are_none_of_our_business)
{
    takes("XCSIDECAR_WROKERS=2");
    takes("CSIDECARS=2");
    takes("no equals sign");
}

static bool overlays(void)
{
    bool ok =
        overlay("CSIDECAR_LISTEN=a,b,c") == ERR_OK && sample_decode_tree() == ERR_OK;

    sample_forget();
    return ok;
}

TEST(survives_each_refused_allocation)
{
    assert_in_range(fault_heap_each(overlays), 2, 100);
}

TESTS(SAMPLE(a_variable_is_the_path_in_capitals), SAMPLE(underscores_of_keys_stay),
      SAMPLE(a_variable_wins_over_the_file), SAMPLE(a_list_is_cut_at_commas),
      SAMPLE(urls_are_cut_at_spaces), SAMPLE(a_text_is_no_yaml),
      SAMPLE(an_empty_variable_says_nothing),
      SAMPLE(a_file_setting_may_come_from_a_variable),
      SAMPLE(errors_name_the_variable_and_the_path),
      SAMPLE(an_error_in_a_list_names_the_variable),
      SAMPLE(an_unknown_variable_names_the_nearest),
      SAMPLE(lists_and_maps_have_no_variable), SAMPLE(names_in_the_list_are_skipped),
      SAMPLE(what_kubernetes_injects_is_skipped),
      SAMPLE(what_only_looks_a_little_injected_is_refused),
      SAMPLE(other_variables_are_none_of_our_business),
      SAMPLE(survives_each_refused_allocation))
