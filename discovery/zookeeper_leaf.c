/* One instance of a service in use: a leaf and its data, read when it comes and whenever it changes. */
#include <stdlib.h>

#include "discovery/micro_service.h"
#include "discovery/zookeeper_service_parts.h"

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

/* What is out for it is answered to the leaf alone: the list does not wait for it any more. */
static void leaf_let_go(struct zookeeper_leaf *l)
{
    leaf_bad(l);
    l->service->pending -= l->busy;
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
void zookeeper_leaves_drop(struct zookeeper_service *s)
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

/* --- reading --- */

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
        zookeeper_leaf_read(l);
    zookeeper_service_settle(s);
}

void zookeeper_leaf_read(struct zookeeper_leaf *l)
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

struct zookeeper_leaf *zookeeper_leaf_new(struct zookeeper_service *s, struct slice id)
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

void zookeeper_leaves_drop_absent(struct zookeeper_service *s)
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
