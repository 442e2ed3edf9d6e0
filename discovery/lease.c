#include "discovery/lease.h"

#include <stdlib.h>

#include "discovery/catalog_parts.h"
#include "discovery/lease_slot.h"

static void on_tell(struct timer *t);
static void on_late(struct timer *t);

static struct clock *clock_of(struct lease *l)
{
    return &l->catalog->loop->clock;
}

/* Callbacks never come from inside a call: always by the next turn. */
static void tell_soon(struct lease *l)
{
    if (!timer_active(&l->tell))
        timer_start(&l->tell, clock_of(l), 0);
}

static bool is_held(const struct lease *l)
{
    if (!l->wanted)
        return false;
    for (unsigned i = 0; i < l->count; i++)
        if (!l->slots[i]->member->leaving && !slot_is_held(l->slots[i]))
            return false;
    return true;
}

static bool is_gone(const struct lease *l)
{
    for (unsigned i = 0; i < l->count; i++)
        if (l->slots[i]->state != LEASE_ABSENT || l->slots[i]->waiting != OPERATION_NONE)
            return false;
    return true;
}

void lease_check(struct lease *l)
{
    if (is_held(l) != l->held || (l->stopping && is_gone(l)))
        tell_soon(l);
}

static void stopped(struct lease *l)
{
    l->stopping = false;
    timer_stop(&l->late, clock_of(l));
    l->events->stopped(l);
}

static void on_tell(struct timer *t)
{
    struct lease *l = container_of(t, struct lease, tell);
    bool held = is_held(l);

    if (held != l->held) {
        l->held = held;
        l->events->changed(l, held);
    }
    if (l->stopping && (is_gone(l) || l->given_up))
        stopped(l);
}

static void on_late(struct timer *t)
{
    struct lease *l = container_of(t, struct lease, late);

    l->given_up = true;
    tell_soon(l);
}

static bool has_slot(const struct lease *l, const struct member *m)
{
    for (unsigned i = 0; i < l->count; i++)
        if (l->slots[i]->member == m)
            return true;
    return false;
}

static enum err add_slot(struct lease *l, struct member *m)
{
    struct slot **slots = realloc(l->slots, (l->count + 1) * sizeof *slots);

    if (!slots)
        return ERR_NO_MEMORY;
    l->slots = slots;
    slots[l->count] = slot_new(l, m);
    if (!slots[l->count])
        return ERR_NO_MEMORY;
    l->count++;
    return ERR_OK;
}

static enum err add_slots(struct lease *l)
{
    enum err e = ERR_OK;

    for (unsigned i = 0; i < l->catalog->member_count && !e; i++) {
        struct member *m = l->catalog->members[i];

        if (member_can(m, REGISTRY_WRITES) && !has_slot(l, m))
            e = add_slot(l, m);
    }
    return e;
}

/* From the end: a slot that has done may drop out, and the last takes its place. */
static void drive_all(struct lease *l)
{
    for (unsigned i = l->count; i-- > 0;)
        slot_drive(l->slots[i]);
    lease_check(l);
}

void lease_follow_members(struct list *node)
{
    struct lease *l = container_of(node, struct lease, node);

    add_slots(l);
    for (unsigned i = 0; i < l->count; i++)
        if (l->slots[i]->member->leaving)
            slot_leave(l->slots[i]);
    drive_all(l);
}

void lease_drop_slot(struct lease *l, struct slot *s)
{
    unsigned at = 0;

    while (l->slots[at] != s)
        at++;
    l->slots[at] = l->slots[--l->count];
    slot_release(s);
    lease_check(l);
}

enum err lease_open(struct lease **out, struct catalog *c, const struct registration *r,
                    const struct lease_events *events, void *owner)
{
    struct lease *l = calloc(1, sizeof *l);
    enum err e;

    if (!l)
        return ERR_NO_MEMORY;
    l->catalog = c;
    l->events = events;
    l->owner = owner;
    list_init(&l->node);
    timer_init(&l->tell, on_tell);
    timer_init(&l->late, on_late);
    l->shared = shared_new(r);
    e = l->shared ? add_slots(l) : ERR_NO_MEMORY;
    if (e) {
        lease_free(l);
        return e;
    }
    list_push_back(&c->leases, &l->node);
    *out = l;
    return ERR_OK;
}

void *lease_owner(const struct lease *l)
{
    return l->owner;
}

const struct registration *lease_registration(const struct lease *l)
{
    return &l->shared->registration;
}

enum err lease_start(struct lease *l)
{
    l->wanted = true;
    l->stopping = l->given_up = false;
    timer_stop(&l->late, clock_of(l));
    drive_all(l);
    return ERR_OK;
}

void lease_claim(struct lease *l)
{
    for (unsigned i = 0; i < l->count; i++)
        l->slots[i]->exists = true;
}

void lease_stop(struct lease *l, uint64_t stop_ms)
{
    if (!l->wanted && l->stopping) {
        if (timer_active(&l->late) && l->late.due > clock_now(clock_of(l)) + stop_ms)
            timer_start(&l->late, clock_of(l), stop_ms);
        return;
    }
    l->wanted = false;
    l->stopping = true;
    timer_start(&l->late, clock_of(l), stop_ms);
    drive_all(l);
}

enum err lease_update(struct lease *l, const struct registration *r)
{
    struct shared *next = shared_new(r);

    if (!next)
        return ERR_NO_MEMORY;
    shared_unref(l->shared);
    l->shared = next;
    for (unsigned i = 0; i < l->count; i++)
        slot_update(l->slots[i]);
    drive_all(l);
    return ERR_OK;
}

enum lease_state lease_state(const struct lease *l, unsigned at, const char **why_text)
{
    const struct member *m = l->catalog->members[at];

    if (why_text)
        *why_text = "";
    for (unsigned i = 0; i < l->count; i++) {
        const struct slot *s = l->slots[i];

        if (s->member == m && why_text)
            *why_text = s->error;
        if (s->member == m)
            return s->state;
    }
    return LEASE_ABSENT;
}

const char *lease_state_name(enum lease_state s)
{
    static const char *const names[] = {
        [LEASE_ABSENT] = "absent",
        [LEASE_PUTTING] = "putting",
        [LEASE_HELD] = "held",
        [LEASE_RENEWING] = "renewing",
        [LEASE_BACKING_OFF] = "backing_off",
        [LEASE_REMOVING] = "removing",
    };

    return names[s];
}

void lease_free(struct lease *l)
{
    timer_stop(&l->tell, clock_of(l));
    timer_stop(&l->late, clock_of(l));
    list_remove(&l->node);
    for (unsigned i = 0; i < l->count; i++)
        slot_release(l->slots[i]);
    if (l->shared)
        shared_unref(l->shared);
    free(l->slots);
    free(l);
}
