/* policies.h - the policies there are, in the order in which they wrap a request:
 *
 *   deadline > limit > retry > balance > try_timeout
 *
 * Each has its state here and its code in policy_<name>.c; `policies` is what a service has of them.
 */
#ifndef SIDECAR_POLICIES_H
#define SIDECAR_POLICIES_H

#include "sidecar/policy.h"

struct service;
struct service_settings;

/* From the request's last byte sent to the final response head, retries included. */
struct policy_deadline {
    struct policy policy;
};

/* So many at once, so many waiting behind them in order of arrival, else ERR_OVERLOADED. */
struct policy_limit {
    struct policy policy;
    uint32_t in_flight_max, waiting_max;
    uint32_t in_flight, waiting;
    struct list queue;
};

/* Further attempts where they can help and not harm (docs/retries.md), within a budget: each request brings
 * `budget` percent of a token, each retry takes one; a few tokens a second come for free. */
struct policy_retry {
    struct policy policy;
    struct service *service;
    double tokens;
    uint64_t refilled_ms;
};

/* Picks the instance, and learns from the outcome. */
struct policy_balance {
    struct policy policy;
    struct service *service;
};

/* One attempt may take so long while another could follow. */
struct policy_try_timeout {
    struct policy policy;
    struct service *service;
};

struct policies {
    struct chain chain;
    struct policy_deadline deadline;
    struct policy_limit limit;
    struct policy_retry retry;
    struct policy_balance balance;
    struct policy_try_timeout try_timeout;
};

void policies_init(struct policies *p, struct service *s);
/* `settings` changed. */
void policies_configure(struct policies *p, const struct service_settings *settings,
                        unsigned workers);

void policy_deadline_init(struct policy_deadline *p);
void policy_limit_init(struct policy_limit *p);
/* There are free slots, perhaps: to those who wait longest. */
void policy_limit_hand_over(struct policy_limit *p);
void policy_retry_init(struct policy_retry *p, struct service *s);
void policy_balance_init(struct policy_balance *p, struct service *s);
void policy_try_timeout_init(struct policy_try_timeout *p, struct service *s);

#endif
