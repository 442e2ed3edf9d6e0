#include "sidecar/policies.h"

#include "sidecar/settings.h"

void policies_init(struct policies *p, struct service *s)
{
    policy_deadline_init(&p->deadline);
    policy_limit_init(&p->limit);
    policy_retry_init(&p->retry, s);
    policy_balance_init(&p->balance, s);
    policy_try_timeout_init(&p->try_timeout, s);
    p->chain = (struct chain){
        .count = 5,
        .policies = {&p->deadline.policy, &p->limit.policy, &p->retry.policy,
                     &p->balance.policy, &p->try_timeout.policy},
    };
}

static uint32_t share(uint32_t whole, unsigned workers)
{
    return (whole + workers - 1) / workers;
}

void policies_configure(struct policies *p, const struct service_settings *settings,
                        unsigned workers)
{
    p->limit.in_flight_max = share(settings->limits.in_flight, workers);
    p->limit.waiting_max = share(settings->limits.waiting, workers);
    policy_limit_hand_over(&p->limit);
}
