/* Services in use: the children of a node; the data of each are zookeeper_leaf.c's. */
#include <stdlib.h>

#include "discovery/micro_service.h"
#include "discovery/zookeeper_service_parts.h"

static void service_free_if_over(struct zookeeper_service *s)
{
    if (s->watch || s->pending > 0)
        return;
    list_remove(&s->node);
    map_fini(&s->leaves);
    free(s);
}

/* --- the whole list --- */

static void tell_list(struct zookeeper_service *s)
{
    struct instance *all = calloc(s->leaves.count + 1, sizeof(*all));
    uint32_t count = 0;

    s->told = true;
    if (!all) {
        s->z->base.frame->failed(s->watch, ERR_NO_MEMORY, NULL);
        return;
    }
    map_each(at, &s->leaves)
    {
        struct zookeeper_leaf *l = at->value;

        if (l->copy)
            all[count++] = l->copy->instances[0];
    }
    s->z->base.frame->deliver(s->watch, all, count, LIST_CONFIRMED);
    map_each(left, &s->leaves)
    {
        struct zookeeper_leaf *l = left->value;

        instance_list_unref(l->copy);
        l->copy = NULL;
    }
    free(all);
}

/* Everything that was asked for is here. */
void zookeeper_service_settle(struct zookeeper_service *s)
{
    if (!s->watch)
        service_free_if_over(s);
    else if (s->pending == 0 && s->listed && !s->told)
        tell_list(s);
}

static void refuse(struct zookeeper_service *s, enum err e, const char *path)
{
    struct why w;

    if (!s->watch) {
        service_free_if_over(s);
        return;
    }
    if (e == ERR_UNAVAILABLE) /* the session tells, if it lasts */
        return;
    why_init(&w);
    e = zookeeper_refusal(s->z, e, path, &w);
    s->z->base.frame->failed(s->watch, e, &w); /* and it is nobody's */
}

/* --- reading --- */

static void take_child(struct zookeeper_service *s, struct slice id)
{
    struct zookeeper_leaf *l = map_get(&s->leaves, id);
    bool is_new = !l;

    if (is_new && id.size > 0 && id.size <= INSTANCE_ID_LIMIT &&
        s->leaves.count < SERVICE_INSTANCES_LIMIT)
        l = zookeeper_leaf_new(s, id);
    if (!l)
        return;
    l->stamp = s->stamp;
    if (is_new || s->anew)
        zookeeper_leaf_read(l);
}

static void take_children(struct zookeeper_service *s, struct zookeeper_reader *r)
{
    int32_t count = zookeeper_read_int(r);

    s->stamp++;
    for (int32_t i = 0; i < count && !r->failed; i++)
        take_child(s, zookeeper_read_buffer(r));
    s->anew = false;
    s->listed = true;
    if (!r->failed)
        zookeeper_leaves_drop_absent(s);
}

static void read_children(struct zookeeper_service *s);
static void await_node(struct zookeeper_service *s);

static void on_children(struct zookeeper_request *q, enum err e, int32_t code,
                        struct zookeeper_reader *r)
{
    struct zookeeper_service *s = q->owner;
    char path[ZOOKEEPER_PATH_LIMIT];

    (void)code;
    s->reading = false;
    s->pending--;
    if (!s->watch || (e && e != ERR_NOT_FOUND)) {
        if (s->watch)
            (void)zookeeper_path(s->z, path, s->watch->service, NULL);
        refuse(s, e, path);
        return;
    }
    if (s->again) {
        read_children(s);
        return;
    }
    if (e == ERR_NOT_FOUND) {
        await_node(s);
        return;
    }
    take_children(s, r);
    zookeeper_service_settle(s);
}

static void ask(struct zookeeper_service *s, enum zookeeper_operation op,
                void (*answered)(struct zookeeper_request *q, enum err e, int32_t code,
                                 struct zookeeper_reader *r))
{
    char path[ZOOKEEPER_PATH_LIMIT];

