/* policy.h - the things a request passes on its way out, and again on its way back.
 *
 *   request   admit ->  admit ->  admit ->  [ one or more attempts ]
 *   answer    <- settle <- settle <- settle
 *
 *   attempt   prepare ->  prepare ->  [ send, receive ]
 *   outcome   <- outcome  <- outcome
 *
 * Policies run in the order of the chain going out and in reverse coming back. One that said PASS or HOLD is
 * sure to be called on the way back, even if the client left while it held; one that said DENY is not. A
 * missing function means "not interested".
 *
 * HOLD: the policy sends EV_RESUMED later, exactly once, and is then asked again where it held. It may
 * instead fail the request with exchange_fail(). Being called on the way back ends the hold.
 *
 * A chain belongs to one service of one worker: its state (budget, queue, turn) needs no lock.
 */
#ifndef SIDECAR_POLICY_H
#define SIDECAR_POLICY_H

#include "sidecar/exchange.h"

enum verdict {
    PASS, /* on to the next policy */
    HOLD, /* wait for EV_RESUMED */
    DENY, /* no: the reason is in x->error */
};

struct policy;

struct policy_ops {
    const char *name;

    /* Once for each request. */
    enum verdict (*admit)(struct policy *p, struct exchange *x);
    void (*settle)(struct policy *p, struct exchange *x);

    /* Once for each attempt. */
    enum verdict (*prepare)(struct policy *p, struct exchange *x);
    void (*outcome)(struct policy *p, struct exchange *x);

    /* The attempt failed. PASS: once more now. HOLD: once more after EV_RESUMED. All must agree; without any
     * that is interested the answer is DENY. */
    enum verdict (*again)(struct policy *p, struct exchange *x);

    void (*progress)(struct policy *p, struct exchange *x); /* the request body moved */
    void (*answered)(struct policy *p, struct exchange *x); /* the final head is here */
};

/* The first member of every policy. */
struct policy {
    const struct policy_ops *ops;
};

enum { CHAIN_LIMIT = 8 };

struct chain {
    unsigned count;
    struct policy *policies[CHAIN_LIMIT];
};

enum verdict chain_admit(const struct chain *c, struct cursor *at, struct exchange *x);
void chain_settle(const struct chain *c, struct cursor *at, struct exchange *x);
enum verdict chain_prepare(const struct chain *c, struct cursor *at, struct exchange *x);
void chain_outcome(const struct chain *c, struct cursor *at, struct exchange *x);
enum verdict chain_again(const struct chain *c, struct exchange *x);
void chain_progress(const struct chain *c, struct exchange *x);
void chain_answered(const struct chain *c, struct exchange *x);

#endif
