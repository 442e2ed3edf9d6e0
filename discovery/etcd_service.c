/* Services in use: read once while the stream is live, from then on the stream tells. What it tells while the reading is
 * under way is kept: the answer may be of before it. */
#include <stdio.h>
#include <stdlib.h>

#include "discovery/etcd_parts.h"
#include "discovery/micro_service.h"

enum { MISSED_LIMIT = 4 * RECORD_LIMIT }; /* bytes; with more it is read once more */

struct etcd_watched {
    struct list node;
    struct etcd *etcd;
    struct registry_watch
        *watch; /* NULL: nobody's any more; goes with the last word of its call */
    struct etcd_call *read; /* while it is out */
    uint64_t revision;      /* of the reading: what came before is in it; 0: not read */
    bool again;             /* read once more when this reading is over */
    struct list missed;     /* struct missed: told while it was read */
    size_t missed_size;
};

struct missed {
    struct list node;
    struct etcd_entry entry; /* its texts are ours */
    char bytes[];
};

static void read_next(struct etcd *e);

/* --- one record --- */

const struct instance *etcd_instance(struct etcd *e, struct micro_service *s,
                                     const struct etcd_entry *entry, struct slice service,
                                     struct slice id)
{
    const struct instance *found;
    struct why w;

    why_init(&w);
    if (micro_service_read(s, entry->value, &w)) {
        etcd_complain(e, entry->key, w.text);
        return NULL;
    }
    found = micro_service_node(s, service, id, &w);
    if (found)
        return found;
    etcd_complain(e, entry->key, w.text);
    micro_service_fini(s);
    return NULL;
}

/* --- reading --- */

struct reading {
    struct instance *instances;
    struct micro_service *services; /* theirs are the texts */
    uint32_t count;
};

static void reading_fini(struct reading *r)
{
    for (uint32_t i = 0; i < r->count; i++)
        micro_service_fini(&r->services[i]);
    free(r->services);
    free(r->instances);
}

static void take_record(struct etcd *e, struct reading *r, const json_t *kv,
                        struct text *bytes)
{
    struct etcd_entry entry;
    struct slice service, id;
    const struct instance *i;

    if (etcd_entry_read(&entry, kv, bytes)) {
        etcd_complain(e, SLICE("?"), "a record is not base64");
        return;
    }
    if (!etcd_key_split(e, entry.key, &service, &id))
        return;
    i = etcd_instance(e, &r->services[r->count], &entry, service, id);
    if (i)
        r->instances[r->count++] = *i;
}

static enum err read_all(struct etcd *e, struct reading *r, const json_t *kvs)
{
    size_t most = json_array_size(kvs);
    struct text bytes;

    *r = (struct reading){.instances = calloc(most + 1, sizeof(*r->instances)),
                          .services = calloc(most + 1, sizeof(*r->services))};
    if (!r->instances || !r->services)
        return ERR_NO_MEMORY;
    text_init(&bytes, ETCD_MESSAGE_LIMIT);
    for (size_t i = 0; i < most; i++)
        take_record(e, r, json_array_get(kvs, i), &bytes);
    text_fini(&bytes);
    return ERR_OK;
}

/* --- what is told meanwhile --- */

static void missed_clear(struct etcd_watched *w)
{
    struct list *node;

    while ((node = list_pop_front(&w->missed)))
        free(container_of(node, struct missed, node));
    w->missed_size = 0;
}

static struct slice keep_bytes(char *to, struct slice bytes)
{
    memcpy(to, bytes.base, bytes.size);
    return slice_from(to, bytes.size);
}

static void missed_add(struct etcd_watched *w, const struct etcd_entry *entry)
{
    size_t size = entry->key.size + entry->value.size;
    struct missed *m = w->missed_size + size > MISSED_LIMIT || w->again
                           ? NULL
                           : malloc(sizeof(*m) + size);

    if (!m) {
        w->again = true;
        missed_clear(w);
        return;
    }
    m->entry = *entry;
    m->entry.key = keep_bytes(m->bytes, entry->key);
    m->entry.value = keep_bytes(m->bytes + entry->key.size, entry->value);
    list_init(&m->node);
    list_push_back(&w->missed, &m->node);
    w->missed_size += sizeof(*m) + size;
}

static void tell_one(struct etcd_watched *w, const struct etcd_entry *entry);

static void missed_tell(struct etcd_watched *w)
{
    list_each(at, after, &w->missed)
        tell_one(w, &container_of(at, struct missed, node)->entry);
    missed_clear(w);
}

static void deliver(struct etcd_watched *w, const json_t *root)
{
    struct etcd *e = w->etcd;
    struct reading r;
    enum err error = read_all(e, &r, json_object_get(root, "kvs"));

    w->revision = etcd_number(json_object_get(root, "header"), "revision");
    if (error) {
        e->base.frame->failed(w->watch, error, NULL);
    } else {
        e->base.frame->deliver(w->watch, r.instances, r.count, LIST_CONFIRMED);
        missed_tell(w);
    }
    reading_fini(&r);
}

static void watched_free(struct etcd_watched *w)
{
    struct etcd *e = w->etcd;

    missed_clear(w);
    list_remove(&w->node);
    free(w);
    if (e->closing)
        etcd_end_if_done(e);
}

