#include "discovery/gossip_members.h"

#include <stdlib.h>

#include "sidecar/core/logarithm.h"

enum { LATE_MS = 2000 };

static const char our_versions[GOSSIP_VERSIONS] = {1, 5, 4, 0, 0, 0};

static void on_timer(struct timer *t);

/* --- the table --- */

static void forget_suspectors(struct gossip_member *who)
{
    while (who->suspector_count > 0)
        free(who->suspectors[--who->suspector_count]);
}

static void member_free(struct gossip_member *who)
{
    timer_stop(&who->timer, who->members->clock);
    forget_suspectors(who);
    list_remove(&who->node);
    list_remove(&who->news);
    free(who->name);
    free(who->meta);
    free(who);
}

static struct gossip_member *member_new(struct gossip_members *m, struct slice name)
{
    struct gossip_member *who = calloc(1, sizeof *who);

    if (!who)
        return NULL;
    list_init(&who->node);
    list_init(&who->news);
    timer_init(&who->timer, on_timer);
    who->members = m;
    who->state = GOSSIP_IS_DEAD;
    who->since = clock_now(m->clock);
    who->name = slice_dup(name);
    if (who->name && !map_put(&m->by_name, slice_of(who->name), who))
        return who;
    member_free(who);
    return NULL;
}

static void member_drop(struct gossip_member *who)
{
    struct gossip_members *m = who->members;

    if (m->events->gone)
        m->events->gone(m, who);
    map_remove(&m->by_name, slice_of(who->name));
    member_free(who);
}

enum err gossip_members_init(struct gossip_members *m, struct slice name,
                             const struct address *address)
{
    list_init(&m->all);
    list_init(&m->news);
    m->self = member_new(m, name);
    if (!m->self)
        return ERR_NO_MEMORY;
    m->self->address = *address;
    m->self->incarnation = 1;
    m->self->state = GOSSIP_IS_ALIVE;
    memcpy(m->self->versions, our_versions, GOSSIP_VERSIONS);
    return ERR_OK;
}

void gossip_members_fini(struct gossip_members *m)
{
    struct list *node;

    if (!m->self)
        return;
    while ((node = list_pop_front(&m->all)))
        member_free(gossip_member_of(node));
    member_free(m->self);
    m->self = NULL;
    map_fini(&m->by_name);
}

struct gossip_member *gossip_members_find(const struct gossip_members *m,
                                          struct slice name)
{
    return map_get(&m->by_name, name);
}

/* With a full table the dead make room. */
static bool make_room(struct gossip_members *m)
{
    if (m->by_name.count <= GOSSIP_MEMBERS_LIMIT)
        return true;
    list_each(at, after, &m->all)
    {
        if (gossip_member_is_here(gossip_member_of(at)))
            continue;
        member_drop(gossip_member_of(at));
        return true;
    }
    return false;
}

static void complain(struct gossip_members *m, struct slice name, const char *reason)
{
    if (m->events->complain)
        m->events->complain(m, name, reason);
}

/* --- states --- */

static double ring_scale(const struct gossip_members *m)
{
    double scale = logarithm(m->alive + 1) / LOGARITHM_OF_10;

    return scale > 1 ? scale : 1;
}

static uint64_t suspicion_min(const struct gossip_members *m)
{
    return (uint64_t)(GOSSIP_SUSPICION_MULT * ring_scale(m) * GOSSIP_PROBE_MS);
}

/* From the longest to the shortest time with each other member that suspects it, too; who could? In a small ring
 * nobody. */
static uint64_t suspicion_ms(const struct gossip_member *who)
{
    struct gossip_members *m = who->members;
    double shortest = (double)suspicion_min(m);
    double longest = shortest * GOSSIP_SUSPICION_MAX_MULT;
    double confirmed = who->suspector_count ? who->suspector_count - 1 : 0;

    if (m->alive < GOSSIP_CONFIRMATIONS + 1)
        return (uint64_t)shortest;
    return (uint64_t)(longest - (longest - shortest) * logarithm(confirmed + 1) /
                                    logarithm(GOSSIP_CONFIRMATIONS + 1));
}

static void tell(struct gossip_member *who)
{
    who->told = 0;
    list_remove(&who->news);
    list_push_front(&who->members->news, &who->news);
}

