#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sidecar/settings.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/test.h"

enum { MOST = 12, PATH_SIZE = 80 };

static struct settings *s;
static struct why w;
static char file[40];
static struct settings_input in;
static char *argv[MOST + 1];
static char *environment[MOST + 1];

static void write_file(const char *yaml)
{
    FILE *out = fopen(file, "w");

    assert_non_null(out);
    fputs(yaml, out);
    fclose(out);
}

static int test_setup(void **state)
{
    int fd;

    (void)state;
    strcpy(file, "/tmp/csidecar-settings-XXXXXX");
    fd = mkstemp(file);
    close(fd);
    s = NULL;
    why_init(&w);
    memset(argv, 0, sizeof(argv));
    memset(environment, 0, sizeof(environment));
    argv[0] = (char *)"csidecar";
    in = (struct settings_input){1, argv, 1, environment, NULL, NULL};
    return fd < 0;
}

static int test_teardown(void **state)
{
    (void)state;
    unlink(file);
    settings_unref(s);
    return 0;
}

static void flag(const char *word)
{
    argv[in.argc++] = (char *)word;
}

static void takes(void)
{
    settings_unref(s);
    if (settings_load(&s, &in, &w))
        fail_msg("%s", w.text);
}

static void refuses(const char *reason)
{
    assert_int_not_equal(settings_load(&s, &in, &w), ERR_OK);
    assert_null(s);
    assert_string_equal(w.text, reason);
}

static void again(void)
{
    settings_unref(s);
    s = NULL;
    in.at = 1;
}

static void fails(void)
{
    again();
    assert_int_not_equal(settings_load(&s, &in, &w), ERR_OK);
}

TEST(flags_win_over_variables_over_the_file_over_defaults)
{
    write_file("proxy: {workers: 2, port: 9}\nlog: {level: warn}\n");
    in.file = file;
    environment[0] = (char *)"CSIDECAR_PROXY_WORKERS=3";
    environment[1] = (char *)"CSIDECAR_LOG_LEVEL=error";
    flag("--proxy-workers=4");
    takes();
    assert_int_equal(s->proxy.workers, 4);
    assert_int_equal(s->log.level, LOG_ERROR);
    assert_int_equal(s->proxy.port, 9);
    assert_int_equal(s->registry.ttl, 30000);
    assert_string_equal(s->config, file);
}

TEST(says_where_the_flags_end)
{
    flag("--port");
    flag("9");
    flag("check");
    flag("--nonsense");
    takes();
    assert_int_equal(in.at, 3);
}

TEST(all_short_forms_are_taken)
{
    static const char *const words[] = {
        "--name=a",           "--app-port=5", "--port=9",         "--admin=127.0.0.1:7",
        "--registry=mdns://", "--timeout=2s", "--log-level=debug"};

    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        flag(words[i]);
    takes();
    assert_string_equal(s->name, "a");
    assert_int_equal(s->all_apps[0].port, 5);
    assert_int_equal(s->proxy.port, 9);
    assert_int_equal(address_port(&s->admin.addresses.items[0]), 7);
    assert_string_equal(s->registry.url.items[0], "mdns://");
    assert_int_equal(s->defaults.timeout, 2000);
    assert_int_equal(s->log.level, LOG_DEBUG);
}

TEST(a_file_that_was_asked_for_must_be_there)
{
    flag("-c");
    flag("/nowhere/x.yaml");
    refuses("/nowhere/x.yaml: cannot be opened: No such file or directory");
}

TEST(the_usual_file_may_be_missing)
{
    in.file = "/nowhere/csidecar.yaml";
    takes();
    assert_null(s->config);
}

TEST(the_file_may_be_named_by_variable)
{
    char variable[80];

    write_file("name: from-file");
    snprintf(variable, sizeof(variable), "CSIDECAR_CONFIG=%s", file);
    environment[0] = variable;
    takes();
    assert_string_equal(s->name, "from-file");
}

