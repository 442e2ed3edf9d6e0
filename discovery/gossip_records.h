/* gossip_records.h - what is known of services: nobody keeps it for us, so each member keeps all of it.
 *
 *   heard --> LIVE --its lease ends, a delete, its member left--> GONE --10 min--> (forgotten)
 *              ^  \--its member is dead--> hidden --it is back--> LIVE
 *              '--- an Update with a lease -------------------------'
 *
 * A record has a lease when an Update said until when (go-micro's heartbeats do). One that was only in somebody's state
 * at a join has none, and go-micro keeps such for ever. We do not: it goes when the last member on its IP is dead (and comes
 * back by a state that is heard once one is there again: that host may only have been cut off), and after half an hour in any
 * case. What is GONE is remembered for a while, so that a late or repeated word of it (a retransmitted
 * Update, another member's old state) does not bring it back: only a newer lease does.
 *
 * Our own records stand here, too; what others say of them does not count. Changes are told by `changed`, later, each
 * record once: by gossip_records_flush(), which the owner calls when `due` asked for it. Belongs to one clock. Bounded in
 * number and bytes.
 */
#ifndef DISCOVERY_GOSSIP_RECORDS_H
#define DISCOVERY_GOSSIP_RECORDS_H

#include "discovery/instance.h"
#include "sidecar/core/clock.h"
#include "sidecar/core/list.h"
#include "sidecar/core/map.h"

enum {
    GOSSIP_RECORDS_LIMIT = 100 * 1000,
    GOSSIP_RECORDS_BYTES =
        64 * 1024 *
        1024, /* of all texts in them: one Service may have many nodes with long endpoints */
    GOSSIP_GONE_MS = 10 * 60 * 1000,
    GOSSIP_UNLEASED_MS = 30 * 60 * 1000,
    GOSSIP_LEASE_MAX_MS = 24 * 60 * 60 * 1000,
};

struct gossip_records;

struct gossip_service {
    struct gossip_records *records;
    char *name;
    struct list all;     /* struct gossip_record */
    struct map by_id;    /* the same; keys are the records' */
    struct list watches; /* the owner's */
    unsigned told;       /* how many the watches know of */
};

struct gossip_record {
    struct list node;
    struct list changed; /* in the queue of what is to be told */
    struct gossip_service *service;
    struct instance_list *copy; /* of one */
    char *member;               /* whose it is; NULL: nobody knows */
    uint64_t
        lease_ns; /* its end as the sender says it: tells a repeated word from a newer one; 0: none */
    uint64_t lease_ms; /* how long it was when we heard it */
    uint64_t ends_ms;  /* of the clock */
    bool is_own;
    bool is_gone;
    bool is_told; /* as being there */
    bool went_with_host;
    bool is_asked; /* its member was: the lease has ended here */
    struct timer timer;
};

/* What somebody says of an instance. */
struct gossip_word {
    const char *service;
    const struct instance *instance;
    struct slice member; /* whose it is, or empty */
    uint64_t lease_ns;   /* 0: without a lease */
    uint64_t lease_ms;   /* from now on */
    bool is_own;
};

struct gossip_records_events {
    /* Is this member dead? A record of his is hidden then. */
    bool (*is_down)(struct gossip_records *r, const char *member);
    /* Is a member on this IP alive? */
    bool (*is_host_up)(struct gossip_records *r, const struct address *host);
    /* Something is to be told: call gossip_records_flush() soon, not now. */
    void (*due)(struct gossip_records *r);
    /* It came, changed (`there`), or went. */
    void (*changed)(struct gossip_records *r, struct gossip_record *record, bool there);
    /* A service has its first instance, or lost its last. */
    void (*names_changed)(struct gossip_records *r);
    /* Its lease has ended. true: its member is asked about it, and gossip_records_confirmed() follows. */
    bool (*lapsed)(struct gossip_records *r, struct gossip_record *record);
};

struct gossip_records {
    struct clock *clock;
    const struct gossip_records_events *events;
    void *owner;
    struct map services;
    struct list changes;
    unsigned count;
    size_t bytes;
};

/* clock, events and owner are set by the caller, the rest is zero. */
void gossip_records_init(struct gossip_records *r);
void gossip_records_fini(struct gossip_records *r);

/* ERR_NO_MEMORY, ERR_TOO_LARGE (too many). What is older than what we know is no error. */
enum err gossip_records_hear(struct gossip_records *r, const struct gossip_word *word);
/* false: it is our own, and stays. */
bool gossip_records_delete(struct gossip_records *r, const char *service, const char *id);
/* Of ours: it is taken back. */
void gossip_records_withdraw(struct gossip_records *r, const char *service,
                             const char *id);

/* The member that was asked says that it is still there: as long again. */
void gossip_records_confirm(struct gossip_records *r, const char *service, const char *id,
                            const char *member);
/* It has said all it knows, or nothing: what it did not confirm has ended. */
void gossip_records_confirmed(struct gossip_records *r, const char *member);

/* The member died, came back, or left (then his records are gone). */
void gossip_records_member(struct gossip_records *r, const char *member, bool left);
/* No member is left on this IP: records without a lease there go. */
void gossip_records_host_down(struct gossip_records *r, const struct address *host);

void gossip_records_flush(struct gossip_records *r);
bool gossip_record_is_there(const struct gossip_record *record);
struct gossip_record *gossip_records_find(struct gossip_records *r, const char *service,
                                          const char *id);

/* Makes it where there is none; NULL: no memory. */
struct gossip_service *gossip_service_get(struct gossip_records *r, const char *name);
/* It goes if nothing is in it. */
void gossip_service_release(struct gossip_service *s);

static inline struct gossip_record *gossip_record_of(struct list *node)
{
    return container_of(node, struct gossip_record, node);
}

static inline const struct instance *gossip_record_instance(const struct gossip_record *r)
{
    return r->copy->instances;
}

#endif
