/* Services in use: /v1/health/service/NAME, told whole at first, then by what changes. */
#include <stdlib.h>

#include "discovery/consul_parts.h"

struct consul_watched {
    struct consul_query query;
    struct registry_watch *watch; /* NULL: nobody's any more */
    struct consul_known known;
    bool told;                /* there was a first list, and all changes since then */
    enum authority authority; /* of it */
};

static struct consul_watched *watched_of(struct consul_query *q)
{
    return container_of(q, struct consul_watched, query);
}

static void write_target(struct consul_query *q, struct text *out)
{
    struct consul *c = q->consul;

    text_addf(out, "/v1/health/service/");
    consul_add_escaped(out, watched_of(q)->watch->service);
    consul_add_options(out, c);
    if (c->passing_only)
        text_addf(out, "&passing");
    if (c->tag) {
        text_addf(out, "&tag=");
        consul_add_escaped(out, c->tag);
    }
}

/* Any word of ours may end the watch. */
static void tell_changes(struct consul_watched *w, const struct consul_change *change)
{
    const struct registry_frame *frame = w->query.consul->base.frame;

    for (uint32_t i = 0; i < change->gone_count && w->watch; i++)
        frame->remove(w->watch, change->gone[i]);
    for (uint32_t i = 0; i < change->added_count && w->watch; i++)
        frame->add(w->watch, &change->added[i]);
}

/* A list of another authority, and one after a failure, is told as a whole. */
static enum err take(struct consul_query *q, struct slice body, enum authority authority,
                     struct why *why_not)
{
    struct consul_watched *w = watched_of(q);
    bool whole =
        !w->told || q->failing || authority == LIST_SUSPECT || w->authority != authority;
    struct consul_change change;
    enum err e;

    if (whole)
        consul_known_fini(&w->known);
    e = consul_known_take(&w->known, &change, body, w->watch->service, q->consul);
    w->told = !e;
    w->authority = authority;
    if (e)
        why(why_not, e, "%s",
            e == ERR_BAD_RESPONSE ? "its answer is no list" : err_text(e));
    else if (whole)
        q->consul->base.frame->deliver(w->watch, change.added, change.added_count,
                                       authority);
    else
        tell_changes(w, &change);
    consul_change_fini(&change);
    return e;
}

static void failed(struct consul_query *q, enum err e, const struct why *why)
{
    struct consul_watched *w = watched_of(q);

    if (w->watch)
        q->consul->base.frame->failed(w->watch, e, why); /* and it unwatches */
}

static void ended(struct consul_query *q)
{
    struct consul_watched *w = watched_of(q);

    if (w->watch)
        w->watch->backend = NULL;
    consul_known_fini(&w->known);
    free(w);
}

static const struct consul_query_ops service_ops = {
    .write_target = write_target,
    .take = take,
    .failed = failed,
    .ended = ended,
};

enum err consul_watch(struct registry *r, struct registry_watch *watch)
{
    struct consul *c = consul_of(r);
    struct consul_watched *w = calloc(1, sizeof(*w));

    if (!w)
        return ERR_NO_MEMORY;
    w->watch = watch;
    watch->backend = w;
    consul_query_start(&w->query, c, &service_ops);
    return ERR_OK;
}

void consul_unwatch(struct registry *r, struct registry_watch *watch)
{
    struct consul_watched *w = watch->backend;

    (void)r;
    watch->backend = NULL;
    if (!w)
        return;
    w->watch = NULL;
    consul_query_end(&w->query);
}
