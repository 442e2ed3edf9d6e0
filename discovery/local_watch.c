#include "discovery/local_watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "discovery/local_folder.h"
#include "sidecar/core/log.h"

enum {
    RESCAN_MS = 30 * 1000, /* in case an event was lost */
    POLL_MS = 1000,        /* without inotify */
    SCAN_SOON_MS = 50,
    STALE_AGAIN_MS = 1000, /* a stopped writer may go on */
    FILES_LIMIT = 20 * 1000,
    LEFTOVER_S = 60,
};

/* The kernel tells of the close before it lets go of the lock (__fput): look again. */
static const unsigned rechecks_ms[] = {250, 50, 10};
enum { RECHECKS = sizeof rechecks_ms / sizeof *rechecks_ms };

static const uint32_t changes = IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE |
                                IN_DELETE_SELF | IN_MOVE_SELF;

static struct local_entry *find(const struct local_watch *w, const char *name)
{
    return map_get(&w->by_name, slice_of(name));
}

static void tell(struct local_watch *w, const struct local_entry *e)
{
    if (e->copy)
        w->changed(w, e->copy->service);
}

static void entry_free(struct local_watch *w, struct local_entry *e)
{
    map_remove(&w->by_name, slice_of(e->name));
    list_remove(&e->node);
    instance_list_unref(e->copy);
    free(e);
}

static void drop(struct local_watch *w, const char *name)
{
    struct local_entry *e = find(w, name);

    if (!e)
        return;
    tell(w, e);
    entry_free(w, e);
}

static struct local_entry *add(struct local_watch *w, const char *name)
{
    struct local_entry *e = find(w, name);

    if (e || w->by_name.count >= FILES_LIMIT)
        return e;
    e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    memcpy(e->name, name, strlen(name) + 1);
    if (map_put(&w->by_name, slice_of(e->name), e)) {
        free(e);
        return NULL;
    }
    list_push_back(&w->entries, &e->node);
    return e;
}

/* Reading one file. */

static void complain(const char *name, const struct why *y)
{
    char quoted[300], reason[300];

    log_warn("registry.bad_record", "registry=local file=\"%s\" reason=\"%s\"",
             log_quote(quoted, sizeof quoted, slice_of(name)),
             log_quote(reason, sizeof reason, slice_of(y->text)));
}

static void take_record(struct local_watch *w, struct local_entry *e, const char *service,
                        const struct local_record *r)
{
    tell(w, e);
    instance_list_unref(e->copy);
    e->copy = instance_list_new(service, &r->parsed.instance, 1);
    e->ttl_ms = r->ttl_ms;
    tell(w, e);
}

static void forget_record(struct local_watch *w, struct local_entry *e)
{
    tell(w, e);
    instance_list_unref(e->copy);
    e->copy = NULL;
}

static void read_entry(struct local_watch *w, struct local_entry *e, int fd,
                       const struct stat *s)
{
    struct slice service = local_file_service(e->name);
    struct local_record r;
    struct why y;
    char name[SERVICE_NAME_LIMIT + 1] = "";

    memcpy(name, service.base, service.size);
    e->inode = s->st_ino;
    e->size = (uint64_t)s->st_size;
    e->touched_ns = 0;
    if (!local_record_read(&r, fd, e->size, &y)) {
        take_record(w, e, name, &r);
        local_record_fini(&r);
        return;
    }
    complain(e->name, &y);
    forget_record(w, e);
    e->ttl_ms = RESCAN_MS;
}

static uint64_t touched_ns(const struct stat *s)
{
    return (uint64_t)s->st_mtim.tv_sec * 1000000000 + (uint64_t)s->st_mtim.tv_nsec;
}

/* How long ago by the wall clock, which matters at the first sight only: it may jump. */
static uint64_t age_ms(const struct local_entry *e, uint64_t ns)
{
    uint64_t now = clock_wall_ms(), then = ns / 1000000;
    uint64_t age = now > then ? now - then : 0;

    return age < e->ttl_ms ? age : e->ttl_ms;
}

static void note_touch(struct local_entry *e, uint64_t ns, uint64_t now)
{
    uint64_t age = e->touched_ns ? 0 : age_ms(e, ns);

    if (e->touched_ns == ns)
        return;
    e->touched_ns = ns;
    e->fresh_ms = now > age ? now - age : 0;
}

static void judge(struct local_watch *w, struct local_entry *e, const struct stat *s)
{
    uint64_t now = loop_now(w->loop);
    bool was_stale = e->is_stale;

    note_touch(e, touched_ns(s), now);
    e->is_stale = now - e->fresh_ms >= e->ttl_ms;
    e->check_ms = e->is_stale ? now + STALE_AGAIN_MS : e->fresh_ms + e->ttl_ms;
    if (e->rechecks)
        e->check_ms = now + rechecks_ms[--e->rechecks];
    if (was_stale != e->is_stale)
        tell(w, e);
}

static void look_open(struct local_watch *w, const char *name, int fd,
                      const struct stat *s, bool anew)
{
    struct local_entry *e;

    if (!local_file_is_locked(fd)) {
        local_file_bury(w->folder, name);
        drop(w, name);
        return;
    }
    e = add(w, name);
    if (!e)
        return;
    e->scan = w->scan;
    if (anew || e->inode != s->st_ino || e->size != (uint64_t)s->st_size)
        read_entry(w, e, fd, s);
    judge(w, e, s);
}

/* What is no record at all stays known, so that it is told of once. */
static void look_odd(struct local_watch *w, const char *name, const struct why *y)
{
    struct local_entry *e = find(w, name);
    bool is_known = e && !e->copy;

    if (!is_known)
        complain(name, y);
    if (!e)
        e = add(w, name);
    if (!e)
        return;
    forget_record(w, e);
    e->inode = 0; /* what comes in its place is read */
    e->scan = w->scan;
    e->check_ms = loop_now(w->loop) + RESCAN_MS;
}

