/* The gossip registry of go-micro v2: each process is a member of a memberlist ring and tells all others of its services.
 * See gossip_parts.h for the files it is made of. */
#include <stdio.h>
#include <unistd.h>

#include "config/field.h"
#include "discovery/gossip_parts.h"
#include "sidecar/core/log.h"

enum { CHECKING_VERSION = 5 };

/* clang-format off */
static const struct field options[] = {
    TEXT(struct gossip, bind, "bind", NULL, "address:port to be a member at, UDP and TCP; a free port of this host unless given"),
    TEXT(struct gossip, advertise, "advertise", NULL, "address:port that others reach it at; that of `bind`, or the way to the seeds"),
    TEXT(struct gossip, key, "key", NULL, "the ring's key: 16, 24 or 32 characters, or base64; registry.token does it, too",
         .flags = FIELD_SECRET),
    TEXT(struct gossip, name, "name", NULL, "of this member, unique in the ring; csidecar-HOST-RANDOM unless given"),
    FIELDS_END,
};
/* clang-format on */

void gossip_complain(struct gossip *g, const struct address *from, struct slice name,
                     const char *reason)
{
    char ip[ADDRESS_TEXT] = "", quoted[256], text[512];
    unsigned held_back;

    if (!complaints_may_log(&g->complaints, loop_now(g->base.loop), name,
                            slice_of(reason), &held_back))
        return;
    log_warn("registry.bad_record",
             "registry=%s from=%s name=\"%s\" reason=\"%s\" held_back=%u",
             g->base.url.text, from ? address_ip(from, ip) : "",
             log_quote(quoted, sizeof quoted, name),
             log_quote(text, sizeof text, slice_of(reason)), held_back);
}

/* --- the link --- */

static void say(struct gossip *g, const struct address *to,
                const struct gossip_message *m, bool checked)
{
    struct gossip_compound c;

    gossip_compound_init(&c);
    if (m)
        gossip_compound_add(&c, m);
    gossip_members_news(&g->members, &c);
    if (c.count)
        gossip_link_send(g->link, to, &c, checked);
    gossip_compound_fini(&c);
}

void gossip_say(struct gossip *g, const struct address *to,
                const struct gossip_message *m)
{
    say(g, to, m, false);
}

void gossip_tell(struct gossip *g, const struct gossip_member *to,
                 const struct gossip_message *m)
{
    say(g, &to->address, m, (unsigned char)to->versions[1] >= CHECKING_VERSION);
}

static void on_member_message(struct gossip *g, const struct address *from,
                              const struct gossip_message *m)
{
    if (gossip_members_hear(&g->members, m))
        gossip_complain(g, from, m->node, "what it says of a member makes no sense");
}

static void on_message(struct gossip_link *l, const struct address *from,
                       const struct gossip_message *m)
{
    struct gossip *g = l->owner;

    gossip_ring_heard(g);
    if (m->type == GOSSIP_USER)
        gossip_hear_update(g, from, true, m->payload);
    else if (m->type == GOSSIP_ALIVE || m->type == GOSSIP_SUSPECT ||
             m->type == GOSSIP_DEAD)
        on_member_message(g, from, m);
    else
        gossip_probe_hear(&g->probe, from, m);
}

static void answer_ping(struct gossip *g, struct gossip_exchange *x,
                        const struct gossip_message *ping)
{
    struct gossip_message ack = {.type = GOSSIP_ACK, .sequence = ping->sequence};
    struct text out;

    if (ping->node.size && !slice_is(ping->node, g->members.self->name))
        return;
    text_init(&out, GOSSIP_PACKET_LIMIT);
    gossip_message_write(&out, &ack);
    if (!out.failed)
        gossip_exchange_reply(x, text_slice(&out));
    text_fini(&out);
}

static void on_heard(struct gossip_link *l, struct gossip_exchange *x,
                     struct gossip_heard *heard)
{
    struct gossip *g = l->owner;

    gossip_ring_heard(g);
    if (heard->message.type == GOSSIP_PUSH_PULL)
        gossip_join_answer(g, x, heard);
    else if (heard->message.type == GOSSIP_USER)
        gossip_hear_update(g, &x->peer, false, heard->user);
    else if (heard->message.type == GOSSIP_PING)
        answer_ping(g, x, &heard->message);
}

