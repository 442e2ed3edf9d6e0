/* inotify.h - changes of one folder, as the kernel tells them (inotify(7)), on our loop.
 *
 *   inotify_open > [ event ... ] > inotify_close > closed
 *
 * libuv's uv_fs_event leaves out IN_CLOSE_WRITE, by which a killed writer shows. `event` comes from the
 * loop, never from inside a call; it may close. IN_Q_OVERFLOW comes as an event too: look at everything.
 */
#ifndef DISCOVERY_INOTIFY_H
#define DISCOVERY_INOTIFY_H

#include <sys/inotify.h>

#include "transport/loop.h"

struct inotify {
    uv_poll_t poll;
    struct loop *loop;
    int fd;
    bool open;
    void (*event)(struct inotify *i, uint32_t mask,
                  const char *name); /* name: "" for the folder */
    void (*closed)(struct inotify *i);
};

/* ERR_UNAVAILABLE when the user has no inotify instances or watches left. */
enum err inotify_open(struct inotify *i, struct loop *l, const char *folder,
                      uint32_t mask);
/* No event after it. Only of an open one. */
void inotify_close(struct inotify *i, void (*closed)(struct inotify *i));

#endif
