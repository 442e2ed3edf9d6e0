/* Push/pull: two members give each other all they know. With the seeds as long as we are alone; later from time to time
 * with a seed that is no member (it was started anew), with one of the dead (a ring that was split heals), and with
 * one of the living (what got lost on the way). */
#include "discovery/gossip_parts.h"
#include "discovery/gossip_user_state.h"
#include "sidecar/core/log.h"

enum {
    FIRST_MS = 1000,
    ALONE_MAX_MS = 15 * 1000,
    HEAL_MS = 30 * 1000,
    SEED_MS = 3000, /* for an answer */
    JITTER = 20,
    SMALL_RING = 32, /* bigger ones heal less often, as memberlist does */
};

/* --- what we say --- */

static void write_rows(struct text *out, const struct gossip_members *m)
{
    struct gossip_message row = gossip_member_row(m->self);

    gossip_body_write(out, &row);
    for (struct list *at = m->all.next; at != &m->all; at = at->next) {
        row = gossip_member_row(gossip_member_of(at));
        gossip_body_write(out, &row);
    }
}

static void write_push_pull(struct gossip *g, struct text *out, bool join,
                            bool with_records)
{
    struct gossip_message head = {.type = GOSSIP_PUSH_PULL, .join = join};
    struct text state;

    text_init(&state, GOSSIP_STATE_LIMIT);
    if (with_records)
        gossip_user_state_write(&state, &g->records, g->members.self->name);
    head.nodes = g->members.by_name.count;
    head.size = state.failed ? 0 : (uint32_t)state.size;
    gossip_message_write(out, &head);
    write_rows(out, &g->members);
    if (head.size)
        text_add(out, text_slice(&state));
    text_fini(&state);
}

/* --- what they say --- */

/* Rings of other applications (serf) refuse who does not speak their version of theirs. We speak none, and so any. */
static bool adopt_versions(struct gossip *g, const struct gossip_message *row)
{
    char *ours = g->members.self->versions + 3;

    if (g->has_adopted || row->state != GOSSIP_IS_ALIVE ||
        row->versions.size < GOSSIP_VERSIONS ||
        memcmp(ours, row->versions.base + 3, 3) == 0 ||
        slice_is(row->node, g->members.self->name))
        return false;
    memcpy(ours, row->versions.base + 3, 3);
    g->has_adopted = true;
    gossip_members_refute(&g->members, 0);
    return true;
}

/* Returns whether we have to say again who we are. */
static bool merge(struct gossip *g, const struct address *from,
                  struct gossip_heard *heard)
{
    bool alone = g->members.alive == 0, again = false;
    struct gossip_message row;
    enum err e;

    while ((e = gossip_row_read(heard, &row)) == ERR_OK) {
        again |= alone && adopt_versions(g, &row);
        if (gossip_members_merge(&g->members, &row))
            gossip_complain(g, from, row.node,
                            "a row of its member table makes no sense");
    }
    if (e != ERR_NOT_FOUND)
        gossip_complain(g, from, SLICE("(push/pull)"), err_text(e));
    return again;
}

void gossip_join_answer(struct gossip *g, struct gossip_exchange *x,
                        struct gossip_heard *heard)
{
    bool join = heard->message.join;
    struct text out;

    text_init(&out, GOSSIP_STREAM_LIMIT);
    write_push_pull(g, &out, join, join);
    if (!out.failed)
        gossip_exchange_reply(x, text_slice(&out));
    text_fini(&out);
    merge(g, &x->peer, heard);
    gossip_hear_state(g, &x->peer, heard->user, NULL);
}

/* --- rounds --- */

static void round_after(struct gossip *g, uint64_t ms)
{
    timer_stop(&g->round, gossip_clock(g));
    timer_start(&g->round, gossip_clock(g), random_jitter(g->base.random, ms, JITTER));
}

static unsigned doublings(unsigned size)
{
    unsigned count = 0;

    for (unsigned n = SMALL_RING; n < size; n *= 2)
        count++;
    return count;
}

/* At first in quick succession: who has just come knows little. */
static uint64_t heal_ms(const struct gossip *g)
{
    unsigned size = g->members.alive + 1;

    if (g->rounds_in < 5)
        return (uint64_t)FIRST_MS << g->rounds_in;
    return HEAL_MS * (uint64_t)(1 + doublings(size));
}

static uint64_t alone_ms(const struct gossip *g)
{
    uint64_t ms = (uint64_t)FIRST_MS << (g->rounds_failed < 5 ? g->rounds_failed : 5);

    return ms < ALONE_MAX_MS ? ms : ALONE_MAX_MS;
}

static void end_round(struct gossip *g)
{
    if (g->round_joined)
        gossip_ring_joined(g);
    if (g->round_joined || g->members.alive > 0) {
        g->rounds_failed = 0;
        round_after(g, heal_ms(g));
        g->rounds_in++;
        return;
    }
    round_after(g, alone_ms(g));
    g->rounds_failed++;
    g->rounds_in = 0;
    gossip_ring_refused(g, g->round_error ? g->round_error : ERR_UNAVAILABLE,
                        &g->round_why);
}

/* A key that does not fit says more than a seed that is away. */
static void note_failure(struct gossip *g, enum err e, const struct why *w)
{
    if (g->round_error && (e != ERR_DENIED || g->round_error == ERR_DENIED))
        return;
    g->round_error = e == ERR_DENIED ? e : ERR_UNAVAILABLE;
    g->round_why = *w;
}

