/* What is known of a service: each entry by the hash of its bytes, so that the same entry in the next answer is not even
 * parsed, and by the id under which it was told. */
#include <stdio.h>
#include <stdlib.h>

#include "discovery/consul_parts.h"

struct known {
    struct list node;
    uint64_t hash;
    uint32_t stamp;
    bool listed; /* was told; else it is down, or no good */
    const char *consul_node;
    char id[]; /* "": of a record that is no good; behind it the node's name */
};

/* An entry that is new, or has changed. */
struct fresh {
    struct consul_entry entry;
    uint64_t hash;
    bool is_bad, is_placed;
};

struct taking {
    struct consul_known *known;
    struct consul_change *change;
    struct consul *consul;
    const char *service;
    struct fresh *fresh;
    uint32_t count, capacity;
};

/* --- entries --- */

static struct slice hash_key(const uint64_t *hash)
{
    return slice_from((const char *)hash, sizeof(*hash));
}

static uint64_t hash_of(struct slice bytes)
{
    uint64_t high = hash_bytes(bytes), low = hash_bytes(slice_after(bytes, 1));

    return high << 32 | low;
}

static void known_drop(struct consul_known *k, struct known *entry)
{
    if (map_get(&k->by_hash, hash_key(&entry->hash)) == entry)
        map_remove(&k->by_hash, hash_key(&entry->hash));
    if (map_get(&k->by_id, slice_of(entry->id)) == entry)
        map_remove(&k->by_id, slice_of(entry->id));
    list_remove(&entry->node);
    k->count--;
    free(entry);
}

static struct known *known_new(struct consul_known *k, const char *id, const char *node)
{
    size_t id_size = strlen(id) + 1, node_size = strlen(node) + 1;
    struct known *entry = malloc(sizeof(*entry) + id_size + node_size);

    if (!entry)
        return NULL;
    *entry = (struct known){.consul_node = entry->id + id_size};
    memcpy(entry->id, id, id_size);
    memcpy(entry->id + id_size, node, node_size);
    if (*id && map_put(&k->by_id, slice_of(entry->id), entry)) {
        free(entry);
        return NULL;
    }
    list_push_back(&k->all, &entry->node);
    k->count++;
    return entry;
}

static enum err known_mark(struct consul_known *k, struct known *entry, uint64_t hash)
{
    if (map_get(&k->by_hash, hash_key(&entry->hash)) == entry)
        map_remove(&k->by_hash, hash_key(&entry->hash));
    entry->hash = hash;
    entry->stamp = k->stamp;
    return map_put(&k->by_hash, hash_key(&entry->hash), entry);
}

/* --- cutting the answer --- */

static struct fresh *fresh_new(struct taking *t)
{
    uint32_t capacity = t->capacity ? t->capacity * 2 : 16;
    struct fresh *grown;

    if (t->count < t->capacity)
        return &t->fresh[t->count++];
    grown = realloc(t->fresh, capacity * sizeof(*grown));
    if (!grown)
        return NULL;
    t->fresh = grown;
    t->capacity = capacity;
    return &t->fresh[t->count++];
}

static enum err read_fresh(struct taking *t, struct slice json, uint64_t hash)
{
    struct fresh *f = fresh_new(t);
    struct why w;
    enum err e;

    if (!f)
        return ERR_NO_MEMORY;
    *f = (struct fresh){.hash = hash};
    why_init(&w);
    e = consul_entry_read(&f->entry, json, t->service, &t->change->memory, &w);
    f->is_bad = e == ERR_BAD_RECORD || e == ERR_TOO_LARGE;
    if (f->is_bad)
        consul_complain(t->consul, t->service,
                        slice_of(f->entry.instance.id ? f->entry.instance.id : "?"),
                        w.text);
    return f->is_bad ? ERR_OK : e;
}

static enum err look_at(struct taking *t, struct slice json)
{
    uint64_t hash = hash_of(json);
    struct known *entry = map_get(&t->known->by_hash, hash_key(&hash));

    if (!entry)
        return read_fresh(t, json, hash);
    entry->stamp = t->known->stamp;
    return ERR_OK;
}

static enum err cut(struct taking *t, struct slice body)
{
    struct slice rest, element;
    uint32_t count = 0;
    enum err e = consul_open(&rest, body, '[') ? ERR_OK : ERR_BAD_RESPONSE;

    while (!e && !(e = consul_next_element(&rest, &element)))
        e = ++count > SERVICE_INSTANCES_LIMIT ? ERR_TOO_LARGE : look_at(t, element);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* --- placing what is new --- */

static enum err add_changed(struct taking *t, struct fresh *f, const char *id)
{
    struct consul_change *c = t->change;
    struct instance *i = &c->added[c->added_count];