TEST(a_child_of_run_is_not_confused_by_what_it_was_given)
{
    environment[0] = (char *)"CSIDECAR_URL=http://127.0.0.1:8081";
    environment[1] = (char *)"CSIDECAR_ADMIN_URL=http://127.0.0.1:8082";
    takes();
}

TEST(an_error_in_the_file_names_the_file)
{
    char reason[128];

    write_file("proxy:\n  wrokers: 1\n");
    in.file = file;
    snprintf(reason, sizeof(reason),
             "%s:2:3: proxy.wrokers: unknown key (did you mean \"workers\"?)", file);
    refuses(reason);
}

TEST(errors_across_settings_name_the_origin)
{
    flag("--registry-heartbeat=40s");
    refuses(
        "--registry-heartbeat: registry.heartbeat: must be shorter than the ttl (30s)");
}

TEST(a_token_is_read_from_its_file)
{
    write_file("  secret \n");
    flag("--proxy-token-file");
    flag(file);
    takes();
    assert_string_equal(s->proxy.secret, "secret");
    assert_null(s->proxy.token);
}

TEST(a_token_file_must_hold_one)
{
    char reason[128];

    flag("--proxy-token-file");
    flag(file);
    snprintf(reason, sizeof(reason),
             "--proxy-token-file: proxy.token_file: %s must hold one line with the token",
             file);
    refuses(reason);
    write_file("two\nlines");
    refuses(reason);
    flag("--proxy-token=x");
    refuses(
        "--proxy-token-file: proxy.token_file: token and token_file exclude each other");
}

/* mode 0644 in a folder as Kubernetes mounts one, reached through its links */
static void mount_volume(char folder[PATH_SIZE], char token[2 * PATH_SIZE])
{
    char path[2 * PATH_SIZE];

    snprintf(folder, PATH_SIZE, "%s.volume", file);
    snprintf(token, 2 * PATH_SIZE, "%s/token", folder);
    mkdir(folder, 0755);
    snprintf(path, sizeof(path), "%s/..2026_01_02", folder);
    mkdir(path, 0755);
    strcat(path, "/token");
    rename(file, path);
    snprintf(path, sizeof(path), "%s/..data", folder);
    assert_int_equal(symlink("..2026_01_02", path), 0);
    assert_int_equal(symlink("..data/token", token), 0);
}

static void unmount_volume(const char *folder)
{
    static const char *const names[] = {"token", "..data", "..2026_01_02/token"};
    char path[2 * PATH_SIZE];

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    snprintf(path, sizeof(path), "%s/..2026_01_02", folder);
    rmdir(path);
    rmdir(folder);
}

TEST(a_token_file_that_all_can_read_is_refused)
{
    char reason[256];

    write_file("secret\n");
    chmod(file, 0644);
    flag("--proxy-token-file");
    flag(file);
    snprintf(reason, sizeof(reason),
             "--proxy-token-file: proxy.token_file: %s is open to every user of this "
             "host (mode 0644): chmod o= %s, or say secret_files: any",
             file, file);
    refuses(reason);
    chmod(file, 0640);
    takes();
    chmod(file, 0602);
    fails();
}

TEST(unless_the_settings_say_that_it_may_be)
{
    write_file("secret\n");
    chmod(file, 0644);
    flag("--registry-token-file");
    flag(file);
    flag("--secret-files=any");
    takes();
    assert_string_equal(s->registry.secret, "secret");
}

TEST(or_it_stands_in_a_volume_of_kubernetes)
{
    char folder[PATH_SIZE], token[2 * PATH_SIZE];

    write_file("secret\n");
    chmod(file, 0644);
    mount_volume(folder, token);
    flag("--admin-token-file");
    flag(token);
    takes();
    unmount_volume(folder);
    assert_string_equal(s->admin.secret, "secret");
}

