#define _GNU_SOURCE
#include "tests/lib/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "discovery/catalog.h"
#include "discovery/lease.h"
#include "discovery/local_folder.h"
#include "tests/lib/discovery/local_world.h"
#include "tests/lib/transport/loops.h"

/* A catalog over the local registry; writers are processes of their own. */
static struct loop loop;
static struct random random_state;
static struct catalog *catalog;
static struct catalog_settings settings;
static const char *runtime;
static char folder[128];
static bool closed;
static pid_t writer;
static struct why reason;

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

static enum err open_catalog(void)
{
    static const char *const urls[] = {"local"};

    settings = (struct catalog_settings){.urls = urls, .count = 1, .coalesce_ms = 1};
    settings.environment.runtime_dir = runtime;
    return catalog_open(&catalog, &settings, &loop, &random_state, &events, NULL,
                        &reason);
}

static int test_setup(void **state)
{
    (void)state;
    runtime = local_world_begin();
    snprintf(folder, sizeof folder, "%s/registry", runtime);
    random_init(&random_state, 1);
    writer = 0;
    catalog = NULL;
    return loop_open(&loop, 4096);
}

static void end_writer(int signal)
{
    if (writer > 0) {
        kill(writer, signal);
        waitpid(writer, NULL, 0);
    }
    writer = 0;
}

static int test_teardown(void **state)
{
    (void)state;
    end_writer(SIGKILL);
    closed = !catalog;
    if (catalog)
        catalog_close(catalog);
    loop_until(&loop, &closed);
    assert_int_equal(loop_close(&loop), ERR_OK);
    local_world_end();
    return 0;
}

static struct registration sample(const char *id, uint64_t ttl_ms)
{
    struct registration r = {
        .service = "orders", .version = "1", .id = id, .weight = 1, .ttl_ms = ttl_ms};

    address_parse(&r.address, SLICE("127.0.0.1:5000"), 0, NULL);
    return r;
}

/* Registers `id` and touches it again and again until it is killed. */
static void write_for_ever(const char *id, uint64_t ttl_ms, bool has_child)
{
    struct registration r = sample(id, ttl_ms);
    char name[NAME_MAX + 1];
    int dir, fd;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (local_folder_open(&dir, folder, NULL) || local_file_name(name, r.service, id) ||
        local_file_write(dir, name, &r, -1, &fd, NULL))
        _exit(1);
    if (has_child && fork() == 0)
        execlp("sleep", "sleep", "3", NULL);
    for (;;) {
        local_file_touch(dir, name, fd);
        usleep(20000);
    }
}

static void start_writer(const char *id, uint64_t ttl_ms, bool has_child)
{
    writer = fork();
    assert_true(writer >= 0);
    if (writer == 0)
        write_for_ever(id, ttl_ms, has_child);
}

static bool has_instances(void *count)
{
    const struct instance_list *l = catalog_get(catalog, SLICE("orders"));

    return l && l->count == (uint32_t)(uintptr_t)count;
}

static void until_count(unsigned count)
{
    loop_until_true(&loop, has_instances, (void *)(uintptr_t)count);
}

static void watch_writer(uint64_t ttl_ms, bool has_child)
{
    assert_int_equal(open_catalog(), ERR_OK);
    catalog_want(catalog, SLICE("orders"));
    start_writer("one", ttl_ms, has_child);
    until_count(1);
}

TEST(kill_9_shows_at_once)
{
    uint64_t from;

    watch_writer(60 * 1000, false);
    end_writer(SIGKILL);
    from = uv_hrtime();
    until_count(0);
    assert_true(uv_hrtime() - from < 1000 * 1000 * 1000);
}

TEST(a_child_of_the_dead_writer_does_not_keep_its_record)
{
    watch_writer(60 * 1000, true);
    end_writer(SIGKILL);
    until_count(0);
}

static void expires_and_comes_back(void)
{
    kill(writer, SIGSTOP);
    until_count(0);
    kill(writer, SIGCONT);
    until_count(1);
}

