/* Our records. go-micro's members hand on nothing that they hear: what is not sent to a member, it never learns. So each
 * Update goes to every member, at each heartbeat, and once more when something changed. */
#include <stdio.h>
#include <stdlib.h>

#include "discovery/gossip_parts.h"
#include "discovery/micro_service.h"
#include "discovery/micro_update.h"
#include "sidecar/core/log.h"

enum { AGAIN_MS = 250, REPEATS = 2, LEAVE_TOLD = 128, NS_PER_MS = 1000 * 1000 };

/* --- sending --- */

/* What is left of it: a receiver counts from when it hears of it. */
static uint64_t left_ms(const struct gossip_publication *p)
{
    uint64_t now = clock_now(gossip_clock(p->gossip));

    return p->ends_ms > now ? p->ends_ms - now : 0;
}

static enum err write_update(struct text *out, const struct gossip_publication *p,
                             enum micro_action action)
{
    struct micro_update u = {
        .expires_ns = action == MICRO_CREATE ? p->ends_ns : 0,
        .ttl_ms = action == MICRO_CREATE ? left_ms(p) : 0,
        .action = action,
        .member = slice_of(p->gossip->members.self->name),
        .service = text_slice(&p->json),
    };

    return micro_update_write(out, &u);
}

static void send_by_tcp(struct gossip *g, const struct gossip_member *to,
                        struct slice update)
{
    struct gossip_message head = {.type = GOSSIP_BATCH, .size = (uint32_t)update.size};
    struct gossip_request r = {.to = to->address, .no_answer = true};
    char byte = GOSSIP_USER;
    struct text out;
    enum err e;

    text_init(&out, GOSSIP_STREAM_LIMIT);
    text_add(&out, slice_from(&byte, 1));
    gossip_body_write(&out, &head);
    text_add(&out, update);
    r.message = text_slice(&out);
    e = out.failed ? ERR_NO_MEMORY : gossip_exchange_begin(g->link, &r);
    if (e != ERR_LATER)
        log_debug("gossip.update_not_sent", "member=%s reason=\"%s\"", to->name,
                  err_text(e));
    text_fini(&out);
}

static void send_to(struct gossip *g, const struct gossip_member *to, struct slice update)
{
    struct gossip_message user = {.type = GOSSIP_USER, .payload = update};

    if (update.size <= GOSSIP_UPDATE_BY_UDP)
        gossip_tell(g, to, &user);
    else
        send_by_tcp(g, to, update);
}

/* `to` NULL: to all. */
static void publish(struct gossip_publication *p, enum micro_action action,
                    const struct gossip_member *to)
{
    struct gossip *g = p->gossip;
    struct text update;

    if (action == MICRO_CREATE && left_ms(p) == 0)
        return; /* nobody has renewed it */
    text_init(&update, RECORD_LIMIT + 4096);
    if (write_update(&update, p, action))
        log_warn("gossip.update_not_sent", "service=%s id=%s reason=\"too large\"",
                 p->service, p->id);
    else if (to)
        send_to(g, to, text_slice(&update));
    else
        list_each(at, after, &g->members.all)
        {
            if (gossip_member_is_here(gossip_member_of(at)))
                send_to(g, gossip_member_of(at), text_slice(&update));
        }
    text_fini(&update);
}

/* --- publications --- */

static void publication_free(struct gossip_publication *p)
{
    timer_stop(&p->again, gossip_clock(p->gossip));
    list_remove(&p->node);
    list_remove(&p->pending);
    if (p->lease)
        p->lease->backend = NULL;
    text_fini(&p->json);
    free(p->service);
    free(p->id);
    free(p);
}

static void on_again(struct timer *t)
{
    struct gossip_publication *p = container_of(t, struct gossip_publication, again);

    publish(p, p->lease ? MICRO_CREATE : MICRO_DELETE, NULL);
    if (--p->repeats > 0)
        timer_start(&p->again, gossip_clock(p->gossip), AGAIN_MS);
    else if (!p->lease)
        publication_free(p);
}

static void say_again(struct gossip_publication *p)
{
    p->repeats = REPEATS;
    timer_stop(&p->again, gossip_clock(p->gossip));
    timer_start(&p->again, gossip_clock(p->gossip), AGAIN_MS);
}

static struct gossip_publication *publication_new(struct gossip *g,
                                                  struct registry_lease *l)
{
    struct gossip_publication *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    p->gossip = g;
    p->lease = l;
    list_init(&p->pending);
    text_init(&p->json, RECORD_LIMIT);
    timer_init(&p->again, on_again);
    list_push_back(&g->publications, &p->node);
    p->service = slice_dup(slice_of(l->registration.service));
    p->id = slice_dup(slice_of(l->registration.id));
    l->backend = p;
    if (p->service && p->id)
        return p;
    publication_free(p);
    return NULL;
}

/* In our own table it stands like any other, so that our own watches see it. */
static enum err take(struct gossip_publication *p)
{
    const struct registration *r = &p->lease->registration;
    struct instance i = registration_instance(r);
    struct gossip_word word = {
        .service = p->service, .instance = &i, .lease_ms = p->ttl_ms, .is_own = true};

    p->ends_ns = (clock_wall_ms() + p->ttl_ms) * NS_PER_MS;
    p->ends_ms = clock_now(gossip_clock(p->gossip)) + p->ttl_ms;
    word.lease_ns = p->ends_ns;
    return gossip_records_hear(&p->gossip->records, &word);
}

/* --- operations: begun in the call, done in a turn --- */