static void look(struct local_watch *w, const char *name, bool anew)
{
    struct stat s;
    struct why y;
    int fd;

    if (local_file_service(name).size == 0)
        return;
    why_init(&y);
    fd = local_file_open(w->folder, name, &s, &y);
    if (fd < 0 && y.text[0]) {
        look_odd(w, name, &y);
        return;
    }
    if (fd < 0) {
        drop(w, name);
        return;
    }
    look_open(w, name, fd, &s, anew);
    close(fd);
}

/* When to look. */

static void look_later(struct local_watch *w)
{
    uint64_t now = loop_now(w->loop), next = w->rescan_ms;

    list_each(at, after, &w->entries)
    {
        const struct local_entry *e = container_of(at, struct local_entry, node);

        next = e->check_ms < next ? e->check_ms : next;
    }
    timer_stop(&w->look, &w->loop->clock);
    timer_start(&w->look, &w->loop->clock, next > now ? next - now : 1);
}

void local_watch_look(struct local_watch *w, const char *name)
{
    if (!w->is_started)
        return;
    look(w, name, true);
    look_later(w);
}

/* Of a writer that died while it wrote, or a remover. */
static void remove_leftover(struct local_watch *w, const char *name)
{
    struct stat s;

    if (strncmp(name, ".new-", 5) != 0 && strncmp(name, ".dead-", 6) != 0)
        return;
    if (!fstatat(w->folder, name, &s, AT_SYMLINK_NOFOLLOW) &&
        s.st_mtim.tv_sec + LEFTOVER_S < (time_t)(clock_wall_ms() / 1000))
        unlinkat(w->folder, name, 0);
}

static void drop_unseen(struct local_watch *w)
{
    list_each(at, after, &w->entries)
    {
        struct local_entry *e = container_of(at, struct local_entry, node);

        if (e->scan != w->scan)
            look(w, e->name, false);
    }
}

static void scan(struct local_watch *w)
{
    int fd = openat(w->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *file;

    w->scan++;
    w->rescan_ms = loop_now(w->loop) + (w->has_inotify ? RESCAN_MS : POLL_MS);
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return;
    }
    while ((file = readdir(dir))) {
        look(w, file->d_name, false);
        remove_leftover(w, file->d_name);
    }
    closedir(dir);
    drop_unseen(w);
}

static void on_look(struct timer *t)
{
    struct local_watch *w = container_of(t, struct local_watch, look);
    uint64_t now = loop_now(w->loop);

    if (!local_folder_is(w->folder, w->path)) {
        w->lost(w);
        return;
    }
    list_each(at, after, &w->entries)
    {
        struct local_entry *e = container_of(at, struct local_entry, node);

        if (e->check_ms <= now)
            look(w, e->name, false);
    }
    if (w->rescan_ms <= now)
        scan(w);
    look_later(w);
}

/* A folder that is removed loses its files first, and says nothing itself: we hold it open. */
static void scan_soon(struct local_watch *w)
{
    uint64_t soon = loop_now(w->loop) + SCAN_SOON_MS;

    w->rescan_ms = soon < w->rescan_ms ? soon : w->rescan_ms;
}

static void on_file(struct local_watch *w, uint32_t mask, const char *name)
{
    struct local_entry *e = find(w, name);

    if (e && (mask & IN_CLOSE_WRITE))
        e->rechecks = RECHECKS;
    if (mask & (IN_DELETE | IN_MOVED_FROM))
        scan_soon(w);
    look(w, name, (mask & IN_MOVED_TO) != 0);
}

static void on_inotify(struct inotify *i, uint32_t mask, const char *name)
{
    struct local_watch *w = container_of(i, struct local_watch, inotify);

    if (mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) {
        w->lost(w);
        return;
    }
    if (mask & IN_Q_OVERFLOW)
        scan(w);
    else if (name[0])
        on_file(w, mask, name);
    look_later(w);
}

/* Life. */

enum err local_watch_start(struct local_watch *w, struct loop *l, int folder,
                           const char *path)
{
    enum err e;

    if (w->is_stopping)
        return ERR_UNAVAILABLE;
    w->loop = l;
    w->folder = folder;
    w->path = path;
    list_init(&w->entries);
    timer_init(&w->look, on_look);
    w->inotify.event = on_inotify;
    e = inotify_open(&w->inotify, l, path, changes);
    if (e == ERR_NOT_FOUND)
        return ERR_UNAVAILABLE;
    if (e)
        log_warn("registry.no_inotify", "registry=local reason=\"no inotify instances "
                                        "left: looking every second instead\"");
    w->has_inotify = !e;
    w->is_started = true;
    scan(w);
    look_later(w);
    return ERR_OK;
}

static void on_inotify_closed(struct inotify *i)
{
    struct local_watch *w = container_of(i, struct local_watch, inotify);

    w->is_stopping = false;
    w->stopped(w);
}

static void on_stopped(struct timer *t)
{
    struct local_watch *w = container_of(t, struct local_watch, look);

    w->is_stopping = false;
    w->stopped(w);
}

void local_watch_stop(struct local_watch *w)
{
    w->is_started = false;
    w->is_stopping = true;
    timer_stop(&w->look, &w->loop->clock);
    list_each(at, after, &w->entries)
        entry_free(w, container_of(at, struct local_entry, node));
    map_fini(&w->by_name);
    w->by_name = (struct map){0};
    if (w->has_inotify) {
        inotify_close(&w->inotify, on_inotify_closed);
        return;
    }
    timer_init(&w->look, on_stopped);
    timer_start(&w->look, &w->loop->clock, 0);
}
