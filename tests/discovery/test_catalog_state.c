#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/discovery/catalog_world.h"
#include "tests/lib/transport/loops.h"

/* On a real loop: the file is written by the thread pool. */
static struct loop loop;
static struct random random_state;
static struct catalog *catalog;
static struct catalog_settings settings;
static bool changed, closed;
static char folder[64], path[128];

static void on_changed(struct catalog *c, struct instance_list *l)
{
    (void)c;
    (void)l;
    changed = true;
}

static void on_closed(struct catalog *c)
{
    catalog_free(c);
    closed = true;
}

static const struct catalog_events events = {.changed = on_changed, .closed = on_closed};

static int test_setup(void **state)
{
    static const char *const urls[] = {"memory:a"};

    (void)state;
    memory_reset();
    snprintf(folder, sizeof folder, "/tmp/csidecar-state-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/state/orders.json", folder);
    settings = (struct catalog_settings){
        .urls = urls, .count = 1, .state_file = path, .state_max_age_ms = 3600 * 1000};
    settings.environment.backends = memory_backends;
    random_init(&random_state, 1);
    return loop_open(&loop, 0);
}

static int test_teardown(void **state)
{
    (void)state;
    assert_int_equal(loop_close(&loop), ERR_OK);
    unlink(path);
    snprintf(path, sizeof path, "%s/state", folder);
    rmdir(path);
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

static void open_catalog(void)
{
    closed = changed = false;
    assert_int_equal(
        catalog_open(&catalog, &settings, &loop, &random_state, &events, NULL, NULL),
        ERR_OK);
}

static void close_catalog(void)
{
    catalog_close(catalog);
    loop_until(&loop, &closed);
}

static void want(const char *name)
{
    changed = false;
    catalog_want(catalog, slice_of(name));
    loop_until(&loop, &changed);
}

static const struct instance_list *list(void)
{
    return catalog_get(catalog, SLICE("orders"));
}

static void learn_and_close(void)
{
    memory_put(memory_server("a"), "orders", "o1", "127.0.0.1:1");
    open_catalog();
    want("orders");
    close_catalog();
}

static bool is_written(void *unused)
{
    (void)unused;
    return access(path, F_OK) == 0;
}

TEST(what_was_known_survives_a_restart_while_the_registry_is_away)
{
    learn_and_close();
    memory_server("a")->away = true;
    open_catalog();
    want("orders");
    assert_int_equal(list()->count, 1);
    assert_int_equal(list()->authority, LIST_SUSPECT);
    assert_true(list()->known);
    assert_false(list()->answered);
    assert_true(list()->stale_since_wall_ms > 0);
    close_catalog();
}

TEST(a_registry_that_answers_is_believed_over_the_file)
{
    learn_and_close();
    memory_drop(memory_server("a"), "orders", "o1");
    open_catalog();
    want("orders");
    assert_int_equal(list()->count, 0);
    assert_false(list()->known);
    close_catalog();
}

TEST(what_is_too_old_is_not_remembered)
{
    learn_and_close();
    memory_server("a")->away = true;
    settings.state_max_age_ms = 1;
    usleep(3000);
    open_catalog();
    want("orders");
    assert_int_equal(list()->count, 0);
    close_catalog();
}

TEST(a_service_nobody_asked_for_stays_in_the_file)
{
    learn_and_close();
    open_catalog();
    close_catalog();
    memory_server("a")->away = true;
    open_catalog();
    want("orders");
    assert_int_equal(list()->count, 1);
    close_catalog();
}

TEST(is_written_while_running_for_its_owner_alone)
{
    struct stat s;

    memory_put(memory_server("a"), "orders", "o1", "127.0.0.1:1");
    open_catalog();
    want("orders");
    loop_until_true(&loop, is_written, NULL);
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
    close_catalog();
}

TEST(closes_while_a_write_is_under_way)
{
    memory_put(memory_server("a"), "orders", "o1", "127.0.0.1:1");
    open_catalog();
    want("orders");
    loop_until_true(&loop, is_written, NULL);
    memory_put(memory_server("a"), "orders", "o2", "127.0.0.1:2");
    loop_settle(&loop);
    close_catalog();
}

static void write_state(const char *text)
{
    FILE *f;

    snprintf(path, sizeof path, "%s/state", folder);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/state/orders.json", folder);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

TEST(a_broken_file_is_an_empty_one)
{
    static const char *const broken[] = {
        "",
        "{",
        "[]",
        "{\"services\":[]}",
        "{\"services\":{\"orders\":1}}",
        "{\"services\":{\"orders\":{\"saved\":\"x\",\"registries\":[]}}}",
        "{\"services\":{\"orders\":{\"saved\":99999999999999}}}",
    };

    memory_server("a")->away = true;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        write_state(broken[i]);
        open_catalog();
        want("orders");
        assert_int_equal(list()->count, 0);
        close_catalog();
    }
}

TEST(a_reload_turns_it_on)
{
    const char *file = settings.state_file;

    settings.state_file = NULL;
    memory_put(memory_server("a"), "orders", "o1", "127.0.0.1:1");
    open_catalog();
    want("orders");
    settings.state_file = file;
    assert_int_equal(catalog_reload(catalog, &settings, NULL), ERR_OK);
    close_catalog();
    assert_true(is_written(NULL));
}

TEST(a_fifo_in_its_place_holds_nobody_up)
{
    write_state("");
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    open_catalog();
    want("orders");
    assert_int_equal(list()->count, 0);
    close_catalog();
}

TEST(a_folder_that_cannot_be_written_is_no_error)
{
    settings.state_file = "/proc/nowhere/orders.json";
    learn_and_close();
    snprintf(path, sizeof path, "%s/state", folder);
    mkdir(path, 0700);
}

TESTS(RUN_WITH(what_was_known_survives_a_restart_while_the_registry_is_away),
      RUN_WITH(a_registry_that_answers_is_believed_over_the_file),
      RUN_WITH(what_is_too_old_is_not_remembered),
      RUN_WITH(a_service_nobody_asked_for_stays_in_the_file),
      RUN_WITH(is_written_while_running_for_its_owner_alone),
      RUN_WITH(closes_while_a_write_is_under_way),
      RUN_WITH(a_broken_file_is_an_empty_one), RUN_WITH(a_reload_turns_it_on),
      RUN_WITH(a_fifo_in_its_place_holds_nobody_up),
      RUN_WITH(a_folder_that_cannot_be_written_is_no_error))
