#include "discovery/inotify.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

enum { EVENTS_ROOM = 64 * (sizeof(struct inotify_event) + NAME_MAX + 1), READS = 16 };

static void tell(struct inotify *i, const char *events, size_t size)
{
    size_t at = 0;

    while (i->open && at < size) {
        const struct inotify_event *e = (const void *)(events + at);

        at += sizeof *e + e->len;
        i->event(i, e->mask, e->len ? e->name : "");
    }
}

static void on_readable(uv_poll_t *poll, int status, int mask)
{
    struct inotify *i = container_of(poll, struct inotify, poll);
    char events[EVENTS_ROOM] __attribute__((aligned(8)));
    ssize_t size = status ? 0 : 1;

    (void)mask;
    loop_touch(i->loop);
    for (int turn = 0; i->open && size > 0 && turn < READS; turn++) {
        size = read(i->fd, events, sizeof events);
        if (size > 0)
            tell(i, events, (size_t)size);
    }
}

static enum err start(struct inotify *i, const char *folder, uint32_t mask)
{
    if (inotify_add_watch(i->fd, folder, mask | IN_ONLYDIR) < 0)
        return errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_UNAVAILABLE;
    if (uv_poll_init(&i->loop->uv, &i->poll, i->fd) != 0)
        return ERR_UNAVAILABLE;
    if (uv_poll_start(&i->poll, UV_READABLE, on_readable) == 0)
        return ERR_OK;
    uv_close((uv_handle_t *)&i->poll, NULL);
    return ERR_UNAVAILABLE;
}

enum err inotify_open(struct inotify *i, struct loop *l, const char *folder,
                      uint32_t mask)
{
    enum err e;

    i->loop = l;
    i->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (i->fd < 0)
        return ERR_UNAVAILABLE;
    e = start(i, folder, mask);
    if (e)
        close(i->fd);
    i->open = !e;
    return e;
}

static void on_closed(uv_handle_t *handle)
{
    struct inotify *i = container_of((uv_poll_t *)handle, struct inotify, poll);

    close(i->fd);
    i->closed(i);
}

void inotify_close(struct inotify *i, void (*closed)(struct inotify *i))
{
    i->open = false;
    i->closed = closed;
    uv_poll_stop(&i->poll);
    uv_close((uv_handle_t *)&i->poll, on_closed);
}
