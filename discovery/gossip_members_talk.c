/* Whom to speak to, and what to tell. */
#include "discovery/gossip_members.h"

static bool is_at(const struct gossip_member *who, const struct address *a, bool any_port)
{
    struct address with_port = *a;

    if (any_port)
        address_set_port(&with_port, address_port(&who->address));
    return gossip_member_is_here(who) && address_equals(&who->address, &with_port);
}

struct gossip_member *gossip_members_at(const struct gossip_members *m,
                                        const struct address *a)
{
    bool any_port = address_port(a) == 0;
    struct gossip_member *found = NULL;

    for (struct list *at = m->all.next; at != &m->all; at = at->next) {
        if (!is_at(gossip_member_of(at), a, any_port))
            continue;
        if (found)
            return NULL;
        found = gossip_member_of(at);
    }
    return found;
}

bool gossip_members_on_host(const struct gossip_members *m, const struct address *host)
{
    for (struct list *at = m->all.next; at != &m->all; at = at->next)
        if (is_at(gossip_member_of(at), host, true))
            return true;
    return false;
}

static bool is_to_hear(const struct gossip_member *who, bool with_dead)
{
    uint64_t now = clock_now(who->members->clock);

    return gossip_member_is_here(who) || (with_dead && who->state == GOSSIP_IS_DEAD &&
                                          now - who->since < GOSSIP_TELL_DEAD_MS);
}

/* Each has the same chance, in one pass (reservoir sampling). */
unsigned gossip_members_pick(struct gossip_members *m, struct gossip_member **out,
                             unsigned count, bool with_dead,
                             const struct gossip_member *but)
{
    unsigned seen = 0;

    list_each(at, after, &m->all)
    {
        struct gossip_member *who = gossip_member_of(at);
        uint32_t place;

        if (who == but || !is_to_hear(who, with_dead))
            continue;
        place = seen < count ? seen : random_below(m->random, seen + 1);
        if (place < count)
            out[place] = who;
        seen++;
    }
    return seen < count ? seen : count;
}

struct gossip_member *gossip_members_pick_dead(struct gossip_members *m)
{
    struct gossip_member *found = NULL;
    unsigned seen = 0;

    list_each(at, after, &m->all)
    {
        if (gossip_member_of(at)->state == GOSSIP_IS_DEAD &&
            random_below(m->random, ++seen) == 0)
            found = gossip_member_of(at);
    }
    return found;
}

/* --- news --- */

struct gossip_message gossip_member_row(const struct gossip_member *who)
{
    return (struct gossip_message){
        .type = GOSSIP_NODE,
        .node = slice_of(who->name),
        .state = who->state,
        .incarnation = who->incarnation,
        .address = gossip_address_bytes(&who->address),
        .port = address_port(&who->address),
        .meta = {who->meta,     who->meta_size },
        .versions = {who->versions, GOSSIP_VERSIONS},
    };
}

struct gossip_message gossip_member_news(const struct gossip_member *who)
{
    static const enum gossip_type types[] = {
        [GOSSIP_IS_ALIVE] = GOSSIP_ALIVE,
        [GOSSIP_IS_SUSPECT] = GOSSIP_SUSPECT,
        [GOSSIP_IS_DEAD] = GOSSIP_DEAD,
        [GOSSIP_HAS_LEFT] = GOSSIP_DEAD,
    };
    struct gossip_message news = gossip_member_row(who);

    news.type = types[who->state];
    news.from =
        slice_of(who->state == GOSSIP_HAS_LEFT ? who->name
                 : who->suspector_count        ? who->suspectors[who->suspector_count - 1]
                                               : who->members->self->name);
    return news;
}

/* For each digit of the ring's size: ceil(log10(alive + 2)) of them. */
static unsigned tell_limit(const struct gossip_members *m)
{
    unsigned digits = 1;

    for (unsigned rest = (m->alive + 1) / 10; rest > 0; rest /= 10)
        digits++;
    return GOSSIP_RETRANSMITS * digits;
}

bool gossip_members_have_news(const struct gossip_members *m)
{
    return !list_empty(&m->news);
}

/* Those just told go to the end: what is told least stands in front. */
void gossip_members_news(struct gossip_members *m, struct gossip_compound *c)
{
    unsigned limit = tell_limit(m);
    struct list told, *node;

    list_init(&told);
    while (!list_empty(&m->news)) {
        struct gossip_member *who =
            container_of(m->news.next, struct gossip_member, news);
        struct gossip_message news = gossip_member_news(who);

        if (!gossip_compound_add(c, &news))
            break;
        list_remove(&who->news);
        if (++who->told < limit)
            list_push_back(&told, &who->news);
    }
    while ((node = list_pop_front(&told)))
        list_push_back(&m->news, node);
}
