/* What each object says of services. An object that comes again replaces what it said. */
#include <stdlib.h>

#include "discovery/kubernetes_parts.h"

/* --- parts --- */

static void part_free(struct kubernetes_part *p)
{
    struct kubernetes *k = p->feed->kubernetes;
    struct kubernetes_service *s = p->service;

    list_remove(&p->sibling);
    list_remove(&p->node);
    instance_list_unref(p->list);
    free(p);
    kubernetes_service_changed(k, s);
    kubernetes_service_release(k, s);
}

static void part_add(struct kubernetes_feed *f, struct kubernetes_object *o,
                     const struct micro_service *said)
{
    struct kubernetes *k = f->kubernetes;
    struct kubernetes_part *p = calloc(1, sizeof(*p));

    if (!p)
        return;
    list_init(&p->sibling);
    list_init(&p->node);
    p->feed = f;
    p->list = instance_list_new(said->name, said->instances, said->count);
    p->service = p->list ? kubernetes_service_get(k, said->name) : NULL;
    if (!p->service) {
        instance_list_unref(p->list);
        free(p);
        return;
    }
    list_push_back(&o->parts, &p->sibling);
    list_push_back(&p->service->parts, &p->node);
    kubernetes_service_changed(k, p->service);
}

/* --- objects --- */

static void parts_free(struct list *parts)
{
    struct list *node;

    while ((node = list_pop_front(parts)))
        part_free(container_of(node, struct kubernetes_part, sibling));
}

static void object_free(struct kubernetes_object *o)
{
    parts_free(&o->parts);
    free(o);
}

static struct kubernetes_object *object_of(struct kubernetes_feed *f, struct slice name)
{
    struct kubernetes_object *o = map_get(&f->objects, name);

    if (o)
        return o;
    o = calloc(1, sizeof(*o) + name.size + 1);
    if (!o)
        return NULL;
    memcpy(o->name, name.base, name.size);
    list_init(&o->parts);
    if (!map_put(&f->objects, slice_from(o->name, name.size), o))
        return o;
    free(o);
    return NULL;
}

/* What it said before goes when the new words stand: a service that is in both is not gone between. */
void kubernetes_object_take(struct kubernetes_feed *f, const json_t *object)
{
    struct slice name = slice_of(kubernetes_meta(object, "name"));
    struct kubernetes_object *o;
    struct list before;
    struct list *node;

    if (name.size == 0 || name.size > KUBERNETES_NAME_LIMIT) {
        kubernetes_complain(f->kubernetes, f->kind->name, "", "an object has no name");
        return;
    }
    o = object_of(f, name);
    if (!o)
        return;
    o->listing = f->listing;
    list_init(&before);
    while ((node = list_pop_front(&o->parts)))
        list_push_back(&before, node);
    f->kind->read(f, o, object);
    parts_free(&before);
}

void kubernetes_object_drop(struct kubernetes_feed *f, const char *name)
{
    struct kubernetes_object *o = map_remove(&f->objects, slice_of(name));

    if (o)
        object_free(o);
}

static struct kubernetes_object *unseen(struct kubernetes_feed *f)
{
    map_each(at, &f->objects)
    {
        struct kubernetes_object *o = at->value;

        if (o->listing != f->listing)
            return o;
    }
    return NULL;
}

void kubernetes_objects_sweep(struct kubernetes_feed *f)
{
    struct kubernetes_object *o;

    while ((o = unseen(f)))
        kubernetes_object_drop(f, o->name);
}

void kubernetes_objects_free(struct kubernetes_feed *f)
{
    map_each(at, &f->objects) object_free(at->value);
    map_fini(&f->objects);
    f->objects = (struct map){0};
}

/* --- the kinds --- */

static void hear(struct kubernetes_feed *f, struct kubernetes_object *o,
                 struct micro_service *said, enum err e, const struct why *w)
{
    if (e || said->refused > 0)
        kubernetes_complain(f->kubernetes, f->kind->name, o->name, w->text);
    if (!e)
        part_add(f, o, said);
    micro_service_fini(said);
}

/* One without a service is somebody's own, and none of our business. */
static void read_slice(struct kubernetes_feed *f, struct kubernetes_object *o,
                       const json_t *object)
{
    struct micro_service said;
    struct why w;
    enum err e;

    why_init(&w);
    e = kubernetes_slice_read(&said, object, f->kubernetes->port, &w);
    if (e != ERR_NOT_FOUND)
        hear(f, o, &said, e, &w);
}

static void read_record(struct kubernetes_feed *f, struct kubernetes_object *o,
                        const char *text)
{
    struct micro_service said;
    struct why w;
    enum err e;

    why_init(&w);
    e = micro_service_read(&said, slice_of(text ? text : ""), &w);
    if (!e && !service_name_is_valid(slice_of(said.name))) {
        e = why(&w, ERR_BAD_RECORD, "it is no service's name");
        micro_service_fini(&said);
    }
    hear(f, o, &said, e, &w);
}

static void read_pod(struct kubernetes_feed *f, struct kubernetes_object *o,
                     const json_t *object)
{
    json_t *annotations =
        json_object_get(json_object_get(object, "metadata"), "annotations");
    const char *key;
    json_t *value;

    if (!kubernetes_pod_is_there(object))
        return;
    json_object_foreach(annotations, key, value)
    {
        if (kubernetes_is_record(key))
            read_record(f, o, json_string_value(value));
    }
}

const struct kubernetes_kind kubernetes_slices = {
    .name = "endpointslices",
    .path = "/apis/discovery.k8s.io/v1",
    .selector = "",
    .read = read_slice,
};

const struct kubernetes_kind kubernetes_pods = {
    .name = "pods",
    .path = "/api/v1",
    .selector = "labelSelector=micro.mu%2Ftype%3Dservice",
    .read = read_pod,
};
