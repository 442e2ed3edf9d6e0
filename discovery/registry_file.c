/* file: services in a file that somebody edits, or that Kubernetes mounts.
 *
 * The folder is watched, not the file: editors and tools put a new file in its place, and a mounted
 * ConfigMap changes by a symbolic link beside it. A file that looks the same twice, a moment apart, is
 * read (one that never does, too, from time to time). What is broken changes nothing but the registry's state. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "discovery/inotify.h"
#include "discovery/registry.h"
#include "discovery/service_file.h"
#include "sidecar/core/log.h"

enum {
    SETTLE_MS = 20,
    RESTLESS_LIMIT = 10, /* looks at a file that is written without a pause */
    ABSENT_MS = 500,     /* an editor may be about to put it back */
    POLL_MS = 5 * 1000,  /* a link may lead out of the folder */
    BLIND_POLL_MS = 500, /* without inotify */
};

static const uint32_t changes =
    IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_CLOSE_WRITE;

/* What tells two states of the file apart. */
struct look {
    bool exists;
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

struct registry_file {
    struct registry registry;
    char path[PATH_MAX];
    struct inotify inotify;
    bool has_inotify;
    bool is_closing;
    unsigned restless;
    struct look seen;         /* last */
    struct look read;         /* what `file` or `trouble` comes from */
    struct service_file file; /* last good one */
    bool is_good;
    enum err trouble; /* the present state of the file */
    struct why why;
    struct list watches;
    struct list due; /* watches that are to be told something */
    bool watches_names;
    bool names_due;
    struct timer look_again;
    struct timer turn;
};

static struct registry_file *self(struct registry *r)
{
    return (struct registry_file *)r;
}

static struct clock *clock_of(struct registry_file *r)
{
    return &r->registry.loop->clock;
}

static void turn_soon(struct registry_file *r)
{
    if (!timer_active(&r->turn))
        timer_start(&r->turn, clock_of(r), 0);
}

/* Telling. */

static void tell_watch(struct registry_file *r, struct registry_watch *w)
{
    const struct file_service *s = service_file_find(&r->file, w->service);

    list_push_back(&r->watches, &w->node);
    if (r->trouble)
        r->registry.frame->failed(w, r->trouble, &r->why);
    else
        r->registry.frame->deliver(w, s ? s->instances : NULL, s ? s->count : 0,
                                   LIST_CONFIRMED);
}

static void tell_names(struct registry_file *r)
{
    const char **names = calloc(r->file.count + 1, sizeof *names);

    r->names_due = false;
    if (r->trouble || !names) {
        free(names);
        r->registry.frame->names_failed(&r->registry,
                                        r->trouble ? r->trouble : ERR_NO_MEMORY, &r->why);
        return;
    }
    for (uint32_t i = 0; i < r->file.count; i++)
        names[i] = r->file.services[i].name;
    r->registry.frame->names(&r->registry, names, r->file.count);
    free(names);
}

static void tell_all(struct registry_file *r)
{
    struct list now, *node;

    list_init(&now);
    list_insert_after(&r->due, &now); /* new ones may come meanwhile */
    list_remove(&r->due);
    while ((node = list_pop_front(&now)))
        tell_watch(r, container_of(node, struct registry_watch, node));
    if (r->watches_names && r->names_due)
        tell_names(r);
}

static void tell_all_soon(struct registry_file *r)
{
    struct list *node;

    while ((node = list_pop_front(&r->watches)))
        list_push_back(&r->due, node);
    r->names_due = true;
    turn_soon(r);
}

/* Looking. */

static struct look look_at(const char *path)
{
    struct stat s;

