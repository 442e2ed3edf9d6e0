/* What this process has put: announced, answered for, until its time is over. */
#include <stdlib.h>

#include "discovery/nats_parts.h"
#include "sidecar/core/log.h"

enum operation { IDLE, PUT, RENEW, REMOVE };

struct nats_record {
    struct list node;
    struct nats *nats;
    struct registry_lease *lease;
    struct text service; /* its JSON, with this one node */
    enum operation operation;
    bool is_waiting; /* the operation, for a connection */
    bool was_put;
    bool is_live; /* we answer for it */
    enum err result;
    struct nats_flush flush;
    struct timer expiry;
    struct timer turn; /* tells `result` */
};

static struct nats_record *record_of(struct list *node)
{
    return container_of(node, struct nats_record, node);
}

static struct clock *clock_of(struct nats_record *x)
{
    return nats_registry_clock(x->nats);
}

static void record_free(struct nats_record *x)
{
    nats_flush_cancel(&x->flush);
    timer_stop(&x->expiry, clock_of(x));
    timer_stop(&x->turn, clock_of(x));
    list_remove(&x->node);
    text_fini(&x->service);
    x->lease->backend = NULL;
    free(x);
}

/* --- saying it --- */

static enum err announce(struct nats_record *x, const char *action)
{
    struct nats *n = x->nats;
    struct text out;
    enum err e;

    text_init(&out, x->service.size + 64);
    text_addf(&out, "{\"Action\":\"%s\",\"Service\":", action);
    text_add(&out, text_slice(&x->service));
    text_add(&out, SLICE("}"));
    e = out.failed ? ERR_NO_MEMORY
                   : nats_client_publish(n->client, slice_of(n->watch_subject),
                                         (struct slice){0}, text_slice(&out));
    text_fini(&out);
    return e;
}

static void live(struct nats_record *x)
{
    x->is_live = true;
    timer_stop(&x->expiry, clock_of(x));
    timer_start(&x->expiry, clock_of(x), x->lease->registration.ttl_ms);
}

static void die(struct nats_record *x)
{
    x->is_live = false;
    timer_stop(&x->expiry, clock_of(x));
}

/* Whoever should renew it does not: it may be dead. */
static void on_expiry(struct timer *t)
{
    struct nats_record *x = container_of(t, struct nats_record, expiry);

    log_warn("nats.expired", "service=%s id=%s", x->lease->registration.service,
             x->lease->registration.id);
    die(x);
    announce(x, "delete");
}

/* --- operations --- */

static void finish(struct nats_record *x, enum err e, const struct why *why)
{
    const struct registry_frame *frame = x->nats->base.frame;
    struct registry_lease *lease = x->lease;
    enum operation operation = x->operation;

    x->operation = IDLE;
    x->is_waiting = false;
    x->was_put = x->was_put || (operation == PUT && !e);
    if (operation == REMOVE || !x->was_put)
        record_free(x);
    frame->lease_done(lease, e, why);
}

static void on_turn(struct timer *t)
{
    struct nats_record *x = container_of(t, struct nats_record, turn);
    struct why w;

    why(&w, x->result, "%s: %s", nats_client_server(x->nats->client),
        err_text(x->result));
    if (x->result == ERR_TOO_LARGE)
        why(&w, x->result, "%s takes no record of %zu bytes (its max_payload)",
            nats_client_server(x->nats->client), x->service.size);
    finish(x, x->result, &w);
}

static void on_flushed(struct nats_flush *f, enum err e, const struct why *why_denied)
{
    struct nats_record *x = container_of(f, struct nats_record, flush);
    struct why w;

    w = *why_denied;
    if (!e && x->nats->queries.is_refused && x->operation != REMOVE)
        e = why(&w, ERR_DENIED, "%s: we may not subscribe to %s",
                nats_client_server(x->nats->client), x->nats->query_subject);
    finish(x, e, &w);
}

static enum err say(struct nats_record *x)
{
    enum err e;

    if (x->operation == REMOVE)
        die(x);
    else
        live(x);
    e = announce(x, x->operation == REMOVE ? "delete" : "create");
    return e ? e : nats_client_flush(x->nats->client, &x->flush);
}

static void run(struct nats_record *x)
{
    x->is_waiting = false;
    x->result = say(x);
    if (x->result != ERR_LATER)
        timer_start(&x->turn, clock_of(x), 0);
}

static enum err begin(struct nats_record *x, enum operation operation)
{
    struct nats *n = x->nats;

    x->operation = operation;
    if (nats_client_is_connected(n->client)) {
        run(x);
        return ERR_LATER;
    }
    if (operation == REMOVE)
        die(x);
    x->is_waiting = true;
    nats_wait(n);
    return ERR_LATER;
}

/* --- the contract --- */

static struct nats_record *record_new(struct nats *n, struct registry_lease *l)
{
    struct nats_record *x = calloc(1, sizeof *x);

