/* The names there are: /v1/catalog/services, whose values (all tags of all instances) nobody needs. */
#include <stdlib.h>

#include "discovery/consul_parts.h"

struct consul_names {
    struct consul_query query;
    bool told;
    uint32_t hash; /* of the names told last: the index changes with each instance, too */
};

static void write_target(struct consul_query *q, struct text *out)
{
    text_addf(out, "/v1/catalog/services");
    consul_add_options(out, q->consul);
}

/* The valid ones, one after the other with a zero behind each. */
static enum err collect(struct text *all, uint32_t *count, struct slice body)
{
    struct slice rest, key;
    enum err e = consul_open(&rest, body, '{') ? ERR_OK : ERR_BAD_RESPONSE;

    *count = 0;
    while (!e && !(e = consul_next_key(&rest, &key))) {
        if (!service_name_is_valid(key))
            continue;
        text_add(all, key);
        text_add(all, slice_from("", 1));
        ++*count;
    }
    if (e != ERR_NOT_FOUND)
        return e;
    return all->failed ? ERR_NO_MEMORY : ERR_OK;
}

static enum err tell(struct consul *c, const struct text *all, uint32_t count)
{
    const char **names = calloc(count + 1, sizeof(*names));
    const char *at = all->base;

    if (!names)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        names[i] = at;
        at += strlen(at) + 1;
    }
    c->base.frame->names(&c->base, names, count);
    free(names);
    return ERR_OK;
}

static enum err take(struct consul_query *q, struct slice body, enum authority authority,
                     struct why *w)
{
    struct consul_names *n = container_of(q, struct consul_names, query);
    struct text all;
    uint32_t count, hash;
    enum err e;

    (void)authority;
    text_init(&all, CONSUL_ANSWER_LIMIT);
    e = collect(&all, &count, body);
    hash = hash_bytes(text_slice(&all));
    if (!e && (!n->told || q->failing || hash != n->hash))
        e = tell(q->consul, &all, count);
    n->told = !e;
    n->hash = hash;
    text_fini(&all);
    return e ? why(w, e, "%s",
                   e == ERR_BAD_RESPONSE ? "its answer is no list of services"
                                         : err_text(e))
             : ERR_OK;
}

static void failed(struct consul_query *q, enum err e, const struct why *w)
{
    q->consul->base.frame->names_failed(&q->consul->base, e, w); /* and it unwatches */
}

static void ended(struct consul_query *q)
{
    free(container_of(q, struct consul_names, query));
}

static const struct consul_query_ops names_ops = {
    .write_target = write_target,
    .take = take,
    .failed = failed,
    .ended = ended,
};

enum err consul_watch_names(struct registry *r)
{
    struct consul *c = consul_of(r);
    struct consul_names *n = calloc(1, sizeof(*n));

    if (!n)
        return ERR_NO_MEMORY;
    c->names = &n->query;
    consul_query_start(&n->query, c, &names_ops);
    return ERR_OK;
}

void consul_unwatch_names(struct registry *r)
{
    struct consul *c = consul_of(r);
    struct consul_query *names = c->names;

    c->names = NULL;
    if (names)
        consul_query_end(names);
}
