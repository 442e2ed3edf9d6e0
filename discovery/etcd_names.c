/* The names there are: the keys under the prefix, counted by service. */
#include <stdlib.h>

#include "discovery/etcd_parts.h"

enum { SETTLE_MS = 50 };

/* A key with its record; the name is its beginning. */
struct etcd_name {
    size_t key_size, name_size;
    char key[]; /* SERVICE "/" ID */
};

static void forget_all(struct etcd *e)
{
    map_each(at, &e->names) free(at->value);
    map_fini(&e->names);
    e->names = (struct map){0};
    e->names_known = false;
    e->names_revision = 0;
    e->names_missed = 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static unsigned collect(struct etcd *e, const char **names)
{
    unsigned count = 0, kept = 0;

    map_each(at, &e->names)
    {
        struct etcd_name *n = at->value;

        n->key[n->name_size] = '\0'; /* for as long as they are lent */
        names[count++] = n->key;
    }
    if (count > 1)
        qsort(names, count, sizeof(*names), by_text);
    for (unsigned i = 0; i < count; i++)
        if (kept == 0 || strcmp(names[kept - 1], names[i]) != 0)
            names[kept++] = names[i];
    return kept;
}

static void tell_names(struct etcd *e)
{
    const char **names = calloc(e->names.count + 1, sizeof(*names));
    unsigned count;

    if (!names) {
        e->base.frame->names_failed(&e->base, ERR_NO_MEMORY, NULL);
        return;
    }
    count = collect(e, names);
    e->base.frame->names(&e->base, names, count);
    free(names);
    map_each(at, &e->names)
    {
        struct etcd_name *n = at->value;

        n->key[n->name_size] = '/';
    }
}

static void on_settled(struct timer *t)
{
    struct etcd *e = container_of(t, struct etcd, names_timer);

    if (e->names_wanted && e->names_known)
        tell_names(e);
}

static void tell_soon(struct etcd *e)
{
    if (e->names_known && !timer_active(&e->names_timer))
        timer_start(&e->names_timer, etcd_clock(e), SETTLE_MS);
}

/* --- keys --- */

static struct slice key_of(const struct etcd *e, struct slice key)
{
    return slice_after(key, strlen(e->prefix));
}

static void add_key(struct etcd *e, struct slice key)
{
    struct slice service, id, own = key_of(e, key);
    struct etcd_name *n;

    if (!etcd_key_split(e, key, &service, &id) || !service_name_is_valid(service) ||
        map_get(&e->names, own))
        return;
    n = malloc(sizeof(*n) + own.size + 1);
    if (!n)
        return;
    n->key_size = own.size;
    n->name_size = service.size;
    memcpy(n->key, own.base, own.size);
    n->key[own.size] = '\0';
    if (map_put(&e->names, slice_from(n->key, n->key_size), n))
        free(n);
    tell_soon(e);
}

static void drop_key(struct etcd *e, struct slice key)
{
    struct etcd_name *n = map_remove(&e->names, key_of(e, key));

    if (n)
        tell_soon(e);
    free(n);
}

void etcd_names_tell(struct etcd *e, const struct etcd_entry *entry)
{
    if (e->names_call.running)
        e->names_missed = entry->revision;
    if (!e->names_known || entry->revision <= e->names_revision)
        return;
    if (entry->is_delete)
        drop_key(e, entry->key);
    else if (entry->is_new)
        add_key(e, entry->key);
}

/* --- reading --- */

static void take_all(struct etcd *e, const json_t *root)
{
    const json_t *kvs = json_object_get(root, "kvs");
    uint64_t missed = e->names_missed;
    struct etcd_entry entry;
    struct text bytes;

    forget_all(e);
    text_init(&bytes, 2 * RECORD_LIMIT);
    for (size_t i = 0; i < json_array_size(kvs); i++)
        if (!etcd_entry_read(&entry, json_array_get(kvs, i), &bytes))
            add_key(e, entry.key);
    text_fini(&bytes);
    e->names_revision = etcd_number(json_object_get(root, "header"), "revision");
    e->names_known = true;
    timer_stop(&e->names_timer, etcd_clock(e));
    tell_names(e);
    if (missed > e->names_revision)
        etcd_names_read(e, true);
}

static void on_read(struct etcd_call *c, enum err error, json_t *root)
{
    struct etcd *e = c->owner;

    if (e->closing) {
        etcd_end_if_done(e);
    } else if (!e->names_wanted) {
        return;
    } else if (error) {
        e->base.frame->names_failed(&e->base, error, &c->why);
    } else {
        take_all(e, root);
    }
}

void etcd_names_read(struct etcd *e, bool anew)
{
    if (!e->names_wanted || e->names_call.running || (e->names_known && !anew))
        return;
    if (!e->names_call.etcd)
        etcd_call_init(&e->names_call, e, "/kv/range", e, on_read);
    text_clear(&e->names_call.body);
    etcd_write_range(&e->names_call.body, slice_of(e->prefix), true, true);
    etcd_call_start(&e->names_call);
}

void etcd_names_fail(struct etcd *e, enum err error, const struct why *why)
{
    if (!e->names_wanted)
        return;
    forget_all(e);
    e->base.frame->names_failed(&e->base, error, why);
}

enum err etcd_watch_names(struct registry *r)
{
    struct etcd *e = etcd_of(r);

    timer_init(&e->names_timer, on_settled);
    e->names_wanted = true;
    etcd_stream_want(e);
    return ERR_OK;
}

void etcd_unwatch_names(struct registry *r)
{
    struct etcd *e = etcd_of(r);

    e->names_wanted = false;
    timer_stop(&e->names_timer, etcd_clock(e));
    etcd_call_cancel(&e->names_call);
    forget_all(e);
    etcd_stream_stop(e);
}

void etcd_names_close(struct etcd *e)
{
    e->names_wanted = false;
    timer_stop(&e->names_timer, etcd_clock(e));
    if (e->names_call.etcd)
        etcd_call_cancel(&e->names_call);
    forget_all(e);
}
