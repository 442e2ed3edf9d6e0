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

#include "discovery/inotify.h"
#include "discovery/local_entry.h"
#include "sidecar/core/list.h"
#include "sidecar/core/map.h"

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

#endif