TEST(so_is_a_key_wherever_it_is_named)
{
    char url[128];

    write_file("a key\n");
    chmod(file, 0644);
    flag("--registry-tls-key-file");
    flag(file);
    fails();
    assert_non_null(strstr(w.text, "registry.tls.key_file: "));
    in.argc = 1;
    snprintf(url, sizeof(url), "--registry=etcd+tls://h?ca_file=/ca.pem&key_file=%s",
             file);
    flag(url);
    fails();
    assert_non_null(strstr(w.text, "registry.url: "));
    assert_non_null(strstr(w.text, "is open to every user"));
    chmod(file, 0600);
    takes();
}

static bool is_open_config(const char *yaml, mode_t mode)
{
    write_file(yaml);
    chmod(file, mode);
    again();
    in.argc = 1;
    flag("-c");
    flag(file);
    takes();
    return s->is_open_config;
}

TEST(settings_with_secrets_that_all_can_read_are_noted)
{
    const char *url = "registry: {url: ['nats://me:secret@h']}";

    assert_true(is_open_config("registry: {token: secret}", 0644));
    assert_true(is_open_config(url, 0644));
    assert_true(is_open_config("registry: {url: 'gossip://h?key=secret'}", 0644));
    assert_false(is_open_config(url, 0600));
    assert_false(is_open_config("name: users", 0644));
}

TEST(the_command_names_the_service)
{
    static char *const command[] = {(char *)"/opt/bin/my-app", (char *)"-x", NULL};

    in.command = command;
    takes();
    assert_string_equal(s->name, "my-app");
    assert_int_equal(s->run.command.count, 2);
    assert_int_equal(s->app_count, 1);
    assert_int_equal(s->all_apps[0].port, 0);
}

TEST(an_interpreter_does_not_name_the_service)
{
    static char *const command[] = {(char *)"python3.11", (char *)"app.py", NULL};

    in.command = command;
    flag("--run-directory=/srv/shop");
    takes();
    assert_string_equal(s->name, "shop");
}

TEST(a_reload_takes_what_may_change)
{
    struct settings *again;

    write_file("defaults: {timeout: 1s}");
    in.file = file;
    takes();
    in.at = 1;
    write_file("defaults: {timeout: 2s}");
    assert_int_equal(settings_reload(&again, s, &in, &w), ERR_OK);
    assert_int_equal(again->defaults.timeout, 2000);
    assert_int_equal(s->defaults.timeout, 1000);
    settings_unref(again);
}

TEST(a_reload_refuses_what_needs_a_restart)
{
    struct settings *again;

    write_file("proxy: {workers: 1}");
    in.file = file;
    takes();
    in.at = 1;
    write_file("proxy: {workers: 2}");
    assert_int_equal(settings_reload(&again, s, &in, &w), ERR_BAD_CONFIG);
    assert_null(again);
    assert_string_equal(w.text, "proxy.workers: changing it needs a restart");
}

static void reload_refuses(const char *before, const char *after, const char *reason)
{
    struct settings *again;

    write_file(before);
    in.file = file;
    in.at = 1;
    takes();
    in.at = 1;
    write_file(after);
    assert_int_equal(settings_reload(&again, s, &in, &w), ERR_BAD_CONFIG);
    assert_string_equal(w.text, reason);
}

TEST(a_reload_opens_no_ports_and_moves_no_apps)
{
    reload_refuses("", "services: {a: {listen: 127.0.0.1:1}}",
                   "services.a.listen: changing it needs a restart");
    reload_refuses("services: {b: {}, a: {listen: 127.0.0.1:1}}",
                   "services: {b: {timeout: 1s}}",
                   "services.a.listen: changing it needs a restart");
    reload_refuses("apps: [{name: a, port: 1}]",
                   "apps: [{name: a, port: 1, health: {fall: 9}}]",
                   "apps: changing it needs a restart");
    reload_refuses("app: {port: 1}", "app: {port: 2}",
                   "app.port: changing it needs a restart");
}

TEST(a_reload_of_something_broken_is_refused)
{
    struct settings *again;

    in.file = file;
    takes();
    write_file("proxy: [");
    assert_int_not_equal(settings_reload(&again, s, &in, &w), ERR_OK);
    assert_null(again);
}

