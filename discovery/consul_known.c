/* What is known of a service: each entry by the hash of its bytes, in the order of the last answer, so that the same entry
 * in the next one is not even parsed. Consul's order is stable; where it was not, more is read than had to be, and that
 * is all. */
#include <stdio.h>
#include <stdlib.h>

#include "discovery/consul_parts.h"

enum {
    WINDOW = 64, /* so many that are gone are looked beyond */
    SECOND_LIMIT = 2 * INSTANCE_ID_LIMIT + 2
};

struct known {
    uint64_t hash;
    bool listed;           /* was told; else it is down, or no good */
    bool seen;             /* in this answer */
    const char *node_name; /* Consul's */
    char id[]; /* "": of a record that is no good; behind it the node's name */
};

/* An entry that is new, or has changed. */
struct fresh {
    struct consul_entry entry;
    uint64_t hash;
    uint32_t place; /* in the answer */
    bool is_bad;
};

struct taking {
    struct consul_known *known;
    struct consul_change *change;
    struct consul *consul;
    const char *service;
    struct fresh *fresh;
    uint32_t count, capacity;
    struct known **order; /* of this answer; NULL: fresh */
    uint32_t order_count, order_capacity;
    uint32_t cursor;  /* in the former order */
    struct map by_id; /* while something is placed */
};

/* --- entries --- */

static uint64_t hash_of(struct slice bytes)
{
    uint64_t high = hash_bytes(bytes), low = hash_bytes(slice_after(bytes, 1));

    return high << 32 | low;
}

static struct known *known_new(const char *id, const char *node)
{
    size_t id_size = strlen(id) + 1, node_size = strlen(node) + 1;
    struct known *entry = malloc(sizeof(*entry) + id_size + node_size);

    if (!entry)
        return NULL;
    *entry = (struct known){.node_name = entry->id + id_size};
    memcpy(entry->id, id, id_size);
    memcpy(entry->id + id_size, node, node_size);
    return entry;
}

/* --- cutting the answer --- */

/* One element more; false: no memory. */
static bool grow(void **base, uint32_t count, uint32_t *capacity, size_t size)
{
    uint32_t larger = *capacity ? *capacity * 2 : 16;
    void *grown;

    if (count < *capacity)
        return true;
    grown = realloc(*base, larger * size);
    if (!grown)
        return false;
    *base = grown;
    *capacity = larger;
    return true;
}

static enum err read_fresh(struct taking *t, struct slice json, uint64_t hash)
{
    struct fresh *f;
    struct why w;
    enum err e;

    if (!grow((void **)&t->fresh, t->count, &t->capacity, sizeof(*f)))
        return ERR_NO_MEMORY;
    f = &t->fresh[t->count++];
    *f = (struct fresh){.hash = hash, .place = t->order_count};
    why_init(&w);
    e = consul_entry_read(&f->entry, json, t->service, &t->change->memory, &w);
    f->is_bad = e == ERR_BAD_RECORD || e == ERR_TOO_LARGE;
    if (f->is_bad)
        consul_complain(t->consul, t->service,
                        slice_of(f->entry.instance.id ? f->entry.instance.id : "?"),
                        w.text);
    return f->is_bad ? ERR_OK : e;
}

static struct known *find_same(struct taking *t, uint64_t hash)
{
    struct consul_known *k = t->known;

    for (uint32_t at = t->cursor; at < k->count && at < t->cursor + WINDOW; at++) {
        if (k->entries[at]->hash != hash)
            continue;
        t->cursor = at + 1;
        k->entries[at]->seen = true;
        return k->entries[at];
    }
    return NULL;
}

static enum err look_at(struct taking *t, struct slice json)
{
    uint64_t hash = hash_of(json);
    struct known *same;
    enum err e;

    if (!grow((void **)&t->order, t->order_count, &t->order_capacity, sizeof(*t->order)))
        return ERR_NO_MEMORY;
    same = find_same(t, hash);
    e = same ? ERR_OK : read_fresh(t, json, hash);
    t->order[t->order_count++] = same;
    return e;
}

static enum err cut(struct taking *t, struct slice body)
{
    struct slice rest, element;
    enum err e = consul_open(&rest, body, '[') ? ERR_OK : ERR_BAD_RESPONSE;

    while (!e && !(e = consul_next_element(&rest, &element)))
        e = t->order_count == SERVICE_INSTANCES_LIMIT ? ERR_TOO_LARGE
                                                      : look_at(t, element);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* --- placing what is new --- */

static enum err add_changed(struct consul_change *c, const struct fresh *f,
                            const char *id)
{
    struct instance *i = &c->added[c->added_count];

    *i = f->entry.instance;
    i->id = memory_copy(&c->memory, slice_of(id));
    c->added_count += i->id != NULL;
    return i->id ? ERR_OK : ERR_NO_MEMORY;
}

static enum err add_gone(struct consul_change *c, const char *id)
{
    c->gone[c->gone_count] = memory_copy(&c->memory, slice_of(id));
    return c->gone[c->gone_count++] ? ERR_OK : ERR_NO_MEMORY;
}

static enum err place(struct taking *t, const struct fresh *f, struct known *entry)
{
    bool was_listed = entry->listed;

