/* What the catalog knows: as soon as the registries have answered, or whenever it changes. */
#include <stdlib.h>

#include "sidecar/admin_parts.h"
#include "sidecar/catalog_json.h"

/* Long enough for a question over multicast. */
enum { LOOKUP_MS = 1500 };

/* A request that waits for a list (or all), or is told of each change of it. */
struct asker {
    struct list node;
    struct admin *admin;
    struct http_request *request;
    uint64_t late_ms;
    void (*then)(struct admin *a, struct http_request *q); /* of a lookup */
    char name[SERVICE_NAME_LIMIT + 1];                     /* "": all */
};

static void asker_drop(struct asker *l)
{
    list_remove(&l->node);
    free(l);
}

static void on_gone(struct http_request *q)
{
    asker_drop(q->owner);
}

static struct asker *asker_make(struct admin *a, struct http_request *q, const char *name,
                                struct list *into)
{
    struct asker *l = calloc(1, sizeof(*l));

    if (!l) {
        admin_reply_problem(q, 0, ERR_NO_MEMORY, NULL);
        return NULL;
    }
    l->admin = a;
    l->request = q;
    l->late_ms = loop_now(&a->control->loop) + LOOKUP_MS;
    memcpy(l->name, name, strlen(name) + 1);
    q->owner = l;
    q->gone = on_gone;
    list_push_back(into, &l->node);
    return l;
}

/* ---- at once ---- */

static bool is_here(const struct asker *l)
{
    struct catalog *c = l->admin->control->catalog;

    return l->name[0] ? catalog_list_is_here(c, slice_of(l->name))
                      : catalog_lists_are_here(c, ADMIN_NAMES_LIMIT);
}

static void lookup_answer(struct asker *l)
{
    struct http_request *q = l->request;
    struct admin *a = l->admin;
    void (*then)(struct admin *, struct http_request *) = l->then;

    asker_drop(l);
    q->owner = NULL;
    q->gone = NULL;
    then(a, q);
}

/* An answer may bring the connection's next request in here again. */
static void lookups_look(struct admin *a)
{
    uint64_t now = loop_now(&a->control->loop);
    struct list looked, *at;

    list_init(&looked);
    while ((at = list_pop_front(&a->lookups)))
        list_push_back(&looked, at);
    while ((at = list_pop_front(&looked))) {
        struct asker *l = container_of(at, struct asker, node);

        if (is_here(l) || now >= l->late_ms)
            lookup_answer(l);
        else
            list_push_back(&a->lookups, at);
    }
    if (!list_empty(&a->lookups) && !timer_active(&a->late))
        timer_start(&a->late, &a->control->loop.clock, LOOKUP_MS);
}

void admin_services_late(struct timer *t)
{
    lookups_look(container_of(t, struct admin, late));
}

/* ---- as it changes ---- */

static void watcher_tell(struct asker *l, const char *name)
{
    struct catalog *c = l->admin->control->catalog;
    json_t *value = catalog_service_json(name, catalog_get(c, slice_of(name)));
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
    size_t size = text ? strlen(text) : 0;

    json_decref(value);
    if (!text)
        return;
    text[size] = '\n'; /* in place of the terminator */
    server_respond_piece(l->request, slice_from(text, size + 1));
    free(text);
}

static void watcher_tell_all(struct asker *l)
{
    struct catalog *c = l->admin->control->catalog;
    const char *const *names;
    unsigned count;

    (void)catalog_lists_are_here(c, ADMIN_NAMES_LIMIT);
    count = catalog_names(c, &names);
    for (unsigned i = 0; i < count && i < ADMIN_NAMES_LIMIT; i++)
        if (catalog_get(c, slice_of(names[i])))
            watcher_tell(l, names[i]);
}

static void watch(struct admin *a, struct http_request *q, const char *name)
{
    struct asker *l = asker_make(a, q, name, &a->watchers);

    if (!l)
        return;
    server_respond_start(q, 200, SLICE("application/jsonl"), admin_fields());
    if (!name[0])
        watcher_tell_all(l);
    else if (catalog_list_is_here(a->control->catalog, slice_of(name)))
        watcher_tell(l, name);
}

static void watchers_tell(struct admin *a, const char *service)
{
    list_each(at, after, &a->watchers)
    {
        struct asker *l = container_of(at, struct asker, node);

        if (!l->name[0] || strcmp(l->name, service) == 0)
            watcher_tell(l, service);
    }
}

static bool all_are_watched(const struct admin *a)
{
    list_each(at, after, &a->watchers)
    {
        if (!container_of(at, struct asker, node)->name[0])
            return true;
    }
    return false;
}

void admin_services_changed(struct admin *a, const char *service)
{
    if (service)
        watchers_tell(a, service);
    else if (all_are_watched(a))
        (void)catalog_lists_are_here(a->control->catalog, ADMIN_NAMES_LIMIT);
    if (!list_empty(&a->lookups))
        lookups_look(a);
}

void admin_services_close(struct admin *a)
{
    timer_stop(&a->late, &a->control->loop.clock);
    while (!list_empty(&a->lookups))
        lookup_answer(container_of(a->lookups.next, struct asker, node));
    while (!list_empty(&a->watchers)) {
        struct asker *l = container_of(a->watchers.next, struct asker, node);
        struct http_request *q = l->request;

        asker_drop(l);
        server_respond_end(q);
    }
}

/* ---- requests ---- */

void admin_await_list(struct admin *a, struct http_request *q, const char *name,
                      void (*then)(struct admin *a, struct http_request *q))
{
    struct asker *l = asker_make(a, q, name, &a->lookups);

    if (!l)
        return;
    l->then = then;
    lookups_look(a);
}

static bool wants_watch(const struct http_request *q)
{
    char value[8];

    return q->head.method != METHOD_HEAD &&
           query_value(q->query, "watch", value, sizeof(value)) && value[0] != '0';
}

static void reply_services(struct admin *a, struct http_request *q)
{
    struct control *c = a->control;

    admin_reply_json(q, 200,
                     catalog_json(c->catalog, ADMIN_NAMES_LIMIT, loop_now(&c->loop)));
}

static void reply_service(struct admin *a, struct http_request *q)
{
    const struct instance_list *l;
    char name[SERVICE_NAME_LIMIT + 1];

    percent_decode(slice_after(q->path, strlen("/services/")), name, sizeof(name));
    l = catalog_get(a->control->catalog, slice_of(name));
    if (l && l->answered && !l->known)
        admin_reply_problem(q, 404, ERR_NO_SERVICE, NULL);
    else
        admin_reply_json(q, 200, catalog_service_json(name, l));
}

void admin_get_services(struct admin *a, struct http_request *q)
{
    if (wants_watch(q))
        watch(a, q, "");
    else
        admin_await_list(a, q, "", reply_services);
}

void admin_get_service(struct admin *a, struct http_request *q)
{
    char name[512];

    if (!admin_name_of(q, "/services/", name, sizeof(name)))
        return;
    if (!service_name_is_valid(slice_of(name)))
        admin_reply_problem(q, 404, ERR_NO_SERVICE, "that can't be a service's name");
    else if (wants_watch(q))
        watch(a, q, name);
    else
        admin_await_list(a, q, name, reply_service);
}
