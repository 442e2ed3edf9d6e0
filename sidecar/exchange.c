#include "sidecar/exchange.h"

#include <assert.h>

#include "sidecar/policy.h"

static enum exchange_state route_enter(struct exchange *x)
{
    return x->port->route(x) == NOW ? ADMIT : REPLY;
}

static enum exchange_state after_verdict(enum verdict v, enum exchange_state next,
                                         enum exchange_state denied)
{
    switch (v) {
    case PASS:
        return next;
    case HOLD:
        return STAY;
    case DENY:
        break;
    }
    return denied;
}

static enum exchange_state admit_enter(struct exchange *x)
{
    return after_verdict(chain_admit(x->chain, &x->at, x), PICK, REPLY);
}

/* EV_FAILED in ADMIT is a refusal by whoever held the request. */
static enum exchange_state admit_on(struct exchange *x, enum exchange_event ev)
{
    return ev == EV_RESUMED ? admit_enter(x) : REPLY;
}

static enum exchange_state pick_go(struct exchange *x)
{
    enum verdict v = chain_prepare(x->chain, &x->at, x);

    x->attempts += v == PASS;
    return after_verdict(v, LEASE, JUDGE);
}

static enum exchange_state pick_enter(struct exchange *x)
{
    x->attempt_started_ms = clock_now(x->clock);
    x->sent = false;
    x->response_lent = false;
    x->retry_after_ms = 0;
    x->error = ERR_OK;
    return pick_go(x);
}

static enum exchange_state pick_on(struct exchange *x, enum exchange_event ev)
{
    return ev == EV_RESUMED ? pick_go(x) : JUDGE;
}

static enum exchange_state lease_enter(struct exchange *x)
{
    switch (x->port->lease(x)) {
    case NOW:
        return SEND;
    case LATER:
        return STAY;
    case FAILED:
        break;
    }
    return JUDGE;
}

static enum exchange_state lease_on(struct exchange *x, enum exchange_event ev)
{
    (void)x;
    return ev == EV_LEASED ? SEND : JUDGE;
}

static enum exchange_state send_enter(struct exchange *x)
{
    return x->port->send(x) == FAILED ? JUDGE : STAY;
}

static enum exchange_state send_on(struct exchange *x, enum exchange_event ev)
{
    switch (ev) {
    case EV_HEAD:
        return RELAY;
    case EV_UPGRADED:
        return TUNNEL;
    case EV_RETRYABLE:
        x->response_lent = true;
        return JUDGE;
    case EV_RESUMED:
    case EV_LEASED:
    case EV_DONE:
    case EV_FAILED:
    case EV_GONE:
        break;
    }
    return JUDGE;
}

/* Whatever timed the way to the head is over; what happens now can't be repeated. */
static enum exchange_state after_answer(struct exchange *x, enum when done)
{
    switch (done) {
    case NOW:
        return FINISH;
    case LATER:
        return STAY;
    case FAILED:
        break;
    }
    x->port->break_off(x);
    return FINISH;
}

/* Not a byte of it went to the client: it can still be told. */
static enum exchange_state relay_or_reply(struct exchange *x,
                                          enum when (*relay)(struct exchange *x))
{
    enum when done;

    chain_answered(x->chain, x);
    done = relay(x);
    return done == FAILED && !x->answered ? REPLY : after_answer(x, done);
}

static enum exchange_state relay_enter(struct exchange *x)
{
    return relay_or_reply(x, x->port->relay);
}

static enum exchange_state relay_on(struct exchange *x, enum exchange_event ev)
{
    return after_answer(x, ev == EV_DONE ? NOW : FAILED);
}

static enum exchange_state tunnel_enter(struct exchange *x)
{
    return relay_or_reply(x, x->port->tunnel);
}

static enum exchange_state judge_enter(struct exchange *x)
{
    enum verdict v = chain_again(x->chain, x);

    if (v == DENY && x->response_lent)
        return RELAY;
    x->response_lent = false;
    x->port->drop(x);
    chain_outcome(x->chain, &x->at, x);
    return after_verdict(v, PICK, REPLY);
}

static enum exchange_state judge_on(struct exchange *x, enum exchange_event ev)
{
    (void)x;
    return ev == EV_RESUMED ? PICK : REPLY;
}

static enum exchange_state reply_enter(struct exchange *x)
{
    if (x->chain)
        chain_answered(x->chain, x);
    return after_answer(x, x->port->reply(x));
}

#define TO(state) (1u << (state))

/* clang-format off */
static const struct {
    enum exchange_state (*enter)(struct exchange *x);
    enum exchange_state (*on)(struct exchange *x, enum exchange_event ev);
    unsigned next;
} states[] = {
    [ROUTE]  = {route_enter,  NULL,     TO(ADMIT) | TO(REPLY)},
    [ADMIT]  = {admit_enter,  admit_on, TO(PICK) | TO(REPLY)},
    [PICK]   = {pick_enter,   pick_on,  TO(LEASE) | TO(JUDGE)},
    [LEASE]  = {lease_enter,  lease_on, TO(SEND) | TO(JUDGE)},
    [SEND]   = {send_enter,   send_on,  TO(RELAY) | TO(TUNNEL) | TO(JUDGE)},
    [RELAY]  = {relay_enter,  relay_on, TO(REPLY) | TO(FINISH)},
    [TUNNEL] = {tunnel_enter, relay_on, TO(REPLY) | TO(FINISH)},
    [JUDGE]  = {judge_enter,  judge_on, TO(PICK) | TO(RELAY) | TO(REPLY)},
    [REPLY]  = {reply_enter,  relay_on, TO(FINISH)},
    [FINISH] = {NULL,         NULL,     0},
};
/* clang-format on */

static void finish(struct exchange *x)
{
    x->port->drop(x);
    if (x->chain) {
        chain_outcome(x->chain, &x->at, x);
        chain_settle(x->chain, &x->at, x);
    }
    x->port->finished(x);
}

static void go(struct exchange *x, enum exchange_state next)
{
    while (next != STAY) {
        assert(states[x->state].next & TO(next));
        x->state = next;
        if (next == FINISH) {
            finish(x);
            return;
        }
        next = states[next].enter(x);
    }
}

void exchange_start(struct exchange *x)
{
    x->state = ROUTE;
    x->started_ms = clock_now(x->clock);
    list_init(&x->waiting);
    go(x, route_enter(x));
}

void exchange_on(struct exchange *x, enum exchange_event ev)
{
    assert(states[x->state].on);
    if (ev == EV_GONE) {
        x->error = ERR_CLIENT_GONE;
        x->state = FINISH;
        finish(x);
        return;
    }
    go(x, states[x->state].on(x, ev));
}

void exchange_fail(struct exchange *x, enum err e)
{
    x->error = e;
    exchange_on(x, EV_FAILED);
}

void exchange_progress(struct exchange *x)
{
    chain_progress(x->chain, x);
}

bool exchange_tried(const struct exchange *x, uint32_t index)
{
    for (unsigned i = 0; i < x->tried_count; i++)
        if (x->tried[i] == index)
            return true;
    return false;
}

bool exchange_may_retry(const struct exchange *x)
{
    return x->retries_left > 0 && !x->body_lost && x->pinned.size == 0 &&
           (x->idempotent || !x->sent);
}
