#include "tests/lib/discovery/registry_memory.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { SERVERS = 4, LIST_LIMIT = 256, SWEEP_MS = 20 };

struct record {
    struct list node;
    struct instance_list *copy; /* of one, with its service */
    uint64_t expires_ms;        /* 0: never */
};

struct client {
    struct registry registry;
    struct memory_server *server;
    struct list node;
    struct list fresh; /* watches that were not answered */
    struct list watches;
    struct list waiting; /* leases with an operation */
    struct list leases;
    bool names;
    bool names_fresh;
    bool closing;
    struct timer turn;
    struct timer sweep;
};

enum operation { PUT = 1, RENEW, REMOVE };

static struct memory_server servers[SERVERS];

const struct registry_ops *const memory_backends[] = {&registry_memory, NULL};

static struct record *record_find(const struct memory_server *s, const char *service,
                                  const char *id)
{
    list_each(at, after, &s->records)
    {
        struct record *r = container_of(at, struct record, node);

        if (strcmp(r->copy->service, service) == 0 &&
            strcmp(r->copy->instances->id, id) == 0)
            return r;
    }
    return NULL;
}

static void record_free(struct record *r)
{
    list_remove(&r->node);
    instance_list_unref(r->copy);
    free(r);
}

static struct record *record_set(struct memory_server *s, const char *service,
                                 const struct instance *i)
{
    struct record *r = record_find(s, service, i->id);

    if (r)
        record_free(r);
    r = calloc(1, sizeof *r);
    if (r)
        r->copy = instance_list_new(service, i, 1);
    if (!r || !r->copy) {
        free(r);
        return NULL;
    }
    list_push_back(&s->records, &r->node);
    return r;
}

struct memory_server *memory_server(const char *name)
{
    struct memory_server *s = servers;

    while (s->name[0] && strcmp(s->name, name) != 0)
        s++;
    assert(s < servers + SERVERS);
    if (!s->name[0]) {
        *s = (struct memory_server){.authority = LIST_CONFIRMED};
        snprintf(s->name, sizeof s->name, "%s", name);
        list_init(&s->records);
        list_init(&s->clients);
    }
    return s;
}

void memory_forget(struct memory_server *s)
{
    list_each(at, after, &s->records) record_free(container_of(at, struct record, node));
}

void memory_reset(void)
{
    for (struct memory_server *s = servers; s < servers + SERVERS; s++) {
        if (!s->name[0])
            continue;
        assert(list_empty(&s->clients));
        memory_forget(s);
        s->name[0] = 0;
    }
}

static void deliver(struct client *c, struct registry_watch *w)
{
    struct instance list[LIST_LIMIT];
    uint32_t count = 0;

    list_each(at, after, &c->server->records)
    {
        struct record *r = container_of(at, struct record, node);

        if (strcmp(r->copy->service, w->service) == 0 && count < LIST_LIMIT)
            list[count++] = r->copy->instances[0];
    }
    c->registry.frame->deliver(w, list, count, c->server->authority);
}

static void deliver_names(struct client *c)
{
    const char *names[LIST_LIMIT];
    uint32_t count = 0;

    list_each(at, after, &c->server->records)
    {
        struct record *r = container_of(at, struct record, node);

        if (count < LIST_LIMIT)
            names[count++] = r->copy->service;
    }
    c->registry.frame->names(&c->registry, names, count);
}

typedef void teller(struct client *c, struct registry_watch *w, const void *what);

static void each_watch(struct memory_server *s, const char *service, teller *tell,
                       const void *what)
{
    list_each(at, after, &s->clients)
    {
        struct client *c = container_of(at, struct client, node);

        list_each(inner, next, &c->watches)
        {
            struct registry_watch *w = container_of(inner, struct registry_watch, node);

            if (strcmp(w->service, service) == 0)
                tell(c, w, what);
        }
        if (c->names && !s->away)
            deliver_names(c);
    }
}

static void tell_list(struct client *c, struct registry_watch *w, const void *what)
{
    (void)what;
    deliver(c, w);
}

static void tell_add(struct client *c, struct registry_watch *w, const void *instance)
{
    c->registry.frame->add(w, instance);
}

static void tell_remove(struct client *c, struct registry_watch *w, const void *id)
{
    c->registry.frame->remove(w, id);
}

