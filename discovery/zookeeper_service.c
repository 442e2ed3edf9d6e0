/* Services in use: the children of a node, and the data of each. */
#include <stdlib.h>

#include "discovery/micro_service.h"
#include "discovery/zookeeper_parts.h"

struct zookeeper_service {
    struct list node;
    struct zookeeper *z;
    struct registry_watch *watch; /* NULL: nobody's; goes with the last answer */
    struct zookeeper_request read;
    struct map leaves; /* by id */
    unsigned pending;  /* requests that are out */
    uint32_t stamp;
    bool reading, again; /* its children: and once more after that */
    bool anew;           /* all data is read, also what is known */
    bool listed;         /* the children are known */
    bool told;
};

struct zookeeper_leaf {
    struct zookeeper_service *service; /* NULL: dropped */
    struct zookeeper *z;
    struct zookeeper_request read;
    struct instance_list *copy; /* until the list is told */
    uint32_t stamp;
    bool busy, again, is_good;
    char id[];
};

static void service_free_if_over(struct zookeeper_service *s)
{
    if (s->watch || s->pending > 0)
        return;
    list_remove(&s->node);
    map_fini(&s->leaves);
    free(s);
}

/* --- leaves --- */

static void leaf_free(struct zookeeper_leaf *l)
{
    instance_list_unref(l->copy);
    free(l);
}

static void leaf_bad(struct zookeeper_leaf *l)
{
    struct zookeeper_service *s = l->service;

    instance_list_unref(l->copy);
    l->copy = NULL;
    if (l->is_good && s->told)
        s->z->base.frame->remove(s->watch, l->id);
    l->is_good = false;
}

static void leaf_let_go(struct zookeeper_leaf *l)
{
    leaf_bad(l);
    l->service = NULL;
    if (!l->busy)
        leaf_free(l);
}

static void leaf_drop(struct zookeeper_leaf *l)
{
    map_remove(&l->service->leaves, slice_of(l->id));
    leaf_let_go(l);
}

/* Nobody looks a key up between the first that goes and the map. */
static void drop_all(struct zookeeper_service *s)
{
    map_each(at, &s->leaves) leaf_let_go(at->value);
    map_fini(&s->leaves);
}

static void leaf_good(struct zookeeper_leaf *l, const struct instance *i)
{
    struct zookeeper_service *s = l->service;
    struct instance own = *i;

    own.id = l->id; /* as its place has it */
    l->is_good = true;
    if (s->told) {
        s->z->base.frame->add(s->watch, &own);
        return;
    }
    instance_list_unref(l->copy);
    l->copy = instance_list_new(s->watch->service, &own, 1);
    l->is_good = l->copy != NULL;
}

static void take_data(struct zookeeper_leaf *l, struct slice data)
{
    struct zookeeper_service *s = l->service;
    struct micro_service record;
    const struct instance *i = NULL;
    char path[ZOOKEEPER_PATH_LIMIT];
    struct why w;

    why_init(&w);
    if (!micro_service_read(&record, data, &w))
        i = micro_service_node(&record, slice_of(s->watch->service), slice_of(l->id), &w);
    if (i) {
        leaf_good(l, i);
    } else {
        (void)zookeeper_path(s->z, path, s->watch->service, l->id);
        zookeeper_complain(s->z, slice_of(path), w.text);
        leaf_bad(l);
    }
    micro_service_fini(&record);
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
static void settle(struct zookeeper_service *s)
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

static void read_leaf(struct zookeeper_leaf *l);

static void on_data_read(struct zookeeper_request *q, enum err e, int32_t code,
                         struct zookeeper_reader *r)
{
    struct zookeeper_leaf *l = q->owner;
    struct zookeeper_service *s = l->service;

    (void)code;
    l->busy = false;
    if (!s) {
        leaf_free(l);
        return;
    }
    s->pending--;
    if (e == ERR_OK)
        take_data(l, zookeeper_read_buffer(r));
    else if (e == ERR_NOT_FOUND)
        leaf_drop(l);
    else if (e != ERR_UNAVAILABLE)
        leaf_bad(l);
    if (e == ERR_OK && l->again)
        read_leaf(l);
    settle(s);
}

static void read_leaf(struct zookeeper_leaf *l)
{
    struct zookeeper_service *s = l->service;
    char path[ZOOKEEPER_PATH_LIMIT];

    l->again = l->busy;
    if (l->busy || zookeeper_path(s->z, path, s->watch->service, l->id))
        return;
    zookeeper_request_init(&l->read, ZOOKEEPER_GET_DATA, l, on_data_read);
    zookeeper_write_buffer(&l->read.payload, slice_of(path));
    zookeeper_write_bool(&l->read.payload, true);
    l->busy = zookeeper_send(s->z->client, &l->read) == ERR_OK;
    s->pending += l->busy;
}

static struct zookeeper_leaf *leaf_new(struct zookeeper_service *s, struct slice id)
{
    struct zookeeper_leaf *l = calloc(1, sizeof(*l) + id.size + 1);

    if (!l)
        return NULL;
    l->service = s;
    l->z = s->z;
    memcpy(l->id, id.base, id.size);
    if (map_put(&s->leaves, slice_of(l->id), l)) {
        free(l);
        return NULL;
    }
    return l;
}

static void take_child(struct zookeeper_service *s, struct slice id)
{
    struct zookeeper_leaf *l = map_get(&s->leaves, id);
    bool is_new = !l;

    if (is_new && id.size > 0 && id.size <= INSTANCE_ID_LIMIT &&
        s->leaves.count < SERVICE_INSTANCES_LIMIT)
        l = leaf_new(s, id);
    if (!l)
        return;
    l->stamp = s->stamp;
    if (is_new || s->anew)
        read_leaf(l);
}

static void drop_absent(struct zookeeper_service *s)
{
    struct zookeeper_leaf **gone = calloc(s->leaves.count + 1, sizeof(*gone));
    unsigned count = 0;

    map_each(at, &s->leaves)
    {
        struct zookeeper_leaf *l = at->value;

        if (gone && l->stamp != s->stamp)
            gone[count++] = l;
    }
    for (unsigned i = 0; i < count; i++)
        leaf_drop(gone[i]);
    free(gone);
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
        drop_absent(s);
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
    settle(s);
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
    drop_all(s);
    s->listed = true;
    settle(s);
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
        read_leaf(l);
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
    /* What is out for a leaf is answered to the leaf. */
    map_each(at, &s->leaves) s->pending -= ((struct zookeeper_leaf *)at->value)->busy;
    drop_all(s);
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
