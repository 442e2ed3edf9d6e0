/* catalog_parts.h - what the files of the catalog (and lease.c) share; nobody else includes it.
 *
 *   catalog --> members    one for each registry, in order of preference; lease slots hold on to them
 *           '-> services   by name  --> sources   one for each member: its word on this service
 *
 *   a source:  live   what the registry says now
 *              kept   what it said once, and nobody confirmed gone: after a failure, from the state
 *                     file, or lost in a shrink that is doubted
 */
#ifndef DISCOVERY_CATALOG_PARTS_H
#define DISCOVERY_CATALOG_PARTS_H

#include <jansson.h>

#include "discovery/catalog.h"
#include "discovery/instance_set.h"

struct member {
    struct list node; /* among the leaving */
    struct catalog *catalog;
    struct registry *registry;
    bool leaving;
    bool closing;
    bool asked; /* a watch or a lease waits for its first word */
    bool heard; /* or failed: once is enough */
    bool reachable;
    uint64_t since_ms;
    uint64_t failures;
    char error[256];
    bool watching_names;
    unsigned names_failures;
    struct timer names_retry;
    char **names;
    uint32_t name_count;
    unsigned slots;      /* leases that use it */
    struct list orphans; /* slots whose lease has gone while they waited for an answer */
};

struct service {
    struct catalog *catalog;
    struct list sources; /* in order of members, then those whose member has gone */
    struct instance_list *list;
    struct timer publish;
    bool announce; /* tell even if nothing changed */
    uint64_t wanted_ms;
    uint64_t had_ms;           /* when it last had an instance; 0: never */
    uint64_t saved_generation; /* of the list in the state file */
    char name[SERVICE_NAME_LIMIT + 1];
};

/* A shrink that is doubted ends when the registry says so, says the same again, or stays well for suspect_ms. */
enum doubt {
    DOUBT_NONE,
    DOUBT_UNCONFIRMED, /* the registry itself was not sure */
    DOUBT_AFTER_FAILURE, /* it may have lost its memory, and others are just registering again */
};

struct source {
    struct list node;
    struct registry_watch watch;
    struct service *service;
    struct member *member; /* NULL: gone in a reload */
    bool watching;
    bool heard;      /* since it was watched first */
    bool failing;    /* until the next word */
    bool cut;        /* memory ran out while it spoke: it is asked for all again */
    bool impossible; /* this registry can never know such a service */
    enum doubt doubt;
    enum authority authority;
    struct instance_set live;
    struct instance_set kept;
    uint64_t stale_since_wall_ms;
    unsigned failures;
    struct timer timer; /* failing: watch again; else: the end of doubt */
};

struct catalog {
    struct catalog_settings settings; /* its texts are ours, the environment's lent */
    struct loop *loop;
    struct random *random;
    const struct catalog_events *events;
    void *owner;
    struct member **members;
    unsigned member_count;
    struct list leaving;
    struct list leases; /* struct lease */
    struct map services;
    struct timer sweep;
    uint64_t made_room_ms;
    struct timer end; /* of closing: closed() never comes from inside a call */
    uint64_t generation;
    bool names_wanted;
    const char **names;
    bool closing;
    bool stillborn; /* catalog_open() failed: frees itself */
    struct state *state;
};

/* catalog.c */
extern const struct registry_frame catalog_frame;

/* catalog_life.c: closed() when closing and nothing is left to wait for. */
void catalog_end_if_done(struct catalog *c);
/* A flood of names that nobody has: those that are older than a moment go, at most every second. */
void catalog_make_room(struct catalog *c);

/* catalog_member.c */
enum err member_open(struct member **m, struct catalog *c, const char *url,
                     struct why *w);
/* Closes it when no lease slot needs it any more; it frees itself then. */
void member_leave(struct member *m);
void member_unuse(struct member *m);
void member_heard(struct member *m);
void member_failed(struct member *m, enum err e, const struct why *why);
bool member_can(const struct member *m, enum registry_ability ability);
/* 1 s * 2^failures <= 30 s (2 s of a local one), ±20 %. */
uint64_t member_backoff(const struct member *m, unsigned failures);
/* A timer that waits to ask it again: soon, but not all at once. */
void member_hasten(struct member *m, struct timer *t);
const char *member_url(const struct member *m);
void member_watch_names(struct member *m);
void member_names(struct member *m, const char *const *names, uint32_t count);
void member_names_failed(struct member *m, enum err e, const struct why *why);

/* catalog_source.c */
struct source *source_new(struct service *s, struct member *m);
void source_free(struct source *s);
void source_watch(struct source *s);
/* Its member goes: what it said is kept until the others have answered. */
void source_orphan(struct source *s);
bool source_has_spoken(const struct source *s);
bool source_has_answered(const struct source *s);
bool source_is_suspect(const struct source *s);
void source_deliver(struct source *s, const struct instance *instances, uint32_t count,
                    enum authority authority);
void source_add(struct source *s, const struct instance *i);
void source_remove(struct source *s, const char *id);
void source_failed(struct source *s, enum err e, const struct why *why);

/* catalog_service.c */
enum err service_new(struct service **s, struct catalog *c, struct slice name);
void service_free(struct service *s);
/* Something about it changed: a new list follows within coalesce_ms. */
void service_touch(struct service *s);
/* The state file knew it: that is told, unless a registry answers soon. */
void service_recalled(struct service *s);
/* Sources for the catalog's present members, in their order. */
enum err service_follow_members(struct service *s);
/* The member answers again: what failed there is asked for soon. */
void service_hasten(struct service *s, struct member *m);
/* Its time is up: nobody has wanted it for so long, or it has been without instances too long to be known. */
void service_sweep(struct service *s, uint64_t now, uint64_t age_ms);

/* catalog_merge.c: what all sources say, as the next list; NULL: out of memory. */
struct instance_list *catalog_merge(const struct service *s,
                                    const struct instance_list *before);
bool instance_lists_equal(const struct instance_list *a, const struct instance_list *b);

/* catalog_state.c: the state file */
enum err state_open(struct catalog *c);
/* What was known of a service goes to its sources as `kept`. */
void state_recall(struct catalog *c, struct service *s);
void state_touch(struct catalog *c);
/* Collects and writes for the last time; catalog_end_if_done() follows if a write is under way. */
void state_close(struct catalog *c);
bool state_is_busy(const struct catalog *c);
void state_free(struct catalog *c);

/* lease.c */
void lease_on_done(struct registry_lease *l, enum err e, const struct why *why);
/* The members changed: slots for new ones, removal from those that leave. */
void lease_follow_members(struct list *node);
void lease_free_orphan(struct list *node);

#endif
