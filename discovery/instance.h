/* instance.h - one running copy of a service, and immutable lists of them.
 *
 * An `instance_list` is what crosses threads: built on the control loop, then never changed, counted by
 * atomic references, freed by whoever lets go last. It holds only what a balancer needs: address, weight,
 * metadata and a stable index (the same instance keeps its index from list to list, while it lives; holes
 * are reused), so that a worker's own knowledge (pool, breaker, averages) finds its place without a search.
 */
#ifndef DISCOVERY_INSTANCE_H
#define DISCOVERY_INSTANCE_H

#include <stdbool.h>

#include "config/field.h"
#include "sidecar/core/err.h"
#include "sidecar/core/slice.h"
#include "transport/address.h"

/* Bounds on what a registry may tell us; a record past them is skipped and named in the log. */
enum {
    SERVICE_NAME_LIMIT = 128,
    INSTANCE_ID_LIMIT = 255,
    INSTANCE_METADATA_LIMIT = 64 * 1024, /* bytes of all pairs */
    INSTANCE_PAIRS_LIMIT = 64,
    INSTANCE_ENDPOINTS_LIMIT = 64 * 1024, /* bytes of them as JSON */
    SERVICE_INSTANCES_LIMIT = 100 * 1000,
    RECORD_LIMIT = 1024 * 1024,  /* bytes of one record on the wire */
    INFLATE_LIMIT = 4096 * 1024, /* bytes of one record after zlib */
};

struct instance {
    const char *id; /* unique within the service */
    const char *version;
    struct address address;
    uint32_t weight; /* 1..65535; 0 is never stored */
    uint32_t index;  /* stable place, below instance_list.places */
    bool draining;   /* known, but for nobody new */
    struct pairs metadata;
    const char *endpoints; /* go-micro's, as a JSON array (micro_service.h); NULL: none */
    const char *source;    /* the registry it came from, as its URL without secrets */
};

/* An instance that the settings name: known by its address, which has been checked. There may be a hundred
 * thousand, so it is no more than what was written; `static` makes instances of those somebody asks for. */
struct static_instance {
    const char *address; /* as address_parse() takes it */
    uint32_t weight;
    struct pairs metadata;
};

enum authority {
    LIST_CONFIRMED, /* the registry says so */
    LIST_SUSPECT, /* after an error or a shrink nobody explained: last known good, panic rule applies */
};

struct instance_list {
    unsigned references;
    const char *service;
    uint64_t generation; /* grows with each list of this service */
    enum authority authority;
    bool known; /* some registry has such a service, or had it and was not heard since */
    bool answered; /* every registry asked has said something, so !known means 404 */
    uint64_t stale_since_wall_ms; /* 0: fresh */
    struct instance *instances;
    uint32_t count;
    uint32_t places;                /* indexes are below this */
    struct instance_list **lenders; /* of the texts, one each; NULL: its own */
};

struct instance_list *instance_list_ref(struct instance_list *l);
void instance_list_unref(struct instance_list *l);

/* Builds a list; a deep copy of all it is given. Freed by instance_list_unref(). */
struct instance_list *instance_list_new(const char *service,
                                        const struct instance *instances, uint32_t count);

/* Builds a list of lists of one instance each, whose texts it shares (and counts as a reference of theirs): a change of
 * one of many costs no copy of the others. NULL without memory. */
struct instance_list *instance_list_borrow(const char *service,
                                           struct instance_list *const *ones,
                                           uint32_t count);

/* A valid service name: 1..128 of [A-Za-z0-9._-], not beginning with '_' or '.'. */
bool service_name_is_valid(struct slice name);
/* Checks ids, sizes, UTF-8, weight; w says what is wrong. For records from outside. */
enum err instance_check(const struct instance *i, struct why *w);
/* The value of a metadata key, or NULL. */
const char *instance_metadata(const struct instance *i, const char *key);
/* Same content (not index)? */
bool instance_equals(const struct instance *a, const struct instance *b);
/* Bytes of all its texts. */
size_t instance_text_size(const struct instance *i);

#endif