    *i = f->entry.instance;
    i->id =
        memory_copy(&c->memory, slice_of(id)); /* the entry may go before the change */
    c->added_count += i->id != NULL;
    return i->id ? ERR_OK : ERR_NO_MEMORY;
}

static enum err add_gone(struct consul_change *c, const char *id)
{
    c->gone[c->gone_count] = memory_copy(&c->memory, slice_of(id));
    return c->gone[c->gone_count++] ? ERR_OK : ERR_NO_MEMORY;
}

static enum err place(struct taking *t, struct fresh *f, struct known *entry)
{
    bool was_listed = entry->listed;
    enum err e = known_mark(t->known, entry, f->hash);

    f->is_placed = true;
    entry->listed = !f->is_bad && f->entry.health != CONSUL_IS_DOWN;
    if (!e && entry->listed)
        e = add_changed(t, f, entry->id);
    else if (!e && was_listed)
        e = add_gone(t->change, entry->id);
    return e;
}

/* An id is unique on its node only. Whoever comes second is called ID@NODE. */
static void second_name(char out[2 * INSTANCE_ID_LIMIT + 2], const struct fresh *f)
{
    snprintf(out, 2 * INSTANCE_ID_LIMIT + 2, "%.*s@%.*s", INSTANCE_ID_LIMIT,
             f->entry.instance.id, INSTANCE_ID_LIMIT, f->entry.node);
}

static struct known *find_own(struct taking *t, const struct fresh *f)
{
    char second[2 * INSTANCE_ID_LIMIT + 2];
    struct known *entry = map_get(&t->known->by_id, slice_of(f->entry.instance.id));

    if (entry && strcmp(entry->consul_node, f->entry.node) == 0)
        return entry;
    second_name(second, f);
    return map_get(&t->known->by_id, slice_of(second));
}

/* Of a node that has it no longer: it has moved. */
static struct known *take_over(struct taking *t, const struct fresh *f)
{
    struct known *entry = map_get(&t->known->by_id, slice_of(f->entry.instance.id)),
                 *moved;
    bool listed;

    if (!entry || entry->stamp == t->known->stamp)
        return NULL;
    listed = entry->listed;
    known_drop(t->known, entry);
    moved = known_new(t->known, f->entry.instance.id, f->entry.node);
    if (moved)
        moved->listed = listed;
    return moved;
}

static struct known *make(struct taking *t, const struct fresh *f)
{
    char second[2 * INSTANCE_ID_LIMIT + 2];
    struct known *moved;

    if (f->is_bad)
        return known_new(t->known, "", "");
    if (!map_get(&t->known->by_id, slice_of(f->entry.instance.id)))
        return known_new(t->known, f->entry.instance.id, f->entry.node);
    moved = take_over(t, f);
    if (moved)
        return moved;
    second_name(second, f);
    return known_new(t->known, second, f->entry.node);
}

/* First those that are known under their names, then newcomers: who has left makes place for them. */
static enum err place_all(struct taking *t)
{
    enum err e = ERR_OK;

    for (uint32_t i = 0; i < t->count && !e; i++) {
        struct fresh *f = &t->fresh[i];
        struct known *entry = f->is_bad ? NULL : find_own(t, f);

        if (entry && entry->stamp != t->known->stamp)
            e = place(t, f, entry);
    }
    for (uint32_t i = 0; i < t->count && !e; i++) {
        struct fresh *f = &t->fresh[i];
        struct known *entry = f->is_placed ? NULL : make(t, f);

        if (!f->is_placed)
            e = entry ? place(t, f, entry) : ERR_NO_MEMORY;
    }
    return e;
}

static enum err drop_absent(struct taking *t)
{
    enum err e = ERR_OK;

    list_each(at, after, &t->known->all)
    {
        struct known *entry = container_of(at, struct known, node);

        if (entry->stamp == t->known->stamp || e)
            continue;
        if (entry->listed)
            e = add_gone(t->change, entry->id);
        known_drop(t->known, entry);
    }
    return e;
}

static enum err make_room(struct taking *t)
{
    struct consul_change *c = t->change;

    c->added = memory_take(&c->memory, (t->count + 1) * sizeof(*c->added));
    c->gone =
        memory_take(&c->memory, (t->count + t->known->count + 1) * sizeof(*c->gone));
    return c->added && c->gone ? ERR_OK : ERR_NO_MEMORY;
}

enum err consul_known_take(struct consul_known *k, struct consul_change *change,
                           struct slice body, const char *service, struct consul *c)
{
    struct taking t = {.known = k, .change = change, .consul = c, .service = service};
    enum err e;

    *change = (struct consul_change){0};
    k->stamp++;
    e = cut(&t, body);
    if (!e)
        e = make_room(&t);
    if (!e)
        e = place_all(&t);
    if (!e)
        e = drop_absent(&t);
    free(t.fresh);
    if (e)
        consul_known_fini(k);
    return e;
}

void consul_change_fini(struct consul_change *change)
{
    memory_free(&change->memory);
}

void consul_known_init(struct consul_known *k)
{
    *k = (struct consul_known){0};
    list_init(&k->all);
}

void consul_known_fini(struct consul_known *k)
{
    struct list *node;

    while ((node = list_pop_front(&k->all)))
        free(container_of(node, struct known, node));
    map_fini(&k->by_hash);
    map_fini(&k->by_id);
    consul_known_init(k);
}