TEST(lives_until_the_last_reference_goes)
{
    struct settings *more;

    takes();
    more = settings_ref(s);
    settings_unref(s);
    assert_int_equal(more->proxy.workers, 1);
    s = more;
    settings_unref(NULL);
}

static bool loads(void)
{
    struct settings *out;
    bool ok;

    in.at = 1;
    ok = settings_load(&out, &in, &w) == ERR_OK;
    settings_unref(out);
    return ok;
}

TEST(survives_each_refused_allocation)
{
    static char *const command[] = {(char *)"sh", (char *)"-c", (char *)"x", NULL};

    write_file("name: a\nservices: {x: {instances: [127.0.0.1:3]}}\n");
    in.file = file;
    in.command = command;
    environment[0] = (char *)"CSIDECAR_PROXY_ALLOWED_HOSTS=a,b";
    flag("--set");
    flag("apps=[{name: a, port: 1, metadata: {k: v}}]");
    assert_in_range(fault_heap_each(loads), 5, 2000);
}

/* Two settings must not share a variable or a flag: a.b_c and a_b.c would. */
static void collect(const struct field *fields, const char *prefix, char names[][128],
                    unsigned *count)
{
    for (const struct field *f = fields; f->key; f++) {
        snprintf(names[*count], 128, "%s%s%s", prefix, prefix[0] ? "_" : "", f->key);
        if (f->kind == FIELD_GROUP) {
            char inner[128];

            strcpy(inner, names[*count]);
            collect(f->fields, inner, names, count);
        } else {
            ++*count;
        }
    }
}

TEST(no_two_settings_share_a_variable)
{
    static char names[500][128];
    unsigned count = 0;

    collect(settings_fields, "", names, &count);
    assert_in_range(count, 80, 499);
    for (unsigned i = 0; i < count; i++)
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(names[i], names[j]);
}

TEST(each_setting_is_explained)
{
    struct text out = {.limit = 1 << 20};

    settings_print_docs(settings_fields, &out);
    assert_false(out.failed);
    assert_null(strstr(out.base, "|  |\n"));
    assert_non_null(strstr(out.base, "| `services.NAME.retries.max` |"));
    text_fini(&out);
}

TESTS(RUN_WITH(flags_win_over_variables_over_the_file_over_defaults),
      RUN_WITH(says_where_the_flags_end), RUN_WITH(all_short_forms_are_taken),
      RUN_WITH(a_file_that_was_asked_for_must_be_there),
      RUN_WITH(the_usual_file_may_be_missing),
      RUN_WITH(the_file_may_be_named_by_variable),
      RUN_WITH(a_child_of_run_is_not_confused_by_what_it_was_given),
      RUN_WITH(an_error_in_the_file_names_the_file),
      RUN_WITH(errors_across_settings_name_the_origin),
      RUN_WITH(a_token_is_read_from_its_file), RUN_WITH(a_token_file_must_hold_one),
      RUN_WITH(a_token_file_that_all_can_read_is_refused),
      RUN_WITH(unless_the_settings_say_that_it_may_be),
      RUN_WITH(or_it_stands_in_a_volume_of_kubernetes),
      RUN_WITH(so_is_a_key_wherever_it_is_named),
      RUN_WITH(settings_with_secrets_that_all_can_read_are_noted),
      RUN_WITH(the_command_names_the_service),
      RUN_WITH(an_interpreter_does_not_name_the_service),
      RUN_WITH(a_reload_takes_what_may_change),
      RUN_WITH(a_reload_refuses_what_needs_a_restart),
      RUN_WITH(a_reload_opens_no_ports_and_moves_no_apps),
      RUN_WITH(a_reload_of_something_broken_is_refused),
      RUN_WITH(lives_until_the_last_reference_goes),
      RUN_WITH(survives_each_refused_allocation),
      RUN_WITH(no_two_settings_share_a_variable), RUN_WITH(each_setting_is_explained))
