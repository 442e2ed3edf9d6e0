#include "discovery/lease_slot.h"

#include <stdlib.h>

#include "sidecar/core/log.h"

enum { LEAVE_MS = 2000, HEARTBEAT_JITTER = 10 };

static void on_timer(struct timer *t);
static void on_late(struct timer *t);

struct shared *shared_new(const struct registration *r)
{
    struct shared *s = calloc(1, sizeof *s);
    struct instance i = registration_instance(r);

    if (!s)
        return NULL;
    s->references = 1;
    s->copy = instance_list_new(r->service, &i, 1);
    if (!s->copy) {
        free(s);
        return NULL;
    }
    s->registration = *r;
    s->registration.service = s->copy->service;
    s->registration.id = s->copy->instances->id;
    s->registration.version = s->copy->instances->version;
    s->registration.weight = i.weight;
    s->registration.metadata = s->copy->instances->metadata;
    s->registration.endpoints = s->copy->instances->endpoints;
    return s;
}

void shared_unref(struct shared *s)
{
    if (--s->references > 0)
        return;
    instance_list_unref(s->copy);
    free(s);
}

static struct clock *clock_of(struct slot *s)
{
    return &s->member->catalog->loop->clock;
}

struct slot *slot_new(struct lease *l, struct member *m)
{
    struct slot *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->lease = l;
    s->member = m;
    s->shared = l->shared;
    s->shared->references++;
    s->handle = (struct registry_lease){
        .registration = l->shared->registration, .registry = m->registry, .owner = s};
    list_init(&s->node);
    list_init(&s->handle.node);
    timer_init(&s->timer, on_timer);
    timer_init(&s->late, on_late);
    m->slots++;
    return s;
}

static void slot_free(struct slot *s)
{
    list_remove(&s->node);
    list_remove(&s->handle.node);
    shared_unref(s->shared);
    free(s);
}

bool slot_is_held(const struct slot *s)
{
    return s->state == LEASE_HELD || s->state == LEASE_RENEWING;
}

static bool is_wanted(const struct slot *s)
{
    return s->lease->wanted && !s->member->leaving;
}

static void wait_for(struct slot *s, uint64_t ms)
{
    timer_stop(&s->timer, clock_of(s));
    timer_start(&s->timer, clock_of(s), ms);
}

static void on_done(struct slot *s, enum operation op, enum err e, const struct why *why);

static enum err call(struct slot *s, enum operation op)
{
    const struct registry_ops *ops = s->member->registry->ops;

    switch (op) {
    case OPERATION_PUT:
        return ops->put(s->member->registry, &s->handle);
    case OPERATION_RENEW:
        return ops->renew(s->member->registry, &s->handle);
    case OPERATION_REMOVE:
        return ops->remove(s->member->registry, &s->handle);
    case OPERATION_NONE:
        break;
    }
    return ERR_OK;
}

static void begin(struct slot *s, enum operation op, enum lease_state state)
{
    enum err e;

    timer_stop(&s->timer, clock_of(s));
    s->state = state;
    s->waiting = op;
    s->member->asked = true;
    e = call(s, op);
    if (e && e != ERR_LATER) {
        s->waiting = OPERATION_NONE;
        on_done(s, op, e, NULL);
    }
}

static void drive_away(struct slot *s)
{
    if (s->exists) {
        begin(s, OPERATION_REMOVE, LEASE_REMOVING);
        return;
    }
    timer_stop(&s->timer, clock_of(s));
    s->state = LEASE_ABSENT;
    if (s->member->leaving)
        lease_drop_slot(s->lease, s);
}

void slot_drive(struct slot *s)
{
    bool rests = s->state == LEASE_BACKING_OFF && timer_active(&s->timer);

    if (s->waiting != OPERATION_NONE)
        return;
    if (!is_wanted(s))
        drive_away(s);
    else if (!slot_is_held(s) && !rests)
        begin(s, OPERATION_PUT, LEASE_PUTTING);
}

static void on_timer(struct timer *t)
{
    struct slot *s = container_of(t, struct slot, timer);

    if (s->state == LEASE_HELD)
        begin(s, OPERATION_RENEW, LEASE_RENEWING);
    else
        slot_drive(s);
}

static void held(struct slot *s)
{
    const struct registration *r = &s->shared->registration;

    if (s->state == LEASE_PUTTING)
        log_info("lease.held", "service=%s id=%s registry=%s", r->service, r->id,
                 member_url(s->member));
    s->exists = true;
    s->state = LEASE_HELD;
    s->failures = 0;
    s->error[0] = 0;
    wait_for(
        s, random_jitter(s->member->catalog->random, r->heartbeat_ms, HEARTBEAT_JITTER));
}

