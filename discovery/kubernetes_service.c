/* Services in use, and the names there are. What changed is told a moment later, so that a Service of many slices, or a
 * rollout, is not told piece by piece. */
#include <stdlib.h>

#include "discovery/kubernetes_parts.h"

enum { SETTLE_MS = 10, NAMES_SETTLE_MS = 50 };

/* --- services --- */

struct kubernetes_service *kubernetes_service_get(struct kubernetes *k, const char *name)
{
    struct slice key = slice_of(name);
    struct kubernetes_service *s = map_get(&k->services, key);

    if (!s) {
        s = calloc(1, sizeof(*s) + key.size + 1);
        if (!s)
            return NULL;
        memcpy(s->name, name, key.size);
        list_init(&s->parts);
        list_init(&s->watches);
        list_init(&s->dirty);
        if (map_put(&k->services, slice_from(s->name, key.size), s)) {
            free(s);
            return NULL;
        }
    }
    s->users++;
    return s;
}

void kubernetes_service_release(struct kubernetes *k, struct kubernetes_service *s)
{
    if (--s->users > 0)
        return;
    list_remove(&s->dirty);
    map_remove(&k->services, slice_of(s->name));
    free(s);
}

static bool is_live(const struct kubernetes *k)
{
    for (unsigned i = 0; i < 2; i++)
        if (k->feeds[i].is_used && !k->feeds[i].is_live)
            return false;
    return true;
}

/* --- telling of one --- */

/* An address is told once, by the first that has it: records, then slices of IPv4, then of IPv6 (the same pods again, in
 * a cluster of both). So is an id. */
struct telling {
    struct instance *instances;
    uint32_t count;
    struct map addresses, ids;
};

enum turn { TELL_RECORDS, TELL_IPV4, TELL_IPV6, TELL_ALL };

static enum turn turn_of(const struct kubernetes_part *p)
{
    if (p->feed->kind == &kubernetes_pods)
        return TELL_RECORDS;
    return p->list->count > 0 && p->list->instances[0].address.any.sa_family == AF_INET6
               ? TELL_IPV6
               : TELL_IPV4;
}

static struct slice address_key(const struct address *a)
{
    return slice_from((const char *)a, address_size(a));
}

static uint32_t count_of(struct kubernetes_service *s)
{
    uint32_t count = 0;

    list_each(at, after, &s->parts) count +=
        container_of(at, struct kubernetes_part, node)->list->count;
    return count;
}

static enum err add_part(struct telling *t, const struct kubernetes_part *p)
{
    for (uint32_t i = 0; i < p->list->count; i++) {
        struct instance *one = &p->list->instances[i];
        struct slice address = address_key(&one->address), id = slice_of(one->id);

        if (map_get(&t->addresses, address) || map_get(&t->ids, id))
            continue;
        if (map_put(&t->addresses, address, one) || map_put(&t->ids, id, one))
            return ERR_NO_MEMORY;
        t->instances[t->count++] = *one;
    }
    return ERR_OK;
}

static enum err collect(struct telling *t, struct kubernetes_service *s)
{
    enum err e = ERR_OK;

    *t = (struct telling){.instances = calloc(count_of(s) + 1, sizeof(*t->instances))};
    if (!t->instances)
        return ERR_NO_MEMORY;
    for (enum turn turn = TELL_RECORDS; turn < TELL_ALL; turn++)
        list_each(at, after, &s->parts)
        {
            struct kubernetes_part *p = container_of(at, struct kubernetes_part, node);

            if (!e && turn_of(p) == turn)
                e = add_part(t, p);
        }
    map_fini(&t->addresses);
    map_fini(&t->ids);
    return e;
}

/* Any word of ours may end this watch, or others. */
static void tell_watches(struct kubernetes *k, struct kubernetes_service *s,
                         const struct telling *t, enum err e)
{
    struct list watches, *node;

    list_init(&watches);
    while ((node = list_pop_front(&s->watches)))
        list_push_back(&watches, node);
    while ((node = list_pop_front(&watches))) {
        struct registry_watch *w = container_of(node, struct registry_watch, node);

        list_push_back(&s->watches, node);
        if (e)
            k->base.frame->failed(w, e, NULL);
        else
            k->base.frame->deliver(w, t->instances, t->count, LIST_CONFIRMED);
    }
}

static void tell(struct kubernetes *k, struct kubernetes_service *s)
{
    struct telling t;
    enum err e;

    s->users++;
    list_remove(&s->dirty);
    if (!list_empty(&s->watches)) {
        e = collect(&t, s);
        tell_watches(k, s, &t, e);
        free(t.instances);
    }
    kubernetes_service_release(k, s);
}

static void on_turn(struct timer *timer)
{
    struct kubernetes *k = container_of(timer, struct kubernetes, turn);
    struct list dirty, *node;

    if (!is_live(k))
        return; /* kubernetes_services_live() follows */
    list_init(&dirty);
    while ((node = list_pop_front(&k->dirty)))
        list_push_back(&dirty, node);
    while (!list_empty(&dirty))
        tell(k, container_of(dirty.next, struct kubernetes_service, dirty));
}

static void tell_later(struct kubernetes *k, struct kubernetes_service *s, uint64_t ms)
{
    list_remove(&s->dirty);
    list_push_back(&k->dirty, &s->dirty);
    if (!timer_active(&k->turn))
        timer_start(&k->turn, kubernetes_clock(k), ms);
}

