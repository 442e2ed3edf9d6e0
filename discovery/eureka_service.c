/* Watched services: their watches, lists, and what was said of them last. */
#include <ctype.h>
#include <stdlib.h>

#include "discovery/eureka_parts.h"
#include "sidecar/core/log.h"

enum { DOUBT_MS = 40 * 1000 }; /* the frame's is 30 s, from when it asks again */

/* --- life --- */

static bool write_app(char out[SERVICE_NAME_LIMIT + 1], const char *name)
{
    size_t size = strnlen(name, SERVICE_NAME_LIMIT + 1);

    for (size_t i = 0; i < size && size <= SERVICE_NAME_LIMIT; i++)
        out[i] = (char)toupper((unsigned char)name[i]);
    out[size <= SERVICE_NAME_LIMIT ? size : 0] = 0;
    return out[0] != 0;
}

struct eureka_service *eureka_service_find(const struct eureka *e, const char *app)
{
    return map_get(&e->services, slice_of(app));
}

struct eureka_service *eureka_service_named(const struct eureka *e, const char *name)
{
    char app[SERVICE_NAME_LIMIT + 1];

    return write_app(app, name) ? eureka_service_find(e, app) : NULL;
}

struct eureka_service *eureka_service_use(struct eureka *e, const char *name)
{
    char app[SERVICE_NAME_LIMIT + 1];
    struct eureka_service *s;

    if (!write_app(app, name))
        return NULL;
    s = eureka_service_find(e, app);
    if (s)
        return s;
    s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    memcpy(s->app, app, sizeof s->app);
    list_init(&s->due);
    list_init(&s->watches);
    list_init(&s->fresh);
    if (map_put(&e->services, slice_of(s->app), s)) {
        free(s);
        return NULL;
    }
    return s;
}

void eureka_service_unuse(struct eureka *e, struct eureka_service *s)
{
    if (!list_empty(&s->watches) || !list_empty(&s->fresh))
        return;
    if (e->fetch.service == s)
        e->fetch.service = NULL;
    list_remove(&s->due);
    map_remove(&e->services, slice_of(s->app));
    eureka_list_clear(&s->list);
    free(s);
}

void eureka_service_ask(struct eureka *e, struct eureka_service *s)
{
    if (list_empty(&s->due))
        list_push_back(&e->due, &s->due);
}

/* --- lists --- */

static enum err list_grow(struct eureka_list *l)
{
    uint32_t capacity = l->capacity ? 2 * l->capacity : 16;
    struct instance *more;

    if (l->count < l->capacity)
        return ERR_OK;
    more = realloc(l->instances, capacity * sizeof *more);
    if (!more)
        return ERR_NO_MEMORY;
    l->instances = more;
    l->capacity = capacity;
    return ERR_OK;
}

enum err eureka_list_add(struct eureka_list *l, const struct eureka_record *r,
                         struct why *w)
{
    enum err e;

    l->listed++;
    if (l->count == SERVICE_INSTANCES_LIMIT)
        return why(w, ERR_BAD_RECORD, "its service has more than %d instances",
                   SERVICE_INSTANCES_LIMIT);
    e = list_grow(l);
    if (!e)
        e = eureka_record_instance(r, &l->instances[l->count], &l->memory, w);
    l->count += e == ERR_OK;
    return e;
}

void eureka_list_clear(struct eureka_list *l)
{
    free(l->instances);
    memory_free(&l->memory);
    *l = (struct eureka_list){0};
}

/* --- is it the same as before? --- */

static uint64_t mix(uint64_t sum, const char *text)
{
    for (; text && *text; text++)
        sum = (sum ^ (unsigned char)*text) * 0x100000001b3u; /* FNV-1a */
    return (sum ^ 0x100) * 0x100000001b3u;
}

static uint64_t digest_of(const struct instance *i)
{
    char address[ADDRESS_TEXT];
    uint64_t sum = mix(0xcbf29ce484222325u, i->id);

    sum = mix(sum, i->version);
    sum = mix(sum, i->endpoints);
    sum = mix(sum, address_format(&i->address, address));
    for (unsigned at = 0; at < i->metadata.count; at++)
        sum += mix(mix(7, i->metadata.items[at].key), i->metadata.items[at].value);
    return sum + i->weight * 31 + i->draining;
}

