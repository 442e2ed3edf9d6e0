/* Registries opened in this process, for as long as a command takes. */
#include <signal.h>
#include <stdlib.h>

#include "sidecar/catalog_json.h"
#include "sidecar/cli_ask.h"
#include "sidecar/core/log.h"
#include "sidecar/sources.h"

enum { LIMIT = 1000, SETTLE_MS = 3000, MULTICAST_MS = 700 };

struct direct {
    struct loop *loop;
    struct random random;
    struct sources sources;
    struct settings *settings;
    struct catalog *catalog;
    struct timer late;
    uv_signal_t signals[2];
    bool (*done)(struct direct *d, void *data);
    void *data;
    void (*changed)(const char *service, const struct instance_list *l, void *data);
    void *changed_data;
    bool closed;
};

static void look(struct direct *d)
{
    if (d->done && d->done(d, d->data))
        loop_stop(d->loop);
}

static void on_changed(struct catalog *c, struct instance_list *l)
{
    struct direct *d = catalog_owner(c);

    if (d->changed)
        d->changed(l->service, l, d->changed_data);
    look(d);
}

static void on_names_changed(struct catalog *c)
{
    look(catalog_owner(c));
}

static void on_closed(struct catalog *c)
{
    struct direct *d = catalog_owner(c);

    d->closed = true;
    loop_stop(d->loop);
}

static const struct catalog_events events = {
    .changed = on_changed,
    .names_changed = on_names_changed,
    .closed = on_closed,
};

static void on_late(struct timer *t)
{
    loop_stop(container_of(t, struct direct, late)->loop);
}

/* ---- life ---- */

/* Those of --registry in place of what the settings say; no state is kept. */
static enum err load(struct cli *c, struct settings **out, struct why *w)
{
    const char *config = cli_value(c, OPTION_CONFIG);
    char registry[] = "--registry", max_age[] = "--state-max-age=0s", set[] = "--config";
    char *argv[2 * CLI_REPEATS + 4] = {max_age};
    struct settings_input input = {
        .argc = 1, .argv = argv, .environment = c->environment};

    if (config) {
        argv[input.argc++] = set;
        argv[input.argc++] = (char *)(uintptr_t)config;
    }
    for (unsigned i = 0; i < c->options[OPTION_REGISTRY].count; i++) {
        argv[input.argc++] = registry;
        argv[input.argc++] = (char *)(uintptr_t)c->options[OPTION_REGISTRY].items[i];
    }
    return settings_load(out, &input, w);
}

static enum err open_all(struct cli *c, struct direct *d, struct why *w)
{
    enum err e = load(c, &d->settings, w);

    log_setup(LOG_ERROR, LOG_TEXT, 2);
    if (!e)
        e = sources_make(&d->sources, d->settings, w);
    if (!e)
        e = catalog_open(&d->catalog, &d->sources.catalog, d->loop, &d->random, &events,
                         d, w);
    return e;
}

int cli_direct_open(struct cli *c, struct direct **out)
{
    int code = cli_loop(c);
    struct direct *d = code ? NULL : calloc(1, sizeof(*d));
    struct why w;

    *out = d;
    if (!d)
        return code ? code : cli_no_memory();
    why_init(&w);
    d->loop = &c->loop;
    timer_init(&d->late, on_late);
    random_init(&d->random, 0);
    if (!open_all(c, d, &w))
        return CLI_DONE;
    cli_direct_close(d);
    loop_run(&c->loop); /* what could be opened closes in its own time */
    *out = NULL;
    return cli_fail(CLI_USAGE, "%s", w.text);
}

void cli_direct_close(struct direct *d)
{
    d->done = NULL;
    d->changed = NULL;
    timer_stop(&d->late, &d->loop->clock);
    if (d->catalog)
        catalog_close(d->catalog);
    while (d->catalog && !d->closed)
        loop_run(d->loop);
    if (d->catalog)
        catalog_free(d->catalog);
    if (d->settings)
        sources_fini(&d->sources);
    settings_unref(d->settings);
    free(d);
}

struct catalog *cli_direct_catalog(struct direct *d)
{
    return d->catalog;
}

const struct settings *cli_direct_settings(const struct direct *d)
{
    return d->settings;
}

void cli_direct_wait(struct direct *d, bool (*done)(struct direct *d, void *data),
                     void *data, uint64_t within_ms)
{
    if (done(d, data))
        return;
    d->done = done;
    d->data = data;
    timer_start(&d->late, &d->loop->clock, within_ms);
    loop_run(d->loop);
    timer_stop(&d->late, &d->loop->clock);
    d->done = NULL;
}

