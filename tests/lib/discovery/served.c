#define _GNU_SOURCE
#include "tests/lib/test.h"

#include "tests/lib/discovery/served.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ANSWER_MS = 120 * 1000, LINE = 64 * 1024, LOG_END = 4000 };

static struct {
    const char *name;
    pid_t pid;
    int to, from; /* pipes */
    FILE *log;    /* what it says on standard error */
    char url[512];
    char can[128]; /* " away lose " */
} served;

/* The process. */

/* The folder of the sources: what stands before "/build/" in our own path. */
static void go_to_sources(void)
{
    char path[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
    char *end;

    path[size > 0 ? size : 0] = 0;
    end = strstr(path, "/build/");
    if (end) {
        *end = 0;
        if (chdir(path) != 0)
            perror(path);
    }
}

static void become_server(int in, int out)
{
    static const char *const pythons[] = {"build/venv/bin/python", "python3"};

    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(fileno(served.log), STDERR_FILENO);
    go_to_sources();
    for (int i = 0; i < 2; i++)
        execlp(pythons[i], pythons[i], "-B", "tests/registries/serve.py", served.name,
               NULL);
    perror("python3");
    _exit(127);
}

static void start_process(void)
{
    int to[2], from[2];

    served.log = tmpfile();
    if (!served.log || pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC)) {
        perror("served");
        exit(1);
    }
    signal(SIGPIPE, SIG_IGN);
    served.pid = fork();
    if (served.pid == 0)
        become_server(to[0], from[1]);
    close(to[0]);
    close(from[1]);
    served.to = to[1];
    served.from = from[0];
}

/* It ends when its standard input does. */
static void end_process(void)
{
    close(served.to);
    close(served.from);
    waitpid(served.pid, NULL, 0);
    fclose(served.log);
}

/* The conversation. */

static const char *log_end(void)
{
    static char text[LOG_END + 1];
    size_t size;

    if (fseek(served.log, -LOG_END, SEEK_END) != 0)
        rewind(served.log);
    size = fread(text, 1, LOG_END, served.log);
    text[size] = 0;
    return text;
}

/* One line without its end; false when none came in time, with what there is of it. */
static bool read_line(char *line, size_t size)
{
    struct pollfd p = {.fd = served.from, .events = POLLIN};
    size_t length = 0;

    while (length < size - 1 && poll(&p, 1, ANSWER_MS) == 1) {
        if (read(served.from, line + length, 1) != 1)
            break;
        if (line[length] == '\n') {
            line[length] = 0;
            return true;
        }
        length++;
    }
    line[length] = 0;
    return false;
}

static bool write_line(const char *line, size_t size)
{
    while (size > 0) {
        ssize_t n = write(served.to, line, size);

        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            line += n;
            size -= n;
        }
    }
    return true;
}

/* Its first two lines; false: `line` says what came instead. */
static bool is_started(char *line, size_t size)
{
    if (!read_line(line, size) || sscanf(line, "url %511s", served.url) != 1)
        return false;
    if (!read_line(line, size) || strncmp(line, "can", 3) != 0)
        return false;
    snprintf(served.can, sizeof served.can, "%.100s ", line + 3);
    return true;
}

bool served_ask(const char *format, ...)
{
    static char line[LINE];
    va_list list;
    int size;

    va_start(list, format);
    size = vsnprintf(line, sizeof line - 1, format, list);
    va_end(list);
    assert_in_range(size, 1, (int)sizeof line - 2);
    line[size++] = '\n';
    if (!write_line(line, size) || !read_line(line, sizeof line))
        fail_msg("the server of %s is gone: %s\n%s", served.name, line, log_end());
    if (strcmp(line, "no") == 0)
        return false;
    if (strncmp(line, "ok", 2) != 0)
        fail_msg("the server of %s: %s\n%s", served.name, line, log_end());
    return true;
}

/* The adapter. */

void served_set_up(struct loop *l, struct registry_environment *environment)
{
    (void)l;
    (void)environment;
    served_ask("fresh");
}

void served_tear_down(void)
{
}

const char *served_url(void)
{
    return served.url;
}

static void go_away(void)
{
    served_ask("away");
}

static void come_back(void)
{
    served_ask("back");
}

static void lose_all(void)
{
    served_ask("lose");
}

static bool be_hostile(unsigned n, const char *service)
{
    return served_ask("hostile %u %s", n, service);
}

static json_t *instance_json(const struct instance *i)
{
    char address[ADDRESS_TEXT];
    json_t *metadata = json_object();

    for (unsigned at = 0; at < i->metadata.count; at++)
        json_object_set_new(metadata, i->metadata.items[at].key,
                            json_string(i->metadata.items[at].value));
    return json_pack("{ss ss ss si so}", "id", i->id, "address",
                     address_format(&i->address, address), "version", i->version,
                     "weight", (int)i->weight, "metadata", metadata);
}

static void publish(const char *service, const struct instance *instances, uint32_t count)
{
    json_t *list = json_array();
    char *text;

    for (uint32_t i = 0; i < count; i++)
        json_array_append_new(list, instance_json(&instances[i]));
    text = json_dumps(list, JSON_COMPACT);
    served_ask("publish %s %s", service, text);
    free(text);
    json_decref(list);
}

static bool can(const char *word)
{
    char text[32];

    snprintf(text, sizeof text, " %s ", word);
    return strstr(served.can, text) != NULL;
}

static struct conformance filled(const struct conformance *adapter)
{
    struct conformance c = *adapter;

    if (!c.go_away && can("away")) {
        c.go_away = go_away;
        c.come_back = come_back;
    }
    if (!c.lose_all && can("lose"))
        c.lose_all = lose_all;
    if (!c.be_hostile && can("hostile"))
        c.be_hostile = be_hostile;
    if (!c.publish && can("publish"))
        c.publish = publish;
    return c;
}

static char trouble[LINE];

TEST(the_server_starts)
{
    fail_msg("the server of %s does not start: %s\n%s", served.name, trouble, log_end());
}

int served_conformance(const char *name, const struct conformance *adapter)
{
    const struct CMUnitTest failure[] = {RUN(the_server_starts)};
    struct conformance c;
    int failed;

    served.name = name;
    start_process();
    if (is_started(trouble, sizeof trouble)) {
        c = filled(adapter);
        failed = conformance_run(&c);
    } else {
        failed = cmocka_run_group_tests_name(adapter->name, failure, NULL, NULL);
    }
    end_process();
    return failed;
}