static void announce(struct memory_server *s, const struct record *r)
{
    each_watch(s, r->copy->service, s->whole_lists ? tell_list : tell_add,
               r->copy->instances);
}

void memory_put(struct memory_server *s, const char *service, const char *id,
                const char *address)
{
    struct instance i = {.id = id, .version = "1", .weight = 1};
    enum err e = address_parse(&i.address, slice_of(address), 0, NULL);

    assert(!e);
    (void)e;
    announce(s, record_set(s, service, &i));
}

static void drop(struct memory_server *s, struct record *r)
{
    struct instance_list *copy = instance_list_ref(r->copy);

    record_free(r);
    each_watch(s, copy->service, s->whole_lists ? tell_list : tell_remove,
               copy->instances->id);
    instance_list_unref(copy);
}

void memory_drop(struct memory_server *s, const char *service, const char *id)
{
    struct record *r = record_find(s, service, id);

    assert(r);
    drop(s, r);
}

bool memory_has(const struct memory_server *s, const char *service, const char *id)
{
    return record_find(s, service, id) != NULL;
}

void memory_repeat(struct memory_server *s, const char *service)
{
    each_watch(s, service, tell_list, NULL);
}

struct saying {
    const struct instance *instances;
    uint32_t count;
    enum authority authority;
};

static void tell_saying(struct client *c, struct registry_watch *w, const void *what)
{
    const struct saying *s = what;

    c->registry.frame->deliver(w, s->instances, s->count, s->authority);
}

void memory_say(struct memory_server *s, const char *service,
                const struct instance *instances, uint32_t count,
                enum authority authority)
{
    struct saying saying = {instances, count, authority};

    each_watch(s, service, tell_saying, &saying);
}

static void fail(struct client *c, struct registry_watch *w)
{
    struct why y;

    why(&y, ERR_UNAVAILABLE, "memory:%s is away", c->server->name);
    c->registry.frame->failed(w, ERR_UNAVAILABLE, &y);
}

void memory_break(struct memory_server *s)
{
    s->away = true;
    list_each(at, after, &s->clients)
    {
        struct client *c = container_of(at, struct client, node);

        list_each(inner, next, &c->watches)
            fail(c, container_of(inner, struct registry_watch, node));
        if (c->names)
            c->registry.frame->names_failed(&c->registry, ERR_UNAVAILABLE, NULL);
    }
}

/* The backend. */

static struct client *self(struct registry *r)
{
    return (struct client *)r;
}

static void answer_soon(struct client *c)
{
    if (!timer_active(&c->turn))
        timer_start(&c->turn, &c->registry.loop->clock, c->server->delay_ms);
}

static void answer_watches(struct client *c)
{
    struct list *node;

    while ((node = list_pop_front(&c->fresh))) {
        struct registry_watch *w = container_of(node, struct registry_watch, node);

        list_push_back(&c->watches, node);
        if (c->server->away)
            fail(c, w);
        else
            deliver(c, w);
    }
}

static enum err put(struct client *c, const struct registration *r)
{
    struct instance i = {.id = r->id,
                         .version = r->version,
                         .address = r->address,
                         .weight = r->weight,
                         .metadata = r->metadata};
    struct record *record = record_set(c->server, r->service, &i);

    if (!record)
        return ERR_NO_MEMORY;
    record->expires_ms = loop_now(c->registry.loop) + r->ttl_ms;
    announce(c->server, record);
    return ERR_OK;
}

static enum err operate(struct client *c, const struct registration *r, enum operation op)
{
    struct record *known = record_find(c->server, r->service, r->id);

    if (c->server->away)
        return ERR_UNAVAILABLE;
    if (op != PUT && !known)
        return ERR_NOT_FOUND;
    if (op == PUT)
        return put(c, r);
    if (op == REMOVE)
        drop(c->server, known);
    if (op == RENEW)
        known->expires_ms = loop_now(c->registry.loop) + r->ttl_ms;
    return ERR_OK;
}

/* What is asked from inside an answer waits for the next turn. */
static void answer_leases(struct client *c)
{
    struct list now, *node;

    list_init(&now);
    list_insert_after(&c->waiting, &now);
    list_remove(&c->waiting);
    while ((node = list_pop_front(&now))) {
        struct registry_lease *l = container_of(node, struct registry_lease, node);
        enum err e = operate(c, &l->registration, (enum operation)(uintptr_t)l->backend);

        c->registry.frame->lease_done(l, e, NULL);
    }
}

