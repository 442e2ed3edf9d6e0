#include "tests/lib/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "discovery/catalog.h"
#include "tests/lib/transport/loops.h"

static struct loop loop;
static struct random random_state;
static struct catalog *catalog;
static struct catalog_settings settings;
static char folder[64], url[160];
static bool closed;

static void on_changed(struct catalog *c, struct instance_list *l)
{
    (void)c;
    (void)l;
}

static void on_closed(struct catalog *c)
{
    catalog_free(c);
    closed = true;
}

static const struct catalog_events events = {.changed = on_changed, .closed = on_closed};

static void run(const char *command)
{
    char text[512];

    snprintf(text, sizeof text, "cd %s && %s", folder, command);
    assert_int_equal(system(text), 0);
}

static int test_setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/csidecar-file-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(url, sizeof url, "file:%s/s.yaml", folder);
    random_init(&random_state, 1);
    return loop_open(&loop, 4096);
}

static int test_teardown(void **state)
{
    (void)state;
    closed = false;
    catalog_close(catalog);
    loop_until(&loop, &closed);
    assert_int_equal(loop_close(&loop), ERR_OK);
    run("rm -rf ../$(basename $PWD)");
    return 0;
}

static void open_catalog(void)
{
    static const char *const urls[] = {url};

    settings = (struct catalog_settings){.urls = urls, .count = 1, .coalesce_ms = 1};
    assert_int_equal(
        catalog_open(&catalog, &settings, &loop, &random_state, &events, NULL, NULL),
        ERR_OK);
    catalog_want(catalog, SLICE("orders"));
}

static bool has_count(void *count)
{
    const struct instance_list *l = catalog_get(catalog, SLICE("orders"));

    return l && l->count == (uint32_t)(uintptr_t)count && l->authority == LIST_CONFIRMED;
}

static bool is_failing(void *unused)
{
    struct registry_status s;
    const struct instance_list *l = catalog_get(catalog, SLICE("orders"));

    (void)unused;
    catalog_registry_status(catalog, 0, &s);
    return l && s.error[0] && !l->answered;
}

static void until_count(unsigned count)
{
    loop_until_true(&loop, has_count, (void *)(uintptr_t)count);
}

static const struct instance_list *list(void)
{
    return catalog_get(catalog, SLICE("orders"));
}

TEST(sees_the_file_written_anew)
{
    run("echo 'orders: [\"127.0.0.1:1\"]' > s.yaml");
    open_catalog();
    until_count(1);
    run("echo 'orders: [\"127.0.0.1:1\", \"127.0.0.1:2\"]' > s.yaml");
    until_count(2);
}

static void touch_all_the_time(uv_timer_t *t)
{
    (void)t;
    utimensat(AT_FDCWD, url + sizeof("file:") - 1, NULL, 0);
}

TEST(sees_a_file_that_is_never_left_alone)
{
    uv_timer_t restless;

    run("echo 'orders: [\"127.0.0.1:1\"]' > s.yaml");
    open_catalog();
    until_count(1);
    uv_timer_init(&loop.uv, &restless);
    uv_timer_start(&restless, touch_all_the_time, 0, 5);
    run("echo 'orders: [\"127.0.0.1:1\", \"127.0.0.1:2\"]' > s.yaml");
    until_count(2);
    uv_close((uv_handle_t *)&restless, NULL);
    loop_settle(&loop);
}

TEST(sees_another_file_in_its_place)
{
    run("echo 'orders: [\"127.0.0.1:1\"]' > s.yaml");
    open_catalog();
    until_count(1);
    run("echo 'orders: [\"127.0.0.1:1\", \"127.0.0.1:2\"]' > n && mv n s.yaml");
    until_count(2);
}

TEST(sees_a_mounted_config_map_change)
{
    run("mkdir ..1 ..2 && echo 'orders: [\"127.0.0.1:1\"]' > ..1/s.yaml");
    run("echo 'orders: [\"127.0.0.1:1\", \"127.0.0.1:2\"]' > ..2/s.yaml");
    run("ln -s ..1 ..data && ln -s ..data/s.yaml s.yaml");
    open_catalog();
    until_count(1);
    run("ln -s ..2 ..tmp && mv -T ..tmp ..data");
    until_count(2);
}

TEST(a_broken_file_keeps_the_last_good_list_and_says_where)
{
    struct registry_status s;

    run("echo 'orders: [\"127.0.0.1:1\"]' > s.yaml");
    open_catalog();
    until_count(1);
    run("echo 'orders: [\"127.0.0.1:1\", nonsense]' > s.yaml");
    loop_until_true(&loop, is_failing, NULL);
    assert_int_equal(list()->count, 1);
    assert_int_equal(list()->authority, LIST_SUSPECT);
    catalog_registry_status(catalog, 0, &s);
    assert_non_null(strstr(s.error, "/s.yaml:1:25: "));
}

TEST(is_believed_at_once_when_it_was_mended_and_is_shorter)
{
    run("echo 'orders: [\"127.0.0.1:1\", \"127.0.0.1:2\", \"127.0.0.1:3\"]' > s.yaml");
    open_catalog();
    until_count(3);
    run("echo 'orders: [' > s.yaml");
    loop_until_true(&loop, is_failing, NULL);
    run("echo 'orders: [\"127.0.0.1:1\"]' > s.yaml");
    until_count(1);
}

TEST(a_file_that_comes_later_is_no_error)
{
    open_catalog();
    loop_until_true(&loop, is_failing, NULL);
    assert_false(list()->known);
    run("echo 'orders: [\"127.0.0.1:1\"]' > s.yaml");
    until_count(1);
}

TEST(a_file_that_goes_keeps_the_list)
{
    run("echo 'orders: [\"127.0.0.1:1\"]' > s.yaml");
    open_catalog();
    until_count(1);
    run("rm s.yaml");
    loop_until_true(&loop, is_failing, NULL);
    assert_int_equal(list()->count, 1);
}

TESTS(RUN_WITH(sees_the_file_written_anew),
      RUN_WITH(sees_a_file_that_is_never_left_alone),
      RUN_WITH(sees_another_file_in_its_place),
      RUN_WITH(sees_a_mounted_config_map_change),
      RUN_WITH(a_broken_file_keeps_the_last_good_list_and_says_where),
      RUN_WITH(is_believed_at_once_when_it_was_mended_and_is_shorter),
      RUN_WITH(a_file_that_comes_later_is_no_error),
      RUN_WITH(a_file_that_goes_keeps_the_list))
