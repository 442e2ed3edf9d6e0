#include "sidecar/drain.h"

enum {
    DEREGISTER_MS = 2000, /* for the registries to hear of it */
    BUSY_LOOK_MS = 10,
    KILL_GRACE_MS = 500, /* after `finish`, between SIGKILL and giving up on the child */
};

static void finished(struct drain *d)
{
    if (d->state == DRAIN_DONE)
        return;
    d->state = DRAIN_DONE;
    timer_stop(&d->timer, d->clock);
    d->ops->done(d->owner);
}

static bool is_late(const struct drain *d)
{
    return clock_now(d->clock) >= d->finish_by_ms;
}

/* Looks again and again: requests end on other threads. */
static void look(struct drain *d)
{
    if (d->ops->busy(d->owner) == 0 || is_late(d))
        finished(d);
    else
        timer_start(&d->timer, d->clock, BUSY_LOOK_MS);
}

static void enter_finishing(struct drain *d)
{
    d->state = DRAIN_FINISHING;
    d->ops->finish(d->owner);
    look(d);
}

/* The clock of `finish` starts here: with the child's signal, or at once where there is none. */
static void enter_stopping(struct drain *d)
{
    d->finish_by_ms = clock_now(d->clock) + d->finish_ms;
    if (!d->ops->has_child(d->owner)) {
        enter_finishing(d);
        return;
    }
    d->state = DRAIN_STOPPING_CHILD;
    d->ops->stop_child(d->owner, false);
    timer_start(&d->timer, d->clock, d->finish_ms);
}

static void enter_settling(struct drain *d)
{
    if (d->child_has_gone) { /* nobody is left whom callers could reach */
        d->finish_by_ms = clock_now(d->clock) + d->finish_ms;
        enter_finishing(d);
        return;
    }
    d->state = DRAIN_SETTLING;
    timer_start(&d->timer, d->clock, d->settle_ms);
}

/* It did not go by itself: kill it, and don't wait for long. */
static void child_is_late(struct drain *d)
{
    if (clock_now(d->clock) >= d->finish_by_ms + KILL_GRACE_MS) {
        finished(d);
        return;
    }
    d->ops->stop_child(d->owner, true);
    timer_start(&d->timer, d->clock, KILL_GRACE_MS);
}

static void on_timer(struct timer *t)
{
    struct drain *d = container_of(t, struct drain, timer);

    switch (d->state) {
    case DRAIN_DEREGISTERING:
        enter_settling(d);
        return;
    case DRAIN_SETTLING:
        enter_stopping(d);
        return;
    case DRAIN_STOPPING_CHILD:
        child_is_late(d);
        return;
    case DRAIN_FINISHING:
        look(d);
        return;
    case DRAIN_RUNNING:
    case DRAIN_DONE:
        return;
    }
}

void drain_init(struct drain *d, struct clock *clock, const struct drain_ops *ops,
                void *owner)
{
    *d = (struct drain){.ops = ops, .owner = owner, .clock = clock};
    timer_init(&d->timer, on_timer);
}

void drain_start(struct drain *d, uint64_t settle_ms, uint64_t finish_ms)
{
    if (d->state != DRAIN_RUNNING)
        return;
    d->state = DRAIN_DEREGISTERING;
    d->settle_ms = settle_ms;
    d->finish_ms = finish_ms;
    timer_start(&d->timer, d->clock, DEREGISTER_MS);
    d->ops->deregister(d->owner, DEREGISTER_MS);
}

void drain_deregistered(struct drain *d)
{
    if (d->state == DRAIN_DEREGISTERING)
        enter_settling(d);
}

void drain_child_gone(struct drain *d)
{
    switch (d->state) {
    case DRAIN_DEREGISTERING:
        d->child_has_gone = true;
        return;
    case DRAIN_SETTLING:
        d->finish_by_ms = clock_now(d->clock) + d->finish_ms;
        enter_finishing(d);
        return;
    case DRAIN_STOPPING_CHILD:
        enter_finishing(d);
        return;
    case DRAIN_RUNNING:
    case DRAIN_FINISHING:
    case DRAIN_DONE:
        return;
    }
}

void drain_now(struct drain *d)
{
    if (d->state != DRAIN_DONE && d->ops->has_child(d->owner))
        d->ops->stop_child(d->owner, true);
    finished(d);
}

bool drain_is_on(const struct drain *d)
{
    return d->state != DRAIN_RUNNING;
}

const char *drain_state_name(enum drain_state s)
{
    static const char *const names[] = {
        [DRAIN_RUNNING] = "running",     [DRAIN_DEREGISTERING] = "deregistering",
        [DRAIN_SETTLING] = "settling",   [DRAIN_STOPPING_CHILD] = "stopping_child",
        [DRAIN_FINISHING] = "finishing", [DRAIN_DONE] = "done",
    };

    return names[s];
}