/* In any order: a server keeps none. */
static uint64_t list_digest(const struct eureka_list *l)
{
    uint64_t sum = 1 + l->count;

    for (uint32_t i = 0; i < l->count; i++)
        sum += digest_of(&l->instances[i]);
    return sum ? sum : 1;
}

/* --- telling --- */

static void tell(struct eureka *e, struct eureka_service *s, struct registry_watch *w)
{
    e->base.frame->deliver(w, s->list.instances, s->list.count, LIST_CONFIRMED);
}

static void tell_fresh(struct eureka *e, struct eureka_service *s)
{
    struct list *node;

    while ((node = list_pop_front(&s->fresh))) {
        list_push_back(&s->watches, node);
        tell(e, s, container_of(node, struct registry_watch, node));
    }
}

void eureka_service_deliver(struct eureka *e, struct eureka_service *s)
{
    uint64_t digest = list_digest(&s->list);

    if (digest != s->digest || loop_now(e->base.loop) >= e->doubt_until)
        list_each(at, after, &s->watches)
        {
            tell(e, s, container_of(at, struct registry_watch, node));
        }
    tell_fresh(e, s);
    s->digest = digest;
    s->told = s->list.listed;
    eureka_list_clear(&s->list);
}

static void tell_change(struct eureka *e, struct eureka_service *s,
                        const struct instance *i, const char *gone)
{
    list_each(at, after, &s->watches)
    {
        struct registry_watch *w = container_of(at, struct registry_watch, node);

        if (gone)
            e->base.frame->remove(w, gone);
        else
            e->base.frame->add(w, i);
    }
}

/* One that has become unreadable is not where it was any more, either. */
void eureka_service_change(struct eureka *e, struct eureka_service *s,
                           const struct eureka_record *r)
{
    struct memory memory = {0};
    struct instance i;
    struct why w;
    enum err error = ERR_OK;

    why_init(&w);
    s->digest = 0;
    s->told = eureka_table_listed(&e->table, s->app);
    if (eureka_record_is_listed(r))
        error = eureka_record_instance(r, &i, &memory, &w);
    if (error)
        eureka_complain(e, r->app, r->id, &w);
    if (!error && eureka_record_is_listed(r))
        tell_change(e, s, &i, NULL);
    else if (!r->is_twin)
        tell_change(e, s, NULL, eureka_record_node_id(r));
    memory_free(&memory);
}

/* --- failing: the frame lets go of each watch from inside --- */

static void move_all(struct list *to, struct list *from)
{
    struct list *node;

    while ((node = list_pop_front(from)))
        list_push_back(to, node);
}

static void fail_each(struct eureka *e, struct list *doomed, enum err error,
                      const struct why *why)
{
    struct list *node;

    if (!list_empty(doomed))
        e->doubt_until = loop_now(e->base.loop) + DOUBT_MS;
    while ((node = list_pop_front(doomed)))
        e->base.frame->failed(container_of(node, struct registry_watch, node), error,
                              why);
}

static void take_watches(struct eureka *e, struct eureka_service *s, bool all,
                         struct list *doomed)
{
    move_all(doomed, &s->fresh);
    if (all)
        move_all(doomed, &s->watches);
    list_remove(&s->due);
    eureka_list_clear(&s->list);
    eureka_service_unuse(e, s);
}

void eureka_service_fail(struct eureka *e, struct eureka_service *s, bool all,
                         enum err error, const struct why *why)
{
    struct list doomed;

    list_init(&doomed);
    take_watches(e, s, all, &doomed);
    fail_each(e, &doomed, error, why);
}

void eureka_services_fail(struct eureka *e, bool all, enum err error,
                          const struct why *why)
{
    struct list doomed;
    struct eureka_service **services = calloc(e->services.count + 1, sizeof *services);
    uint32_t count = 0;

    if (!services)
        return; /* the next miss says it */
    map_each(at, &e->services) services[count++] = at->value;
    list_init(&doomed);
    for (uint32_t i = 0; i < count; i++)
        take_watches(e, services[i], all, &doomed);
    free(services);
    fail_each(e, &doomed, error, why);
}
