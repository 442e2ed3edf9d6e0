/* Tries again when another attempt can help and cannot harm. */
#include "sidecar/service.h"

enum {
    BUDGET_START = 10, /* tokens of a service nobody called yet */
    BUDGET_LIMIT = 100,
};

static void on_backed_off(struct timer *t)
{
    exchange_on(container_of(t, struct exchange, hold), EV_RESUMED);
}

/* A quiet service always has its minimum. */
static void refill(struct policy_retry *p, uint64_t now)
{
    double least = p->service->policy->retries.budget_min;
    double gained = (double)(now - p->refilled_ms) * least / 1000;

    p->refilled_ms = now;
    if (p->tokens < least)
        p->tokens = p->tokens + gained < least ? p->tokens + gained : least;
}

static enum verdict retry_admit(struct policy *policy, struct exchange *x)
{
    struct policy_retry *p = (struct policy_retry *)policy;

    (void)x;
    p->tokens += p->service->policy->retries.budget / 100.0;
    if (p->tokens > BUDGET_LIMIT)
        p->tokens = BUDGET_LIMIT;
    return PASS;
}

static void retry_settle(struct policy *policy, struct exchange *x)
{
    (void)policy;
    timer_stop(&x->hold, x->clock);
}

static bool is_harmless(const struct exchange *x)
{
    switch (err_again(x->error)) {
    case AGAIN_ALWAYS:
        return true;
    case AGAIN_IF_IDEMPOTENT:
        return x->idempotent || !x->sent;
    case AGAIN_NEVER:
        break;
    }
    return false;
}

/* Why there is no further attempt, or NULL: there may be one. The words stand in the access log. */
static const char *reason_against(const struct exchange *x)
{
    if (err_again(x->error) == AGAIN_NEVER)
        return x->error == ERR_DEADLINE ? "deadline" : "not_retryable";
    if (!is_harmless(x))
        return "not_idempotent";
    if (x->body_lost)
        return "body_not_kept";
    if (x->pinned.size)
        return "pinned";
    return x->retries_left == 0 ? "retries_used_up" : NULL;
}

static bool is_other_left(const struct exchange *x)
{
    return service_count(x->service) > x->tried_count;
}

/* Never sent and others to try: at once. Else full jitter, doubling. */
static uint64_t back_off(struct policy_retry *p, const struct exchange *x)
{
    const struct retry_settings *s = &p->service->policy->retries;
    unsigned n = x->attempts < 16 ? x->attempts - (x->attempts > 0) : 15;
    uint64_t most = s->backoff << n < s->backoff_max ? s->backoff << n : s->backoff_max;

    if (x->retry_after_ms)
        return x->retry_after_ms;
    if (err_again(x->error) == AGAIN_ALWAYS && is_other_left(x))
        return 0;
    return most ? random_below(p->service->random, (uint32_t)most + 1) : 0;
}

static bool fits_deadline(const struct exchange *x, uint64_t delay)
{
    return !timer_active(&x->deadline) || clock_now(x->clock) + delay < x->deadline.due;
}

/* Where an attempt could not have helped anyway there is nothing to tell. */
static enum verdict deny(struct exchange *x, const char *reason)
{
    x->retry_reason =
        err_blame(x->error) == BLAME_UPSTREAM && x->instance ? reason : NULL;
    return DENY;
}

static enum verdict retry_again(struct policy *policy, struct exchange *x)
{
    struct policy_retry *p = (struct policy_retry *)policy;
    const char *reason = reason_against(x);
    uint64_t delay;

    if (reason)
        return deny(x, reason);
    delay = back_off(p, x);
    if (!fits_deadline(x, delay))
        return deny(x, "deadline");
    refill(p, clock_now(x->clock));
    if (p->tokens < 1) {
        p->service->stats.retries_denied_budget++;
        return deny(x, "budget");
    }
    p->tokens -= 1;
    x->retries_left--;
    p->service->stats.retries++;
    if (delay == 0)
        return PASS;
    timer_init(&x->hold, on_backed_off);
    timer_start(&x->hold, x->clock, delay);
    return HOLD;
}

static const struct policy_ops retry_ops = {
    .name = "retry",
    .admit = retry_admit,
    .settle = retry_settle,
    .again = retry_again,
};

void policy_retry_init(struct policy_retry *p, struct service *s)
{
    *p = (struct policy_retry){
        .policy.ops = &retry_ops, .service = s, .tokens = BUDGET_START};
}
