/* lease_slot.h - one lease in one registry: its state machine. Of lease.c alone. */
#ifndef DISCOVERY_LEASE_SLOT_H
#define DISCOVERY_LEASE_SLOT_H

#include "discovery/catalog_parts.h"
#include "discovery/lease.h"

enum operation { OPERATION_NONE, OPERATION_PUT, OPERATION_RENEW, OPERATION_REMOVE };

/* The registration, for as long as a lease or a backend looks at it. */
struct shared {
    unsigned references;
    struct instance_list *copy; /* its texts */
    struct registration registration;
};

struct slot {
    struct list node; /* among its member's orphans */
    struct registry_lease handle;
    struct lease *lease; /* NULL: gone, but the backend has not answered yet */
    struct shared *shared;
    struct member *member;
    enum lease_state state;
    enum operation waiting; /* for the backend's answer */
    bool exists;            /* in the registry, as far as we know */
    unsigned failures;
    struct timer timer; /* heartbeat or back-off */
    struct timer late;  /* its member leaves: when we stop waiting for the removal */
    char error[256];
};

struct lease {
    struct list node; /* of the catalog's leases */
    struct catalog *catalog;
    const struct lease_events *events;
    void *owner;
    struct shared *shared;
    struct slot **slots;
    unsigned count;
    bool wanted;
    bool held; /* as told */
    bool stopping;
    bool given_up;
    struct timer tell;
    struct timer late; /* of lease_stop() */
};

struct shared *shared_new(const struct registration *r);
void shared_unref(struct shared *s);

struct slot *slot_new(struct lease *l, struct member *m);
bool slot_is_held(const struct slot *s);
/* One step towards what its lease wants. */
void slot_drive(struct slot *s);
/* Its lease has another registration: taken up now, or when the backend has answered. */
void slot_update(struct slot *s);
/* Its member leaves: the record is removed, for a while. */
void slot_leave(struct slot *s);
/* The lease lets go of it; its memory lives until the backend has answered. */
void slot_release(struct slot *s);

/* lease.c */
void lease_check(struct lease *l);
void lease_drop_slot(struct lease *l, struct slot *s);

#endif
