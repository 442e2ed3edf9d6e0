#include "discovery/service_file.h"

#include <stdlib.h>

#include "config/settings.h"
#include "sidecar/core/map.h"

struct item {
    const char *address;
    const char *id;
    const char *version;
    uint32_t weight;
    bool draining;
    struct pairs metadata;
};

/* clang-format off */
static const struct field fields[] = {
    TEXT(struct item, address, "address", NULL, "host:port"),
    TEXT(struct item, id, "id", NULL, "unique within the service; else the address"),
    TEXT(struct item, version, "version", NULL, "of the app"),
    COUNT(struct item, weight, "weight", "1", 1, 65535, "share of the calls"),
    BOOL(struct item, draining, "draining", "false", "for nobody new"),
    PAIRS(struct item, metadata, "metadata", "labels"),
    FIELDS_END,
};
/* clang-format on */

static enum err at_node(const struct node *n, enum err e, struct why *w)
{
    if (e)
        why_in(w, "%s:%u:%u", n->origin, n->line, n->column);
    return e;
}

static enum err read_item(struct service_file *f, const struct node *n, struct item *out,
                          struct why *w)
{
    *out = (struct item){.weight = 1};
    if (n->kind == NODE_MAP)
        return settings_decode(fields, n, out, &f->memory, w);
    if (n->kind == NODE_LIST || node_is_null(n))
        return at_node(
            n, why(w, ERR_BAD_CONFIG, "an instance must be \"host:port\" or a map"), w);
    out->address = n->text.base;
    return ERR_OK;
}

static enum err set_id(struct service_file *f, struct instance *i, const char *id)
{
    char text[ADDRESS_TEXT];

    i->id =
        id ? id : memory_copy(&f->memory, slice_of(address_format(&i->address, text)));
    return i->id ? ERR_OK : ERR_NO_MEMORY;
}

static enum err make_instance(struct service_file *f, const struct item *item,
                              struct instance *i, struct why *w)
{
    enum err e;

    if (!item->address)
        return why(w, ERR_BAD_CONFIG, "an instance needs an address");
    *i = (struct instance){.version = item->version ? item->version : "",
                           .weight = item->weight,
                           .draining = item->draining,
                           .metadata = item->metadata};
    e = address_parse(&i->address, slice_of(item->address), 0, w);
    if (!e)
        e = set_id(f, i, item->id);
    return e ? e : instance_check(i, w);
}

static enum err add_instance(struct service_file *f, struct file_service *s,
                             struct map *ids, const struct node *n, struct why *w)
{
    struct instance *i = &s->instances[s->count];
    struct item item;
    enum err e = read_item(f, n, &item, w);

    if (e)
        return e;
    e = make_instance(f, &item, i, w);
    if (!e && map_get(ids, slice_of(i->id)))
        e = why(w, ERR_BAD_CONFIG, "there is another instance \"%s\"", i->id);
    if (!e)
        e = map_put(ids, slice_of(i->id), i);
    s->count += !e;
    return at_node(n, e, w);
}

static uint32_t count_children(const struct node *n)
{
    uint32_t count = 0;

    for (const struct node *at = n->first; at; at = at->next)
        count++;
    return count;
}

static enum err read_list(struct service_file *f, struct file_service *s,
                          const struct node *list, struct why *w)
{
    struct map ids = {0};
    enum err e = ERR_OK;

    s->instances =
        memory_take(&f->memory, (count_children(list) + 1) * sizeof *s->instances);
    if (!s->instances)
        return ERR_NO_MEMORY;
    for (const struct node *n = list->first; n && !e; n = n->next)
        e = add_instance(f, s, &ids, n, w);
    map_fini(&ids);
    return e;
}

static enum err read_service(struct service_file *f, const struct node *n, struct why *w)
{
    struct file_service *s = &f->services[f->count++];

    if (!service_name_is_valid(n->key)) {
        why(w, ERR_BAD_CONFIG, "\"%.*s\" is no name of a service", (int)n->key.size,
            n->key.base);
        why_in(w, "%s:%u:%u", n->origin, n->key_line, n->key_column);
        return ERR_BAD_CONFIG;
    }
    s->name = memory_copy(&f->memory, n->key);
    if (!s->name)
        return ERR_NO_MEMORY;
    if (n->kind != NODE_LIST && !node_is_null(n))
        return at_node(n, why(w, ERR_BAD_CONFIG, "expected a list of instances"), w);
    return read_list(f, s, n, w);
}

static int by_name(const void *a, const void *b)
{
    const struct file_service *x = a, *y = b;

    return strcmp(x->name, y->name);
}

static enum err read_services(struct service_file *f, const struct node *root,
                              struct why *w)
{
    enum err e = ERR_OK;

    if (root->kind != NODE_MAP)
        return at_node(
            root, why(w, ERR_BAD_CONFIG, "expected a map of services to instances"), w);
    f->services =
        memory_take(&f->memory, (count_children(root) + 1) * sizeof *f->services);
    if (!f->services)
        return ERR_NO_MEMORY;
    for (const struct node *n = root->first; n && !e; n = n->next)
        e = read_service(f, n, w);
    if (!e)
        qsort(f->services, f->count, sizeof *f->services, by_name);
    return e;
}

enum err service_file_read(struct service_file *f, const char *path, struct why *w)
{
    struct tree tree = {0};
    enum err e;

    *f = (struct service_file){0};
    e = tree_read(&tree, path, w);
    if (!e && !tree.root)
        e = why(w, ERR_BAD_CONFIG, "%s:1:1: the file is empty (no services are {})",
                path);
    if (!e)
        e = read_services(f, tree.root, w);
    tree_free(&tree);
    if (e)
        service_file_free(f);
    return e;
}

void service_file_free(struct service_file *f)
{
    memory_free(&f->memory);
    *f = (struct service_file){0};
}

const struct file_service *service_file_find(const struct service_file *f,
                                             const char *name)
{
    struct file_service wanted = {.name = name};

    if (!f->count)
        return NULL;
    return bsearch(&wanted, f->services, f->count, sizeof wanted, by_name);
}
