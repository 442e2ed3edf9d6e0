/* The sandbox on the real kernel, closed by a process of its own each time. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sidecar/sandbox_parts.h"
#include "tests/lib/test.h"

/* <folder>/runtime and <folder>/state are a sidecar's own, <folder>/etc holds its settings. */
static char folder[64];
static struct settings *settings;
static struct sandbox sandbox;
static struct why w;

static const char *at(const char *name)
{
    static char paths[4][128];
    static unsigned next;

    snprintf(paths[++next % 4], sizeof(paths[0]), "%s/%s", folder, name);
    return paths[next % 4];
}

static int test_setup(void **state)
{
    static const char *const folders[] = {
        "runtime", "runtime/csidecar", "state", "state/csidecar", "etc", "elsewhere"};

    (void)state;
    settings = NULL;
    why_init(&w);
    strcpy(folder, "/tmp/csidecar-sandbox-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    for (unsigned i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        mkdir(at(folders[i]), 0700);
    setenv("XDG_RUNTIME_DIR", at("runtime"), 1);
    setenv("XDG_STATE_HOME", at("state"), 1);
    return 0;
}

static int test_teardown(void **state)
{
    char command[96];

    (void)state;
    settings_unref(settings);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

static void take(const char *yaml)
{
    settings_unref(settings);
    settings = NULL;
    if (settings_parse(&settings, slice_of(yaml), "t.yaml", &w))
        fail_msg("%s", w.text);
}

/* ---- the process that is closed ---- */

static bool writes(const char *name)
{
    int fd = open(at(name), O_WRONLY | O_CREAT, 0600);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool reads(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool is_privileged(void)
{
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0;
}

/* The line of the first check that does not hold, or 0; child side. */
#define HOLDS(what)                                                                      \
    do {                                                                                 \
        if (!(what))                                                                     \
            return __LINE__;                                                             \
    } while (0)

static void in_sandbox(int (*look)(void))
{
    int ends[2], line = 0;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        line = sandbox_close(&sandbox, settings, NULL, false, &w) ? -1 : look();
        _exit(write(ends[1], &line, sizeof(line)) != sizeof(line));
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &line, sizeof(line)), sizeof(line));
    close(ends[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    if (line)
        fail_msg("line %d does not hold", line);
}

static int off(void)
{
    HOLDS(is_privileged());
    HOLDS(writes("elsewhere/file"));
    HOLDS(!sandbox.is_confined);
    return 0;
}

TEST(off_changes_nothing)
{
    take("sandbox: off");
    in_sandbox(off);
}

static bool has_landlock(void)
{
    return syscall(444, NULL, 0, 1) >= 1;
}

static int automatic(void)
{
    struct rlimit cores;

    HOLDS(!is_privileged());
    HOLDS(getrlimit(RLIMIT_CORE, &cores) == 0 && cores.rlim_cur <= 1);
    HOLDS(writes("runtime/csidecar/file"));
    HOLDS(writes("state/csidecar/file"));
    HOLDS(reads(at("elsewhere")));
    HOLDS(sandbox.is_confined == has_landlock());
    HOLDS(writes("elsewhere/file") == !has_landlock());
    HOLDS(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1);
    return 0;
}

TEST(automatic_writes_its_own_folders_and_no_others)
{
    take("sandbox: auto");
    in_sandbox(automatic);
}

static int local_elsewhere(void)
{
    (void)mkdir(at("elsewhere/registry"), 0700);
    HOLDS(writes("elsewhere/registry/file"));
    return 0;
}

TEST(the_folder_of_a_local_registry_is_its_own)
{
    static const char *const modes[] = {"auto", "strict"};
    char yaml[256];

    for (unsigned i = 0; i < 2; i++) {
        snprintf(yaml, sizeof(yaml), "sandbox: %s\nregistry: {url: 'local:%s'}", modes[i],
                 at("elsewhere/registry"));
        take(yaml);
        in_sandbox(local_elsewhere);
    }
}

static int remade(void)
{
    HOLDS(unlink(at("runtime/csidecar/file")) == 0);
    HOLDS(rmdir(at("runtime/csidecar")) == 0);
    HOLDS(mkdir(at("runtime/csidecar"), 0700) == 0);
    HOLDS(writes("runtime/csidecar/file"));
    return 0;
}

TEST(automatic_makes_its_folder_again_where_somebody_removed_it)
{
    assert_true(writes("runtime/csidecar/file"));
    take("sandbox: auto");
    in_sandbox(remade);
}

static int unbound(void)
{
    HOLDS(is_privileged());
    HOLDS(writes("elsewhere/file"));
    return 0;
}

TEST(automatic_does_not_bind_a_command_that_checks_an_app)
{
    take("sandbox: auto\napp: {port: 1, health: {exec: ['true']}}");
    in_sandbox(unbound);
}

TEST(strict_refuses_such_a_command)
{
    const char *yaml =
        "sandbox: strict\napp: {port: 1, health: {exec: ['true']}}\nname: a";

    assert_int_equal(settings_parse(&settings, slice_of(yaml), "t.yaml", &w),
                     ERR_BAD_CONFIG);
    assert_non_null(strstr(w.text, "t.yaml:1:10: sandbox: strict executes nothing"));
}

static int strict(void)
{
    HOLDS(!is_privileged());
    HOLDS(writes("runtime/csidecar/file"));
    HOLDS(!writes("runtime/file"));
    HOLDS(!writes("elsewhere/file"));
    HOLDS(reads("/etc"));
    HOLDS(reads(at("etc")));
    HOLDS(!reads(at("elsewhere")));
    HOLDS(!reads("/root") && !reads("/home"));
    HOLDS(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
    HOLDS(syscall(SYS_unshare, 0) < 0 && errno == ENOSYS);
    return 0;
}

static void take_strict(const char *file)
{
    char yaml[256];

    snprintf(yaml, sizeof(yaml), "sandbox: strict\nregistry: {url: 'file:%s'}", at(file));
    take(yaml);
}

TEST(strict_reads_only_what_the_settings_name)
{
    if (!has_landlock())
        skip();
    take_strict("etc/services.yaml");
    in_sandbox(strict);
}

static int reloads(void)
{
    struct settings *first = settings;

    settings = NULL;
    take_strict("etc/others.yaml");
    HOLDS(!sandbox_allows(&sandbox, settings, &w));
    take_strict("elsewhere/services.yaml");
    HOLDS(sandbox_allows(&sandbox, settings, &w) == ERR_BAD_CONFIG);
    HOLDS(strstr(w.text, "/elsewhere is out of reach since the sandbox was closed"));
    settings_unref(first);
    return 0;
}

TEST(a_reload_takes_what_is_within_reach_and_refuses_the_rest)
{
    if (!has_landlock())
        skip();
    take_strict("etc/services.yaml");
    in_sandbox(reloads);
}

/* ---- places ---- */

static bool covers(const struct sandbox_places *p, const char *path, unsigned rights)
{
    return sandbox_places_cover(p, &(struct sandbox_place){path, rights});
}

TEST(a_place_covers_what_is_below_it_and_nothing_beside)
{
    struct sandbox_places p = {0};

    sandbox_place_add(&p, at("etc"), SANDBOX_READ);
    assert_true(covers(&p, at("etc"), SANDBOX_READ));
    assert_true(covers(&p, at("etc/a/b"), SANDBOX_READ));
    assert_false(covers(&p, at("etcetera"), SANDBOX_READ));
    assert_false(covers(&p, folder, SANDBOX_READ));
    assert_false(covers(&p, at("etc"), SANDBOX_READ | SANDBOX_WRITE));
    sandbox_places_fini(&p);
}

TEST(a_place_is_where_its_links_lead)
{
    struct sandbox_places p = {0};

    assert_int_equal(symlink("elsewhere", at("link")), 0);
    sandbox_place_add(&p, at("link/not/there"), SANDBOX_READ);
    assert_string_equal(p.items[0].path, at("elsewhere/not/there"));
    sandbox_places_fini(&p);
}

TEST(the_folder_a_file_is_linked_to_is_read_too)
{
    struct sandbox_places p = {0};
    char yaml[256];

    assert_true(writes("elsewhere/key.pem"));
    assert_int_equal(symlink("../elsewhere/key.pem", at("etc/key.pem")), 0);
    snprintf(yaml, sizeof(yaml), "registry: {tls: {key_file: %s}}", at("etc/key.pem"));
    take(yaml);
    sandbox_places_make(&p, SANDBOX_STRICT, settings, NULL);
    assert_true(covers(&p, at("etc"), SANDBOX_READ));
    assert_true(covers(&p, at("elsewhere"), SANDBOX_READ));
    sandbox_places_fini(&p);
}

TEST(files_in_a_registrys_url_are_read_too)
{
    struct sandbox_places p = {0};
    char yaml[256];

    snprintf(yaml, sizeof(yaml), "registry: {url: 'etcd+tls://h?ca_file=%s'}",
             at("elsewhere/ca.pem"));
    take(yaml);
    sandbox_places_make(&p, SANDBOX_STRICT, settings, NULL);
    assert_true(covers(&p, at("elsewhere"), SANDBOX_READ));
    sandbox_places_fini(&p);
}

TEST(a_socket_is_made_and_removed_in_its_folder)
{
    struct sandbox_places p = {0};
    struct port port = {.use = PORT_LOCAL};
    struct ports ports = {.items = &port, .count = 1};
    char text[128];

    snprintf(text, sizeof(text), "unix:%s", at("elsewhere/s.sock"));
    assert_int_equal(address_parse(&port.address, slice_of(text), 0, NULL), ERR_OK);
    take("name: x");
    sandbox_places_make(&p, SANDBOX_STRICT, settings, &ports);
    assert_true(covers(&p, at("elsewhere"), SANDBOX_SOCKET));
    assert_false(covers(&p, at("elsewhere"), SANDBOX_WRITE));
    sandbox_places_fini(&p);
}

TESTS(RUN_WITH(off_changes_nothing),
      RUN_WITH(automatic_writes_its_own_folders_and_no_others),
      RUN_WITH(the_folder_of_a_local_registry_is_its_own),
      RUN_WITH(automatic_makes_its_folder_again_where_somebody_removed_it),
      RUN_WITH(automatic_does_not_bind_a_command_that_checks_an_app),
      RUN_WITH(strict_refuses_such_a_command),
      RUN_WITH(strict_reads_only_what_the_settings_name),
      RUN_WITH(a_reload_takes_what_is_within_reach_and_refuses_the_rest),
      RUN_WITH(a_place_covers_what_is_below_it_and_nothing_beside),
      RUN_WITH(a_place_is_where_its_links_lead),
      RUN_WITH(the_folder_a_file_is_linked_to_is_read_too),
      RUN_WITH(files_in_a_registrys_url_are_read_too),
      RUN_WITH(a_socket_is_made_and_removed_in_its_folder))
