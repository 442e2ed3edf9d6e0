#include "sidecar/core/clock.h"

#include <time.h>

/* A tick's place is told by the highest group of 6 bits in which it differs from
 * `position`: that group's number is the level, its value the slot. So all occupied slots
 * of a level lie ahead of the position, the lowest occupied level holds what comes first,
 * and a timer's place stays right until the position reaches the first tick of its slot.
 */
enum {
    SLOT_BITS = 6,
    SLOT_MASK = CLOCK_SLOTS - 1,
    WHEEL_BITS = SLOT_BITS * CLOCK_LEVELS,
    ALL_SLOTS = CLOCK_LEVELS * CLOCK_SLOTS,
};

/* Silences wake(): no timer is due before it. */
enum { WAKE_NOT_NOW = 1 };

void clock_init(struct clock *c, uint64_t now, void (*wake)(struct clock *, uint64_t due))
{
    *c = (struct clock){.now = now, .wake = wake, .position = now};
    for (unsigned level = 0; level < CLOCK_LEVELS; level++)
        for (unsigned slot = 0; slot < CLOCK_SLOTS; slot++)
            list_init(&c->slots[level][slot]);
    list_init(&c->far);
}

static void place(struct clock *c, struct timer *t)
{
    unsigned bit = 63u - (unsigned)__builtin_clzll((t->due ^ c->position) | SLOT_MASK);
    unsigned level = bit / SLOT_BITS;
    unsigned slot;

    if (level >= CLOCK_LEVELS) {
        list_push_back(&c->far, &t->node);
        return;
    }
    slot = (unsigned)(t->due >> (level * SLOT_BITS)) & SLOT_MASK;
    list_push_back(&c->slots[level][slot], &t->node);
    c->occupied[level] |= UINT64_C(1) << slot;
}

static void ask(struct clock *c, uint64_t due)
{
    if (!c->wake || (c->wake_at && c->wake_at <= due))
        return;
    c->wake_at = due;
    c->wake(c, due);
}

static uint64_t slot_begin(const struct clock *c, unsigned level)
{
    unsigned shift = level * SLOT_BITS;
    uint64_t slot = (uint64_t)__builtin_ctzll(c->occupied[level]);

    return (c->position >> (shift + SLOT_BITS) << (shift + SLOT_BITS)) | slot << shift;
}

static uint64_t far_begin(const struct clock *c)
{
    return ((c->position >> WHEEL_BITS) + 1) << WHEEL_BITS;
}

uint64_t clock_next(const struct clock *c)
{
    for (unsigned level = 0; level < CLOCK_LEVELS; level++)
        if (c->occupied[level])
            return slot_begin(c, level);
    return list_empty(&c->far) ? UINT64_MAX : far_begin(c);
}

/* Takes out the timers that clock_next() spoke of. */
static void take_next(struct clock *c, struct list *taken)
{
    struct list *from = &c->far;

    for (unsigned level = 0; level < CLOCK_LEVELS && from == &c->far; level++) {
        if (!c->occupied[level])
            continue;
        from = &c->slots[level][__builtin_ctzll(c->occupied[level])];
        c->occupied[level] &= c->occupied[level] - 1;
    }
    list_insert_after(from, taken);
    list_remove(from);
}

static void fire_all(struct list *due)
{
    struct list *node;

    while ((node = list_pop_front(due))) {
        struct timer *t = container_of(node, struct timer, node);

        t->due = 0;
        t->fire(t);
    }
}

/* Moves to the first tick of the next slot. All of its timers that are due later get
 * their new place before any fires: one that a fire() starts must come behind them. */
static void step(struct clock *c, uint64_t tick)
{
    struct list due;

    take_next(c, &due);
    c->position = tick;
    list_each(node, after, &due)
    {
        struct timer *t = container_of(node, struct timer, node);

        if (t->due > tick) {
            list_remove(node);
            place(c, t);
        }
    }
    fire_all(&due);
}

static void fire_until(struct clock *c, uint64_t now)
{
    uint64_t next;

    while ((next = clock_next(c)) <= now)
        step(c, next);
    c->position = now;
}

/* A wake that is still to come is early enough for all: nothing fires before it. */
void clock_advance(struct clock *c, uint64_t now)
{
    bool woken = c->wake_at <= now;

    if (now > c->now)
        c->now = now;
    if (woken)
        c->wake_at = WAKE_NOT_NOW;
    fire_until(c, c->now);
    if (!woken)
        return;
    c->wake_at = 0;
    if (clock_next(c) != UINT64_MAX)
        ask(c, clock_next(c));
}

void timer_init(struct timer *t, void (*fire)(struct timer *t))
{
    *t = (struct timer){.fire = fire};
    list_init(&t->node);
}

static uint64_t due_after(const struct clock *c, uint64_t delay_ms)
{
    uint64_t due = c->now + delay_ms;

    if (due < delay_ms)
        return UINT64_MAX - 1;
    return due > c->position ? due : c->position + 1;
}

void timer_start(struct timer *t, struct clock *c, uint64_t delay_ms)
{
    timer_stop(t, c);
    t->due = due_after(c, delay_ms);
    place(c, t);
    ask(c, t->due);
}

void timer_stop(struct timer *t, struct clock *c)
{
    struct list *other = t->node.next;
    size_t slot = ((uintptr_t)other - (uintptr_t)c->slots) / sizeof(struct list);

    if (!timer_active(t))
        return;
    t->due = 0;
    list_remove(&t->node);
    /* The last of a list leaves its head alone: a slot's, or far, or that of step(). */
    if (list_empty(other) && slot < ALL_SLOTS)
        c->occupied[slot / CLOCK_SLOTS] &= ~(UINT64_C(1) << slot % CLOCK_SLOTS);
}

uint64_t clock_wall_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}
