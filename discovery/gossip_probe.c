#include "discovery/gossip_probe.h"

enum { LATE_MS = 1000, NACK_VERSION = 4, TCP_VERSION = 3 };

static struct clock *clock_of(struct gossip_probe *p)
{
    return p->members->clock;
}

static bool knows(const struct gossip_member *who, unsigned version)
{
    return (unsigned char)who->versions[1] >= version;
}

static uint64_t interval(const struct gossip_probe *p)
{
    return (uint64_t)GOSSIP_PROBE_MS * (p->unwell + 1);
}

static void feel(struct gossip_probe *p, int change)
{
    int unwell = (int)p->unwell + change;

    p->unwell = unwell < 0                   ? 0
                : unwell > GOSSIP_UNWELL_MAX ? GOSSIP_UNWELL_MAX
                                             : (unsigned)unwell;
}

/* --- ours --- */

/* Whoever was asked goes to the end: all have their turn. */
static struct gossip_member *next_target(struct gossip_members *m)
{
    unsigned left = m->by_name.count;
    struct list *node;

    while (left-- > 0 && (node = list_pop_front(&m->all))) {
        list_push_back(&m->all, node);
        if (gossip_member_is_here(gossip_member_of(node)))
            return gossip_member_of(node);
    }
    return NULL;
}

static struct gossip_message ping_of(const struct gossip_probe *p)
{
    return (struct gossip_message){.type = GOSSIP_PING,
                                   .sequence = p->target_sequence,
                                   .node = slice_of(p->target->name)};
}

static void begin(struct gossip_probe *p)
{
    struct gossip_message ping;

    p->target = next_target(p->members);
    if (!p->target) {
        p->unwell = 0; /* there is nobody to judge by */
        return;
    }
    p->target_sequence = ++p->sequence;
    p->helpers = p->nacks = 0;
    ping = ping_of(p);
    p->ops->send(p, &p->target->address, &ping);
    timer_start(&p->patience, clock_of(p), GOSSIP_PROBE_TIMEOUT_MS);
}

static void ask_helpers(struct gossip_probe *p)
{
    struct gossip_member *helpers[GOSSIP_PROBE_HELPERS];
    unsigned count =
        gossip_members_pick(p->members, helpers, GOSSIP_PROBE_HELPERS, false, p->target);
    struct gossip_message ask = ping_of(p);

    ask.type = GOSSIP_ASK;
    ask.address = gossip_address_bytes(&p->target->address);
    ask.port = address_port(&p->target->address);
    for (unsigned i = 0; i < count; i++) {
        ask.nack = knows(helpers[i], NACK_VERSION);
        p->helpers += ask.nack;
        p->ops->send(p, &helpers[i]->address, &ask);
    }
}

static void on_patience(struct timer *t)
{
    struct gossip_probe *p = container_of(t, struct gossip_probe, patience);
    struct gossip_message ping;

    if (!p->target)
        return;
    ping = ping_of(p);
    ask_helpers(p);
    if (knows(p->target, TCP_VERSION))
        p->ops->ping_by_tcp(p, &p->target->address, &ping);
}

/* Helpers who did not even say that they had no answer: then it may be us. */
static void conclude(struct gossip_probe *p)
{
    struct gossip_member *target = p->target;

    p->target = NULL;
    if (!target || clock_now(clock_of(p)) > p->deadline + LATE_MS)
        return;
    feel(p, p->helpers ? (int)(p->helpers - p->nacks) : 1);
    gossip_members_suspect(p->members, target);
}

static void on_next(struct timer *t)
{
    struct gossip_probe *p = container_of(t, struct gossip_probe, next);

    timer_stop(&p->patience, clock_of(p));
    conclude(p);
    begin(p);
    p->deadline = clock_now(clock_of(p)) + interval(p);
    timer_start(&p->next, clock_of(p), interval(p));
}

void gossip_probe_acked(struct gossip_probe *p, uint32_t sequence)
{
    if (!p->target || sequence != p->target_sequence)
        return;
    p->target = NULL;
    timer_stop(&p->patience, clock_of(p));
    feel(p, -1);
}

