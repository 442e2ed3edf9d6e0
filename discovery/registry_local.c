/* local: one file an instance, in a folder of the user's. Needs no server. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "discovery/local_folder.h"
#include "discovery/local_lease.h"
#include "discovery/local_watch.h"

struct registry_local {
    struct registry registry;
    char path[PATH_MAX];
    int folder; /* -1: not open */
    struct local_watch files;
    struct list watches;
    struct list due; /* watches that are to be told something */
    struct list leases;
    struct list waiting; /* leases with an operation */
    bool watches_names;
    bool names_changed;
    bool is_closing;
    struct timer turn;
};

static struct registry_local *self(struct registry *r)
{
    return (struct registry_local *)r;
}

static void turn_soon(struct registry_local *r)
{
    if (!timer_active(&r->turn))
        timer_start(&r->turn, &r->registry.loop->clock, 0);
}

/* The folder. */

static enum err open_folder(struct registry_local *r, struct why *w)
{
    if (r->folder >= 0 && local_folder_is(r->folder, r->path))
        return ERR_OK;
    if (r->files.is_started)
        r->files.lost(&r->files);
    if (r->folder >= 0)
        close(r->folder);
    r->folder = -1;
    return local_folder_open(&r->folder, r->path, w);
}

static enum err start_looking(struct registry_local *r, struct why *w)
{
    enum err e = open_folder(r, w);

    if (e || r->files.is_started)
        return e;
    return local_watch_start(&r->files, r->registry.loop, r->folder, r->path);
}

static void fail_all(struct registry_local *r, enum err e, const struct why *y)
{
    const struct registry_frame *frame = r->registry.frame;

    list_each(at, after, &r->watches)
        frame->failed(container_of(at, struct registry_watch, node), e, y);
    list_each(at, after, &r->due)
        frame->failed(container_of(at, struct registry_watch, node), e, y);
    if (r->watches_names)
        frame->names_failed(&r->registry, e, y);
}

static void on_lost(struct local_watch *files)
{
    struct registry_local *r = container_of(files, struct registry_local, files);
    struct why y;

    why(&y, ERR_UNAVAILABLE, "the folder %s was removed or exchanged", r->path);
    local_watch_stop(files);
    fail_all(r, ERR_UNAVAILABLE, &y);
}

/* Telling. */

static void on_changed(struct local_watch *files, const char *service)
{
    struct registry_local *r = container_of(files, struct registry_local, files);

    list_each(at, after, &r->watches)
    {
        struct registry_watch *w = container_of(at, struct registry_watch, node);

        if (strcmp(w->service, service) != 0)
            continue;
        list_remove(at);
        list_push_back(&r->due, at);
    }
    r->names_changed = true;
    turn_soon(r);
}

static uint32_t collect(struct registry_local *r, const char *service,
                        struct instance *out)
{
    uint32_t count = 0;

    list_each(at, after, &r->files.entries)
    {
        const struct instance_list *one = local_entry_alive(at);

        if (one && strcmp(one->service, service) == 0)
            out[count++] = one->instances[0];
    }
    return count;
}

static void deliver(struct registry_local *r, struct registry_watch *w,
                    struct instance *room)
{
    list_push_back(&r->watches, &w->node);
    if (!room)
        r->registry.frame->failed(w, ERR_NO_MEMORY, NULL);
    else
        r->registry.frame->deliver(w, room, collect(r, w->service, room), LIST_CONFIRMED);
}