/* A reading that failed says nothing new: the stream's own patience decides, or a refusal. */
static void on_read(struct etcd_call *c, enum err error, json_t *root)
{
    struct etcd_watched *w = c->owner;
    struct etcd *e = w->etcd;
    struct why why = c->why;

    e->reading--;
    w->read = NULL;
    etcd_call_fini(c);
    free(c);
    if (!w->watch)
        watched_free(w);
    else if (error)
        e->base.frame->failed(w->watch, error, &why);
    else if (w->again)
        w->again = false;
    else
        deliver(w, root);
    if (!e->closing)
        read_next(e);
}

/* Without memory now it is tried with the next that is read. */
static void start_reading(struct etcd_watched *w)
{
    char key[ETCD_KEY_LIMIT];

    w->read = malloc(sizeof(*w->read));
    if (!w->read)
        return;
    missed_clear(w);
    etcd_call_init(w->read, w->etcd, "/kv/range", w, on_read);
    (void)etcd_key(w->etcd, key, w->watch->service, NULL); /* was tried at the watch */
    etcd_write_range(&w->read->body, slice_of(key), true, false);
    w->etcd->reading++;
    etcd_call_start(w->read);
}

static void read_next(struct etcd *e)
{
    if (e->stream.state != ETCD_LIVE || e->stream.is_broken)
        return;
    list_each(at, after, &e->watched)
    {
        struct etcd_watched *w = container_of(at, struct etcd_watched, node);

        if (e->reading >= ETCD_READS_LIMIT)
            return;
        if (w->watch && !w->revision && !w->read)
            start_reading(w);
    }
}

void etcd_services_read(struct etcd *e, bool anew)
{
    list_each(at, after, &e->watched)
    {
        struct etcd_watched *w = container_of(at, struct etcd_watched, node);

        if (!anew)
            continue;
        w->again = w->read != NULL;
        w->revision = 0;
    }
    read_next(e);
}

/* --- what the stream tells --- */

static struct etcd_watched *next_of(struct etcd *e, struct list *at, struct slice service)
{
    for (; at != &e->watched; at = at->next) {
        struct etcd_watched *w = container_of(at, struct etcd_watched, node);

        if (w->watch && (w->revision || w->read) &&
            micro_name_is(service, w->watch->service))
            return w;
    }
    return NULL;
}

static void tell(struct etcd *e, struct etcd_watched *w, const struct instance *i,
                 struct slice id)
{
    char text[INSTANCE_ID_LIMIT + 1];

    if (i) {
        e->base.frame->add(w->watch, i);
        return;
    }
    snprintf(text, sizeof(text), "%.*s", (int)id.size, id.base);
    e->base.frame->remove(w->watch, text);
}

void etcd_services_tell(struct etcd *e, const struct etcd_entry *entry,
                        struct slice service, struct slice id)
{
    struct etcd_watched *w = next_of(e, e->watched.next, service);
    struct micro_service s = {0};
    const struct instance *i;

    if (!w)
        return;
    i = entry->is_delete ? NULL : etcd_instance(e, &s, entry, service, id);
    for (; w; w = next_of(e, w->node.next, service)) {
        if (!w->revision)
            missed_add(w, entry);
        else if (entry->revision > w->revision)
            tell(e, w, i, id);
    }
    micro_service_fini(&s);
}

static void tell_one(struct etcd_watched *w, const struct etcd_entry *entry)
{
    struct micro_service s = {0};
    struct slice service, id;
    const struct instance *i;

    if (entry->revision <= w->revision ||
        !etcd_key_split(w->etcd, entry->key, &service, &id))
        return;
    i = entry->is_delete ? NULL : etcd_instance(w->etcd, &s, entry, service, id);
    tell(w->etcd, w, i, id);
    micro_service_fini(&s);
}

void etcd_services_fail(struct etcd *e, enum err error, const struct why *why)
{
    struct list all, *node;

    list_init(&all);
    while ((node = list_pop_front(&e->watched)))
        list_push_back(&all, node);
    while ((node = list_pop_front(&all))) {
        struct etcd_watched *w = container_of(node, struct etcd_watched, node);

        list_push_back(&e->watched, node);
        if (w->watch)
            e->base.frame->failed(w->watch, error, why); /* and it unwatches */
    }
}

/* --- watches --- */

enum err etcd_watch(struct registry *r, struct registry_watch *watch)
{
    struct etcd *e = etcd_of(r);
    char key[ETCD_KEY_LIMIT];
    struct etcd_watched *w;

    if (etcd_key(e, key, watch->service, NULL))
        return ERR_UNSUPPORTED;
    w = calloc(1, sizeof(*w));
    if (!w)
        return ERR_NO_MEMORY;
    w->etcd = e;
    w->watch = watch;
    list_init(&w->missed);
    watch->backend = w;
    list_push_back(&e->watched, &w->node);
    etcd_stream_want(e);
    return ERR_OK;
}

void etcd_unwatch(struct registry *r, struct registry_watch *watch)
{
    struct etcd_watched *w = watch->backend;

    watch->backend = NULL;
    if (!w)
        return;
    w->watch = NULL;
    if (w->read)
        etcd_call_cancel(w->read);
    else
        watched_free(w);
    etcd_stream_stop(etcd_of(r));
}