    (void)zookeeper_path(s->z, path, s->watch->service,
                         NULL); /* was tried at the watch */
    zookeeper_request_init(&s->read, op, s, answered);
    zookeeper_write_buffer(&s->read.payload, slice_of(path));
    zookeeper_write_bool(&s->read.payload, true);
    s->again = false;
    s->reading = zookeeper_send(s->z->client, &s->read) == ERR_OK;
    s->pending += s->reading;
}

static void read_children(struct zookeeper_service *s)
{
    s->again = s->reading;
    if (!s->reading)
        ask(s, ZOOKEEPER_GET_CHILDREN, on_children);
}

/* No such node: a watch on its creation, unless it came meanwhile. */
static void on_exists(struct zookeeper_request *q, enum err e, int32_t code,
                      struct zookeeper_reader *r)
{
    struct zookeeper_service *s = q->owner;

    (void)code;
    (void)r;
    s->reading = false;
    s->pending--;
    if (!s->watch || (e && e != ERR_NOT_FOUND)) {
        refuse(s, e, "a node");
        return;
    }
    if (e == ERR_OK || s->again) {
        read_children(s);
        return;
    }
    zookeeper_leaves_drop(s);
    s->listed = true;
    zookeeper_service_settle(s);
}

static void await_node(struct zookeeper_service *s)
{
    ask(s, ZOOKEEPER_EXISTS, on_exists);
}

void zookeeper_services_read(struct zookeeper *z)
{
    list_each(at, after, &z->services)
    {
        struct zookeeper_service *s = container_of(at, struct zookeeper_service, node);

        if (!s->watch)
            continue;
        s->anew = true;
        read_children(s);
    }
}

/* One that was deleted may have been created again before the children are read, which then are the same as before. */
static void changed(struct zookeeper_service *s, struct slice id)
{
    struct zookeeper_leaf *l = id.size ? map_get(&s->leaves, id) : NULL;

    if (id.size == 0)
        read_children(s);
    else if (l)
        zookeeper_leaf_read(l);
}

void zookeeper_services_changed(struct zookeeper *z, struct slice path)
{
    struct slice service, id;

    if (!zookeeper_path_split(z, path, &service, &id))
        return;
    list_each(at, after, &z->services)
    {
        struct zookeeper_service *s = container_of(at, struct zookeeper_service, node);

        if (s->watch && micro_name_is(service, s->watch->service))
            changed(s, id);
    }
}

/* --- watches --- */

enum err zookeeper_watch(struct registry *r, struct registry_watch *watch)
{
    struct zookeeper *z = zookeeper_of(r);
    char path[ZOOKEEPER_PATH_LIMIT];
    struct zookeeper_service *s;

    if (zookeeper_path(z, path, watch->service, NULL))
        return ERR_UNSUPPORTED;
    s = calloc(1, sizeof(*s));
    if (!s)
        return ERR_NO_MEMORY;
    s->z = z;
    s->watch = watch;
    watch->backend = s;
    list_push_back(&z->services, &s->node);
    if (zookeeper_client_is_live(z->client))
        read_children(s);
    return ERR_OK;
}

void zookeeper_unwatch(struct registry *r, struct registry_watch *watch)
{
    struct zookeeper_service *s = watch->backend;

    (void)r;
    watch->backend = NULL;
    if (!s)
        return;
    s->told = false; /* nobody is told of what is dropped */
    zookeeper_leaves_drop(s);
    s->watch = NULL;
    service_free_if_over(s);
}

void zookeeper_services_fail(struct zookeeper *z, enum err e, const struct why *w)
{
    struct list all, *node;

    list_init(&all);
    while ((node = list_pop_front(&z->services)))
        list_push_back(&all, node);
    while ((node = list_pop_front(&all))) {
        struct zookeeper_service *s = container_of(node, struct zookeeper_service, node);

        list_push_back(&z->services, node);
        if (s->watch)
            z->base.frame->failed(s->watch, e, w); /* and it unwatches */
    }
}

void zookeeper_services_close(struct zookeeper *z)
{
    list_each(at, after, &z->services)
    {
        struct zookeeper_service *s = container_of(at, struct zookeeper_service, node);

        if (s->watch)
            zookeeper_unwatch(&z->base, s->watch);
    }
}