    if (!x)
        return NULL;
    x->nats = n;
    x->lease = l;
    x->flush = (struct nats_flush){.done = on_flushed, .subject = n->watch_subject};
    list_init(&x->flush.node);
    timer_init(&x->expiry, on_expiry);
    timer_init(&x->turn, on_turn);
    text_init(&x->service, RECORD_LIMIT);
    list_push_back(&n->records, &x->node);
    l->backend = x;
    return x;
}

static enum err encode(struct nats_record *x)
{
    struct text fresh;
    enum err e;

    text_init(&fresh, RECORD_LIMIT);
    e = micro_service_write(&fresh, &x->lease->registration);
    if (e) {
        text_fini(&fresh);
        return e;
    }
    text_fini(&x->service);
    x->service = fresh;
    return ERR_OK;
}

/* Only who has something is asked. */
static void take_questions(struct nats *n)
{
    if (!n->queries.sid)
        nats_client_subscribe(n->client, &n->queries);
}

enum err nats_put(struct registry *r, struct registry_lease *l)
{
    struct nats *n = nats_of(r);
    struct nats_record *x = l->backend ? l->backend : record_new(n, l);
    enum err e = x ? encode(x) : ERR_NO_MEMORY;

    if (e) {
        if (x && !x->was_put)
            record_free(x);
        return e;
    }
    take_questions(n);
    return begin(x, PUT);
}

enum err nats_renew(struct registry *r, struct registry_lease *l)
{
    (void)r;
    return l->backend ? begin(l->backend, RENEW) : ERR_NOT_FOUND;
}

/* What another process has put can be taken from the lists, as go-micro does: if its owner lives, he says it again. */
enum err nats_remove(struct registry *r, struct registry_lease *l)
{
    struct nats_record *x = l->backend ? l->backend : record_new(nats_of(r), l);

    if (!x)
        return ERR_NO_MEMORY;
    if (x->service.size > 0 || encode(x) == ERR_OK)
        return begin(x, REMOVE);
    record_free(x);
    return ERR_NO_MEMORY;
}

/* --- the connection --- */

void nats_records_connected(struct nats *n)
{
    list_each(node, after, &n->records)
    {
        struct nats_record *x = record_of(node);

        if (x->is_waiting)
            run(x);
        else if (x->is_live)
            announce(x, "create"); /* others may have missed one, or given us up */
    }
}

/* lease_done() may make the next in the list go. */
void nats_records_fail(struct nats *n, enum err e, const struct why *why)
{
    struct list waiting;

    list_init(&waiting);
    list_each(node, after, &n->records)
    {
        if (!record_of(node)->is_waiting)
            continue;
        list_remove(node);
        list_push_back(&waiting, node);
    }
    for (struct list *node; (node = list_pop_front(&waiting));) {
        list_push_back(&n->records, node);
        finish(record_of(node), e, why);
    }
}

void nats_records_close(struct nats *n)
{
    while (!list_empty(&n->records))
        record_free(record_of(n->records.next));
}

uint64_t nats_records_heartbeat(const struct nats *n)
{
    uint64_t least = UINT64_MAX;

    list_each(node, after, &n->records)
    {
        const struct nats_record *x = record_of(node);

        if (x->lease->registration.heartbeat_ms < least)
            least = x->lease->registration.heartbeat_ms;
    }
    return least;
}

/* --- answers --- */

static void answer(struct nats *n, const char *name, struct slice inbox)
{
    list_each(node, after, &n->records)
    {
        struct nats_record *x = record_of(node);

        if (x->is_live && (!name || strcmp(name, x->lease->registration.service) == 0))
            nats_client_publish(n->client, inbox, (struct slice){0},
                                text_slice(&x->service));
    }
}

static void answer_query(struct nats *n, const json_t *query, struct slice inbox)
{
    const char *action = json_string_value(micro_json_member(query, "Action"));
    const json_t *service = micro_json_member(query, "Service");
    const char *name = json_string_value(micro_json_member(service, "name"));

    if (action && strcmp(action, "list") == 0)
        answer(n, NULL, inbox);
    else if (action && strcmp(action, "get") == 0 && name)
        answer(n, name, inbox);
    else
        nats_complain(n, n->query_subject, slice_of(name), "it is no query");
}

void nats_records_answer(struct nats_subscription *s, const struct nats_message *m)
{
    struct nats *n = s->owner;
    struct why w;
    json_t *query;

    if (m->reply.size == 0)
        return;
    why(&w, ERR_TOO_LARGE, "it is too large");
    query = m->is_cut ? NULL : micro_json_load(m->payload, &w);
    if (json_is_object(query))
        answer_query(n, query, m->reply);
    else
        nats_complain(n, n->query_subject, (struct slice){0},
                      query ? "it is no query" : w.text);
    json_decref(query);
}