void cli_direct_watch(struct direct *d,
                      void (*changed)(const char *service, const struct instance_list *l,
                                      void *data),
                      void *data)
{
    d->changed = changed;
    d->changed_data = data;
}

void cli_direct_also(struct direct *d, bool (*done)(struct direct *d, void *data),
                     void *data)
{
    d->done = done;
    d->data = data;
    look(d);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct direct *d = handle->data;

    (void)number;
    loop_touch(d->loop);
    loop_stop(d->loop);
}

void cli_direct_run(struct direct *d)
{
    static const int numbers[] = {SIGINT, SIGTERM};

    for (int i = 0; i < 2; i++) {
        uv_signal_init(&d->loop->uv, &d->signals[i]);
        d->signals[i].data = d;
        uv_signal_start(&d->signals[i], on_signal, numbers[i]);
    }
    loop_run(d->loop);
    for (int i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&d->signals[i], NULL);
}

/* ---- services ---- */

static bool never(struct direct *d, void *data)
{
    (void)d;
    (void)data;
    return false;
}

static bool lists_are_here(struct direct *d, void *data)
{
    (void)data;
    return catalog_lists_are_here(d->catalog, LIMIT);
}

static bool list_is_here(struct direct *d, void *data)
{
    return catalog_list_is_here(d->catalog, slice_of(data));
}

/* Where nobody knows all, answers come in one by one. */
static bool asks_the_crowd(const struct direct *d)
{
    for (unsigned i = 0; i < d->settings->registry.url.count; i++)
        if (strncmp(d->settings->registry.url.items[i], "mdns", 4) == 0)
            return true;
    return false;
}

static void listen_on(struct direct *d)
{
    if (asks_the_crowd(d))
        cli_direct_wait(d, never, NULL, MULTICAST_MS);
}

static int direct_services(struct cli *c, json_t **out)
{
    struct direct *d;
    int code = cli_direct_open(c, &d);

    if (code)
        return code;
    (void)lists_are_here(d, NULL);
    listen_on(d);
    cli_direct_wait(d, lists_are_here, NULL, SETTLE_MS);
    *out = catalog_json(d->catalog, LIMIT, loop_now(d->loop));
    cli_direct_close(d);
    return *out ? CLI_DONE : cli_no_memory();
}

/* Why nothing is known: the first registry that could not be asked. */
static void add_reason(struct direct *d, json_t *service)
{
    for (unsigned i = 0; i < catalog_registry_count(d->catalog); i++) {
        struct registry_status s;

        catalog_registry_status(d->catalog, i, &s);
        if (s.reachable && s.heard)
            continue;
        json_object_set_new(service, "registry", json_any_text(s.url));
        json_object_set_new(service, "error",
                            json_any_text(s.error[0] ? s.error : "no answer yet"));
        return;
    }
}

static int direct_service(struct cli *c, const char *name, json_t **out)
{
    struct direct *d;
    int code = cli_direct_open(c, &d);

    if (code)
        return code;
    (void)catalog_list_is_here(d->catalog, slice_of(name));
    listen_on(d);
    cli_direct_wait(d, list_is_here, (void *)(uintptr_t)name, SETTLE_MS);
    *out = catalog_service_json(name, catalog_get(d->catalog, slice_of(name)));
    if (*out && !json_is_true(json_object_get(*out, "answered")))
        add_reason(d, *out);
    cli_direct_close(d);
    return *out ? CLI_DONE : cli_no_memory();
}

int cli_ask_services(struct cli *c, json_t **out)
{
    *out = NULL;
    if (cli_has(c, OPTION_REGISTRY))
        return direct_services(c, out);
    return cli_ask(c, "GET", "/services", SLICE(""), 0, out);
}

/* Unknown is an answer too: one without instances. */
int cli_ask_service(struct cli *c, const char *name, json_t **out)
{
    char target[SERVICE_NAME_LIMIT + 16];
    int code;

    *out = NULL;
    if (!service_name_is_valid(slice_of(name)))
        return cli_fail(CLI_USAGE, "\"%s\" can't be a service's name", name);
    if (cli_has(c, OPTION_REGISTRY))
        return direct_service(c, name, out);
    snprintf(target, sizeof(target), "/services/%s", name);
    code = cli_ask(c, "GET", target, SLICE(""), 404, out);
    if (code || json_object_get(*out, "instances"))
        return code;
    json_decref(*out);
    *out = catalog_service_json(name, NULL);
    return *out ? CLI_DONE : cli_no_memory();
}
