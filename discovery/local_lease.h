/* local_lease.h - one record of ours in the `local` registry: an open, locked file. */
#ifndef DISCOVERY_LOCAL_LEASE_H
#define DISCOVERY_LOCAL_LEASE_H

#include <limits.h>

#include "discovery/registry.h"

enum local_operation { LOCAL_PUT, LOCAL_RENEW, LOCAL_REMOVE };

/* The `backend` of a registry_lease. */
struct local_lease {
    enum local_operation operation; /* what is to be done next */
    int fd;                         /* holds the lock; -1: nothing is written */
    char name[NAME_MAX + 1];
};

/* Notes what is to be done; makes the backend's part of the lease when there is none. */
enum err local_lease_want(struct registry_lease *l, enum local_operation operation);
/* Does it. ERR_NOT_FOUND: the record is not there any more. */
enum err local_lease_operate(struct local_lease *l, int folder,
                             const struct registration *r, struct why *w);
/* Removes the file, if there is one. */
void local_lease_withdraw(struct local_lease *l, int folder);
/* Frees the backend's part, whose file was withdrawn. */
void local_lease_free(struct registry_lease *l);

#endif