static void on_seed_answered(struct gossip_exchange *x, enum err e,
                             struct gossip_heard *heard)
{
    struct gossip *g = x->request.owner;
    bool again = false;

    if (!e && heard->message.type != GOSSIP_PUSH_PULL)
        e = ERR_BAD_RECORD;
    if (e) {
        note_failure(g, e, &x->why);
    } else {
        g->round_joined = true;
        gossip_ring_heard(g);
        again = merge(g, &x->peer, heard);
        gossip_members_introduce(&g->members);
        gossip_hear_state(g, &x->peer, heard->user, NULL);
    }
    if (--g->pending == 0)
        end_round(g);
    if (again)
        round_after(g, 0);
}

/* `r` says whom, and what then. */
static enum err talk(struct gossip *g, struct gossip_request r, bool with_records)
{
    struct text out;
    enum err e = ERR_NO_MEMORY;

    text_init(&out, GOSSIP_STREAM_LIMIT);
    write_push_pull(g, &out, true, with_records);
    r.message = text_slice(&out);
    r.limit_ms = SEED_MS;
    r.owner = g;
    if (!out.failed)
        e = gossip_exchange_begin(g->link, &r);
    text_fini(&out);
    return e;
}

static void ask_seed(struct gossip *g, const struct address *seed)
{
    struct why w;
    enum err e =
        talk(g, (struct gossip_request){.to = *seed, .answered = on_seed_answered}, true);

    why_init(&w);
    if (e == ERR_LATER)
        g->pending++;
    else
        note_failure(g, why(&w, e, "%s", err_text(e)), &w);
}

static bool is_us(struct gossip *g, const struct address *seed)
{
    return address_equals(seed, &g->members.self->address) ||
           (address_is_loopback(seed) && address_is_any(&g->link->address) &&
            address_port(seed) == address_port(&g->link->address));
}

static void on_resolved(struct gossip_seeds *s, enum err e, const struct why *w)
{
    struct gossip *g = s->owner;
    unsigned us = 0;

    if (e)
        note_failure(g, e, w);
    for (unsigned i = 0; i < s->count; i++) {
        if (is_us(g, &s->addresses[i]))
            us++;
        else if (!gossip_members_at(&g->members, &s->addresses[i]))
            ask_seed(g, &s->addresses[i]);
    }
    g->is_seed = !e && us == s->count;
    g->round_joined |= g->is_seed;
    if (g->pending == 0)
        end_round(g);
}

/* --- healing --- */

static void on_healed(struct gossip_exchange *x, enum err e, struct gossip_heard *heard)
{
    struct gossip *g = x->request.owner;

    if (e || heard->message.type != GOSSIP_PUSH_PULL)
        return;
    merge(g, &x->peer, heard);
    gossip_hear_state(g, &x->peer, heard->user, NULL);
}

static void heal_with(struct gossip *g, const struct gossip_member *who,
                      bool with_records)
{
    talk(g, (struct gossip_request){.to = who->address, .answered = on_healed},
         with_records);
}

/* go-micro would keep for ever what we told it of others: so a living member is only asked. */
static void heal(struct gossip *g)
{
    struct gossip_member *dead = gossip_members_pick_dead(&g->members), *living;

    if (dead)
        heal_with(g, dead, true);
    if (gossip_members_pick(&g->members, &living, 1, false, NULL))
        heal_with(g, living, false);
}

static void on_round(struct timer *t)
{
    struct gossip *g = container_of(t, struct gossip, round);

    if (g->pending)
        return;
    g->round_joined = false;
    g->round_error = ERR_OK;
    why_init(&g->round_why);
    heal(g);
    if (g->seeds.host_count)
        gossip_seeds_resolve(&g->seeds);
    else
        end_round(g);
}

/* --- asking one about its records --- */

static void on_asked(struct gossip_exchange *x, enum err e, struct gossip_heard *heard)
{
    struct gossip *g = x->request.owner;
    struct gossip_member *who = gossip_members_find(&g->members, slice_of(x->subject));

    if (who)
        who->is_asked = false;
    if (!e && heard->message.type == GOSSIP_PUSH_PULL)
        gossip_hear_state(g, &x->peer, heard->user, x->subject);
    gossip_records_confirmed(&g->records, x->subject);
}

bool gossip_join_ask(struct gossip *g, struct gossip_record *record)
{
    struct slice name = slice_of(record->member);
    struct gossip_member *who = name.size ? gossip_members_find(&g->members, name) : NULL;
    struct gossip_request r = {.answered = on_asked};

    if (!who || who == g->members.self || !gossip_member_is_here(who) || g->is_closing)
        return false;
    if (who->is_asked)
        return true;
    r.to = who->address;
    r.subject = who->name;
    who->is_asked = talk(g, r, false) == ERR_LATER;
    return who->is_asked;
}

/* --- life --- */

void gossip_join_soon(struct gossip *g)
{
    if (g->pending == 0 && !g->seeds.asked)
        round_after(g, 0);
}

void gossip_join_start(struct gossip *g)
{
    g->seeds.loop = g->base.loop;
    g->seeds.owner = g;
    g->seeds.resolved = on_resolved;
    timer_init(&g->round, on_round);
    round_after(g, 0);
}

void gossip_join_stop(struct gossip *g)
{
    timer_stop(&g->round, gossip_clock(g));
    gossip_seeds_stop(&g->seeds);
}
