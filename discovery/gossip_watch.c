#include <stdlib.h>

#include "discovery/gossip_parts.h"

static struct registry_watch *watch_of(struct list *node)
{
    return container_of(node, struct registry_watch, node);
}

/* --- whole lists, at first --- */

static uint32_t collect(struct gossip_service *s, struct instance *out)
{
    uint32_t count = 0;

    list_each(at, after, &s->all)
    {
        if (gossip_record_of(at)->is_told)
            out[count++] = *gossip_record_instance(gossip_record_of(at));
    }
    return count;
}

/* What is told to others later, but is there already, comes as an add. */
static void deliver(struct gossip *g, struct registry_watch *w)
{
    struct gossip_service *s = gossip_service_get(&g->records, w->service);
    struct instance *room = s ? calloc(s->told + 1, sizeof *room) : NULL;

    w->backend = s;
    if (!room) {
        list_push_back(&g->fresh, &w->node);
        g->base.frame->failed(w, ERR_NO_MEMORY, NULL);
        return;
    }
    list_push_back(&s->watches, &w->node);
    g->base.frame->deliver(w, room, collect(s, room), LIST_CONFIRMED);
    free(room);
}

static void fail_fresh(struct gossip *g)
{
    struct list now, *node;

    list_init(&now);
    list_insert_after(&g->fresh, &now);
    list_remove(&g->fresh);
    while ((node = now.next) != &now)
        g->base.frame->failed(watch_of(node), g->trouble, &g->why);
}

static void answer_fresh(struct gossip *g)
{
    struct list now, *node;

    list_init(&now);
    list_insert_after(&g->fresh, &now);
    list_remove(&g->fresh);
    while ((node = list_pop_front(&now)))
        deliver(g, watch_of(node));
}

/* --- names --- */

static void tell_names(struct gossip *g)
{
    const char **names = calloc(g->records.services.count + 1, sizeof *names);
    uint32_t count = 0;

    g->names_due = false;
    if (!names) {
        g->base.frame->names_failed(&g->base, ERR_NO_MEMORY, NULL);
        return;
    }
    map_each(at, &g->records.services)
    {
        const struct gossip_service *s = at->value;

        if (s->told > 0)
            names[count++] = s->name;
    }
    g->base.frame->names(&g->base, names, count);
    free(names);
}

static void fail_all(struct gossip *g)
{
    bool names = g->watches_names && g->names_due;

    g->names_due = false;
    fail_fresh(g);
    if (names)
        g->base.frame->names_failed(&g->base, g->trouble, &g->why);
}

void gossip_watch_turn(struct gossip *g)
{
    gossip_records_flush(&g->records);
    if (g->standing == GOSSIP_JOINING)
        return;
    if (g->standing == GOSSIP_AWAY) {
        fail_all(g);
        return;
    }
    answer_fresh(g);
    if (g->watches_names && g->names_due)
        tell_names(g);
}

/* The watches of a service are to be answered anew. */
static void make_fresh(struct gossip *g, struct gossip_service *s)
{
    struct list *node;

    while ((node = list_pop_front(&s->watches))) {
        watch_of(node)->backend = NULL;
        list_push_back(&g->fresh, node);
    }
}

static struct gossip_service *find_watched(struct gossip *g)
{
    map_each(at, &g->records.services)
    {
        if (!list_empty(&((struct gossip_service *)at->value)->watches))
            return at->value;
    }
    return NULL;
}

/* Those who were told something, too: each is unwatched in the call, and watches again later. */
void gossip_watch_fail(struct gossip *g)
{
    struct gossip_service *s;

    while ((s = find_watched(g))) {
        make_fresh(g, s);
        gossip_service_release(s);
    }
    gossip_turn_soon(g);
}

/* --- changes --- */

static void on_changed(struct gossip_records *r, struct gossip_record *record, bool there)
{
    struct gossip *g = r->owner;

    list_each(at, after, &record->service->watches)
    {
        if (there)
            g->base.frame->add(watch_of(at), gossip_record_instance(record));
        else
            g->base.frame->remove(watch_of(at), gossip_record_instance(record)->id);
    }
}

static void on_due(struct gossip_records *r)
{
    gossip_turn_soon(r->owner);
}

static void on_names_changed(struct gossip_records *r)
{
    struct gossip *g = r->owner;

    g->names_due = true;
}

static bool is_down(struct gossip_records *r, const char *name)
{
    const struct gossip *g = r->owner;
    const struct gossip_member *who = gossip_members_find(&g->members, slice_of(name));

    return who && !gossip_member_is_here(who);
}

static bool is_host_up(struct gossip_records *r, const struct address *host)
{
    const struct gossip *g = r->owner;

    return gossip_members_on_host(&g->members, host);
}

static bool on_lapsed(struct gossip_records *r, struct gossip_record *record)
{
    return gossip_join_ask(r->owner, record);
}

const struct gossip_records_events gossip_records_events = {
    .is_down = is_down,
    .is_host_up = is_host_up,
    .due = on_due,
    .changed = on_changed,
    .names_changed = on_names_changed,
    .lapsed = on_lapsed,
};

/* --- the frame's calls --- */

enum err gossip_watch(struct registry *r, struct registry_watch *w)
{
    w->backend = NULL;
    list_push_back(&gossip_of(r)->fresh, &w->node);
    gossip_turn_soon(gossip_of(r));
    return ERR_OK;
}

void gossip_unwatch(struct registry *r, struct registry_watch *w)
{
    struct gossip_service *s = w->backend;

    (void)r;
    list_remove(&w->node);
    w->backend = NULL;
    if (s)
        gossip_service_release(s);
}

enum err gossip_watch_names(struct registry *r)
{
    struct gossip *g = gossip_of(r);

    g->watches_names = g->names_due = true;
    gossip_turn_soon(g);
    return ERR_OK;
}

void gossip_unwatch_names(struct registry *r)
{
    gossip_of(r)->watches_names = false;
}
