#include "discovery/instance.h"

#include <stdlib.h>

/* One block a list: the struct, its instances, their pairs, then all texts. */
struct block {
    struct pair *pairs;
    char *text;
};

static size_t text_room(const char *text)
{
    return text ? strlen(text) + 1 : 1;
}

static size_t pairs_room(const struct pairs *p)
{
    size_t size = p->count * sizeof(struct pair);

    for (unsigned i = 0; i < p->count; i++)
        size += text_room(p->items[i].key) + text_room(p->items[i].value);
    return size;
}

static size_t instance_room(const struct instance *i)
{
    return text_room(i->id) + text_room(i->version) + pairs_room(&i->metadata) +
           (i->endpoints ? text_room(i->endpoints) : 0);
}

/* Neighbours mostly have the same source: they share the copy. */
static bool shares_source(const struct instance *instances, uint32_t at)
{
    return at > 0 && instances[at].source &&
           instances[at].source == instances[at - 1].source;
}

static size_t list_room(const char *service, const struct instance *instances,
                        uint32_t count)
{
    size_t size = sizeof(struct instance_list) + count * sizeof(struct instance);

    for (uint32_t i = 0; i < count; i++) {
        size += instance_room(&instances[i]);
        if (!shares_source(instances, i))
            size += text_room(instances[i].source);
    }
    return size + text_room(service);
}

static const char *copy_text(struct block *b, const char *text)
{
    char *copy = b->text;
    size_t size = text_room(text);

    memcpy(copy, text ? text : "", size);
    b->text += size;
    return copy;
}

static struct pairs copy_pairs(struct block *b, const struct pairs *from)
{
    struct pairs to = {b->pairs, from->count};

    b->pairs += from->count;
    for (unsigned i = 0; i < from->count; i++)
        to.items[i] = (struct pair){copy_text(b, from->items[i].key),
                                    copy_text(b, from->items[i].value)};
    return to;
}

static const char *copy_source(struct block *b, const struct instance *from,
                               const struct instance *to, uint32_t at)
{
    if (shares_source(from, at))
        return to[at - 1].source;
    return copy_text(b, from[at].source);
}

static unsigned count_pairs(const struct instance *instances, uint32_t count)
{
    unsigned pairs = 0;

    for (uint32_t i = 0; i < count; i++)
        pairs += instances[i].metadata.count;
    return pairs;
}

static void widen(struct instance_list *l, uint32_t index)
{
    l->places = index >= l->places ? index + 1 : l->places;
}

static void copy_instances(struct instance_list *l, struct block *b,
                           const struct instance *from)
{
    for (uint32_t i = 0; i < l->count; i++) {
        struct instance *to = &l->instances[i];

        *to = from[i];
        to->id = copy_text(b, from[i].id);
        to->version = copy_text(b, from[i].version);
        to->source = copy_source(b, from, l->instances, i);
        to->metadata = copy_pairs(b, &from[i].metadata);
        if (from[i].endpoints)
            to->endpoints = copy_text(b, from[i].endpoints);
        widen(l, to->index);
    }
}

struct instance_list *instance_list_new(const char *service,
                                        const struct instance *instances, uint32_t count)
{
    struct instance_list *l = malloc(list_room(service, instances, count));
    struct block b;

    if (!l)
        return NULL;
    *l = (struct instance_list){.references = 1, .count = count};
    l->instances = (struct instance *)(l + 1);
    b.pairs = (struct pair *)(l->instances + count);
    b.text = (char *)(b.pairs + count_pairs(instances, count));
    copy_instances(l, &b, instances);
    l->service = copy_text(&b, service);
    return l;
}

struct instance_list *instance_list_borrow(const char *service,
                                           struct instance_list *const *ones,
                                           uint32_t count)
{
    size_t each = sizeof(struct instance) + sizeof(struct instance_list *);
    struct instance_list *l = malloc(sizeof(*l) + count * each + text_room(service));
    struct block b;

    if (!l)
        return NULL;
    *l = (struct instance_list){.references = 1, .count = count};
    l->instances = (struct instance *)(l + 1);
    l->lenders = (struct instance_list **)(l->instances + count);
    b.text = (char *)(l->lenders + count);
    for (uint32_t i = 0; i < count; i++) {
        l->lenders[i] = instance_list_ref(ones[i]);
        l->instances[i] = *ones[i]->instances;
        widen(l, l->instances[i].index);
    }
    l->service = copy_text(&b, service);
    return l;
}

struct instance_list *instance_list_ref(struct instance_list *l)
{
    __atomic_add_fetch(&l->references, 1, __ATOMIC_RELAXED);
    return l;
}

void instance_list_unref(struct instance_list *l)
{
    if (!l || __atomic_sub_fetch(&l->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (uint32_t i = 0; l->lenders && i < l->count; i++)
        instance_list_unref(l->lenders[i]);
    free(l);
}

static bool name_char(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '.' || c == '_' || c == '-';
}

bool service_name_is_valid(struct slice name)
{
    if (name.size == 0 || name.size > SERVICE_NAME_LIMIT)
        return false;
    if (name.base[0] == '_' || name.base[0] == '.')
        return false;
    for (size_t i = 0; i < name.size; i++)
        if (!name_char((unsigned char)name.base[i]))
            return false;
    return true;
}

const char *instance_metadata(const struct instance *i, const char *key)
{
    for (unsigned at = 0; at < i->metadata.count; at++)
        if (strcmp(i->metadata.items[at].key, key) == 0)
            return i->metadata.items[at].value;
    return NULL;
}

static bool texts_equal(const char *a, const char *b)
{
    return a == b || strcmp(a ? a : "", b ? b : "") == 0;
}

static bool pairs_equal(const struct pairs *a, const struct pairs *b)
{
    if (a->count != b->count)
        return false;
    if (a->items == b->items)
        return true;
    for (unsigned i = 0; i < a->count; i++)
        if (!texts_equal(a->items[i].key, b->items[i].key) ||
            !texts_equal(a->items[i].value, b->items[i].value))
            return false;
    return true;
}

bool instance_equals(const struct instance *a, const struct instance *b)
{
    return texts_equal(a->id, b->id) && texts_equal(a->version, b->version) &&
           texts_equal(a->source, b->source) && a->weight == b->weight &&
           a->draining == b->draining && texts_equal(a->endpoints, b->endpoints) &&
           address_equals(&a->address, &b->address) &&
           pairs_equal(&a->metadata, &b->metadata);
}

static size_t text_size(const char *text)
{
    return text ? strlen(text) : 0;
}

size_t instance_text_size(const struct instance *i)
{
    size_t size = text_size(i->id) + text_size(i->version) + text_size(i->endpoints);

    for (unsigned n = 0; n < i->metadata.count; n++)
        size +=
            text_size(i->metadata.items[n].key) + text_size(i->metadata.items[n].value);
    return size;
}
