/* services, get, watch. */
#include <stdlib.h>
#include <time.h>

#include "sidecar/catalog_json.h"
#include "sidecar/cli_ask.h"
#include "sidecar/cli_show.h"

enum { ADDRESSES_SHOWN = 4, LIMIT = 1000 };

/* ---- services ---- */

/* "127.0.0.1:5000, 127.0.0.1:5001, and 3 more" */
static void write_addresses(char *out, size_t size, const json_t *instances)
{
    size_t count = json_array_size(instances), used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < count && i < ADDRESSES_SHOWN && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "",
                                 show_text(json_array_get(instances, i), "address"));
    if (count > ADDRESSES_SHOWN && used < size)
        snprintf(out + used, size - used, ", and %zu more", count - ADDRESSES_SHOWN);
}

static void write_registries(char *out, size_t size, const json_t *instances)
{
    size_t used = 0, at;
    json_t *each;

    out[0] = '\0';
    json_array_foreach(instances, at, each)
    {
        const char *registry = show_text(each, "registry");

        if (*registry && !strstr(out, registry) && used < size)
            used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "",
                                     registry);
    }
}

static void show_service(struct show *s, const json_t *service)
{
    const json_t *instances = json_object_get(service, "instances");
    char addresses[400], registries[200];

    write_addresses(addresses, sizeof(addresses), instances);
    write_registries(registries, sizeof(registries), instances);
    show_cell(s, "%s", show_text(service, "name"));
    show_cell(s, "%zu", json_array_size(instances));
    show_cell(s, "%s", addresses);
    show_cell(s, "%s", registries);
}

static void warn_of_registries(const json_t *registries)
{
    json_t *each;
    size_t at;

    json_array_foreach(registries, at, each)
    {
        if (!json_is_true(json_object_get(each, "reachable")) &&
            *show_text(each, "error"))
            fprintf(stderr, "csidecar: %s does not answer: %s\n", show_text(each, "url"),
                    show_text(each, "error"));
    }
}

static int show_services(const json_t *all)
{
    const json_t *services = json_object_get(all, "services");
    struct show s;
    json_t *each;
    size_t at;

    warn_of_registries(json_object_get(all, "registries"));
    if (!json_array_size(services)) {
        printf("no services are registered\n");
        return CLI_DONE;
    }
    show_init(&s, "SERVICE", "INSTANCES", "ADDRESSES", "REGISTRY", NULL);
    json_array_foreach(services, at, each) show_service(&s, each);
    return show_print(&s, stdout);
}

int cli_services(struct cli *c)
{
    json_t *all;
    int code = cli_ask_services(c, &all);

    if (code)
        return code;
    if (cli_has(c, OPTION_JSON))
        return show_json(all);
    code = show_services(all);
    json_decref(all);
    return code;
}

/* ---- get ---- */

static void write_pairs(char *out, size_t size, json_t *pairs)
{
    const char *key;
    json_t *value;
    size_t used = 0;

    out[0] = '\0';
    json_object_foreach(pairs, key, value) if (used < size) used +=
        (size_t)snprintf(out + used, size - used, "%s%s=%s", used ? " " : "", key,
                         json_string_value(value) ? json_string_value(value) : "");
}

static void show_instance(struct show *s, const json_t *i)
{
    char pairs[400];

    write_pairs(pairs, sizeof(pairs), json_object_get(i, "metadata"));
    show_cell(s, "%s", show_text(i, "address"));
    show_cell(s, "%s", show_text(i, "id"));
    show_cell(s, "%s", show_text(i, "version"));
    show_cell(s, "%lld", (long long)show_number(i, "weight"));
    show_cell(s, "%s", json_is_true(json_object_get(i, "draining")) ? "draining" : "up");
    show_cell(s, "%s", show_text(i, "registry"));
    show_cell(s, "%s", pairs);
}

static int show_instances(const json_t *instances)
{
    struct show s;
    json_t *each;
    size_t at;

    show_init(&s, "ADDRESS", "ID", "VERSION", "WEIGHT", "STATE", "REGISTRY", "METADATA",
              NULL);
    json_array_foreach(instances, at, each) show_instance(&s, each);
    return show_print(&s, stdout);
}