static void set_timer(struct gossip_member *who, uint64_t ms)
{
    timer_stop(&who->timer, who->members->clock);
    who->due = clock_now(who->members->clock) + ms;
    if (ms)
        timer_start(&who->timer, who->members->clock, ms);
}

static void set_state(struct gossip_member *who, enum gossip_state state)
{
    struct gossip_members *m = who->members;
    enum gossip_state before = who->state;
    bool was_here = gossip_member_is_here(who);

    who->state = state;
    who->since = clock_now(m->clock);
    m->alive += (unsigned)gossip_member_is_here(who) - (unsigned)was_here;
    if (state != GOSSIP_IS_SUSPECT)
        forget_suspectors(who);
    if (state == GOSSIP_IS_ALIVE)
        set_timer(who, 0);
    else if (state != GOSSIP_IS_SUSPECT)
        set_timer(who, GOSSIP_FORGET_MS);
    tell(who);
    m->events->changed(m, who, before);
}

static void on_timer(struct timer *t)
{
    struct gossip_member *who = container_of(t, struct gossip_member, timer);

    if (who->state != GOSSIP_IS_SUSPECT)
        member_drop(who);
    else if (clock_now(who->members->clock) > who->due + LATE_MS)
        set_timer(who, suspicion_min(who->members)); /* it was us who stood still */
    else
        set_state(who, GOSSIP_IS_DEAD);
}

/* --- us --- */

void gossip_members_refute(struct gossip_members *m, uint32_t accused)
{
    struct gossip_member *self = m->self;

    if (m->leaving ||
        accused == UINT32_MAX) /* there is no higher one: nobody honest counts so far */
        return;
    self->incarnation = (accused > self->incarnation ? accused : self->incarnation) + 1;
    tell(self);
}

void gossip_members_introduce(struct gossip_members *m)
{
    tell(m->self);
}

void gossip_members_leave(struct gossip_members *m)
{
    m->leaving = true;
    m->self->state = GOSSIP_HAS_LEFT;
    tell(m->self);
}

/* Somebody repeats what we said, or has it wrong. */
static void hear_of_us(struct gossip_members *m, const struct gossip_message *said)
{
    struct gossip_message own = gossip_member_news(m->self);

    if (said->incarnation < own.incarnation)
        return;
    if (said->type == GOSSIP_ALIVE && said->incarnation == own.incarnation &&
        slice_equals(said->meta, own.meta) && slice_equals(said->versions, own.versions))
        return;
    if (said->type == GOSSIP_ALIVE && !slice_equals(said->address, own.address))
        complain(m, said->node, "somebody else has our name");
    gossip_members_refute(m, said->incarnation);
}

/* --- the others --- */

static bool versions_make_sense(struct slice v)
{
    return v.size < 3 || (v.base[0] > 0 && v.base[1] > 0 && v.base[0] <= v.base[1]);
}

static enum err take_meta(struct gossip_member *who, struct slice meta)
{
    char *copy = meta.size ? slice_dup(meta) : NULL;

    if (meta.size && !copy)
        return ERR_NO_MEMORY;
    free(who->meta);
    who->meta = copy;
    who->meta_size = meta.size;
    return ERR_OK;
}

static enum err take_alive(struct gossip_member *who, const struct gossip_message *said,
                           const struct address *address)
{
    bool moved = !address_equals(&who->address, address);
    enum err e = take_meta(who, said->meta);

    if (e)
        return e;
    memset(who->versions, 0, sizeof who->versions);
    memcpy(who->versions, said->versions.base ? said->versions.base : "",
           said->versions.size < GOSSIP_VERSIONS ? said->versions.size : GOSSIP_VERSIONS);
    who->address = *address;
    who->incarnation = said->incarnation;
    if (who->state != GOSSIP_IS_ALIVE || moved)
        set_state(who, GOSSIP_IS_ALIVE);
    else
        tell(who);
    return ERR_OK;
}

static enum err meet(struct gossip_members *m, const struct gossip_message *said,
                     const struct address *address)
{
    struct gossip_member *who;
    enum err e;

    if (!make_room(m)) {
        complain(m, said->node, "there are too many members");
        return ERR_OK;
    }
    who = member_new(m, said->node);
    if (!who)
        return ERR_NO_MEMORY;
    list_push_back(&m->all, &who->node);
    e = take_alive(who, said, address);
    if (e)
        member_drop(who);
    return e;
}

