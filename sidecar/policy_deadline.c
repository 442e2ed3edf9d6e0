#include "sidecar/policies.h"

static void on_deadline(struct timer *t)
{
    struct exchange *x = container_of(t, struct exchange, deadline);

    x->retry_reason = "deadline";
    exchange_fail(x, ERR_DEADLINE);
}

static void start(struct exchange *x)
{
    if (x->timeout_ms)
        timer_start(&x->deadline, x->clock, x->timeout_ms);
}

static enum verdict deadline_admit(struct policy *p, struct exchange *x)
{
    (void)p;
    timer_init(&x->deadline, on_deadline);
    start(x);
    return PASS;
}

static void deadline_progress(struct policy *p, struct exchange *x)
{
    (void)p;
    if (timer_active(&x->deadline))
        start(x);
}

static void deadline_stop(struct policy *p, struct exchange *x)
{
    (void)p;
    timer_stop(&x->deadline, x->clock);
}

static const struct policy_ops deadline_ops = {
    .name = "deadline",
    .admit = deadline_admit,
    .settle = deadline_stop,
    .progress = deadline_progress,
    .answered = deadline_stop,
};

void policy_deadline_init(struct policy_deadline *p)
{
    *p = (struct policy_deadline){.policy.ops = &deadline_ops};
}
