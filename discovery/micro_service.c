#include "discovery/micro_service.h"

#include <stdlib.h>

/* Writing */

static void add_begin(struct text *out, const char *service, const struct instance *i)
{
    const char *version = i->version && *i->version ? i->version : "latest";

    text_addf(out, "{\"name\":");
    text_add_json(out, slice_of(service));
    text_addf(out, ",\"version\":");
    text_add_json(out, slice_of(version));
    text_addf(out, ",\"metadata\":{},\"endpoints\":");
    micro_endpoints_write(out, i->endpoints);
    text_addf(out, ",\"nodes\":[");
}

static void add_node(struct text *out, const struct instance *i)
{
    char address[ADDRESS_TEXT];

    text_addf(out, "{\"id\":");
    text_add_json(out, slice_of(i->id));
    text_addf(out, ",\"address\":");
    text_add_json(out, slice_of(address_format(&i->address, address)));
    text_addf(out, ",\"metadata\":");
    micro_metadata_write(out, i);
    text_addf(out, "}");
}

enum err micro_service_write_instance(struct text *out, const char *service,
                                      const struct instance *i)
{
    add_begin(out, service, i);
    add_node(out, i);
    text_addf(out, "]}");
    return out->failed ? ERR_TOO_LARGE : ERR_OK;
}

enum err micro_service_write(struct text *out, const struct registration *r)
{
    struct instance i = registration_instance(r);

    return micro_service_write_instance(out, r->service, &i);
}

static int by_version(const void *a, const void *b)
{
    const struct instance *const *x = a, *const *y = b;
    int order =
        strcmp((*x)->version ? (*x)->version : "", (*y)->version ? (*y)->version : "");

    return order ? order : *x < *y ? -1 : *x > *y;
}

static void add_versions(struct text *out, const char *service,
                         const struct instance *const *sorted, uint32_t count)
{
    for (uint32_t at = 0; at < count; at++) {
        bool begins =
            at == 0 || strcmp(sorted[at]->version ? sorted[at]->version : "",
                              sorted[at - 1]->version ? sorted[at - 1]->version : "");

        if (begins && at > 0)
            text_addf(out, "]},");
        if (begins)
            add_begin(out, service, sorted[at]);
        else
            text_addf(out, ",");
        add_node(out, sorted[at]);
    }
    if (count > 0)
        text_addf(out, "]}");
}

enum err micro_service_write_versions(struct text *out, const char *service,
                                      const struct instance *instances, uint32_t count)
{
    const struct instance **sorted = malloc((count + 1) * sizeof(*sorted));

    if (!sorted)
        return ERR_NO_MEMORY;
    for (uint32_t at = 0; at < count; at++)
        sorted[at] = &instances[at];
    qsort(sorted, count, sizeof(*sorted), by_version);
    add_versions(out, service, sorted, count);
    free(sorted);
    return out->failed ? ERR_TOO_LARGE : ERR_OK;
}

/* Reading */

static enum err take_address(struct instance *i, const json_t *node, struct why *w)
{
    const json_t *address = micro_json_member(node, "address");
    const json_t *port = micro_json_member(node, "port");
    json_int_t number = json_is_integer(port) ? json_integer_value(port) : 0;

    if (!json_is_string(address))
        return why(w, ERR_BAD_RECORD, "a node has no address");
    return micro_address_read(&i->address, json_string_value(address),
                              number > 0 && number < 65536 ? (unsigned)number : 0, w);
}

static enum err take_node(struct micro_service *s, const struct instance *common,
                          const json_t *node, struct why *w)
{
    struct instance *i = &s->instances[s->count];
    enum err e;

    *i = *common;
    if (!json_is_object(node))
        return why(w, ERR_BAD_RECORD, "a node is no map");
    e = micro_text_read(&i->id, node, "id", &s->memory, w);
    if (!e)
        e = take_address(i, node, w);
    if (!e)
        e = micro_metadata_read(i, micro_json_member(node, "metadata"), &s->memory, w);
    return e ? e : instance_check(i, w);
}

static enum err take_nodes(struct micro_service *s, const struct instance *common,
                           const json_t *nodes, struct why *w)
{
    struct why why_refused;
    size_t size = json_array_size(nodes);
    enum err e;

    if (nodes && !json_is_array(nodes))
        return why(w, ERR_BAD_RECORD, "its nodes are no list");
    s->instances = memory_take(&s->memory, (size + 1) * sizeof(*s->instances));
    if (!s->instances)
        return ERR_NO_MEMORY;
    for (size_t at = 0; at < size; at++) {
        why_init(&why_refused);
        e = take_node(s, common, json_array_get(nodes, at), &why_refused);
        if (e == ERR_NO_MEMORY)
            return e;
        if (e && s->refused++ == 0 && w)
            *w = why_refused;
        s->count += e == ERR_OK;
    }
    return ERR_OK;
}

static enum err read_service(struct micro_service *s, const json_t *root, struct why *w)
{
    struct instance common = {.weight = 1};
    enum err e;

    if (!json_is_object(root))
        return why(w, ERR_BAD_RECORD, "it is no JSON object");
    e = micro_text_read(&s->name, root, "name", &s->memory, w);
    if (!e)
        e = micro_text_read(&common.version, root, "version", &s->memory, w);
    if (!e)
        e = micro_endpoints_read(&common, micro_json_member(root, "endpoints"),
                                 &s->memory, w);
    return e ? e : take_nodes(s, &common, micro_json_member(root, "nodes"), w);
}

enum err micro_service_read_json(struct micro_service *s, json_t *root, struct why *w)
{
    enum err e;

    *s = (struct micro_service){0};
    e = read_service(s, root, w);
    if (e)
        micro_service_fini(s);
    return e;
}

enum err micro_service_read(struct micro_service *s, struct slice json, struct why *w)
{
    json_t *root = micro_json_load(json, w);
    enum err e;

    *s = (struct micro_service){0};
    if (!root)
        return ERR_BAD_RECORD;
    e = micro_service_read_json(s, root, w);
    json_decref(root);
    return e;
}

void micro_service_fini(struct micro_service *s)
{
    memory_free(&s->memory);
    *s = (struct micro_service){0};
}

bool micro_name_is(struct slice in_place, const char *name)
{
    if (in_place.size != strlen(name))
        return false;
    for (size_t i = 0; i < in_place.size; i++)
        if (in_place.base[i] != (name[i] == '/' ? '-' : name[i]))
            return false;
    return true;
}

const struct instance *micro_service_node(const struct micro_service *s,
                                          struct slice service, struct slice id,
                                          struct why *w)
{
    for (uint32_t i = 0; i < s->count && micro_name_is(service, s->name); i++)
        if (micro_name_is(id, s->instances[i].id))
            return &s->instances[i];
    if (!s->refused)
        why(w, ERR_BAD_RECORD, "its name or its node is not that of its place");
    return NULL;
}
