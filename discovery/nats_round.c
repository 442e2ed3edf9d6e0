#include "discovery/nats_parts.h"

static void idle(struct nats_round *r)
{
    r->phase = NATS_IDLE;
    timer_stop(&r->timer, nats_registry_clock(r->nats));
}

static void start_timer(struct nats_round *r, uint64_t ms)
{
    timer_stop(&r->timer, nats_registry_clock(r->nats));
    timer_start(&r->timer, nats_registry_clock(r->nats), ms);
}

/* Without a connection nothing is asked: who waits asks again when there is one. */
static void ask(struct nats_round *r)
{
    enum err e;

    r->asked = ++r->nats->sequence;
    r->asked_at = loop_now(r->nats->base.loop);
    r->answers = 0;
    e = r->events->ask(r);
    if (!e)
        e = nats_client_flush(r->nats->client, &r->flush);
    if (e == ERR_LATER)
        r->phase = NATS_ASKING;
    else if (e != ERR_UNAVAILABLE)
        start_timer(r, NATS_RECHECK_MS);
}

static void ask_when_due(struct nats_round *r)
{
    uint64_t ms = r->events->wait ? r->events->wait(r) : 0;

    if (ms > 0)
        start_timer(r, ms);
    else
        ask(r);
}

static void on_timer(struct timer *t)
{
    struct nats_round *r = container_of(t, struct nats_round, timer);

    if (r->phase == NATS_IDLE) {
        ask_when_due(r);
        return;
    }
    idle(r);
    r->events->collected(r);
}

static void on_flushed(struct nats_flush *f, enum err e, const struct why *why)
{
    struct nats_round *r = container_of(f, struct nats_round, flush);
    struct why why_not;

    idle(r);
    if (e == ERR_DENIED) {
        r->events->refused(r, why);
    } else if (!e && nats_may_hear(r->nats, &why_not)) {
        r->events->refused(r, &why_not);
    } else if (!e) {
        r->phase = NATS_COLLECTING;
        start_timer(r, NATS_COLLECT_MS);
    }
}

void nats_round_init(struct nats_round *r, struct nats *n,
                     const struct nats_round_events *events)
{
    *r = (struct nats_round){
        .nats = n,
        .events = events,
        .flush = {.done = on_flushed, .subject = n->query_subject}
    };
    list_init(&r->flush.node);
    timer_init(&r->timer, on_timer);
}

void nats_round_after(struct nats_round *r, uint64_t ms)
{
    if (r->phase == NATS_IDLE)
        start_timer(r, ms);
}

void nats_round_soon(struct nats_round *r)
{
    uint64_t now = loop_now(r->nats->base.loop);
    uint64_t due = r->asked_at ? r->asked_at + NATS_RECHECK_MS : 0;

    nats_round_after(r, due > now ? due - now : 0);
}

void nats_round_stop(struct nats_round *r)
{
    nats_flush_cancel(&r->flush);
    r->asked_at = 0;
    idle(r);
}

bool nats_round_answer(struct nats_round *r)
{
    return ++r->answers <= NATS_ANSWERS_LIMIT;
}

static void write_query(struct text *out, const char *name)
{
    text_addf(out, "{\"Action\":\"%s\",\"Service\":", name ? "get" : "list");
    if (!name) {
        text_add(out, SLICE("null}"));
        return;
    }
    text_add(out, SLICE("{\"name\":"));
    text_add_json(out, slice_of(name));
    text_add(out, SLICE(",\"version\":\"\",\"metadata\":null,\"endpoints\":null,"
                        "\"nodes\":null}}"));
}

enum err nats_query(struct nats *n, const char *name)
{
    struct text out;
    enum err e;

    text_init(&out, 4096);
    write_query(&out, name);
    e = out.failed ? ERR_NO_MEMORY
                   : nats_client_publish(n->client, slice_of(n->query_subject),
                                         slice_of(n->inbox), text_slice(&out));
    text_fini(&out);
    return e;
}
