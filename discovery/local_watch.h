/* local_watch.h - what lives in the folder of the `local` registry: seen by inotify, by the ends of
 * heartbeats, and by a scan from time to time.
 *
 *   local_watch_start > [ changed(service) | lost ... ] > local_watch_stop > stopped
 *
 * A file counts while its writer holds the lock and touched it within its TTL (a stopped process holds
 * its lock for ever). Files of dead writers are removed by whoever sees them first.
 */
#ifndef DISCOVERY_LOCAL_WATCH_H
#define DISCOVERY_LOCAL_WATCH_H

#include <limits.h>

#include "discovery/inotify.h"
#include "discovery/instance.h"
#include "sidecar/core/list.h"
#include "sidecar/core/map.h"

struct local_entry {
    struct list node;
    struct instance_list
        *copy; /* of one, with its service; NULL: malformed, and said so */
    uint64_t inode;
    uint64_t size;
    uint64_t touched_ns; /* of the file */
    uint64_t fresh_ms;   /* of the loop: when that last changed */
    uint64_t ttl_ms;
    uint64_t check_ms; /* when to look again */
    unsigned rechecks; /* soon, since its writer may just be dying */
    bool is_stale;
    uint32_t scan; /* that saw it last */
    char name[NAME_MAX + 1];
};

struct local_watch {
    struct loop *loop;
    const char *path;
    int folder;
    bool is_started;
    bool has_inotify;
    bool is_stopping;
    struct inotify inotify;
    struct list entries;
    struct map by_name;
    struct timer look;
    uint64_t rescan_ms;
    uint32_t scan;
    void (*changed)(struct local_watch *w, const char *service);
    /* The folder is not what it was: stop, and start again with a new one. */
    void (*lost)(struct local_watch *w);
    void (*stopped)(struct local_watch *w);
};

/* `folder` and `path` are lent until stopped. Entries are known when it returns; changed() comes for
 * each of them, from inside. ERR_UNAVAILABLE while it is still stopping. */
enum err local_watch_start(struct local_watch *w, struct loop *l, int folder,
                           const char *path);
/* Looks at one file now, after we wrote or removed it. */
void local_watch_look(struct local_watch *w, const char *name);
/* Forgets all entries; stopped() comes later. */
void local_watch_stop(struct local_watch *w);

/* NULL when it does not count: malformed or past its TTL. */
static inline const struct instance_list *local_entry_alive(const struct list *node)
{
    const struct local_entry *e = container_of(node, struct local_entry, node);

    return e->is_stale ? NULL : e->copy;
}

#endif