    entry->hash = f->hash;
    entry->seen = true;
    entry->listed = !f->is_bad && f->entry.health != CONSUL_IS_DOWN;
    t->order[f->place] = entry;
    if (entry->listed)
        return add_changed(t->change, f, entry->id);
    return was_listed ? add_gone(t->change, entry->id) : ERR_OK;
}

/* An id is unique on its node only. Whoever comes second is called ID@NODE. */
static void second_name(char out[SECOND_LIMIT], const struct fresh *f)
{
    snprintf(out, SECOND_LIMIT, "%s@%.*s", f->entry.instance.id, INSTANCE_ID_LIMIT,
             f->entry.node);
}

static struct known *find_id(const struct taking *t, const char *id)
{
    return map_get(&t->by_id, slice_of(id));
}

static struct known *find_own(const struct taking *t, const struct fresh *f)
{
    char second[SECOND_LIMIT];
    struct known *entry = find_id(t, f->entry.instance.id);

    if (entry && strcmp(entry->node_name, f->entry.node) == 0)
        return entry;
    second_name(second, f);
    return find_id(t, second);
}

/* Those that are known under their names. */
static enum err place_known(struct taking *t)
{
    enum err e = ERR_OK;

    for (uint32_t i = 0; i < t->count && !e; i++) {
        struct known *own = t->fresh[i].is_bad ? NULL : find_own(t, &t->fresh[i]);

        if (own && !own->seen)
            e = place(t, &t->fresh[i], own);
    }
    return e;
}

static enum err place_new(struct taking *t, const struct fresh *f, const char *id)
{
    struct known *entry = known_new(id, f->is_bad ? "" : f->entry.node);
    struct known *before = *id ? find_id(t, id) : NULL;

    if (!entry)
        return ERR_NO_MEMORY;
    if (*id && map_put(&t->by_id, slice_of(entry->id), entry)) {
        free(entry);
        return ERR_NO_MEMORY;
    }
    if (before) { /* it has moved to another node: told as a change, not as gone */
        entry->listed = before->listed;
        before->listed = false;
    }
    return place(t, f, entry);
}

/* With the node's name behind its id it may be too long, or the like; and a node that has the id twice lies. */
static void check_second(const struct taking *t, struct fresh *f, const char *second)
{
    const struct known *other = find_id(t, second);
    struct instance i = f->entry.instance;
    struct why w;

    why_init(&w);
    i.id = second;
    f->is_bad = other && other->seen
                    ? why(&w, ERR_BAD_RECORD, "its node lists it more than once")
                    : instance_check(&i, &w);
    if (f->is_bad)
        consul_complain(t->consul, t->service, slice_of(second), w.text);
}

static enum err place_newcomer(struct taking *t, struct fresh *f)
{
    char second[SECOND_LIMIT];
    struct known *other;

    if (f->is_bad)
        return place_new(t, f, "");
    other = find_id(t, f->entry.instance.id);
    if (!other || !other->seen)
        return place_new(t, f, f->entry.instance.id);
    second_name(second, f);
    check_second(t, f, second);
    return place_new(t, f, f->is_bad ? "" : second);
}

static enum err place_newcomers(struct taking *t)
{
    enum err e = ERR_OK;

    for (uint32_t i = 0; i < t->count && !e; i++)
        if (!t->order[t->fresh[i].place])
            e = place_newcomer(t, &t->fresh[i]);
    return e;
}

static enum err index_ids(struct taking *t)
{
    struct consul_known *k = t->known;
    enum err e = ERR_OK;

    for (uint32_t i = 0; i < k->count && !e; i++)
        if (k->entries[i]->id[0])
            e = map_put(&t->by_id, slice_of(k->entries[i]->id), k->entries[i]);
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

/* Newcomers last: who has left makes place for them. */
static enum err place_all(struct taking *t)
{
    enum err e = t->count ? index_ids(t) : ERR_OK;

    if (!e)
        e = place_known(t);
    return e ? e : place_newcomers(t);
}

static enum err tell_absent(struct taking *t)
{
    struct consul_known *k = t->known;
    enum err e = ERR_OK;

    for (uint32_t i = 0; i < k->count && !e; i++)
        if (!k->entries[i]->seen && k->entries[i]->listed)
            e = add_gone(t->change, k->entries[i]->id);
    return e;
}

/* --- the next state --- */

/* What was not seen goes, and on an error all of it. */
static void settle(struct taking *t, bool failed)
{
    struct consul_known *k = t->known;

    for (uint32_t i = 0; i < k->count; i++)
        if (!k->entries[i]->seen)
            free(k->entries[i]);
    free(k->entries);
    k->entries = t->order;
    k->count = t->order_count;
    for (uint32_t i = 0; i < k->count; i++)
        if (k->entries[i])
            k->entries[i]->seen = false;
    if (failed)
        consul_known_fini(k);
}

/* Growing leaves room, and this stays for long. */
static void shrink(struct consul_known *k)
{
    struct known **exact = realloc(k->entries, (k->count + 1) * sizeof(*exact));

    k->entries = exact ? exact : k->entries;
}

enum err consul_known_take(struct consul_known *k, struct consul_change *change,
                           struct slice body, const char *service, struct consul *c)
{
    struct taking t = {.known = k, .change = change, .consul = c, .service = service};
    enum err e;

    *change = (struct consul_change){0};
    e = cut(&t, body);
    if (!e)
        e = make_room(&t);
    if (!e)
        e = place_all(&t);
    if (!e)
        e = tell_absent(&t);
    map_fini(&t.by_id);
    free(t.fresh);
    settle(&t, e != ERR_OK);
    if (!e)
        shrink(k);
    return e;
}

void consul_change_fini(struct consul_change *change)
{
    memory_free(&change->memory);
}

void consul_known_fini(struct consul_known *k)
{
    for (uint32_t i = 0; i < k->count; i++)
        free(k->entries[i]);
    free(k->entries);
    *k = (struct consul_known){0};
}
