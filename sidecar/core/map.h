/* map.h - names to pointers: open addressing, keys are lent and must outlive their entry
 * (usually a member of the value). Seeded per process, so names from outside cannot be chosen
 * to collide. Belongs to one thread. */
#ifndef CORE_MAP_H
#define CORE_MAP_H

#include "sidecar/core/err.h"
#include "sidecar/core/slice.h"

struct map_entry {
    struct slice key; /* base == NULL: free */
    uint32_t hash;
    void *value;
};

struct map {
    struct map_entry *entries;
    uint32_t capacity; /* a power of two, or 0 */
    uint32_t count;
};

uint32_t hash_bytes(struct slice s);

/* A zeroed map is an empty one. */
void map_fini(struct map *m);
/* NULL when absent. */
void *map_get(const struct map *m, struct slice key);
/* Adds or replaces; a replaced entry takes the new key too. */
enum err map_put(struct map *m, struct slice key, void *value);
/* Returns what was removed, or NULL. */
void *map_remove(struct map *m, struct slice key);

/* In no particular order; nothing may be put or removed meanwhile. */
#define map_each(at, m)                                                                  \
    for (struct map_entry *at = (m)->entries,                                            \
                          *at##_end = at ? at + (m)->capacity : NULL;                    \
         at != at##_end; at++)                                                           \
        if (at->key.base)

#endif
