/* catalog.h - all that is known of services: what the registries say, merged, remembered, handed on.
 *
 * Lives on the control loop. Watches are made on demand: catalog_want() starts one for a name, and the
 * catalog lets go of names nobody wanted for a while (never of those with instances in use). Lists are
 * coalesced (20 ms) and delivered as immutable instance_lists.
 *
 *   registries --deliver/add/remove/failed--> [diff, last known good, union or first-that-knows]
 *              --> changed(service, list)   at most every 20 ms a service
 *
 * Last known good: an error keeps the list (suspect). An empty list, or one that lost more than half, from a
 * registry that did not confirm it is suspect too: its instances stay until a second, confirming delivery or
 * `suspect_ms` (30 s) of the registry being healthy. So is such a list if it is the first after an error, whatever
 * the registry says: it may have lost its memory (but files do not). A list never becomes empty because of an error.
 *
 * Union: an instance that several registries have (the same id, or the same address) is taken from the first of
 * them in order. Instances written in the settings join by an implicit last registry, "static:".
 *
 * known and answered of a list: `known` lasts `forget_ms` longer than the last instance (a restart of the only
 * instance is 503, not 404); `answered` is false as long as a registry has not spoken or fails.
 *
 * The state file: last lists of all services, written behind (at most every second, atomically: temp file,
 * rename), read at start, older than max_age ignored; they are suspect until a registry answers.
 */
#ifndef DISCOVERY_CATALOG_H
#define DISCOVERY_CATALOG_H

#include "discovery/registry.h"
#include "sidecar/core/map.h"
#include "sidecar/core/random.h"
#include "sidecar/core/text.h"

struct catalog;

struct catalog_settings {
    const char *const *urls; /* in order of preference */
    unsigned count;
    bool
        first_only; /* a service's instances come from the first registry that has some; else from all */
    struct registry_environment environment;
    const char *state_file; /* NULL: none */
    uint64_t state_max_age_ms;
    uint64_t coalesce_ms; /* 20 */
    /* 0 in these: the default. */
    uint64_t suspect_ms; /* 30 s */
    uint64_t
        forget_ms; /* names without instances that nobody asks for: 60 s (5 s while there are very many) */
    unsigned
        names_limit; /* names watched at once: 100,000; more are refused (ERR_TOO_LARGE) */
};

struct catalog_events {
    /* A new list; the catalog's reference is lent, take one's own with instance_list_ref(). */
    void (*changed)(struct catalog *c, struct instance_list *list);
    /* The set of known names changed (only while catalog_watch_names() is on). */
    void (*names_changed)(struct catalog *c);
    /* The catalog let go of a name: no changed() follows until it is wanted again. May be NULL. */
    void (*forgotten)(struct catalog *c, const char *service);
    void (*closed)(struct catalog *c);
};

enum err catalog_open(struct catalog **c, const struct catalog_settings *s,
                      struct loop *l, struct random *random,
                      const struct catalog_events *events, void *owner, struct why *w);
void *catalog_owner(const struct catalog *c);
/* Starts watching `name`, or keeps it in use. What is known already comes by changed() soon, and an
 * answer "nothing" too (answered && !known). */
enum err catalog_want(struct catalog *c, struct slice name);
/* The current list or NULL; lent. */
struct instance_list *catalog_get(const struct catalog *c, struct slice name);
/* All names known, sorted; text owned by the catalog until the next change. */
enum err catalog_watch_names(struct catalog *c);
unsigned catalog_names(struct catalog *c, const char *const **names);
/* Has every registry that lists names said them, or failed to? */
bool catalog_names_are_here(const struct catalog *c);
/* Has every registry that was asked been heard at least once, or failed? For readiness. */
bool catalog_is_settled(const struct catalog *c);

/* How each registry does, for /services, /stats and readiness. */
struct registry_status {
    const char *url;
    bool heard;     /* it has answered or failed once; before, nothing was asked of it */
    bool reachable; /* it did not fail last time */
    uint64_t since_ms; /* of the loop's clock */
    char error[256];
    unsigned abilities;
    uint64_t failures;
};
unsigned catalog_registry_count(const struct catalog *c);
void catalog_registry_status(const struct catalog *c, unsigned at,
                             struct registry_status *out);
/* For lease.h: the opened registry number `at`. */
struct registry *catalog_registry(struct catalog *c, unsigned at);

/* A reload: registries whose URL stays are kept with their lists, others are opened and closed, with no moment
 * in which a service has no list; static instances are exchanged. All or nothing. */
enum err catalog_reload(struct catalog *c, const struct catalog_settings *s,
                        struct why *w);

/* Writes the state file, closes everything; closed() comes later, then catalog_free(). */
void catalog_close(struct catalog *c);
void catalog_free(struct catalog *c);

#endif