static void answer_names(struct client *c)
{
    c->names_fresh = false;
    if (c->server->away)
        c->registry.frame->names_failed(&c->registry, ERR_UNAVAILABLE, NULL);
    else
        deliver_names(c);
}

static void end(struct client *c)
{
    c->server->closed++;
    timer_stop(&c->sweep, &c->registry.loop->clock);
    list_remove(&c->node);
    c->registry.closed(&c->registry);
}

static void on_turn(struct timer *t)
{
    struct client *c = container_of(t, struct client, turn);

    if (c->closing) {
        end(c);
        return;
    }
    if (c->server->silent)
        return;
    if (c->names_fresh)
        answer_names(c);
    answer_watches(c);
    answer_leases(c);
}

static void on_sweep(struct timer *t)
{
    struct client *c = container_of(t, struct client, sweep);
    uint64_t now = loop_now(c->registry.loop);

    timer_start(t, &c->registry.loop->clock, SWEEP_MS);
    list_each(at, after, &c->server->records)
    {
        struct record *r = container_of(at, struct record, node);

        if (r->expires_ms && r->expires_ms <= now && !c->server->away)
            drop(c->server, r);
    }
}

static enum err memory_open(struct registry *r, struct why *w)
{
    struct client *c = self(r);
    char name[16];

    if (!r->url.path.size || r->url.path.size >= sizeof name)
        return why(w, ERR_BAD_VALUE, "expected \"memory:NAME\"");
    snprintf(name, sizeof name, "%.*s", (int)r->url.path.size, r->url.path.base);
    c->server = memory_server(name);
    c->server->opened++;
    list_init(&c->fresh);
    list_init(&c->watches);
    list_init(&c->waiting);
    timer_init(&c->turn, on_turn);
    timer_init(&c->sweep, on_sweep);
    timer_start(&c->sweep, &r->loop->clock, SWEEP_MS);
    list_push_back(&c->server->clients, &c->node);
    return ERR_OK;
}

static enum err memory_watch(struct registry *r, struct registry_watch *w)
{
    struct client *c = self(r);

    c->server->watches++;
    if (c->server->unsupporting)
        return ERR_UNSUPPORTED;
    list_push_back(&c->fresh, &w->node);
    answer_soon(c);
    return ERR_OK;
}

static void memory_unwatch(struct registry *r, struct registry_watch *w)
{
    (void)r;
    list_remove(&w->node);
}

static enum err memory_watch_names(struct registry *r)
{
    self(r)->server->names_watches++;
    self(r)->names = self(r)->names_fresh = true;
    answer_soon(self(r));
    return ERR_OK;
}

static void memory_unwatch_names(struct registry *r)
{
    self(r)->names = self(r)->names_fresh = false;
}

static enum err start(struct registry *r, struct registry_lease *l, enum operation op)
{
    list_remove(&l->node);
    list_push_back(&self(r)->waiting, &l->node);
    l->backend = (void *)(uintptr_t)op;
    answer_soon(self(r));
    return ERR_LATER;
}

static enum err memory_lease_put(struct registry *r, struct registry_lease *l)
{
    self(r)->server->puts++;
    return start(r, l, PUT);
}

static enum err memory_lease_renew(struct registry *r, struct registry_lease *l)
{
    self(r)->server->renews++;
    return start(r, l, RENEW);
}

static enum err memory_lease_remove(struct registry *r, struct registry_lease *l)
{
    self(r)->server->removes++;
    return start(r, l, REMOVE);
}

static void memory_close(struct registry *r)
{
    struct client *c = self(r);

    c->closing = true;
    timer_stop(&c->turn, &r->loop->clock);
    timer_start(&c->turn, &r->loop->clock, 0);
}

const struct registry_ops registry_memory = {
    .scheme = "memory",
    .size = sizeof(struct client),
    .abilities = REGISTRY_WRITES | REGISTRY_LISTS_NAMES | REGISTRY_EXPIRES,
    .open = memory_open,
    .watch = memory_watch,
    .unwatch = memory_unwatch,
    .watch_names = memory_watch_names,
    .unwatch_names = memory_unwatch_names,
    .put = memory_lease_put,
    .renew = memory_lease_renew,
    .remove = memory_lease_remove,
    .close = memory_close,
};
