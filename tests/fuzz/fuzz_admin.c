/* What anybody on this host may say to the admin port, and to micro's API behind the local endpoint (the first byte says
 * which): it is answered or refused, an answer is HTTP, what calls itself JSON is JSON, and nothing is kept of who has gone. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sidecar/admin_micro.h"
#include "sidecar/control_parts.h"
#include "sidecar/core/log.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TURNS = 400, QUIET_TURNS = 6, STEP_MS = 700, ANSWER = 1 << 20 };

static struct control control;
static struct address admin_address;
static char folder[] = "/tmp/csidecar-fuzz-XXXXXX";
static char config[64];
static char *words[] = {(char *)(uintptr_t) "csidecar", (char *)(uintptr_t) "-c", config,
                        NULL};

static void must(bool claim, const char *what)
{
    if (claim)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

/* ---- a control loop without workers and signals ---- */

static void on_deregister(void *owner, uint64_t within_ms)
{
    (void)owner;
    admin_drain(control.admin, within_ms);
}

static bool has_child(void *owner)
{
    (void)owner;
    return false;
}

static void stop_child(void *owner, bool kill_it)
{
    (void)owner;
    (void)kill_it;
}

static void nothing(void *owner)
{
    (void)owner;
}

static unsigned busy(void *owner)
{
    (void)owner;
    return 0;
}

static const struct drain_ops drain_ops = {
    .deregister = on_deregister,
    .has_child = has_child,
    .stop_child = stop_child,
    .finish = nothing,
    .busy = busy,
    .done = nothing,
};

static void on_changed(struct catalog *catalog, struct instance_list *list)
{
    (void)catalog;
    if (control.admin)
        admin_notify(control.admin, list->service);
}

static void on_names_changed(struct catalog *catalog)
{
    (void)catalog;
    if (control.admin)
        admin_notify(control.admin, NULL);
}

static void on_forgotten(struct catalog *catalog, const char *service)
{
    (void)catalog;
    (void)service;
}

static const struct catalog_events catalog_events = {
    .changed = on_changed,
    .names_changed = on_names_changed,
    .forgotten = on_forgotten,
};

static void on_ready_changed(void *owner, bool ready)
{
    (void)owner;
    (void)ready;
}

static const struct apps_events apps_events = {.ready_changed = on_ready_changed};

static void write_config(void)
{
    FILE *out;

    must(mkdtemp(folder) != NULL, "no folder");
    setenv("XDG_RUNTIME_DIR", folder, 1);
    snprintf(config, sizeof(config), "%s/csidecar.yaml", folder);
    out = fopen(config, "w");
    must(out != NULL, "no file");
    fprintf(out,
            "name: fuzz\n"
            "registry: { url: \"local:\" }\n"
            "proxy: { listen: [\"unix:%s/proxy\"] }\n"
            "admin: { listen: \"unix:%s/admin\" }\n"
            "compat: [micro]\n"
            "log: { level: off }\n"
            "services: { orders: { instances: [\"10.0.0.1:80\"] } }\n"
            "state: { max_age: 0s }\n",
            folder, folder);
    fclose(out);
}

static void open_parts(struct why *w)
{
    struct apps_context apps = {
        .loop = &control.loop,
        .random = &control.random,
        .settings = control.settings,
        .ports = &control.ports,
    };
    char path[64];

    must(!ports_bind(&control.ports, control.settings, w), w->text);
    must(!sources_make(&control.sources, control.settings, w), w->text);
    must(!catalog_open(&control.catalog, &control.sources.catalog, &control.loop,
                       &control.random, &catalog_events, &control, w),
         w->text);
    snprintf(path, sizeof(path), "unix:%s/admin", folder);
    must(!address_parse(&admin_address, slice_of(path), 0, w), w->text);
    must(!admin_open(&control.admin, &control, &control.ports, w), w->text);
    apps.catalog = control.catalog;
    must(!apps_open(&control.apps, &apps, &apps_events, &control, w), w->text);
    instance_list_unref(admin_micro_list(control.admin));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static struct settings_input input = {3, words, 1, NULL, NULL, NULL}, again;
    struct why w;

    (void)argc;
    (void)argv;
    why_init(&w);
    log_setup(LOG_OFF, LOG_TEXT, STDERR_FILENO);
    write_config();
    again = input;
    must(!settings_load(&control.settings, &input, &w), w.text);
    control.input = &again;
    list_init(&control.questions);
    random_init(&control.random, 1);
    must(!loop_open(&control.loop, 64 * 1024), "no loop");
    drain_init(&control.drain, &control.loop.clock, &drain_ops, &control);
    control_memory_init(&control);
    open_parts(&w);
    return 0;
}

