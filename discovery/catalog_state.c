/* What goes into the state file, and when: what was known, for a start at which the registries are away.
 *
 *   {"services": {"orders": {"saved": <ms since 1970>, "registries": {"<url>": [ records ]}}}}
 *
 * Services nobody asked for in this run stay in it until they are too old. */
#include <errno.h>
#include <stdlib.h>

#include "discovery/catalog_parts.h"
#include "discovery/instance_json.h"
#include "discovery/state_file.h"
#include "sidecar/core/log.h"

enum {
    WRITE_MS = 1000,
    WRITE_SHARE = 50, /* collecting takes at most one part in so many of our time */
    REFRESHES = 4,    /* in max_age: what does not change must not look old */
};

struct state {
    struct catalog *catalog;
    json_t *services;
    struct timer timer;
    bool dirty;
    bool closing;
    bool unwritable; /* and said so */
    uint64_t took_ms;
    /* Of the write under way. */
    bool writing;
    uv_work_t work;
    char *text;
    char *path;
    int result;
    char *last; /* to be written when that has ended */
};

static json_t *read_services(const char *path)
{
    json_t *root = state_file_read(path), *services;

    services = json_incref(json_object_get(root, "services"));
    json_decref(root);
    if (json_is_object(services))
        return services;
    json_decref(services);
    return json_object();
}

static bool is_old(const struct state *s, const json_t *entry)
{
    uint64_t saved = (uint64_t)json_integer_value(json_object_get(entry, "saved"));
    uint64_t now = clock_wall_ms();

    return saved > now || now - saved > s->catalog->settings.state_max_age_ms;
}

static void drop_old(struct state *s)
{
    const char *name;
    json_t *entry;
    void *next;

    json_object_foreach_safe(s->services, next, name, entry)
    {
        if (!service_name_is_valid(slice_of(name)) || is_old(s, entry))
            json_object_del(s->services, name);
    }
}

/* Recalling. */

static void recall_source(struct source *s, const json_t *records, uint64_t saved)
{
    struct instance_json r;
    bool ignored = false;
    size_t i;
    json_t *at;

    json_array_foreach(records, i, at)
    {
        if (instance_json_read(&r, at, NULL))
            continue;
        r.instance.source = member_url(s->member);
        instance_set_put(&s->kept, &r.instance, &ignored);
        instance_json_fini(&r);
    }
    if (instance_set_count(&s->kept) > 0)
        s->stale_since_wall_ms = saved;
}

void state_recall(struct catalog *c, struct service *s)
{
    json_t *entry = c->state ? json_object_get(c->state->services, s->name) : NULL;
    json_t *registries = json_object_get(entry, "registries");
    uint64_t saved = (uint64_t)json_integer_value(json_object_get(entry, "saved"));

    if (!entry || is_old(c->state, entry))
        return;
    list_each(at, after, &s->sources)
    {
        struct source *source = container_of(at, struct source, node);

        recall_source(source, json_object_get(registries, member_url(source->member)),
                      saved);
    }
    service_recalled(s);
}

/* Collecting. */

static void add_records(json_t *records, const struct instance_set *set)
{
    list_each(at, after, &set->held)
        json_array_append_new(records, instance_json_write(instance_held(at)));
}

static json_t *collect_registries(const struct service *s)
{
    json_t *registries = json_object();

    list_each(at, after, &s->sources)
    {
        struct source *source = container_of(at, struct source, node);
        json_t *records;

        if (!source->member)
            continue;
        records = json_array();
        add_records(records, &source->live);
        add_records(records, &source->kept);
        json_object_set_new(registries, member_url(source->member), records);
    }
    return registries;
}

static void collect(struct state *s, struct service *service, uint64_t now)
{
    const struct instance_list *l = service->list;
    bool sure = l->answered && l->authority == LIST_CONFIRMED;
    json_t *entry = json_object_get(s->services, service->name);

    if (l->count == 0) {
        if (sure)
            json_object_del(s->services, service->name);
        return;
    }
    if (!entry) {
        entry = json_pack("{s:I}", "saved", (json_int_t)now);
        json_object_set_new(s->services, service->name, entry);
    }
    if (sure)
        json_object_set_new(entry, "saved", json_integer((json_int_t)now));
    if (l->generation != service->saved_generation)
        json_object_set_new(entry, "registries", collect_registries(service));
    service->saved_generation = l->generation;
}

