/* The names there are: children of the root that have children themselves. go-micro leaves the nodes of dead services. */
#include <stdlib.h>

#include "discovery/zookeeper_parts.h"

enum { SETTLE_MS = 50 };

struct zookeeper_name {
    struct list node;
    struct zookeeper *z;
    struct zookeeper_request read;
    uint32_t children;
    bool busy, again, dropped, present;
    char name[];
};

static bool is_settled(const struct zookeeper *z)
{
    return z->names_wanted && !z->names_reading && z->names_pending == 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void tell(struct zookeeper *z)
{
    const char **names;
    unsigned count = 0;

    list_each(at, after, &z->names) count++;
    names = calloc(count + 1, sizeof(*names));
    if (!names) {
        z->base.frame->names_failed(&z->base, ERR_NO_MEMORY, NULL);
        return;
    }
    count = 0;
    list_each(each, after_each, &z->names)
    {
        struct zookeeper_name *n = container_of(each, struct zookeeper_name, node);

        if (n->children > 0)
            names[count++] = n->name;
    }
    if (count > 1)
        qsort(names, count, sizeof(*names), by_text);
    z->names_told = true;
    z->base.frame->names(&z->base, names, count);
    free(names);
}

static void on_settled(struct timer *t)
{
    struct zookeeper *z = container_of(t, struct zookeeper, names_timer);

    if (is_settled(z))
        tell(z);
}

static void tell_when_settled(struct zookeeper *z)
{
    if (is_settled(z) && !timer_active(&z->names_timer))
        timer_start(&z->names_timer, zookeeper_clock(z), z->names_told ? SETTLE_MS : 0);
}

/* --- one name --- */

static void name_drop(struct zookeeper_name *n)
{
    map_remove(&n->z->by_name, slice_of(n->name));
    list_remove(&n->node);
    n->dropped = true;
    if (!n->busy)
        free(n);
}

static void read_name(struct zookeeper_name *n);

static void on_children(struct zookeeper_request *q, enum err e, int32_t code,
                        struct zookeeper_reader *r)
{
    struct zookeeper_name *n = q->owner;
    struct zookeeper *z = n->z;
    int32_t count = e == ERR_OK ? zookeeper_read_int(r) : 0;

    (void)code;
    n->busy = false;
    z->names_pending--;
    if (n->dropped) {
        free(n);
        return;
    }
    if (e != ERR_UNAVAILABLE)
        n->children = count > 0 ? (uint32_t)count : 0;
    if (n->again)
        read_name(n);
    tell_when_settled(z);
}

static void read_name(struct zookeeper_name *n)
{
    struct zookeeper *z = n->z;
    char path[ZOOKEEPER_PATH_LIMIT];

    n->again = n->busy;
    if (n->busy || zookeeper_path(z, path, n->name, NULL))
        return;
    zookeeper_request_init(&n->read, ZOOKEEPER_GET_CHILDREN, n, on_children);
    zookeeper_write_buffer(&n->read.payload, slice_of(path));
    zookeeper_write_bool(&n->read.payload, true);
    n->busy = zookeeper_send(z->client, &n->read) == ERR_OK;
    z->names_pending += n->busy;
}

static struct zookeeper_name *find(struct zookeeper *z, struct slice name)
{
    return map_get(&z->by_name, name);
}

static struct zookeeper_name *name_new(struct zookeeper *z, struct slice name)
{
    struct zookeeper_name *n = calloc(1, sizeof(*n) + name.size + 1);

    if (!n)
        return NULL;
    n->z = z;
    memcpy(n->name, name.base, name.size);
    if (map_put(&z->by_name, slice_of(n->name), n)) {
        free(n);
        return NULL;
    }
    list_push_back(&z->names, &n->node);
    return n;
}

static void take_name(struct zookeeper *z, struct slice name)
{
    struct zookeeper_name *n = find(z, name);
    bool is_new = !n;

    if (is_new && service_name_is_valid(name))
        n = name_new(z, name);
    if (!n)
        return;
    n->present = true;
    if (is_new || z->names_again)
        read_name(n);
}

static void take_names(struct zookeeper *z, struct zookeeper_reader *r)
{
    int32_t count = zookeeper_read_int(r);

    list_each(at, after, &z->names) container_of(at, struct zookeeper_name, node)
        ->present = false;
    for (int32_t i = 0; i < count && !r->failed; i++)
        take_name(z, zookeeper_read_buffer(r));
    list_each(each, after_each, &z->names)
    {
        struct zookeeper_name *n = container_of(each, struct zookeeper_name, node);

        if (!n->present && !r->failed)
            name_drop(n);
    }
    z->names_again = false;
}

/* --- the root --- */

static void read_root(struct zookeeper *z, enum zookeeper_operation op);

static void on_root(struct zookeeper_request *q, enum err e, int32_t code,
                    struct zookeeper_reader *r)
{
    struct zookeeper *z = q->owner;
    bool asked_for_creation = q->operation == ZOOKEEPER_EXISTS;
    struct why w;

    (void)code;
    z->names_reading = false;
    if (!z->names_wanted || e == ERR_UNAVAILABLE)
        return;
    if (e && e != ERR_NOT_FOUND) {
        why_init(&w);
        e = zookeeper_refusal(z, e, z->base_path, &w);
        z->base.frame->names_failed(&z->base, e, &w);
        return;
    }
    if (e == ERR_OK && !asked_for_creation)
        take_names(z, r);
    else if (asked_for_creation != (e == ERR_NOT_FOUND))
        read_root(z, asked_for_creation ? ZOOKEEPER_GET_CHILDREN : ZOOKEEPER_EXISTS);
    tell_when_settled(z);
}

static void read_root(struct zookeeper *z, enum zookeeper_operation op)
{
    if (z->names_reading)
        return;
    zookeeper_request_init(&z->names_read, op, z, on_root);
    zookeeper_write_buffer(&z->names_read.payload, slice_of(z->base_path));
    zookeeper_write_bool(&z->names_read.payload, true);
    z->names_reading = zookeeper_send(z->client, &z->names_read) == ERR_OK;
}

void zookeeper_names_read(struct zookeeper *z)
{
    if (!z->names_wanted)
        return;
    z->names_again = true;
    read_root(z, ZOOKEEPER_GET_CHILDREN);
}

void zookeeper_names_changed(struct zookeeper *z, struct slice path)
{
    struct slice name, id;
    struct zookeeper_name *n;

    if (!z->names_wanted)
        return;
    if (slice_is(path, z->base_path)) {
        read_root(z, ZOOKEEPER_GET_CHILDREN);
        return;
    }
    n = zookeeper_path_split(z, path, &name, &id) && id.size == 0 ? find(z, name) : NULL;
    if (n)
        read_name(n);
}

static void forget_all(struct zookeeper *z)
{
    list_each(at, after, &z->names)
        name_drop(container_of(at, struct zookeeper_name, node));
    map_fini(&z->by_name);
    z->names_told = false;
}

void zookeeper_names_fail(struct zookeeper *z, enum err e, const struct why *w)
{
    if (z->names_wanted)
        z->base.frame->names_failed(&z->base, e, w);
}

enum err zookeeper_watch_names(struct registry *r)
{
    struct zookeeper *z = zookeeper_of(r);

    timer_init(&z->names_timer, on_settled);
    z->names_wanted = true;
    if (zookeeper_client_is_live(z->client))
        zookeeper_names_read(z);
    return ERR_OK;
}

void zookeeper_unwatch_names(struct registry *r)
{
    struct zookeeper *z = zookeeper_of(r);

    z->names_wanted = false;
    timer_stop(&z->names_timer, zookeeper_clock(z));
    forget_all(z);
}

void zookeeper_names_close(struct zookeeper *z)
{
    if (z->names_wanted)
        zookeeper_unwatch_names(&z->base);
}