/* --- others' --- */

static struct gossip_relay *relay_find(struct gossip_probe *p, uint32_t sequence)
{
    for (unsigned i = 0; i < GOSSIP_RELAYS; i++)
        if (timer_active(&p->relays[i].timer) && p->relays[i].sequence == sequence)
            return &p->relays[i];
    return NULL;
}

static struct gossip_relay *relay_free(struct gossip_probe *p)
{
    for (unsigned i = 0; i < GOSSIP_RELAYS; i++)
        if (!timer_active(&p->relays[i].timer))
            return &p->relays[i];
    return NULL;
}

static void relay_answer(struct gossip_relay *r, enum gossip_type type)
{
    struct gossip_message m = {.type = type, .sequence = r->theirs};

    r->probe->ops->send(r->probe, &r->asker, &m);
}

static void on_relay_late(struct timer *t)
{
    struct gossip_relay *r = container_of(t, struct gossip_relay, timer);

    if (r->nack)
        relay_answer(r, GOSSIP_NACK);
}

static void hear_ask(struct gossip_probe *p, const struct address *from,
                     const struct gossip_message *m)
{
    struct gossip_relay *r = relay_free(p);
    struct gossip_message ping = {.type = GOSSIP_PING, .node = m->node};
    struct address to;

    /* Members only: a stranger's packets are sent by nobody. */
    if (!r || gossip_address_read(&to, m->address, m->port) ||
        !gossip_members_at(p->members, &to))
        return;
    r->asker = *from;
    r->theirs = m->sequence;
    r->nack = m->nack;
    r->sequence = ping.sequence = ++p->sequence;
    timer_start(&r->timer, clock_of(p), GOSSIP_PROBE_TIMEOUT_MS);
    p->ops->send(p, &to, &ping);
}

static void hear_ping(struct gossip_probe *p, const struct address *from,
                      const struct gossip_message *m)
{
    struct gossip_message ack = {.type = GOSSIP_ACK, .sequence = m->sequence};

    if (m->node.size == 0 || slice_is(m->node, p->members->self->name))
        p->ops->send(p, from, &ack);
}

static void hear_ack(struct gossip_probe *p, uint32_t sequence)
{
    struct gossip_relay *r = relay_find(p, sequence);

    gossip_probe_acked(p, sequence);
    if (!r)
        return;
    timer_stop(&r->timer, clock_of(p));
    relay_answer(r, GOSSIP_ACK);
}

void gossip_probe_hear(struct gossip_probe *p, const struct address *from,
                       const struct gossip_message *m)
{
    if (m->type == GOSSIP_PING)
        hear_ping(p, from, m);
    else if (m->type == GOSSIP_ASK)
        hear_ask(p, from, m);
    else if (m->type == GOSSIP_ACK)
        hear_ack(p, m->sequence);
    else if (p->target && m->sequence == p->target_sequence && p->nacks < p->helpers)
        p->nacks++;
}

void gossip_probe_forget(struct gossip_probe *p, const struct gossip_member *who)
{
    if (p->target == who)
        p->target = NULL;
}

/* --- life --- */

void gossip_probe_start(struct gossip_probe *p)
{
    timer_init(&p->next, on_next);
    timer_init(&p->patience, on_patience);
    for (unsigned i = 0; i < GOSSIP_RELAYS; i++) {
        p->relays[i].probe = p;
        timer_init(&p->relays[i].timer, on_relay_late);
    }
    p->sequence = (uint32_t)random_next(p->members->random);
    timer_start(&p->next, clock_of(p), random_below(p->members->random, GOSSIP_PROBE_MS));
}

void gossip_probe_stop(struct gossip_probe *p)
{
    timer_stop(&p->next, clock_of(p));
    timer_stop(&p->patience, clock_of(p));
    for (unsigned i = 0; i < GOSSIP_RELAYS; i++)
        timer_stop(&p->relays[i].timer, clock_of(p));
    p->target = NULL;
}