static char *collect_all(struct state *s)
{
    uint64_t now = clock_wall_ms(), from = uv_hrtime();
    json_t *root;
    char *text;

    map_each(at, &s->catalog->services)
    {
        struct service *service = at->value;

        if (service->list)
            collect(s, service, now);
    }
    drop_old(s);
    root = json_pack("{s:i, s:O}", "version", 1, "services", s->services);
    text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    s->took_ms = (uv_hrtime() - from) / 1000000;
    return text;
}

/* Writing: from the thread pool, the last time from the loop. */

static void report(struct state *s, const char *path, int result)
{
    if (result && !s->unwritable)
        log_warn("state.unwritable", "file=%s reason=\"%s\"", path, uv_strerror(result));
    s->unwritable = result != 0;
}

static void on_work(uv_work_t *work)
{
    struct state *s = work->data;

    s->result = state_file_write(s->path, s->text);
}

static void end_write(struct state *s)
{
    report(s, s->path, s->result);
    free(s->text);
    free(s->path);
    s->text = s->path = NULL;
    s->writing = false;
}

static uint64_t write_delay(const struct state *s)
{
    uint64_t slow = s->took_ms * WRITE_SHARE;

    return slow > WRITE_MS ? slow : WRITE_MS;
}

static void write_later(struct state *s)
{
    uint64_t refresh = s->catalog->settings.state_max_age_ms / REFRESHES;
    uint64_t wait = s->dirty ? write_delay(s) : refresh;

    timer_start(&s->timer, &s->catalog->loop->clock, wait > WRITE_MS ? wait : WRITE_MS);
}

static void write_last(struct state *s);

static void on_written(uv_work_t *work, int status)
{
    struct state *s = work->data;

    (void)status;
    loop_touch(s->catalog->loop);
    end_write(s);
    if (!s->closing) {
        write_later(s);
        return;
    }
    write_last(s);
    catalog_end_if_done(s->catalog);
}

static void start_write(struct state *s)
{
    s->dirty = false;
    s->text = collect_all(s);
    s->path = slice_dup(slice_of(s->catalog->settings.state_file));
    s->writing = true;
    s->work.data = s;
    s->result = -ENOMEM;
    if (s->text && s->path &&
        uv_queue_work(&s->catalog->loop->uv, &s->work, on_work, on_written) == 0)
        return;
    end_write(s);
    write_later(s);
}

static void on_timer(struct timer *t)
{
    struct state *s = container_of(t, struct state, timer);

    if (s->catalog->settings.state_file)
        start_write(s);
    else
        s->dirty = false; /* a reload turned it off, and the next may turn it on */
}

static void write_last(struct state *s)
{
    const char *path = s->catalog->settings.state_file;

    if (s->last && path)
        report(s, path, state_file_write(path, s->last));
    free(s->last);
    s->last = NULL;
}

/* Life. */

enum err state_open(struct catalog *c)
{
    struct state *s;

    if (!c->settings.state_file || !c->settings.state_max_age_ms)
        return ERR_OK;
    s = calloc(1, sizeof *s);
    if (!s)
        return ERR_NO_MEMORY;
    s->catalog = c;
    s->services = read_services(c->settings.state_file);
    timer_init(&s->timer, on_timer);
    drop_old(s);
    c->state = s;
    write_later(s);
    return ERR_OK;
}

void state_touch(struct catalog *c)
{
    struct state *s = c->state;

    if (!s || s->dirty)
        return;
    s->dirty = true;
    if (!s->writing)
        write_later(s);
}

bool state_is_busy(const struct catalog *c)
{
    return c->state && c->state->writing;
}

/* The services go right after this: what they know is collected now. */
void state_close(struct catalog *c)
{
    struct state *s = c->state;

    if (!s)
        return;
    s->closing = true;
    timer_stop(&s->timer, &c->loop->clock);
    s->last = collect_all(s);
    if (!s->writing)
        write_last(s);
}

void state_free(struct catalog *c)
{
    if (c->state)
        json_decref(c->state->services);
    free(c->state);
    c->state = NULL;
}