static void on_refused(struct gossip_link *l, const struct address *from, enum err e,
                       const char *reason)
{
    (void)e;
    gossip_complain(l->owner, from, SLICE("(packet)"), reason);
}

static void on_link_closed(struct gossip_link *l)
{
    struct gossip *g = l->owner;

    gossip_records_fini(&g->records);
    gossip_members_fini(&g->members);
    gossip_crypt_fini(&g->crypt);
    g->base.closed(&g->base);
}

static const struct gossip_link_events link_events = {
    .message = on_message,
    .heard = on_heard,
    .refused = on_refused,
    .closed = on_link_closed,
};

/* --- the members --- */

static void on_member_gone(struct gossip *g, const struct gossip_member *who)
{
    bool left = who->state == GOSSIP_HAS_LEFT;

    log_info("gossip.member_gone", "member=%s reason=%s", who->name,
             left ? "left" : "dead");
    gossip_records_member(&g->records, who->name, left);
    if (!gossip_members_on_host(&g->members, &who->address))
        gossip_records_host_down(&g->records, &who->address);
    if (g->members.alive == 0)
        g->all_left = left;
}

static void on_member_changed(struct gossip_members *m, struct gossip_member *who,
                              enum gossip_state before)
{
    struct gossip *g = m->owner;
    bool was_here = before == GOSSIP_IS_ALIVE || before == GOSSIP_IS_SUSPECT;

    if (gossip_member_is_here(who) && !was_here) {
        log_info("gossip.member", "member=%s", who->name);
        gossip_records_member(&g->records, who->name, false);
        gossip_publish_to(g, who);
    } else if (!gossip_member_is_here(who) && was_here) {
        on_member_gone(g, who);
    }
    gossip_ring_look(g);
}

static void on_member_forgotten(struct gossip_members *m, struct gossip_member *who)
{
    struct gossip *g = m->owner;

    gossip_probe_forget(&g->probe, who);
    gossip_records_member(&g->records, who->name, true);
}

static void on_member_strange(struct gossip_members *m, struct slice name,
                              const char *reason)
{
    gossip_complain(m->owner, NULL, name, reason);
}

static const struct gossip_members_events members_events = {
    .changed = on_member_changed,
    .gone = on_member_forgotten,
    .complain = on_member_strange,
};

/* --- the probe --- */

static void on_probe_send(struct gossip_probe *p, const struct address *to,
                          const struct gossip_message *m)
{
    gossip_say(p->owner, to, m);
}

static void on_tcp_acked(struct gossip_exchange *x, enum err e,
                         struct gossip_heard *heard)
{
    struct gossip *g = x->request.owner;

    if (!e && heard && heard->message.type == GOSSIP_ACK)
        gossip_probe_acked(&g->probe, heard->message.sequence);
}

static void on_ping_by_tcp(struct gossip_probe *p, const struct address *to,
                           const struct gossip_message *ping)
{
    struct gossip *g = p->owner;
    struct gossip_request r = {
        .to = *to, .limit_ms = GOSSIP_PROBE_MS, .owner = g, .answered = on_tcp_acked};
    struct text out;

    text_init(&out, GOSSIP_PACKET_LIMIT);
    gossip_message_write(&out, ping);
    r.message = text_slice(&out);
    if (!out.failed)
        gossip_exchange_begin(g->link, &r);
    text_fini(&out);
}

static const struct gossip_probe_ops probe_ops = {
    .send = on_probe_send,
    .ping_by_tcp = on_ping_by_tcp,
};

/* --- timers --- */

static void on_tick(struct timer *t)
{
    struct gossip *g = container_of(t, struct gossip, tick);

    gossip_ring_tick(g);
    timer_start(&g->tick, gossip_clock(g), GOSSIP_TICK_MS);
}

static void on_turn(struct timer *t)
{
    struct gossip *g = container_of(t, struct gossip, turn);

    gossip_publish_turn(g);
    gossip_watch_turn(g);
}

void gossip_turn_soon(struct gossip *g)
{
    if (!g->is_closing && !timer_active(&g->turn))
        timer_start(&g->turn, gossip_clock(g), 0);
}

/* --- life --- */