static uint32_t collect_names(struct registry_local *r, const char **out)
{
    uint32_t count = 0;

    list_each(at, after, &r->files.entries)
    {
        const struct instance_list *one = local_entry_alive(at);

        if (one)
            out[count++] = one->service;
    }
    return count;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void deliver_names(struct registry_local *r, const char **room)
{
    uint32_t count = collect_names(r, room), kept = 0;

    r->names_changed = false;
    qsort(room, count, sizeof *room, by_name);
    for (uint32_t i = 0; i < count; i++)
        if (kept == 0 || strcmp(room[kept - 1], room[i]) != 0)
            room[kept++] = room[i];
    r->registry.frame->names(&r->registry, room, kept);
}

static void tell_all(struct registry_local *r)
{
    size_t most = r->files.by_name.count + 1;
    struct instance *room = calloc(most, sizeof *room);
    const char **names = calloc(most, sizeof *names);
    struct list now, *node;

    list_init(&now);
    list_insert_after(&r->due, &now); /* new ones may come meanwhile */
    list_remove(&r->due);
    while ((node = list_pop_front(&now)))
        deliver(r, container_of(node, struct registry_watch, node), room);
    if (r->watches_names && r->names_changed && names)
        deliver_names(r, names);
    free(room);
    free(names);
}

/* Leases. */

static enum err operate(struct registry_local *r, struct registry_lease *l, struct why *w)
{
    struct local_lease *own = l->backend;
    enum err e = own->operation == LOCAL_PUT ? open_folder(r, w) : ERR_OK;

    return e ? e : local_lease_operate(own, r->folder, &l->registration, w);
}

static void let_go(struct registry_local *r, struct registry_lease *l)
{
    local_lease_withdraw(l->backend, r->folder);
    local_lease_free(l);
}

static void answer_lease(struct registry_local *r, struct registry_lease *l)
{
    struct local_lease *own = l->backend;
    enum local_operation operation = own->operation;
    struct why y;
    enum err e;

    why_init(&y);
    e = operate(r, l, &y);
    if (operation != LOCAL_RENEW)
        local_watch_look(&r->files, own->name);
    if (operation == LOCAL_REMOVE || e == ERR_NOT_FOUND || own->fd < 0)
        let_go(r, l);
    r->registry.frame->lease_done(l, e, &y);
}

static void answer_leases(struct registry_local *r)
{
    struct list now, *node;

    list_init(&now);
    list_insert_after(&r->waiting, &now);
    list_remove(&r->waiting);
    while ((node = list_pop_front(&now))) {
        list_push_back(&r->leases, node);
        answer_lease(r, container_of(node, struct registry_lease, node));
    }
}

static enum err start(struct registry *r, struct registry_lease *l,
                      enum local_operation operation)
{
    enum err e = local_lease_want(l, operation);

    if (e)
        return e;
    list_remove(&l->node);
    list_push_back(&self(r)->waiting, &l->node);
    turn_soon(self(r));
    return ERR_LATER;
}

static enum err local_put(struct registry *r, struct registry_lease *l)
{
    return start(r, l, LOCAL_PUT);
}

static enum err local_renew(struct registry *r, struct registry_lease *l)
{
    return start(r, l, LOCAL_RENEW);
}

static enum err local_remove(struct registry *r, struct registry_lease *l)
{
    return start(r, l, LOCAL_REMOVE);
}

/* Watches. */

static enum err local_watch(struct registry *r, struct registry_watch *w)
{
    list_push_back(&self(r)->due, &w->node);
    turn_soon(self(r));
    return ERR_OK;
}

static void local_unwatch(struct registry *r, struct registry_watch *w)
{
    (void)r;
    list_remove(&w->node);
}

static enum err local_watch_names(struct registry *r)
{
    self(r)->watches_names = self(r)->names_changed = true;
    turn_soon(self(r));
    return ERR_OK;
}

static void local_unwatch_names(struct registry *r)
{
    self(r)->watches_names = false;
}

/* Life. */

static void end_if_stopped(struct registry_local *r)
{
    if (!r->files.is_stopping)
        r->registry.closed(&r->registry);
}

static void on_stopped(struct local_watch *files)
{
    struct registry_local *r = container_of(files, struct registry_local, files);

    if (r->is_closing && !timer_active(&r->turn))
        end_if_stopped(r);
}

static void look_if_watched(struct registry_local *r)
{
    struct why y;
    enum err e;

    if (r->files.is_started ||
        (list_empty(&r->watches) && list_empty(&r->due) && !r->watches_names))
        return;
    why_init(&y);
    e = start_looking(r, &y);
    if (e)
        fail_all(r, e, &y);
}

static void on_turn(struct timer *t)
{
    struct registry_local *r = container_of(t, struct registry_local, turn);

    if (r->is_closing) {
        end_if_stopped(r);
        return;
    }
    answer_leases(r);
    look_if_watched(r);
    tell_all(r);
}

static enum err choose_path(struct registry_local *r, struct why *w)
{
    const struct registry_url *u = &r->registry.url;
    struct slice base =
        u->path.size ? u->path : slice_of(r->registry.environment->runtime_dir);

    if (u->hosts.size)
        return why(w, ERR_BAD_VALUE, "expected \"local\" or \"local:/folder\"");
    if (base.size == 0 || base.base[0] != '/')
        return why(w, ERR_BAD_VALUE, "its folder must be an absolute path");
    if (snprintf(r->path, sizeof r->path, "%.*s/registry", (int)base.size, base.base) >=
        (int)sizeof r->path)
        return why(w, ERR_BAD_VALUE, "its folder's path is too long");
    return ERR_OK;
}

static enum err local_open(struct registry *registry, struct why *w)
{
    struct registry_local *r = self(registry);
    enum err e = choose_path(r, w);

    if (e)
        return e;
    r->folder = -1;
    list_init(&r->watches);
    list_init(&r->due);
    list_init(&r->leases);
    list_init(&r->waiting);
    timer_init(&r->turn, on_turn);
    r->files.changed = on_changed;
    r->files.lost = on_lost;
    r->files.stopped = on_stopped;
    e = open_folder(r, w);
    return e == ERR_DENIED ? e : ERR_OK; /* what is missing may come */
}

static void drop_leases(struct registry_local *r, struct list *leases)
{
    list_each(at, after, leases)
    {
        let_go(r, container_of(at, struct registry_lease, node));
    }
}

static void local_close(struct registry *registry)
{
    struct registry_local *r = self(registry);

    r->is_closing = true;
    drop_leases(r, &r->leases);
    drop_leases(r, &r->waiting);
    if (r->files.is_started)
        local_watch_stop(&r->files);
    if (r->folder >= 0)
        close(r->folder);
    r->folder = -1;
    turn_soon(r);
}

const struct registry_ops registry_local = {
    .scheme = "local",
    .size = sizeof(struct registry_local),
    .abilities =
        REGISTRY_WRITES | REGISTRY_LISTS_NAMES | REGISTRY_IS_LOCAL | REGISTRY_EXPIRES,
    .open = local_open,
    .watch = local_watch,
    .unwatch = local_unwatch,
    .watch_names = local_watch_names,
    .unwatch_names = local_unwatch_names,
    .put = local_put,
    .renew = local_renew,
    .remove = local_remove,
    .close = local_close,
};