static enum err begin(struct gossip_publication *p, enum gossip_operation operation)
{
    p->operation = operation;
    list_remove(&p->pending);
    list_push_back(&p->gossip->answers, &p->pending);
    gossip_turn_soon(p->gossip);
    return ERR_LATER;
}

enum err gossip_put(struct registry *r, struct registry_lease *l)
{
    struct gossip_publication *p = l->backend;
    enum err e;

    if (!p)
        p = publication_new(gossip_of(r), l);
    if (!p)
        return ERR_NO_MEMORY;
    text_clear(&p->json);
    p->ttl_ms = l->registration.ttl_ms;
    e = micro_service_write(&p->json, &l->registration);
    if (!e)
        return begin(p, GOSSIP_PUT);
    if (!p->is_published)
        publication_free(p);
    return e;
}

enum err gossip_renew(struct registry *r, struct registry_lease *l)
{
    (void)r;
    return l->backend ? begin(l->backend, GOSSIP_RENEW) : ERR_NOT_FOUND;
}

enum err gossip_remove(struct registry *r, struct registry_lease *l)
{
    struct gossip_publication *p = l->backend;

    if (!p)
        p = publication_new(gossip_of(r), l);
    return p ? begin(p, GOSSIP_REMOVE) : ERR_NO_MEMORY;
}

static void answer(struct gossip_publication *p, enum err e, const struct why *w)
{
    struct gossip *g = p->gossip;
    struct registry_lease *l = p->lease;

    p->operation = GOSSIP_NOTHING;
    if (!p->is_published)
        publication_free(p);
    g->base.frame->lease_done(l, e, w);
}

/* Who reaches nobody keeps what was published, for when he is back; but can't say that anybody knows of it. */
static void keep(struct gossip_publication *p)
{
    struct gossip *g = p->gossip;
    bool reaches = gossip_ring_reaches(g), is_put = p->operation == GOSSIP_PUT;
    enum err e = reaches || p->is_published ? take(p) : ERR_OK;

    if (e || !reaches) {
        answer(p, e ? e : g->trouble, e ? NULL : &g->why);
        return;
    }
    p->is_published = true;
    publish(p, MICRO_CREATE, NULL);
    if (is_put)
        say_again(p);
    answer(p, ERR_OK, NULL);
}

/* Of somebody else, as `csidecar deregister` does for the dead. Who lives would say it again. */
static enum err adopt(struct gossip_publication *p, struct why *w)
{
    struct gossip *g = p->gossip;
    struct gossip_record *record = gossip_records_find(&g->records, p->service, p->id);

    if (!record || record->is_gone)
        return ERR_NOT_FOUND;
    if (record->member && gossip_record_is_there(record))
        return why(w, ERR_UNSUPPORTED,
                   "it belongs to the member %s, which is alive and would say it again",
                   record->member);
    return micro_service_write_instance(&p->json, p->service,
                                        gossip_record_instance(record));
}

static void withdraw(struct gossip_publication *p)
{
    struct gossip *g = p->gossip;
    struct registry_lease *l = p->lease;
    struct why w;
    enum err e;

    why_init(&w);
    e = p->is_published ? ERR_OK : adopt(p, &w);
    if (e) {
        answer(p, e, &w);
        return;
    }
    gossip_records_withdraw(&g->records, p->service, p->id);
    p->operation = GOSSIP_NOTHING;
    l->backend = NULL;
    p->lease = NULL;
    publish(p, MICRO_DELETE, NULL);
    say_again(p);
    g->base.frame->lease_done(l, ERR_OK, NULL);
}

void gossip_publish_turn(struct gossip *g)
{
    struct list now, *node;

    if (g->standing == GOSSIP_JOINING)
        return;
    list_init(&now);
    list_insert_after(&g->answers, &now);
    list_remove(&g->answers);
    while ((node = list_pop_front(&now))) {
        struct gossip_publication *p =
            container_of(node, struct gossip_publication, pending);

        if (p->operation == GOSSIP_REMOVE)
            withdraw(p);
        else
            keep(p);
    }
}

/* --- others --- */

void gossip_publish_to(struct gossip *g, const struct gossip_member *who)
{
    list_each(at, after, &g->publications)
    {
        struct gossip_publication *p = container_of(at, struct gossip_publication, node);

        if (p->is_published && p->lease)
            publish(p, MICRO_CREATE, who);
    }
}

void gossip_publish_again(struct gossip *g, const char *service, const char *id)
{
    list_each(at, after, &g->publications)
    {
        struct gossip_publication *p = container_of(at, struct gossip_publication, node);

        if (p->lease && p->is_published && strcmp(p->service, service) == 0 &&
            strcmp(p->id, id) == 0) {
            p->ends_ns++; /* what is deleted comes back by a newer lease only */
            say_again(p);
        }
    }
}

static void say_goodbye(struct gossip *g)
{
    struct gossip_member *to[LEAVE_TOLD];
    unsigned count = gossip_members_pick(&g->members, to, LEAVE_TOLD, false, NULL);
    struct gossip_message dead;

    gossip_members_leave(&g->members);
    dead = gossip_member_news(g->members.self);
    for (unsigned i = 0; i < count; i++)
        gossip_tell(g, to[i], &dead);
}

void gossip_publish_close(struct gossip *g)
{
    list_each(at, after, &g->publications)
    {
        struct gossip_publication *p = container_of(at, struct gossip_publication, node);

        if (p->is_published || !p->lease)
            publish(p, MICRO_DELETE, NULL);
        publication_free(p);
    }
    say_goodbye(g);
}
