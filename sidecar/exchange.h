/* exchange.h - one request, from its head to the last byte of its answer.
 *
 *   ROUTE > ADMIT > PICK > LEASE > SEND > RELAY > FINISH
 *     |       |      ^ |     |      |  '> TUNNEL > FINISH
 *     |       |      | v     v      v
 *     |       |      +------ JUDGE -+-> RELAY (the last try's own 503, say)
 *     v       v                |
 *     +-------+--------------> REPLY > FINISH        (also from RELAY and TUNNEL, when not a byte could be relayed)
 *
 * An exchange only decides. What touches the loop is behind `struct port_ops`, so a test drives a whole
 * request with no socket and no clock but a virtual one.
 *
 * A port operation answers NOW, LATER or FAILED (x->error says why). An event comes only after LATER, and
 * never from inside an operation; so with a pooled connection the whole way from ROUTE to SEND is one call.
 *
 * Bodies flow while this machine is in SEND or RELAY; they have no states of their own in it: the port pumps
 * each direction by itself and reports the end (EV_DONE) or a failure.
 */
#ifndef SIDECAR_EXCHANGE_H
#define SIDECAR_EXCHANGE_H

#include <stdbool.h>

#include "sidecar/core/clock.h"
#include "sidecar/core/err.h"
#include "sidecar/core/list.h"
#include "sidecar/core/slice.h"

enum exchange_state {
    ROUTE,  /* which service, under which policies? */
    ADMIT,  /* what is asked once, however many attempts follow */
    PICK,   /* a fresh attempt, and an instance for it */
    LEASE,  /* a connection from the pool, or a new one */
    SEND,   /* the request out, until the head of the final response is here */
    RELAY,  /* the response to the client: too late for another attempt */
    TUNNEL, /* after a 101: bytes both ways until both have ended */
    JUDGE,  /* the attempt failed: again, or tell the client? */
    REPLY,  /* an answer of our own making */
    FINISH, /* everything goes back where it came from */
    STAY,   /* not a state: wait for an event */
};

enum exchange_event {
    EV_RESUMED, /* the policy that said HOLD lets the request go, or DENYs it: x->error */
    EV_LEASED,  /* a connection is ours */
    EV_HEAD,    /* the head of the final response is here, and lent for this event */
    EV_RETRYABLE, /* so it is, and its status says "unwell": x->error is ERR_UPSTREAM_STATUS */
    EV_UPGRADED, /* a 101 that was asked for */
    EV_DONE,     /* the client has the whole answer */
    EV_FAILED,   /* the attempt, or all, is over: x->error says why */
    EV_GONE,     /* the client left */
};

enum when { NOW, LATER, FAILED };

struct exchange;

/* What an exchange asks of the world. */
struct port_ops {
    /* Sets x->chain and all that the head and the settings say. NOW or FAILED. */
    enum when (*route)(struct exchange *x);
    /* A connection to x->instance. LATER: then EV_LEASED or EV_FAILED. */
    enum when (*lease)(struct exchange *x);
    /* Sends what there is of the request. LATER always follows: EV_HEAD, EV_RETRYABLE, EV_UPGRADED or
     * EV_FAILED. */
    enum when (*send)(struct exchange *x);
    /* Relays the response whose head is lent. LATER: then EV_DONE or EV_FAILED; NOW: it is out already. */
    enum when (*relay)(struct exchange *x);
    /* Makes a tunnel of both connections. LATER: then EV_DONE or EV_FAILED. */
    enum when (*tunnel)(struct exchange *x);
    /* Ends the attempt: its connection goes (back to the pool if it can). No event follows. */
    void (*drop)(struct exchange *x);
    /* Answers x->error. LATER: then EV_DONE. */
    enum when (*reply)(struct exchange *x);
    /* The answer broke off in the middle: make the client see that (reset). */
    void (*break_off)(struct exchange *x);
    /* The last call: `x` may be freed or used again. */
    void (*finished)(struct exchange *x);
};

struct chain;
struct upstream;
struct service;

/* How far the request came through its policies. */
struct cursor {
    uint8_t admitted;
    uint8_t prepared;
    uint8_t holding; /* 1 + index of the policy that said HOLD; 0: none */
};

enum { EXCHANGE_TRIED = 4 };

struct exchange {
    const struct port_ops *port;
    enum exchange_state state;
    enum err error; /* the last failure */
    const struct chain *chain;
    struct cursor at;
    struct clock *clock;
    uint64_t started_ms;

    /* Set by route(). */
    struct service *service;
    uint64_t timeout_ms; /* to the final response head; 0: none */
    uint32_t retries_left;
    uint32_t hash;       /* of the key for `hash`, if has_hash */
    struct slice pinned; /* csidecar-instance: only this one; empty: any */
    bool has_hash;
    bool idempotent; /* by method or Idempotency-Key: may be repeated once sent */

    /* Kept by the port. */
    bool sent; /* a byte of this attempt left the process */
    bool
        body_lost; /* the body is not whole in the replay buffer: no attempt can send it again */
    bool answered;           /* a byte of the final head went to the client */
    bool unwell;             /* the answer was a 5xx */
    uint64_t retry_after_ms; /* asked for by a 429 or 503; 0: not */
    uint64_t sent_ns;        /* when the attempt was sent, for `ewma` only */

    /* Kept by the machine and the policies. */
    uint32_t attempts;
    bool response_lent; /* JUDGE may still RELAY what came */
    struct upstream *instance;
    uint32_t ticket;                /* of its outlier state */
    uint32_t tried[EXCHANGE_TRIED]; /* indexes of instances tried, the last ones */
    uint8_t tried_count;
    bool in_flight; /* limit: counted */
    const char *
        retry_reason; /* why there was no further attempt; for the log; NULL: none was due */
    struct list
        waiting; /* limit's queue, or the service's list of those who wait for instances */
    struct timer deadline, try_timer, hold;
    uint64_t attempt_started_ms;
};

/* `x` is zeroed but for port, clock and chain-independent members. Runs until it has to wait. */
void exchange_start(struct exchange *x);
void exchange_on(struct exchange *x, enum exchange_event ev);
/* For timers and policies: x->error = e, then EV_FAILED. */
void exchange_fail(struct exchange *x, enum err e);
/* The request body made progress: the deadline and the try's limit start again from now. */
void exchange_progress(struct exchange *x);
/* Is further waiting for a response head in vain, or could another attempt still follow this one? */
bool exchange_may_retry(const struct exchange *x);
bool exchange_tried(const struct exchange *x, uint32_t index);

#endif