/* Another process, a restart or a pause of ours: the registry does not have it any more. */
static void lost(struct slot *s)
{
    log_warn("lease.lost", "service=%s id=%s registry=%s",
             s->shared->registration.service, s->shared->registration.id,
             member_url(s->member));
    s->exists = false;
    s->state = LEASE_ABSENT;
}

/* A put is no more to the registry than the renewal that would be due: once a heartbeat, however long it is away. */
static uint64_t backoff(struct slot *s)
{
    uint64_t wait = member_backoff(s->member, s->failures++);
    uint64_t heartbeat =
        random_jitter(s->member->catalog->random, s->shared->registration.heartbeat_ms,
                      HEARTBEAT_JITTER);

    return wait < heartbeat ? wait : heartbeat;
}

static void failed(struct slot *s, enum operation op, enum err e, const struct why *why)
{
    const char *text = why && why->text[0] ? why->text : err_text(e);
    char before[sizeof s->error];

    memcpy(before, s->error, sizeof before);
    log_quote(s->error, sizeof s->error, slice_of(text));
    log_line(strcmp(before, s->error) ? LOG_WARN : LOG_DEBUG, "lease.failed",
             "service=%s id=%s registry=%s state=%s reason=\"%s\"",
             s->shared->registration.service, s->shared->registration.id,
             member_url(s->member), lease_state_name(s->state), s->error);
    member_failed(s->member, e, why);
    s->exists = s->exists || (op == OPERATION_PUT && e == ERR_TIMEOUT);
    s->state = op == OPERATION_REMOVE ? LEASE_REMOVING : LEASE_BACKING_OFF;
    wait_for(s, backoff(s));
}

static void settle(struct slot *s, enum operation op, enum err e, const struct why *why)
{
    bool missing = e == ERR_NOT_FOUND && op != OPERATION_PUT;

    if (e && !missing) {
        failed(s, op, e, why);
        return;
    }
    member_heard(s->member);
    if (op == OPERATION_REMOVE) {
        s->exists = false;
        s->state = LEASE_ABSENT;
    } else if (missing) {
        lost(s);
    } else {
        held(s);
    }
}

/* What is held is put again: it stays in the registry meanwhile. */
void slot_update(struct slot *s)
{
    if (s->waiting != OPERATION_NONE || s->shared == s->lease->shared)
        return;
    shared_unref(s->shared);
    s->shared = s->lease->shared;
    s->shared->references++;
    s->handle.registration = s->shared->registration;
    if (slot_is_held(s))
        s->state = LEASE_ABSENT;
}

/* A removal that failed waits for its timer; all else may have to change course at once. */
static void on_done(struct slot *s, enum operation op, enum err e, const struct why *why)
{
    struct lease *l = s->lease;

    settle(s, op, e, why);
    slot_update(s);
    if (s->state != LEASE_REMOVING)
        slot_drive(s);
    lease_check(l);
}

/* The lease has gone, but a record of it may just have come to be. */
static void on_orphan_done(struct slot *s, enum operation op, enum err e)
{
    if (!e && op != OPERATION_REMOVE) {
        s->waiting = OPERATION_REMOVE;
        e = call(s, OPERATION_REMOVE);
        if (!e || e == ERR_LATER)
            return;
    }
    slot_free(s);
}

void lease_on_done(struct registry_lease *handle, enum err e, const struct why *why)
{
    struct slot *s = handle->owner;
    enum operation op = s->waiting;

    s->waiting = OPERATION_NONE;
    if (s->lease)
        on_done(s, op, e, why);
    else
        on_orphan_done(s, op, e);
}

void slot_leave(struct slot *s)
{
    if (!timer_active(&s->late))
        timer_start(&s->late, clock_of(s), LEAVE_MS);
}

static void on_late(struct timer *t)
{
    struct slot *s = container_of(t, struct slot, late);

    lease_drop_slot(s->lease, s);
}

void slot_release(struct slot *s)
{
    struct member *m = s->member;

    timer_stop(&s->timer, clock_of(s));
    timer_stop(&s->late, clock_of(s));
    s->lease = NULL;
    if (s->waiting == OPERATION_NONE)
        slot_free(s);
    else
        list_push_back(&m->orphans, &s->node);
    member_unuse(m);
}

void lease_free_orphan(struct list *node)
{
    slot_free(container_of(node, struct slot, node));
}
