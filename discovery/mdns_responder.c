/* What we publish: probes and announcements when it comes, answers while it is there, a
 * goodbye when it goes, or when nobody renewed it within its TTL. */
#include <stdlib.h>

#include "discovery/mdns_parts.h"
#include "discovery/mdns_publication.h"
#include "sidecar/core/log.h"

struct publishing {
    struct list node;
    struct mdns *mdns;
    struct registry_lease *lease;
    struct mdns_publication publication;
    uint64_t heartbeat_ms;
    struct timer next;   /* the next of `steps` */
    struct timer answer; /* lease_done() is owed */
    struct timer lapse;  /* nobody renewed it */
    unsigned step;
    bool published; /* `publication` is whole */
    bool leaving;
    enum err result;
    struct why why;
};

/* Three probes, three announcements, as go-micro does it (RFC 6762 §8.1, §8.3), only
 * without dawdling: nobody else has our id, and whoever waits for us should not wait
 * longer than he must. */
/* clang-format off */
static const struct {
    enum mdns_message message;
    uint64_t then_ms; /* until the next one */
} steps[] = {
    {MDNS_PROBE,          50},
    {MDNS_PROBE,          50},
    {MDNS_PROBE,          50},
    {MDNS_ANNOUNCEMENT, 1000},
    {MDNS_ANNOUNCEMENT, 2000},
    {MDNS_ANNOUNCEMENT,    0},
};
/* clang-format on */

enum {
    STEPS = sizeof(steps) / sizeof(*steps),
    FIRST_ANNOUNCEMENT = 3,
    QUESTIONS_LIMIT = 16
};

static void publishing_free(struct publishing *p)
{
    if (p->lease)
        p->lease->backend = NULL;
    timer_stop(&p->next, mdns_clock(p->mdns));
    timer_stop(&p->answer, mdns_clock(p->mdns));
    timer_stop(&p->lapse, mdns_clock(p->mdns));
    list_remove(&p->node);
    mdns_publication_fini(&p->publication);
    free(p);
}

static unsigned tell(struct publishing *p, enum mdns_message message)
{
    struct mdns *m = p->mdns;
    uint16_t id = message == MDNS_PROBE ? (uint16_t)random_next(m->base.random) : 0;
    struct slice packet;

    if (mdns_publication_write(&p->publication, message, id, m->packet, sizeof(m->packet),
                               &packet))
        return 0;
    return mdns_link_tell(m->link, packet);
}

static void on_next(struct timer *t)
{
    struct publishing *p = container_of(t, struct publishing, next);

    tell(p, steps[p->step].message);
    if (++p->step < STEPS)
        timer_start(&p->next, mdns_clock(p->mdns), steps[p->step - 1].then_ms);
}

/* A put that failed, or a remove, leaves nothing behind. */
static void on_answer(struct timer *t)
{
    struct publishing *p = container_of(t, struct publishing, answer);
    struct registry_lease *l = p->lease;
    const struct registry_frame *frame = p->mdns->base.frame;
    struct why why = p->why;
    enum err result = p->result;

    if (p->leaving || result)
        publishing_free(p);
    frame->lease_done(l, result, result ? &why : NULL);
}

static void on_lapse(struct timer *t)
{
    struct publishing *p = container_of(t, struct publishing, lapse);

    log_warn("mdns.lapsed", "service=%s id=%s reason=\"not renewed within its TTL\"",
             p->lease->registration.service, p->lease->registration.id);
    tell(p, MDNS_GOODBYE);
    publishing_free(p);
}

static void keep_alive(struct publishing *p)
{
    uint64_t ttl = p->lease->registration.ttl_ms;

    if (p->published && ttl > 0)
        timer_start(&p->lapse, mdns_clock(p->mdns), ttl);
}

static enum err answer_soon(struct publishing *p, enum err result)
{
    p->result = result;
    timer_start(&p->answer, mdns_clock(p->mdns), 0);
    return ERR_LATER;
}

static struct publishing *publishing_new(struct mdns *m, struct registry_lease *l)
{
    struct publishing *p = calloc(1, sizeof(*p));

    if (!p)
        return NULL;
    p->mdns = m;
    p->lease = l;
    p->heartbeat_ms = l->registration.heartbeat_ms;
    timer_init(&p->next, on_next);
    timer_init(&p->answer, on_answer);
    timer_init(&p->lapse, on_lapse);
    list_push_back(&m->publishing, &p->node);
    l->backend = p;
    return p;
}