TEST(a_stopped_writer_expires_and_comes_back)
{
    watch_writer(300, false);
    expires_and_comes_back();
}

/* Nothing is told of that: it is seen when its time is up, not by one of the scans after it came. */
TEST(a_record_given_to_somebody_else_does_not_count)
{
    char path[256];

    if (geteuid() != 0)
        skip();
    snprintf(path, sizeof path, "%s/orders@one.json", folder);
    watch_writer(300, false);
    expires_and_comes_back();
    assert_int_equal(chown(path, 65534, (gid_t)-1), 0);
    until_count(0);
    assert_int_equal(chown(path, geteuid(), (gid_t)-1), 0);
    local_world_run("touch registry/orders@one.json"); /* closes it: that is told */
    until_count(1);
}

static void on_lease(struct lease *l, bool held)
{
    (void)l;
    assert_false(held);
}

static void on_lease_stopped(struct lease *l)
{
    lease_free(l);
}

static bool has_failed(void *unused)
{
    struct registry_status s;

    (void)unused;
    catalog_registry_status(catalog, 0, &s);
    return s.failures > 0;
}

/* The end of the catalog is what would stumble over it. */
TEST(a_lease_that_never_came_to_be_leaves_nothing)
{
    static const struct lease_events on = {.changed = on_lease,
                                           .stopped = on_lease_stopped};
    struct registration r = sample("one", 60 * 1000);
    struct lease *l;

    runtime = "/nowhere/csidecar";
    assert_int_equal(open_catalog(), ERR_OK);
    assert_int_equal(lease_open(&l, catalog, &r, &on, NULL), ERR_OK);
    assert_int_equal(lease_start(l), ERR_OK);
    loop_until_true(&loop, has_failed, NULL);
    lease_stop(l, 1000);
    loop_settle(&loop);
}

TEST(files_of_the_dead_are_removed)
{
    char path[256];

    snprintf(path, sizeof path, "%s/orders@one.json", folder);
    watch_writer(60 * 1000, false);
    assert_int_equal(access(path, F_OK), 0);
    end_writer(SIGKILL);
    until_count(0);
    assert_int_equal(access(path, F_OK), -1);
}

TEST(what_died_while_nobody_looked_is_not_found)
{
    assert_int_equal(open_catalog(), ERR_OK);
    local_world_run("echo '{\"ttl_ms\":60000,\"address\":\"127.0.0.1:1\"}' > "
                    "registry/orders@ghost.json");
    start_writer("one", 60 * 1000, false);
    catalog_want(catalog, SLICE("orders"));
    until_count(1);
    assert_string_equal(catalog_get(catalog, SLICE("orders"))->instances[0].id, "one");
}

enum { CROWD = 12, ROUNDS = 40 };

static pid_t crowd[CROWD];

static void replace_in_crowd(unsigned at)
{
    char id[16];

    writer = crowd[at];
    end_writer(SIGKILL);
    snprintf(id, sizeof id, "w%u", at);
    start_writer(id, 60 * 1000, false);
    crowd[at] = writer;
    writer = 0;
}

/* The same ids die and come back while others look and tidy up. */
TEST(a_crowd_that_comes_and_goes_is_counted_right)
{
    assert_int_equal(open_catalog(), ERR_OK);
    catalog_want(catalog, SLICE("orders"));
    for (unsigned i = 0; i < CROWD; i++)
        replace_in_crowd(i);
    until_count(CROWD);
    for (unsigned i = 0; i < ROUNDS; i++) {
        replace_in_crowd(random_below(&random_state, CROWD));
        loop_settle(&loop);
    }
    until_count(CROWD);
    for (unsigned i = 0; i < CROWD; i++) {
        writer = crowd[i];
        end_writer(SIGKILL);
    }
    until_count(0);
}

TEST(burying_leaves_the_living)
{
    char path[256];
    int dir;

    assert_int_equal(open_catalog(), ERR_OK);
    assert_int_equal(local_folder_open(&dir, folder, NULL), ERR_OK);
    local_world_write("orders", 1, SLICE("{}"));
    local_file_bury(dir, "orders@written-1.json");
    snprintf(path, sizeof path, "%s/orders@written-1.json", folder);
    assert_int_equal(access(path, F_OK), 0);
    close(dir);
}

