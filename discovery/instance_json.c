#include "discovery/instance_json.h"

#include <stdlib.h>

static enum err want_text(const json_t *object, const char *key, const char **out,
                          struct why *w)
{
    const json_t *value = json_object_get(object, key);

    if (!value || json_is_null(value))
        return ERR_OK;
    if (!json_is_string(value))
        return why(w, ERR_BAD_RECORD, "%s is not a text", key);
    *out = json_string_value(value);
    return ERR_OK;
}

static enum err want_weight(const json_t *object, uint32_t *out, struct why *w)
{
    const json_t *value = json_object_get(object, "weight");

    if (!value || json_is_null(value))
        return ERR_OK;
    if (!json_is_integer(value) || json_integer_value(value) < 1 ||
        json_integer_value(value) > 65535)
        return why(w, ERR_BAD_RECORD, "weight is not from 1 to 65535");
    *out = (uint32_t)json_integer_value(value);
    return ERR_OK;
}

static enum err want_address(const json_t *object, struct instance_json *r, struct why *w)
{
    const char *text = NULL;
    enum err e = want_text(object, "address", &text, w);

    if (e)
        return e;
    if (!text)
        return why(w, ERR_BAD_RECORD, "it has no address");
    if (address_parse(&r->instance.address, slice_of(text), 0, w)) {
        why_in(w, "address");
        return ERR_BAD_RECORD;
    }
    r->instance.id = address_format(&r->instance.address, r->address);
    return ERR_OK;
}

static enum err want_pairs(const json_t *object, struct pairs *out, struct why *w)
{
    json_t *map = json_object_get(object, "metadata"), *value;
    const char *key;

    if (!map || json_is_null(map))
        return ERR_OK;
    if (!json_is_object(map) || json_object_size(map) > INSTANCE_PAIRS_LIMIT)
        return why(w, ERR_BAD_RECORD, "metadata is not a map of at most %d texts",
                   INSTANCE_PAIRS_LIMIT);
    out->items = calloc(json_object_size(map) + 1, sizeof *out->items);
    if (!out->items)
        return ERR_NO_MEMORY;
    json_object_foreach(map, key, value)
    {
        if (!json_is_string(value))
            return why(w, ERR_BAD_RECORD, "a value of metadata is not a text");
        out->items[out->count++] = (struct pair){key, json_string_value(value)};
    }
    return ERR_OK;
}

/* Kept as the text it is handed on as. */
static enum err want_endpoints(const json_t *object, struct instance_json *r,
                               struct why *w)
{
    const json_t *value = json_object_get(object, "endpoints");

    if (!value || json_is_null(value))
        return ERR_OK;
    if (!json_is_array(value))
        return why(w, ERR_BAD_RECORD, "endpoints is not a list");
    r->instance.endpoints = r->endpoints = json_dumps(value, JSON_COMPACT);
    return r->endpoints ? ERR_OK : ERR_NO_MEMORY;
}

static enum err read_all(struct instance_json *r, const json_t *object, struct why *w)
{
    enum err e = want_address(object, r, w);

    if (!e)
        e = want_text(object, "id", &r->instance.id, w);
    if (!e)
        e = want_text(object, "version", &r->instance.version, w);
    if (!e)
        e = want_weight(object, &r->instance.weight, w);
    if (!e)
        e = want_pairs(object, &r->instance.metadata, w);
    if (!e)
        e = want_endpoints(object, r, w);
    return e ? e : instance_check(&r->instance, w);
}

enum err instance_json_read(struct instance_json *r, const json_t *object, struct why *w)
{
    enum err e;

    *r = (struct instance_json){
        .instance = {.weight = 1, .version = ""}
    };
    if (!json_is_object(object))
        return why(w, ERR_BAD_RECORD, "it is not a map");
    r->instance.draining = json_is_true(json_object_get(object, "draining"));
    e = read_all(r, object, w);
    if (e)
        instance_json_fini(r);
    return e;
}

void instance_json_fini(struct instance_json *r)
{
    free(r->instance.metadata.items);
    free(r->endpoints);
    r->endpoints = NULL;
    r->instance.endpoints = NULL;
    r->instance.metadata = (struct pairs){0};
}

static json_t *write_pairs(const struct pairs *p)
{
    json_t *map = json_object();

    for (unsigned i = 0; map && i < p->count; i++)
        json_object_set_new(map, p->items[i].key, json_string(p->items[i].value));
    return map;
}

json_t *instance_json_write(const struct instance *i)
{
    char address[ADDRESS_TEXT];

    return json_pack("{s:s, s:s, s:s, s:i, s:b, s:o, s:o*}", "id", i->id, "version",
                     i->version ? i->version : "", "address",
                     address_format(&i->address, address), "weight", (int)i->weight,
                     "draining", i->draining, "metadata", write_pairs(&i->metadata),
                     "endpoints",
                     i->endpoints ? json_loads(i->endpoints, 0, NULL) : NULL);
}
