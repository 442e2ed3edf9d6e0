#include "discovery/local_watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "discovery/local_folder.h"
#include "sidecar/core/log.h"

enum {
    POLL_MS = 1000, /* without inotify */
    SCAN_SOON_MS = 50,
    LEFTOVER_S = 60,
};

static const uint32_t changes = IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE |
                                IN_DELETE_SELF | IN_MOVE_SELF;

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
    local_look(w, name, true);
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
            local_look(w, e->name, false);
    }
}

static void scan(struct local_watch *w)
{
    int fd = openat(w->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *file;

    w->scan++;
    w->rescan_ms = loop_now(w->loop) + (w->has_inotify ? LOCAL_RESCAN_MS : POLL_MS);
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return;
    }
    while ((file = readdir(dir))) {
        local_look(w, file->d_name, false);
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
            local_look(w, e->name, false);
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
    struct local_entry *e = local_entry_find(w, name);

    if (e && (mask & IN_CLOSE_WRITE))
        e->rechecks = LOCAL_RECHECKS;
    if (mask & (IN_DELETE | IN_MOVED_FROM))
        scan_soon(w);
    local_look(w, name, (mask & IN_MOVED_TO) != 0);
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
        local_entry_free(w, container_of(at, struct local_entry, node));
    map_fini(&w->by_name);
    w->by_name = (struct map){0};
    if (w->has_inotify) {
        inotify_close(&w->inotify, on_inotify_closed);
        return;
    }
    timer_init(&w->look, on_stopped);
    timer_start(&w->look, &w->loop->clock, 0);
}