static void choose_name(const struct gossip *g, char *out, size_t size)
{
    char host[65] = "", random[17];

    gethostname(host, sizeof host - 1);
    random_hex(random, 16);
    if (g->name)
        snprintf(out, size, "%s", g->name);
    else
        snprintf(out, size, "csidecar-%s-%s", host, random);
}

static enum err open_link(struct gossip *g, struct why *w)
{
    struct gossip_link_settings s = {
        .loop = g->base.loop, .crypt = &g->crypt, .events = &link_events, .owner = g};
    enum err e = gossip_choose_bind(g, &s.address, w);

    if (!e && address_is_path(&s.address))
        e = why(w, ERR_BAD_VALUE, "a Unix socket is no place for a member");
    if (e) {
        why_in(w, "bind");
        return e;
    }
    return gossip_link_open(&g->link, &s, w);
}

static enum err join_members(struct gossip *g, struct why *w)
{
    char name[GOSSIP_NAME_LIMIT + 1], text[ADDRESS_TEXT];
    struct address own;
    enum err e = gossip_choose_advertise(g, &own, w);

    if (e)
        return e;
    choose_name(g, name, sizeof name);
    g->members.clock = gossip_clock(g);
    g->members.random = g->base.random;
    g->members.events = &members_events;
    g->members.owner = g;
    if (gossip_members_init(&g->members, slice_of(name), &own))
        return why(w, ERR_NO_MEMORY, "out of memory");
    log_info("gossip.open", "member=%s address=%s encrypted=%s", name,
             address_format(&own, text), g->crypt.count ? "yes" : "no");
    return ERR_OK;
}

static void start(struct gossip *g)
{
    g->records.clock = gossip_clock(g);
    g->records.events = &gossip_records_events;
    g->records.owner = g;
    gossip_records_init(&g->records);
    g->probe.members = &g->members;
    g->probe.ops = &probe_ops;
    g->probe.owner = g;
    timer_init(&g->tick, on_tick);
    timer_init(&g->turn, on_turn);
    timer_start(&g->tick, gossip_clock(g), GOSSIP_TICK_MS);
    if (g->seeds.host_count == 0)
        g->standing = GOSSIP_IN;
    gossip_probe_start(&g->probe);
    gossip_join_start(g);
}

/* The link is on the loop already: it goes by itself, and what it shows to is not looked at again. */
static void on_stillborn_closed(struct gossip_link *l)
{
    (void)l;
}

static enum err gossip_open(struct registry *r, struct why *w)
{
    static const struct gossip_link_events none = {.closed = on_stillborn_closed};
    struct gossip *g = gossip_of(r);
    const char *key = g->key ? g->key : r->environment->token;
    enum err e;

    list_init(&g->fresh);
    list_init(&g->publications);
    list_init(&g->answers);
    e = gossip_seeds_init(&g->seeds, r->url.hosts, w);
    if (!e)
        e = gossip_crypt_init(&g->crypt, slice_of(key), w);
    if (!e)
        e = open_link(g, w);
    if (!e)
        e = join_members(g, w);
    if (!e) {
        start(g);
        return ERR_OK;
    }
    if (g->link) {
        g->link->events = &none;
        gossip_link_close(g->link);
    }
    gossip_crypt_fini(&g->crypt);
    return e;
}

static void gossip_close(struct registry *r)
{
    struct gossip *g = gossip_of(r);

    gossip_publish_close(g);
    g->is_closing = true;
    gossip_join_stop(g);
    gossip_probe_stop(&g->probe);
    timer_stop(&g->tick, gossip_clock(g));
    timer_stop(&g->turn, gossip_clock(g));
    gossip_link_close(g->link);
}

const struct registry_ops registry_gossip = {
    .scheme = "gossip",
    .size = sizeof(struct gossip),
    .abilities = REGISTRY_WRITES | REGISTRY_LISTS_NAMES | REGISTRY_EXPIRES,
    .options = options,
    .open = gossip_open,
    .watch = gossip_watch,
    .unwatch = gossip_unwatch,
    .watch_names = gossip_watch_names,
    .unwatch_names = gossip_unwatch_names,
    .put = gossip_put,
    .renew = gossip_renew,
    .remove = gossip_remove,
    .close = gossip_close,
};