static enum err hear_alive(struct gossip_members *m, const struct gossip_message *said)
{
    struct gossip_member *who = gossip_members_find(m, said->node);
    struct address address;
    enum err e = gossip_address_read(&address, said->address, said->port);

    if (e || !versions_make_sense(said->versions) || said->meta.size > GOSSIP_META_LIMIT)
        return ERR_BAD_RECORD;
    if (!who)
        return meet(m, said, &address);
    if (gossip_member_is_here(who) && !address_equals(&who->address, &address)) {
        complain(m, said->node, "two members have this name");
        return ERR_OK;
    }
    if (said->incarnation <= who->incarnation && address_equals(&who->address, &address))
        return ERR_OK;
    return take_alive(who, said, &address);
}

/* Was it new? Each suspector counts once. */
static bool add_suspector(struct gossip_member *who, struct slice from)
{
    char *copy;

    for (unsigned i = 0; i < who->suspector_count; i++)
        if (slice_is(from, who->suspectors[i]))
            return false;
    if (who->suspector_count > GOSSIP_CONFIRMATIONS)
        return false;
    copy = slice_dup(from);
    if (copy)
        who->suspectors[who->suspector_count++] = copy;
    return copy;
}

static void be_suspicious(struct gossip_member *who, struct slice from)
{
    uint64_t passed, whole;

    if (!add_suspector(who, from))
        return;
    if (who->state != GOSSIP_IS_SUSPECT)
        set_state(who, GOSSIP_IS_SUSPECT);
    else
        tell(who);
    passed = clock_now(who->members->clock) - who->since;
    whole = suspicion_ms(who);
    set_timer(who, whole > passed ? whole - passed : 1);
}

static void hear_suspect(struct gossip_member *who, const struct gossip_message *said)
{
    if (!gossip_member_is_here(who))
        return;
    who->incarnation = said->incarnation;
    be_suspicious(who, said->from);
}

static void hear_dead(struct gossip_member *who, const struct gossip_message *said)
{
    bool left = said->from.size == 0 || slice_equals(said->from, said->node);

    if (!gossip_member_is_here(who))
        return;
    who->incarnation = said->incarnation;
    set_state(who, left ? GOSSIP_HAS_LEFT : GOSSIP_IS_DEAD);
}

enum err gossip_members_hear(struct gossip_members *m, const struct gossip_message *said)
{
    struct gossip_member *who;

    if (said->node.size == 0 || said->node.size > GOSSIP_NAME_LIMIT ||
        memchr(said->node.base, 0, said->node.size))
        return ERR_BAD_RECORD;
    who = gossip_members_find(m, said->node);
    if (who == m->self)
        hear_of_us(m, said);
    else if (said->type == GOSSIP_ALIVE)
        return hear_alive(m, said);
    else if (who && said->incarnation >= who->incarnation && said->type == GOSSIP_SUSPECT)
        hear_suspect(who, said);
    else if (who && said->incarnation >= who->incarnation)
        hear_dead(who, said);
    return ERR_OK;
}

/* A row that says "dead" is only a suspicion: whoever it is may still refute it. */
enum err gossip_members_merge(struct gossip_members *m, const struct gossip_message *row)
{
    static const enum gossip_type types[] = {
        [GOSSIP_IS_ALIVE] = GOSSIP_ALIVE,
        [GOSSIP_IS_SUSPECT] = GOSSIP_SUSPECT,
        [GOSSIP_IS_DEAD] = GOSSIP_SUSPECT,
        [GOSSIP_HAS_LEFT] = GOSSIP_DEAD,
    };
    struct gossip_message said = *row;

    if (row->state > GOSSIP_HAS_LEFT)
        return ERR_BAD_RECORD;
    said.type = types[row->state];
    said.from = row->state == GOSSIP_HAS_LEFT ? row->node : slice_of(m->self->name);
    return gossip_members_hear(m, &said);
}

void gossip_members_suspect(struct gossip_members *m, struct gossip_member *who)
{
    if (gossip_member_is_here(who))
        be_suspicious(who, slice_of(m->self->name));
}
