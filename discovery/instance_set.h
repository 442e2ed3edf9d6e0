/* instance_set.h - instances by id, in the order they came; each a copy of its own.
 *
 * A zeroed set with instance_set_init() is an empty one. Belongs to one loop.
 */
#ifndef DISCOVERY_INSTANCE_SET_H
#define DISCOVERY_INSTANCE_SET_H

#include "discovery/instance.h"
#include "sidecar/core/list.h"
#include "sidecar/core/map.h"

struct instance_held {
    struct list node;
    struct instance_list *copy; /* of one instance */
    uint32_t stamp;
};

struct instance_set {
    struct list held;
    struct map by_id;
    uint32_t stamp;
    const char *source; /* what copies get as theirs; NULL: what they came with */
};

void instance_set_init(struct instance_set *s, const char *source);
void instance_set_fini(struct instance_set *s);

static inline uint32_t instance_set_count(const struct instance_set *s)
{
    return s->by_id.count;
}

static inline struct instance_list *instance_held_list(const struct list *node)
{
    return container_of(node, struct instance_held, node)->copy;
}

static inline const struct instance *instance_held(const struct list *node)
{
    return instance_held_list(node)->instances;
}

/* Adds or replaces (and keeps the index of what was there); *changed is set when that made a difference, else left alone. Past
 * SERVICE_INSTANCES_LIMIT: ERR_TOO_LARGE. On an error the set is as it was. */
enum err instance_set_put(struct instance_set *s, const struct instance *i,
                          bool *changed);
/* Was it there? */
bool instance_set_remove(struct instance_set *s, const char *id);
bool instance_set_has(const struct instance_set *s, const char *id);
void instance_set_clear(struct instance_set *s);
/* How many of the set are not among `instances`. */
uint32_t instance_set_missing(struct instance_set *s, const struct instance *instances,
                              uint32_t count);
/* Makes the set what `instances` says (the last of two with one id wins). What leaves goes to
 * `leavers`, or away if that is NULL. What cannot be added (no memory, too many) is left out
 * and the first such error returned. */
enum err instance_set_replace(struct instance_set *s, const struct instance *instances,
                              uint32_t count, struct instance_set *leavers,
                              bool *changed);

#endif