/* ---- one conversation ---- */

static void turn(unsigned times)
{
    while (times-- > 0)
        uv_run(&control.loop.uv, UV_RUN_NOWAIT);
}

static void pass_time(void)
{
    clock_advance(&control.loop.clock, loop_now(&control.loop) + STEP_MS);
    turn(2);
}

/* All there is to hear, until it is closed, or quiet for long. */
static size_t hear(int fd, char *answer)
{
    size_t size = 0;
    ssize_t got = -1;

    for (unsigned quiet = 0; got != 0 && quiet < QUIET_TURNS && size < ANSWER;) {
        turn(3);
        got = recv(fd, answer + size, ANSWER - size, MSG_DONTWAIT);
        size += got > 0 ? (size_t)got : 0;
        quiet = got > 0 ? 0 : quiet + 1;
        if (quiet > 2)
            pass_time();
    }
    return size;
}

static bool has(struct slice s, const char *text)
{
    struct slice sought = slice_of(text);

    for (size_t i = 0; i + sought.size <= s.size; i++)
        if (slice_starts_with(slice_after(s, i), sought))
            return true;
    return false;
}

static void is_http(struct slice said, struct slice answer)
{
    size_t end = 0;
    json_t *json;

    if (answer.size == 0)
        return;
    must(slice_starts_with(answer, SLICE("HTTP/1.1 ")), "an answer that is no HTTP");
    while (end < answer.size &&
           !slice_starts_with(slice_after(answer, end), SLICE("\r\n\r\n")))
        end++;
    must(end < answer.size, "half a head");
    if (has(said, "HEAD") || answer.size == ANSWER ||
        !has(slice_first(answer, end), "Content-Type: application/") ||
        has(slice_first(answer, end), "chunked"))
        return;
    json = json_loadb(answer.base + end + 4, answer.size - end - 4,
                      JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, NULL);
    must(json != NULL, "a body that is no JSON");
    json_decref(json);
}

static void converse(const struct address *to, struct slice said)
{
    static char answer[ANSWER];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    must(connect(fd, &to->any, address_size(to)) == 0, "nobody listens");
    (void)!send(fd, said.base, said.size, MSG_NOSIGNAL | MSG_DONTWAIT);
    is_http(said, slice_from(answer, hear(fd, answer)));
    close(fd);
}

static const char *what_is_left(const struct admin *a)
{
    if (!list_empty(&a->leases))
        return "a record stays";
    if (a->server.connection_count || a->micro.connection_count)
        return "a connection stays";
    if (!list_empty(&a->watchers) || !list_empty(&a->lookups) ||
        !list_empty(&a->micro_watchers))
        return "who has gone is told of changes";
    return NULL;
}

/* Records, watchers and drains are the conversation's. */
static void clear(void)
{
    admin_leases_stop(control.admin, 1);
    for (unsigned i = 0; i < TURNS && what_is_left(control.admin); i++)
        pass_time();
    must(!what_is_left(control.admin), what_is_left(control.admin));
    timer_stop(&control.drain.timer, &control.loop.clock);
    drain_init(&control.drain, &control.loop.clock, &drain_ops, &control);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice said = {(const char *)data + 1, size - 1};

    if (size < 2 || size > 16 * 1024)
        return 0;
    converse(data[0] & 1 ? &control.admin->micro_address : &admin_address, said);
    clear();
    return 0;
}