int cli_get(struct cli *c)
{
    const char *name = c->words[0];
    json_t *service;
    size_t count;
    int code = cli_ask_service(c, name, &service);

    if (code)
        return code;
    count = json_array_size(json_object_get(service, "instances"));
    if (!count && json_is_true(json_object_get(service, "known")))
        code = cli_fail(CLI_NO, "%s has no instance now", name);
    else if (!count && json_object_get(service, "error"))
        code = cli_fail(CLI_NO, "nobody could say where %s is: %s: %s", name,
                        show_text(service, "registry"), show_text(service, "error"));
    else if (!count)
        code = cli_fail(CLI_NO, "no registry knows a service %s", name);
    if (cli_has(c, OPTION_JSON))
        return show_json(service) ? CLI_FAILED : code;
    if (!code)
        code = show_instances(json_object_get(service, "instances"));
    json_decref(service);
    return code;
}

/* ---- watch ---- */

static void show_change(const struct cli *c, const json_t *service)
{
    const json_t *instances = json_object_get(service, "instances");
    char addresses[400], at[16];
    time_t now = time(NULL);
    struct tm tm;

    if (cli_has(c, OPTION_JSON)) {
        json_dumpf(service, stdout, JSON_COMPACT);
        putchar('\n');
        fflush(stdout);
        return;
    }
    localtime_r(&now, &tm);
    strftime(at, sizeof(at), "%H:%M:%S", &tm);
    write_addresses(addresses, sizeof(addresses), instances);
    printf("%s  %s  %zu instance%s%s%s\n", at, show_text(service, "name"),
           json_array_size(instances), json_array_size(instances) == 1 ? "" : "s",
           addresses[0] ? ": " : "", addresses);
    fflush(stdout);
}

struct watch {
    struct http_call call; /* first: the callback finds us by it */
    struct cli *cli;
    struct text line;
};

/* Whoever read our output may have gone. */
static bool is_heard(void)
{
    return !ferror(stdout);
}

static void take_line(struct watch *w)
{
    json_t *service = json_loadb(w->line.base ? w->line.base : "", w->line.size, 0, NULL);

    if (service)
        show_change(w->cli, service);
    json_decref(service);
    text_clear(&w->line);
}

/* Lines may come in pieces, or several in one. */
static void on_piece(struct http_call *call, struct slice bytes)
{
    struct watch *w = container_of(call, struct watch, call);

    while (bytes.size) {
        size_t end = slice_find(bytes, '\n');

        text_add(&w->line, slice_first(bytes, end));
        if (end < bytes.size)
            take_line(w);
        bytes = slice_after(bytes, end + 1);
    }
    if (!is_heard())
        http_call_cancel(call);
}

static int watch_sidecar(struct cli *c, const char *target)
{
    struct watch w = {.cli = c};
    struct text fields;
    enum err e;
    int code = cli_find_admin(c);

    if (code)
        return code;
    cli_admin_call(c, &w.call, "GET", target, &fields);
    text_init(&w.line, 256 * 1024 * 1024);
    w.call.timeout_ms = 0;
    w.call.piece = on_piece;
    e = cli_do(c, &w.call);
    if (is_heard() && (e || w.call.status >= 400))
        code = cli_fail(CLI_FAILED, "%s",
                        e ? w.call.why.text : "the sidecar refuses; try `csidecar get`");
    http_call_fini(&w.call);
    text_fini(&w.line);
    text_fini(&fields);
    return code;
}

static void on_direct_change(const char *service, const struct instance_list *l,
                             void *data)
{
    json_t *value = catalog_service_json(service, l);

    if (value)
        show_change(data, value);
    json_decref(value);
    if (!is_heard())
        loop_stop(&((struct cli *)data)->loop);
}

static bool keep_looking(struct direct *d, void *data)
{
    (void)data;
    (void)catalog_lists_are_here(cli_direct_catalog(d), LIMIT);
    return false;
}

static int watch_direct(struct cli *c, const char *name)
{
    struct direct *d;
    int code = cli_direct_open(c, &d);

    if (code)
        return code;
    cli_direct_watch(d, on_direct_change, c);
    if (name)
        (void)catalog_want(cli_direct_catalog(d), slice_of(name));
    else
        cli_direct_also(d, keep_looking, NULL);
    cli_direct_run(d);
    cli_direct_close(d);
    return CLI_DONE;
}

int cli_watch(struct cli *c)
{
    const char *name = c->word_count ? c->words[0] : NULL;
    char target[SERVICE_NAME_LIMIT + 32];

    if (name && !service_name_is_valid(slice_of(name)))
        return cli_fail(CLI_USAGE, "\"%s\" can't be a service's name", name);
    if (cli_has(c, OPTION_REGISTRY))
        return watch_direct(c, name);
    snprintf(target, sizeof(target), "/services%s%s?watch=1", name ? "/" : "",
             name ? name : "");
    return watch_sidecar(c, target);
}
