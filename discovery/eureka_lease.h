/* eureka_lease.h - an operation on a record of ours is a row of requests, one after the other (eureka_lease_steps.c). */
#ifndef DISCOVERY_EUREKA_LEASE_H
#define DISCOVERY_EUREKA_LEASE_H

#include "discovery/eureka_parts.h"

enum { SHAPES = 2, FOUND_LIMIT = 4, RECORD_ID_LIMIT = 1024 };

struct eureka_step;

struct eureka_lease {
    struct list node; /* in eureka.leases */
    struct eureka *owner;
    struct registry_lease *lease;
    struct registry_call call;
    struct text target, body;
    const struct eureka_step *step;
    enum err result; /* of a request that could not be prepared */

    char published[SHAPES][RECORD_ID_LIMIT]; /* the server's ids; "": none */
    bool set_aside[SHAPES];                  /* its status is OUT_OF_SERVICE by /status */
    uint64_t dirty_ms;

    /* While a record that somebody else has put is removed. */
    struct eureka_answer answer;
    char found[FOUND_LIMIT][RECORD_ID_LIMIT];
    bool removed; /* something was */
};

/* Prepares a request and says so, or there is none to make; then makes of its outcome what the operation's is. */
struct eureka_step {
    bool (*prepare)(struct eureka_lease *l, unsigned at);
    enum err (*judge)(struct eureka_lease *l, unsigned at, enum err e);
    unsigned at; /* a shape, or one of those found */
    bool removes;
    bool creates;
};

/* Ended by one that prepares nothing. */
extern const struct eureka_step eureka_put_steps[], eureka_renew_steps[],
    eureka_remove_steps[], eureka_remove_any_steps[];

#endif
