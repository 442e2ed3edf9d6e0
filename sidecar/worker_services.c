#include "sidecar/worker_services.h"

#include "sidecar/egress.h"
#include "sidecar/worker_letters.h"

enum {
    FORGET_MS = 60 * 1000, /* a service without instances that nobody asks for */
    WANT_AGAIN_MS = 20 * 1000,
    WANT_FIRST_MS =
        1000, /* as long as nothing was heard: the question or its answer may be lost */
    UNLISTED_LIMIT = 4096, /* names without instances, at once */
    LOOKS = 64,            /* for one that is not in use, where all places are taken */
};

static void want(struct worker *w, struct service *s)
{
    uint64_t now = loop_now(&w->loop);
    uint64_t again_ms = s->list ? WANT_AGAIN_MS : WANT_FIRST_MS;

    if (s->asked_ms && now - s->asked_ms < again_ms)
        return;
    if (!worker_post_want(w, s->name))
        s->asked_ms = now;
}

static void on_ejection(struct service *s, const struct upstream *u)
{
    struct worker *w = s->owner;

    if (w->workers > 1)
        worker_post_ejected(w, s->name, u->id);
}

static bool is_forgettable(const struct service *s, uint64_t now, uint64_t age_ms)
{
    return s->in_flight == 0 && now - s->used_ms >= age_ms;
}

static void forget(struct worker *w, struct service *s)
{
    w->unlisted_count -= !list_empty(&s->unlisted);
    map_remove(&w->services, slice_of(s->name));
    service_drop(s);
}

void worker_sweep_services(struct worker *w)
{
    list_each(at, after, &w->unlisted)
    {
        struct service *s = container_of(at, struct service, unlisted);

        if (is_forgettable(s, loop_now(&w->loop), FORGET_MS))
            forget(w, s);
    }
}

void worker_close_services(struct worker *w)
{
    list_each(at, after, &w->service_ring)
        forget(w, container_of(at, struct service, node));
}

/* Used just now, or its list has changed: in its place among those without instances, or out of them. */
static void place_unlisted(struct worker *w, struct service *s)
{
    w->unlisted_count -= !list_empty(&s->unlisted);
    list_remove(&s->unlisted);
    if (service_count(s) > 0 && !s->outside)
        return;
    list_push_back(&w->unlisted, &s->unlisted);
    w->unlisted_count++;
}

/* Whoever calls made-up names must not fill the memory: the one that nobody used for longest goes. */
static enum err make_room(struct worker *w)
{
    unsigned looks = 0;

    if (w->unlisted_count < UNLISTED_LIMIT)
        return ERR_OK;
    list_each(at, after, &w->unlisted)
    {
        struct service *s = container_of(at, struct service, unlisted);

        if (is_forgettable(s, loop_now(&w->loop), 0)) {
            forget(w, s);
            return ERR_OK;
        }
        if (++looks == LOOKS)
            break;
    }
    return ERR_OVERLOADED;
}

static struct service *add_service(struct worker *w, struct slice name, enum err *e)
{
    struct service *s;

    *e = make_room(w);
    if (*e)
        return NULL;
    *e = ERR_NO_MEMORY;
    s = service_make(name, w->settings, service_settings_of(w->settings, name),
                     w->workers, &w->loop.clock, &w->random);
    if (!s)
        return NULL;
    s->owner = w;
    s->ejection = on_ejection;
    if (map_put(&w->services, slice_of(s->name), s)) {
        service_drop(s);
        return NULL;
    }
    list_push_back(&w->service_ring, &s->node);
    place_unlisted(w, s);
    return s;
}

struct service *worker_service(struct worker *w, struct slice name, enum err *e)
{
    struct service *s = map_get(&w->services, name);

    if (!s)
        s = add_service(w, name, e);
    else if (!list_empty(&s->unlisted))
        place_unlisted(w, s);
    if (s)
        want(w, s);
    return s;
}

struct service *worker_egress(struct worker *w, struct slice key, enum err *e)
{
    struct service *s = map_get(&w->services, key);

    if (!s)
        s = add_service(w, key, e);
    if (!s)
        return NULL;
    s->outside = true;
    place_unlisted(w, s);
    return s;
}

/* ---- what letters do ---- */

void worker_take_list(struct worker *w, struct instance_list *list)
{
    struct service *s = map_get(&w->services, slice_of(list->service));

    if (!s)
        return;
    s->in_flight++; /* those who waited may end, and so might it */
    service_update(s, list);
    egress_answered(w, s);
    s->in_flight--;
    place_unlisted(w, s);
}

/* Several apps may have one name: the port tells them apart. */
static bool is_app_of(const struct service *app, const struct instance_list *list)
{
    const struct address *old = &app->list->instances[0].address;

    return strcmp(app->name, list->service) == 0 &&
           address_port(old) == address_port(&list->instances[0].address);
}

void worker_take_app(struct worker *w, struct instance_list *list)
{
    list_each(at, after, &w->listenings)
    {
        struct listening *l = container_of(at, struct listening, all);

        if (l->app && is_app_of(l->app, list))
            service_update(l->app, list);
    }
}

/* In use it stays, and its list is asked for again. */
void worker_take_forget(struct worker *w, struct slice service)
{
    struct service *s = map_get(&w->services, service);

    if (!s)
        return;
    if (is_forgettable(s, loop_now(&w->loop), 0)) {
        forget(w, s);
        return;
    }
    service_unlearn(s);
    place_unlisted(w, s);
    want(w, s);
}
