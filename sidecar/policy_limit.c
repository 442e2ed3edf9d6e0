#include "sidecar/policies.h"

/* A slot was handed to it; the turn in between keeps one request's end from running another's start. */
static void on_slot(struct timer *t)
{
    exchange_on(container_of(t, struct exchange, hold), EV_RESUMED);
}

static enum verdict take_slot(struct policy_limit *p, struct exchange *x)
{
    x->in_flight = true;
    p->in_flight++;
    return PASS;
}

static enum verdict limit_admit(struct policy *policy, struct exchange *x)
{
    struct policy_limit *p = (struct policy_limit *)policy;

    if (x->in_flight)
        return PASS;
    if (p->in_flight < p->in_flight_max && list_empty(&p->queue))
        return take_slot(p, x);
    if (p->waiting >= p->waiting_max) {
        x->error = ERR_OVERLOADED;
        return DENY;
    }
    p->waiting++;
    list_push_back(&p->queue, &x->waiting);
    return HOLD;
}

void policy_limit_hand_over(struct policy_limit *p)
{
    struct list *first;

    while (p->in_flight < p->in_flight_max && (first = list_pop_front(&p->queue))) {
        struct exchange *next = container_of(first, struct exchange, waiting);

        p->waiting--;
        take_slot(p, next);
        timer_init(&next->hold, on_slot);
        timer_start(&next->hold, next->clock, 0);
    }
}

static void limit_settle(struct policy *policy, struct exchange *x)
{
    struct policy_limit *p = (struct policy_limit *)policy;

    if (!x->in_flight) {
        list_remove(&x->waiting);
        p->waiting--;
        return;
    }
    timer_stop(&x->hold, x->clock);
    x->in_flight = false;
    p->in_flight--;
    policy_limit_hand_over(p);
}

static const struct policy_ops limit_ops = {
    .name = "limit",
    .admit = limit_admit,
    .settle = limit_settle,
};

void policy_limit_init(struct policy_limit *p)
{
    *p = (struct policy_limit){.policy.ops = &limit_ops};
    list_init(&p->queue);
}
