/* static: the instances the settings name. They cannot change: each watch is answered once, with instances made for it
 * (the settings may name far more than anybody asks for). */
#include <stdlib.h>

#include "discovery/registry.h"

struct registry_static {
    struct registry registry;
    struct list fresh; /* watches that were not answered yet */
    struct list answered;
    const char **names;
    uint32_t name_count;
    bool names_fresh;
    bool closing;
    struct timer turn;
};

static struct registry_static *self(struct registry *r)
{
    return (struct registry_static *)r;
}

static const struct static_service *find(const struct registry *r, const char *name)
{
    const struct registry_environment *e = r->environment;

    for (unsigned i = 0; i < e->static_count; i++)
        if (strcmp(e->static_services[i].name, name) == 0)
            return &e->static_services[i];
    return NULL;
}

static enum err make_instance(struct instance *to, const struct static_instance *from,
                              struct memory *m)
{
    char text[ADDRESS_TEXT];
    enum err e;

    *to = (struct instance){.version = "", .weight = from->weight};
    to->metadata = from->metadata;
    e = address_parse(&to->address, slice_of(from->address), 0, NULL);
    if (e)
        return e;
    to->id = memory_copy(m, slice_of(address_format(&to->address, text)));
    return to->id ? ERR_OK : ERR_NO_MEMORY;
}

/* In `m`; *to is NULL where there is none. */
static enum err make_instances(struct instance **to, const struct static_service *from,
                               struct memory *m)
{
    enum err e = ERR_OK;

    *to = from ? memory_take(m, sizeof(**to) * from->count) : NULL;
    if (!from)
        return ERR_OK;
    if (!*to)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < from->count && !e; i++)
        e = make_instance(&(*to)[i], &from->instances[i], m);
    return e;
}

static void answer(struct registry_static *s, struct registry_watch *w)
{
    const struct static_service *found = find(&s->registry, w->service);
    struct memory m = {0};
    struct instance *instances;
    enum err e = make_instances(&instances, found, &m);

    list_remove(&w->node);
    list_push_back(&s->answered, &w->node);
    if (e)
        s->registry.frame->failed(w, e, NULL); /* and it watches again */
    else
        s->registry.frame->deliver(w, instances, found ? found->count : 0,
                                   LIST_CONFIRMED);
    memory_free(&m);
}

static void answer_names(struct registry_static *s)
{
    s->names_fresh = false;
    s->registry.frame->names(&s->registry, s->names, s->name_count);
}

static void on_turn(struct timer *t)
{
    struct registry_static *s = container_of(t, struct registry_static, turn);

    if (s->closing) {
        free(s->names);
        s->registry.closed(&s->registry);
        return;
    }
    if (s->names_fresh)
        answer_names(s);
    while (!list_empty(&s->fresh))
        answer(s, container_of(s->fresh.next, struct registry_watch, node));
}

static void answer_soon(struct registry_static *s)
{
    if (!timer_active(&s->turn))
        timer_start(&s->turn, &s->registry.loop->clock, 0);
}

static enum err collect_names(struct registry_static *s)
{
    const struct registry_environment *e = s->registry.environment;

    s->names = calloc(e->static_count + 1, sizeof *s->names);
    if (!s->names)
        return ERR_NO_MEMORY;
    for (unsigned i = 0; i < e->static_count; i++)
        if (e->static_services[i].count > 0)
            s->names[s->name_count++] = e->static_services[i].name;
    return ERR_OK;
}

static enum err static_open(struct registry *r, struct why *w)
{
    struct registry_static *s = self(r);

    if (r->url.hosts.size || r->url.path.size)
        return why(w, ERR_BAD_VALUE,
                   "\"static:\" takes nothing more: instances are "
                   "written under services.NAME.instances");
    list_init(&s->fresh);
    list_init(&s->answered);
    timer_init(&s->turn, on_turn);
    return collect_names(s);
}

static enum err static_watch(struct registry *r, struct registry_watch *w)
{
    list_push_back(&self(r)->fresh, &w->node);
    answer_soon(self(r));
    return ERR_OK;
}

static void static_unwatch(struct registry *r, struct registry_watch *w)
{
    (void)r;
    list_remove(&w->node);
}

static enum err static_watch_names(struct registry *r)
{
    self(r)->names_fresh = true;
    answer_soon(self(r));
    return ERR_OK;
}

static void static_unwatch_names(struct registry *r)
{
    self(r)->names_fresh = false;
}

static void static_close(struct registry *r)
{
    self(r)->closing = true;
    answer_soon(self(r));
}

const struct registry_ops registry_static = {
    .scheme = "static",
    .size = sizeof(struct registry_static),
    .abilities = REGISTRY_LISTS_NAMES | REGISTRY_IS_LOCAL | REGISTRY_REMEMBERS,
    .open = static_open,
    .watch = static_watch,
    .unwatch = static_unwatch,
    .watch_names = static_watch_names,
    .unwatch_names = static_unwatch_names,
    .close = static_close,
};