TEST(an_id_that_lives_elsewhere_is_refused)
{
    struct registration r = sample("written-1", 1000);
    int dir, fd;

    assert_int_equal(local_folder_open(&dir, folder, NULL), ERR_OK);
    local_world_write("orders", 1, SLICE("{}"));
    assert_int_equal(local_file_write(dir, "orders@written-1.json", &r, -1, &fd, &reason),
                     ERR_ADDRESS_IN_USE);
    assert_string_equal(reason.text,
                        "another living process has registered orders as written-1");
    close(dir);
}

static void assert_refused(const char *text)
{
    assert_int_equal(open_catalog(), ERR_DENIED);
    assert_non_null(strstr(reason.text, text));
    loop_run(&loop);
}

TEST(a_folder_open_to_others_is_refused)
{
    local_world_run("chmod 0750 .");
    assert_refused("is open to other users (mode 0750): it must be 0700");
    local_world_run("chmod 0700 . && mkdir registry && chmod 0777 registry");
    assert_refused("/registry is open to other users");
}

TEST(a_folder_of_somebody_else_is_refused)
{
    if (geteuid() != 0)
        skip();
    local_world_run("mkdir registry && chmod 0700 registry && chown 1 registry");
    assert_refused("belongs to another user (uid 1)");
}

TEST(a_symbolic_link_is_refused)
{
    local_world_run("mkdir -m 0700 real && ln -s real registry");
    assert_refused("symbolic links are refused");
}

TEST(a_folder_exchanged_underfoot_is_watched_anew)
{
    watch_writer(60 * 1000, false);
    end_writer(SIGKILL);
    until_count(0);
    local_world_run("rm -rf registry && mkdir -m 0700 registry");
    start_writer("two", 60 * 1000, false);
    until_count(1);
}

TEST(ids_of_all_kinds_are_file_names)
{
    char name[NAME_MAX + 1], id[256];

    assert_int_equal(local_file_name(name, "orders", "a/../b c"), ERR_OK);
    assert_string_equal(name, "orders@a%2F..%2Fb%20c.json");
    memset(id, '/', 200);
    id[200] = 0;
    assert_int_equal(local_file_name(name, "orders", id), ERR_TOO_LARGE);
}

static void assert_service(const char *name, const char *service)
{
    struct slice s = local_file_service(name);

    assert_int_equal(s.size, strlen(service));
    assert_memory_equal(s.base, service, s.size);
}

TEST(only_names_of_records_are_looked_at)
{
    assert_service("orders@a.json", "orders");
    assert_service("orders@a@b.json", "orders");
    assert_service("orders.json", "");
    assert_service("@a.json", "");
    assert_service("_a@b.json", "");
    assert_service(".new-00", "");
    assert_service("a@b", "");
}

TESTS(RUN_WITH(kill_9_shows_at_once),
      RUN_WITH(a_child_of_the_dead_writer_does_not_keep_its_record),
      RUN_WITH(a_stopped_writer_expires_and_comes_back),
      RUN_WITH(a_record_given_to_somebody_else_does_not_count),
      RUN_WITH(a_lease_that_never_came_to_be_leaves_nothing),
      RUN_WITH(files_of_the_dead_are_removed),
      RUN_WITH(what_died_while_nobody_looked_is_not_found),
      RUN_WITH(a_crowd_that_comes_and_goes_is_counted_right),
      RUN_WITH(burying_leaves_the_living),
      RUN_WITH(an_id_that_lives_elsewhere_is_refused),
      RUN_WITH(a_folder_open_to_others_is_refused),
      RUN_WITH(a_folder_of_somebody_else_is_refused),
      RUN_WITH(a_symbolic_link_is_refused),
      RUN_WITH(a_folder_exchanged_underfoot_is_watched_anew),
      RUN_WITH(ids_of_all_kinds_are_file_names),
      RUN_WITH(only_names_of_records_are_looked_at))
