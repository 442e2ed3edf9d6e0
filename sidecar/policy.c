#include "sidecar/policy.h"

/* A policy that held is asked again; one that passed or holds will be called on the way back. */
static enum verdict run(const struct chain *c, uint8_t *passed, struct cursor *at,
                        struct exchange *x, bool preparing)
{
    enum verdict v = PASS;

    if (at->holding) {
        *passed = (uint8_t)(at->holding - 1);
        at->holding = 0;
    }
    while (v == PASS && *passed < c->count) {
        struct policy *p = c->policies[*passed];
        enum verdict (*ask)(struct policy *, struct exchange *) =
            preparing ? p->ops->prepare : p->ops->admit;

        v = ask ? ask(p, x) : PASS;
        if (v == HOLD)
            at->holding = (uint8_t)(*passed + 1);
        if (v != DENY)
            ++*passed;
    }
    return v;
}

enum verdict chain_admit(const struct chain *c, struct cursor *at, struct exchange *x)
{
    return run(c, &at->admitted, at, x, false);
}

enum verdict chain_prepare(const struct chain *c, struct cursor *at, struct exchange *x)
{
    return run(c, &at->prepared, at, x, true);
}

void chain_settle(const struct chain *c, struct cursor *at, struct exchange *x)
{
    at->holding = 0;
    while (at->admitted > 0) {
        struct policy *p = c->policies[--at->admitted];

        if (p->ops->settle)
            p->ops->settle(p, x);
    }
}

void chain_outcome(const struct chain *c, struct cursor *at, struct exchange *x)
{
    at->holding = 0;
    while (at->prepared > 0) {
        struct policy *p = c->policies[--at->prepared];

        if (p->ops->outcome)
            p->ops->outcome(p, x);
    }
}

enum verdict chain_again(const struct chain *c, struct exchange *x)
{
    enum verdict worst = DENY;
    bool asked = false;

    for (unsigned i = 0; i < c->count; i++) {
        struct policy *p = c->policies[i];
        enum verdict v;

        if (!p->ops->again)
            continue;
        v = p->ops->again(p, x);
        if (v == DENY)
            return DENY;
        worst = asked && worst == HOLD ? HOLD : v;
        asked = true;
    }
    return worst;
}

void chain_progress(const struct chain *c, struct exchange *x)
{
    for (unsigned i = 0; i < c->count; i++)
        if (c->policies[i]->ops->progress)
            c->policies[i]->ops->progress(c->policies[i], x);
}

void chain_answered(const struct chain *c, struct exchange *x)
{
    for (unsigned i = 0; i < c->count; i++)
        if (c->policies[i]->ops->answered)
            c->policies[i]->ops->answered(c->policies[i], x);
}
