#include "sidecar/service.h"

/* With no other attempt possible the deadline alone counts. */
static void on_try_timeout(struct timer *t)
{
    struct exchange *x = container_of(t, struct exchange, try_timer);

    if (exchange_may_retry(x))
        exchange_fail(x, ERR_TRY_TIMEOUT);
}

static enum verdict try_prepare(struct policy *policy, struct exchange *x)
{
    struct policy_try_timeout *p = (struct policy_try_timeout *)policy;

    timer_init(&x->try_timer, on_try_timeout);
    if (p->service->policy->try_timeout && x->retries_left > 0)
        timer_start(&x->try_timer, x->clock, p->service->policy->try_timeout);
    return PASS;
}

static void try_progress(struct policy *policy, struct exchange *x)
{
    struct policy_try_timeout *p = (struct policy_try_timeout *)policy;

    if (timer_active(&x->try_timer))
        timer_start(&x->try_timer, x->clock, p->service->policy->try_timeout);
}

static void try_stop(struct policy *policy, struct exchange *x)
{
    (void)policy;
    timer_stop(&x->try_timer, x->clock);
}

static const struct policy_ops try_timeout_ops = {
    .name = "try_timeout",
    .prepare = try_prepare,
    .outcome = try_stop,
    .progress = try_progress,
    .answered = try_stop,
};

void policy_try_timeout_init(struct policy_try_timeout *p, struct service *s)
{
    *p = (struct policy_try_timeout){.policy.ops = &try_timeout_ops, .service = s};
}
