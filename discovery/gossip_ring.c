/* Are we in the ring, alone, or cut off? A member that is cut off sees all others die, one after another. Before that it
 * hears nobody at all; or, where some are on its own host, its probes and the helpers of these fail. Both come sooner than
 * the first death: then nothing is believed any longer, and nobody's list shrinks. So it is when most die at once. */
#include "discovery/gossip_parts.h"
#include "sidecar/core/log.h"

enum {
    SILENT_S = 5,
    UNWELL =
        4, /* of GOSSIP_UNWELL_MAX: two probes in a row, and hardly a helper's word */
    LATELY_MS = 2 * 60 * 1000,
    LOOK_TICKS = 1000 / GOSSIP_TICK_MS,
};

static void stand(struct gossip *g, enum gossip_standing standing)
{
    if (g->standing == standing)
        return;
    g->standing = standing;
    g->names_due = true;
    if (standing == GOSSIP_IN)
        log_info("gossip.in", "members=%u", g->members.alive + 1);
    if (standing == GOSSIP_AWAY)
        gossip_watch_fail(g);
    gossip_turn_soon(g);
}

/* Who is not well himself pings less often, and so is heard of less. */
static bool is_cut_off(const struct gossip *g)
{
    return g->silent >= SILENT_S + 2 * g->probe.unwell;
}

bool gossip_ring_reaches(const struct gossip *g)
{
    return g->standing == GOSSIP_IN || (g->members.alive > 0 && !is_cut_off(g));
}

/* Who died lately, or is about to. */
static unsigned missing(struct gossip *g)
{
    uint64_t now = clock_now(gossip_clock(g));
    unsigned count = 0;

    list_each(at, after, &g->members.all)
    {
        const struct gossip_member *who = gossip_member_of(at);

        count += who->state == GOSSIP_IS_SUSPECT ||
                 (who->state == GOSSIP_IS_DEAD && now - who->since < LATELY_MS);
    }
    return count;
}

static unsigned suspects(const struct gossip *g)
{
    unsigned count = 0;

    list_each(at, after, &g->members.all)
    {
        count += gossip_member_of(at)->state == GOSSIP_IS_SUSPECT;
    }
    return count;
}

/* Says why, too. */
static bool is_in_doubt(struct gossip *g)
{
    unsigned gone = missing(g), alive = g->members.alive, here = alive - suspects(g);
    struct why w;

    why_init(&w);
    if (is_cut_off(g))
        why(&w, ERR_UNAVAILABLE, "none of %u members was heard for %u s", alive,
            g->silent);
    else if (g->probe.unwell >= UNWELL)
        why(&w, ERR_UNAVAILABLE,
            "several of %u members do not answer, nor do those that "
            "were to ask them: this host may be cut off",
            alive);
    else if (gone > here + 1)
        why(&w, ERR_UNAVAILABLE,
            "%u of %u members died or do not answer: this host may be cut off", gone,
            gone + here);
    else
        return false;
    g->trouble = ERR_UNAVAILABLE;
    g->why = w;
    return true;
}

static void look_alone(struct gossip *g)
{
    if (g->seeds.host_count == 0 || g->all_left || g->is_seed) {
        stand(g, GOSSIP_IN);
        return;
    }
    if (g->standing == GOSSIP_IN) {
        g->trouble = why(&g->why, ERR_UNAVAILABLE,
                         "no member of the ring is left, and no seed has answered yet");
        gossip_join_soon(g);
    }
    if (g->standing != GOSSIP_JOINING)
        stand(g, GOSSIP_AWAY);
}

void gossip_ring_look(struct gossip *g)
{
    if (g->is_closing)
        return;
    if (g->members.alive == 0) {
        look_alone(g);
    } else if (is_in_doubt(g)) {
        stand(g, GOSSIP_AWAY);
    } else {
        g->all_left = false;
        stand(g, GOSSIP_IN);
    }
}

void gossip_ring_heard(struct gossip *g)
{
    bool was_cut_off = is_cut_off(g);

    g->is_heard = true;
    g->silent = 0;
    if (was_cut_off)
        gossip_ring_look(g);
}

void gossip_ring_joined(struct gossip *g)
{
    g->silent = 0;
    if (g->standing == GOSSIP_JOINING && g->members.alive == 0)
        stand(g, GOSSIP_IN); /* only we are there */
    gossip_ring_look(g);
}

void gossip_ring_refused(struct gossip *g, enum err e, const struct why *w)
{
    if (g->members.alive > 0)
        return;
    g->trouble = e;
    g->why = *w;
    if (g->standing == GOSSIP_JOINING)
        stand(g, GOSSIP_AWAY);
    gossip_ring_look(g);
}

static void count_silence(struct gossip *g)
{
    if (g->is_heard || g->members.alive == 0)
        g->silent = 0;
    else
        g->silent++;
    g->is_heard = false;
    gossip_ring_look(g);
}

static void spread_news(struct gossip *g)
{
    struct gossip_member *to[GOSSIP_FANOUT];
    unsigned count = gossip_members_pick(&g->members, to, GOSSIP_FANOUT, true, NULL);

    for (unsigned i = 0; i < count && gossip_members_have_news(&g->members); i++)
        gossip_tell(g, to[i], NULL);
}

void gossip_ring_tick(struct gossip *g)
{
    spread_news(g);
    if (++g->look < LOOK_TICKS)
        return;
    g->look = 0;
    count_silence(g);
}
