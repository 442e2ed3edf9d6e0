/* Picks an instance for the attempt, and tells the instance how it went. */
#include <uv.h>

#include "sidecar/balancer.h"

enum {
    EWMA_DECAY_MS = 10 * 1000,
    LIST_WAIT_MS = 2 * 1000,
};

static void remember_tried(struct exchange *x, uint32_t index)
{
    if (!exchange_tried(x, index)) {
        x->tried[x->tried_count < EXCHANGE_TRIED ? x->tried_count : EXCHANGE_TRIED - 1] =
            index;
        x->tried_count += x->tried_count < EXCHANGE_TRIED;
    }
}

static enum verdict refuse(struct exchange *x, enum err e)
{
    x->error = e;
    return DENY;
}

static void on_list_late(struct timer *t)
{
    struct exchange *x = container_of(t, struct exchange, hold);

    list_remove(&x->waiting);
    exchange_fail(x, ERR_REGISTRY_PENDING);
}

/* A little less than the deadline: it is the registry's silence that is to be told. */
static uint64_t list_wait(const struct exchange *x)
{
    uint64_t left =
        timer_active(&x->deadline) ? x->deadline.due - clock_now(x->clock) : UINT64_MAX;

    return left > LIST_WAIT_MS ? LIST_WAIT_MS : left > 0 ? left - 1 : 0;
}

/* Nothing was heard of this service yet: its first list is asked for and comes soon. */
static enum verdict wait_for_list(struct service *s, struct exchange *x)
{
    list_push_back(&s->pending, &x->waiting);
    timer_init(&x->hold, on_list_late);
    timer_start(&x->hold, x->clock, list_wait(x));
    return HOLD;
}

static enum verdict without_instances(struct service *s, struct exchange *x)
{
    if (s->list->known)
        return refuse(x, ERR_NO_INSTANCE);
    return refuse(x, s->list->answered ? ERR_NO_SERVICE : ERR_REGISTRY_PENDING);
}

static enum verdict take(struct service *s, struct exchange *x, uint32_t position)
{
    struct upstream *u = service_upstream(s, position);

    if (!u)
        return refuse(x, ERR_NO_MEMORY);
    x->instance = upstream_ref(u);
    x->ticket = outlier_enter(&u->outlier);
    u->in_flight++;
    u->requests++;
    s->stats.attempts++;
    remember_tried(x, u->index);
    return PASS;
}

static enum verdict balance_prepare(struct policy *policy, struct exchange *x)
{
    struct service *s = ((struct policy_balance *)policy)->service;
    uint32_t position;

    timer_stop(&x->hold, x->clock);
    if (!s->list)
        return wait_for_list(s, x);
    if (service_count(s) == 0)
        return without_instances(s, x);
    position = x->pinned.size ? balancer_find(s, x->pinned) : balancer_pick(s, x);
    return position == NO_POSITION ? refuse(x, ERR_NO_INSTANCE) : take(s, x, position);
}

/* Is the instance to blame? Never for our own refusals or the client's leaving. */
static enum outlier_outcome outcome_of(const struct exchange *x)
{
    switch (x->error) {
    case ERR_OK:
        return x->unwell ? OUTCOME_FAILED : OUTCOME_OK;
    case ERR_CONNECT_FAILED:
    case ERR_CONNECT_TIMEOUT:
    case ERR_UPSTREAM_RESET:
    case ERR_UPSTREAM_STATUS:
    case ERR_TRY_TIMEOUT:
    case ERR_BAD_RESPONSE:
    case ERR_TRUNCATED:
    case ERR_DEADLINE:
        return OUTCOME_FAILED;
    default:
        return OUTCOME_NEITHER;
    }
}

static void learn(struct service *s, struct upstream *u, const struct exchange *x)
{
    struct outlier_settings rule = s->policy->outlier.rule;
    enum outlier_outcome outcome = outcome_of(x);

    u->failures += outcome == OUTCOME_FAILED;
    if (outcome == OUTCOME_FAILED && u->outlier.state == OUTLIER_CLOSED &&
        rule.failures && !service_may_eject(s))
        rule.failures = UINT32_MAX;
    if (outlier_report(&u->outlier, &rule, clock_now(s->clock), x->ticket, outcome)) {
        s->stats.ejections++;
        service_count_ejected(s);
        log_warn("instance.ejected", "service=%s instance=%s reason=%s for=%llums",
                 s->name, u->id, err_code(x->error),
                 (unsigned long long)(u->outlier.until_ms - clock_now(s->clock)));
        if (s->ejection)
            s->ejection(s, u);
    }
}

static void balance_outcome(struct policy *policy, struct exchange *x)
{
    struct service *s = ((struct policy_balance *)policy)->service;
    struct upstream *u = x->instance;

    list_remove(&x->waiting);
    if (!u)
        return;
    x->instance = NULL;
    u->in_flight--;
    if (!u->removed)
        learn(s, u, x);
    upstream_unref(u);
}

/* Peak EWMA: a slow answer counts at once, a fast one slowly (as in Finagle and linkerd); dt / (dt + decay) of it, as a
 * low-pass filter takes. */
static void balance_answered(struct policy *policy, struct exchange *x)
{
    struct service *s = ((struct policy_balance *)policy)->service;
    struct upstream *u = x->instance;
    uint64_t now;
    double took, passed;

    if (s->policy->balancer != BALANCER_EWMA || !u)
        return;
    now = clock_now(x->clock);
    took = (double)(uv_hrtime() - x->sent_ns) / 1000;
    passed = (double)(now - u->ewma_at_ms);
    if (took > u->ewma_us)
        u->ewma_us = took;
    else
        u->ewma_us += (took - u->ewma_us) * passed / (passed + EWMA_DECAY_MS);
    u->ewma_at_ms = now;
}

static const struct policy_ops balance_ops = {
    .name = "balance",
    .prepare = balance_prepare,
    .outcome = balance_outcome,
    .answered = balance_answered,
};

void policy_balance_init(struct policy_balance *p, struct service *s)
{
    *p = (struct policy_balance){.policy.ops = &balance_ops, .service = s};
}