enum err mdns_put(struct registry *r, struct registry_lease *l)
{
    struct mdns *m = mdns_of(r);
    struct publishing *p = l->backend;
    enum err e;

    if (p)
        publishing_free(p);
    p = publishing_new(m, l);
    if (!p)
        return ERR_NO_MEMORY;
    e = mdns_publication_init(&p->publication, &l->registration, m->domain, &p->why);
    p->published = !e;
    if (!e)
        timer_start(&p->next, mdns_clock(m), 0);
    keep_alive(p);
    return answer_soon(p, e);
}

/* Nothing is sent: whoever wants to know asks. */
enum err mdns_renew(struct registry *r, struct registry_lease *l)
{
    struct publishing *p = l->backend;

    (void)r;
    if (!p)
        return ERR_NOT_FOUND;
    keep_alive(p);
    return answer_soon(p, ERR_OK);
}

enum err mdns_remove(struct registry *r, struct registry_lease *l)
{
    struct publishing *p = l->backend;

    (void)r;
    if (!p)
        return ERR_UNSUPPORTED; /* who published it goes on answering */
    if (p->published)
        tell(p, MDNS_GOODBYE);
    timer_stop(&p->next, mdns_clock(p->mdns));
    timer_stop(&p->lapse, mdns_clock(p->mdns));
    p->leaving = true;
    p->published = false;
    return answer_soon(p, ERR_OK);
}

void mdns_announce_again(struct mdns *m)
{
    list_each(at, after, &m->publishing)
    {
        struct publishing *p = container_of(at, struct publishing, node);

        if (!p->published || p->step < FIRST_ANNOUNCEMENT)
            continue;
        p->step = FIRST_ANNOUNCEMENT;
        timer_start(&p->next, mdns_clock(m), 0);
    }
}

uint64_t mdns_heartbeat(const struct mdns *m)
{
    uint64_t shortest = UINT64_MAX;

    list_each(at, after, &m->publishing)
    {
        const struct publishing *p = container_of(at, struct publishing, node);

        if (p->heartbeat_ms > 0 && p->heartbeat_ms < shortest)
            shortest = p->heartbeat_ms;
    }
    return shortest;
}

void mdns_responder_close(struct mdns *m)
{
    list_each(at, after, &m->publishing)
        publishing_free(container_of(at, struct publishing, node));
}

/* Answering */

static bool is_known(const struct mdns_publication *p, struct slice query)
{
    struct mdns_reader r;
    struct mdns_header h;
    struct mdns_entry entry;
    enum err e = mdns_read_header(&r, query, &h);

    if (h.counts[MDNS_ANSWERS] == 0)
        return false;
    while (!e) {
        e = mdns_read(&r, &entry);
        if (!e && mdns_publication_is_known(p, &entry))
            return true;
    }
    return false;
}

/* A full responder asks from port 5353 and hears the group; all others wait on the port
 * they asked from. */
static void send_answer(struct mdns *m, const struct mdns_entry *question,
                        const struct mdns_origin *from, struct slice packet)
{
    if (address_port(&from->address) == MDNS_PORT && !question->top_bit)
        mdns_link_tell(m->link, packet);
    else
        mdns_link_reply(m->link, from, packet);
}

static void answer_question(struct mdns *m, const struct mdns_entry *question,
                            uint16_t id, struct slice query,
                            const struct mdns_origin *from)
{
    list_each(at, after, &m->publishing)
    {
        struct publishing *p = container_of(at, struct publishing, node);
        struct slice packet;

        if (!p->published ||
            mdns_publication_answer(&p->publication, question, id, m->packet,
                                    sizeof(m->packet), &packet))
            continue;
        if (!is_known(&p->publication, query))
            send_answer(m, question, from, packet);
    }
}

void mdns_answer(struct mdns *m, struct slice query, const struct mdns_origin *from)
{
    struct mdns_reader r;
    struct mdns_header h;
    struct mdns_entry question;
    enum err e = mdns_read_header(&r, query, &h);

    for (unsigned i = 0; !e && i < h.counts[MDNS_QUESTIONS] && i < QUESTIONS_LIMIT; i++) {
        e = mdns_read(&r, &question);
        if (!e)
            answer_question(m, &question, h.id, query, from);
    }
}