    if (stat(path, &s))
        return (struct look){.exists = false};
    return (struct look){.exists = true,
                         .device = s.st_dev,
                         .inode = s.st_ino,
                         .size = s.st_size,
                         .changed = s.st_mtim};
}

static bool looks_equal(const struct look *a, const struct look *b)
{
    return a->exists == b->exists && a->device == b->device && a->inode == b->inode &&
           a->size == b->size && a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec;
}

static void look_after(struct registry_file *r, uint64_t ms)
{
    timer_stop(&r->look_again, clock_of(r));
    timer_start(&r->look_again, clock_of(r), ms);
}

static void complain(struct registry_file *r)
{
    char reason[1024];

    log_warn("registry.file_refused", "reason=\"%s\" kept=%s",
             log_quote(reason, sizeof reason, slice_of(r->why.text)),
             r->is_good ? "last_good" : "nothing");
}

static void read_file(struct registry_file *r)
{
    struct service_file file;

    r->read = r->seen;
    why_init(&r->why);
    r->trouble = service_file_read(&file, r->path, &r->why);
    if (r->trouble) {
        complain(r);
    } else {
        service_file_free(&r->file);
        r->file = file;
        r->is_good = true;
    }
    tell_all_soon(r);
}

static void on_inotify(struct inotify *i, uint32_t mask, const char *name);

static void watch_folder(struct registry_file *r)
{
    char folder[PATH_MAX];

    memcpy(folder, r->path, sizeof folder);
    strrchr(folder, '/')[1] = 0;
    r->inotify.event = on_inotify;
    r->has_inotify = !inotify_open(&r->inotify, r->registry.loop, folder, changes);
}

static void on_look(struct timer *t)
{
    struct registry_file *r = container_of(t, struct registry_file, look_again);
    struct look now = look_at(r->path);
    bool is_settled = looks_equal(&now, &r->seen);

    r->seen = now;
    if (!is_settled && ++r->restless < RESTLESS_LIMIT) {
        look_after(r, now.exists ? SETTLE_MS : ABSENT_MS);
        return;
    }
    r->restless = 0;
    if (!looks_equal(&now, &r->read))
        read_file(r);
    if (!r->has_inotify)
        watch_folder(r);
    look_after(r, r->has_inotify ? POLL_MS : BLIND_POLL_MS);
}

static void on_inotify(struct inotify *i, uint32_t mask, const char *name)
{
    struct registry_file *r = container_of(i, struct registry_file, inotify);

    (void)mask;
    (void)name;
    if (r->look_again.due > clock_now(clock_of(r)) + SETTLE_MS)
        look_after(r, SETTLE_MS);
}

/* Life. */

static void on_turn(struct timer *t)
{
    struct registry_file *r = container_of(t, struct registry_file, turn);

    if (!r->is_closing) {
        tell_all(r);
        return;
    }
    service_file_free(&r->file);
    r->registry.closed(&r->registry);
}

static enum err choose_path(struct registry_file *r, struct why *w)
{
    const struct registry_url *u = &r->registry.url;
    char folder[PATH_MAX];
    int size;

    if (u->hosts.size || u->path.size == 0)
        return why(w, ERR_BAD_VALUE, "expected \"file:/path/services.yaml\"");
    if (!getcwd(folder, sizeof folder))
        folder[0] = 0;
    if (u->path.base[0] == '/')
        size = snprintf(r->path, sizeof r->path, "%.*s", (int)u->path.size, u->path.base);
    else
        size = snprintf(r->path, sizeof r->path, "%s/%.*s", folder, (int)u->path.size,
                        u->path.base);
    return size < (int)sizeof r->path
               ? ERR_OK
               : why(w, ERR_BAD_VALUE, "the file's path is too long");
}

static enum err file_open(struct registry *registry, struct why *w)
{
    struct registry_file *r = self(registry);
    enum err e = choose_path(r, w);

    if (e)
        return e;
    list_init(&r->watches);
    list_init(&r->due);
    timer_init(&r->look_again, on_look);
    timer_init(&r->turn, on_turn);
    watch_folder(r);
    r->seen = look_at(r->path);
    read_file(r);
    look_after(r, SETTLE_MS);
    return ERR_OK;
}

static enum err file_watch(struct registry *r, struct registry_watch *w)
{
    list_push_back(&self(r)->due, &w->node);
    turn_soon(self(r));
    return ERR_OK;
}

static void file_unwatch(struct registry *r, struct registry_watch *w)
{
    (void)r;
    list_remove(&w->node);
}

static enum err file_watch_names(struct registry *r)
{
    self(r)->watches_names = self(r)->names_due = true;
    turn_soon(self(r));
    return ERR_OK;
}

static void file_unwatch_names(struct registry *r)
{
    self(r)->watches_names = false;
}

static void on_inotify_closed(struct inotify *i)
{
    turn_soon(container_of(i, struct registry_file, inotify));
}

static void file_close(struct registry *registry)
{
    struct registry_file *r = self(registry);

    r->is_closing = true;
    timer_stop(&r->look_again, clock_of(r));
    timer_stop(&r->turn, clock_of(r));
    if (r->has_inotify)
        inotify_close(&r->inotify, on_inotify_closed);
    else
        turn_soon(r);
}

const struct registry_ops registry_file = {
    .scheme = "file",
    .size = sizeof(struct registry_file),
    .abilities = REGISTRY_LISTS_NAMES | REGISTRY_IS_LOCAL | REGISTRY_REMEMBERS,
    .open = file_open,
    .watch = file_watch,
    .unwatch = file_unwatch,
    .watch_names = file_watch_names,
    .unwatch_names = file_unwatch_names,
    .close = file_close,
};
