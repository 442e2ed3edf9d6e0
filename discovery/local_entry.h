/* local_entry.h - one file of the `local` registry's folder, and what it said when it was looked at last.
 *
 * Between local_watch.c, which knows when to look, and local_entry.c, which does. */
#ifndef DISCOVERY_LOCAL_ENTRY_H
#define DISCOVERY_LOCAL_ENTRY_H

#include <limits.h>

#include "discovery/instance.h"
#include "sidecar/core/list.h"

struct local_watch;

enum {
    LOCAL_RESCAN_MS = 30 * 1000, /* in case an event was lost */
    LOCAL_RECHECKS = 3,          /* of a file whose writer may just be dying */
};

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

/* NULL when it does not count: malformed or past its TTL. */
static inline const struct instance_list *local_entry_alive(const struct list *node)
{
    const struct local_entry *e = container_of(node, struct local_entry, node);

    return e->is_stale ? NULL : e->copy;
}

/* Looks at a file: makes its entry, follows it, or drops it, and tells of the change. `anew`: reads it in any case. */
void local_look(struct local_watch *w, const char *name, bool anew);
struct local_entry *local_entry_find(const struct local_watch *w, const char *name);
void local_entry_free(struct local_watch *w, struct local_entry *e);

#endif