/* --- names --- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void on_names_turn(struct timer *timer)
{
    struct kubernetes *k = container_of(timer, struct kubernetes, names_turn);
    const char **names;
    uint32_t count = 0;

    if (!k->names_wanted || !is_live(k))
        return;
    names = calloc(k->services.count + 1, sizeof(*names));
    if (!names) {
        k->base.frame->names_failed(&k->base, ERR_NO_MEMORY, NULL);
        return;
    }
    map_each(at, &k->services)
    {
        struct kubernetes_service *s = at->value;

        if (!list_empty(&s->parts))
            names[count++] = s->name;
    }
    if (count > 1)
        qsort(names, count, sizeof(*names), by_text);
    k->base.frame->names(&k->base, names, count);
    free(names);
}

static void names_later(struct kubernetes *k, uint64_t ms)
{
    if (k->names_wanted && !timer_active(&k->names_turn))
        timer_start(&k->names_turn, kubernetes_clock(k), ms);
}

/* --- what the feeds say --- */

void kubernetes_service_changed(struct kubernetes *k, struct kubernetes_service *s)
{
    if (!list_empty(&s->watches))
        tell_later(k, s, SETTLE_MS);
    names_later(k, NAMES_SETTLE_MS);
}

void kubernetes_services_live(struct kubernetes *k)
{
    if (!is_live(k))
        return;
    map_each(at, &k->services)
    {
        struct kubernetes_service *s = at->value;

        if (!list_empty(&s->watches))
            tell_later(k, s, 0);
    }
    names_later(k, 0);
}

static void gather(struct kubernetes *k, struct list *watches)
{
    struct list *node;

    list_init(watches);
    map_each(at, &k->services)
    {
        struct kubernetes_service *s = at->value;

        while ((node = list_pop_front(&s->watches)))
            list_push_back(watches, node);
    }
}

void kubernetes_services_fail(struct kubernetes *k, enum err e, const struct why *why)
{
    struct why copy = *why; /* its owner may begin anew meanwhile */
    struct list watches, *node;

    gather(k, &watches);
    while ((node = list_pop_front(&watches))) {
        struct registry_watch *w = container_of(node, struct registry_watch, node);
        struct kubernetes_service *s = w->backend;

        list_push_back(&s->watches, node);
        k->base.frame->failed(w, e, &copy); /* and it unwatches */
    }
    if (k->names_wanted)
        k->base.frame->names_failed(&k->base, e, &copy);
}

/* --- watches --- */

bool kubernetes_is_wanted(const struct kubernetes *k)
{
    return !k->closing && (k->watch_count > 0 || k->names_wanted);
}

static void on_forget(struct timer *t)
{
    struct kubernetes *k = container_of(t, struct kubernetes, forget);

    for (unsigned i = 0; i < 2; i++) {
        kubernetes_objects_free(&k->feeds[i]);
        k->feeds[i].version[0] = '\0';
    }
}

static void want(struct kubernetes *k)
{
    timer_stop(&k->forget, kubernetes_clock(k));
    for (unsigned i = 0; i < 2; i++)
        kubernetes_feed_want(&k->feeds[i]);
}

static void stop_if_unwanted(struct kubernetes *k)
{
    if (kubernetes_is_wanted(k))
        return;
    for (unsigned i = 0; i < 2; i++)
        kubernetes_feed_stop(&k->feeds[i]);
    if (!k->closing)
        timer_start(&k->forget, kubernetes_clock(k), KUBERNETES_KEEP_MS);
}

enum err kubernetes_watch(struct registry *r, struct registry_watch *w)
{
    struct kubernetes *k = kubernetes_of(r);
    struct kubernetes_service *s = kubernetes_service_get(k, w->service);

    if (!s)
        return ERR_NO_MEMORY;
    w->backend = s;
    list_push_back(&s->watches, &w->node);
    k->watch_count++;
    if (is_live(k))
        tell_later(k, s, 0);
    want(k);
    return ERR_OK;
}

void kubernetes_unwatch(struct registry *r, struct registry_watch *w)
{
    struct kubernetes *k = kubernetes_of(r);
    struct kubernetes_service *s = w->backend;

    if (!s)
        return;
    w->backend = NULL;
    list_remove(&w->node);
    k->watch_count--;
    kubernetes_service_release(k, s);
    stop_if_unwanted(k);
}

enum err kubernetes_watch_names(struct registry *r)
{
    struct kubernetes *k = kubernetes_of(r);

    k->names_wanted = true;
    if (is_live(k))
        names_later(k, 0);
    want(k);
    return ERR_OK;
}

void kubernetes_unwatch_names(struct registry *r)
{
    struct kubernetes *k = kubernetes_of(r);

    k->names_wanted = false;
    timer_stop(&k->names_turn, kubernetes_clock(k));
    stop_if_unwanted(k);
}

void kubernetes_services_init(struct kubernetes *k)
{
    list_init(&k->dirty);
    timer_init(&k->turn, on_turn);
    timer_init(&k->names_turn, on_names_turn);
    timer_init(&k->forget, on_forget);
}

void kubernetes_services_close(struct kubernetes *k)
{
    k->names_wanted = false;
    timer_stop(&k->turn, kubernetes_clock(k));
    timer_stop(&k->names_turn, kubernetes_clock(k));
    timer_stop(&k->forget, kubernetes_clock(k));
    stop_if_unwanted(k);
}
