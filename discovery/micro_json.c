/* Parts of go-micro's records as JSON, whatever the record's shape. */
#include <stdio.h>
#include <stdlib.h>

#include "discovery/micro_service.h"

static bool is_shallow(struct slice json)
{
    unsigned depth = 0;
    bool quoted = false;

    for (size_t i = 0; i < json.size; i++) {
        char c = json.base[i];

        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '{' || c == '[') && ++depth > MICRO_JSON_DEPTH)
            return false;
        else if (!quoted && (c == '}' || c == ']') && depth > 0)
            depth--;
    }
    return true;
}

static json_t *load_failed(enum err e, struct why *w, const char *reason)
{
    why(w, e, "%s", reason);
    return NULL;
}

json_t *micro_json_load(struct slice text, struct why *w)
{
    json_t *root;

    if (text.size > RECORD_LIMIT)
        return load_failed(ERR_TOO_LARGE, w, "it is longer than 1 MiB");
    if (!is_shallow(text))
        return load_failed(ERR_BAD_RECORD, w, "its JSON is nested too deep");
    root = json_loadb(text.base, text.size, 0, NULL);
    return root ? root : load_failed(ERR_BAD_RECORD, w, "it is not JSON");
}

static json_t *present(json_t *value)
{
    return json_is_null(value) ? NULL : value;
}

json_t *micro_json_member(const json_t *object, const char *name)
{
    json_t *exact = json_object_get(object, name), *value;
    const char *key;

    if (exact)
        return present(exact);
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (slice_equals_nocase(slice_of(key), slice_of(name)))
            return present(value);
    }
    return NULL;
}

enum err micro_text_read(const char **out, const json_t *object, const char *name,
                         struct memory *m, struct why *w)
{
    const json_t *value = micro_json_member(object, name);

    if (value && !json_is_string(value))
        return why(w, ERR_BAD_RECORD, "its %s is no text", name);
    *out = memory_copy(m, slice_of(value ? json_string_value(value) : ""));
    return *out ? ERR_OK : ERR_NO_MEMORY;
}

/* Metadata */

static bool pairs_have(const struct pairs *pairs, const char *key)
{
    for (unsigned i = 0; i < pairs->count; i++)
        if (strcmp(pairs->items[i].key, key) == 0)
            return true;
    return false;
}

static void add_pair(struct text *out, const char *comma, const char *key,
                     const char *value)
{
    text_addf(out, "%s", comma);
    text_add_json(out, slice_of(key));
    text_addf(out, ":");
    text_add_json(out, slice_of(value));
}

void micro_metadata_write(struct text *out, const struct instance *i)
{
    const char *comma = "";
    char weight[16];

    text_addf(out, "{");
    if (!pairs_have(&i->metadata, "protocol")) {
        add_pair(out, comma, "protocol", "http");
        comma = ",";
    }
    if (i->weight > 1 && !pairs_have(&i->metadata, "weight")) {
        snprintf(weight, sizeof(weight), "%u", i->weight);
        add_pair(out, comma, "weight", weight);
        comma = ",";
    }
    for (unsigned at = 0; at < i->metadata.count; at++, comma = ",")
        add_pair(out, comma, i->metadata.items[at].key, i->metadata.items[at].value);
    text_addf(out, "}");
}

static bool take_weight(struct instance *i, const char *key, const char *value)
{
    uint64_t weight;

    if (strcmp(key, "weight") != 0 || !slice_to_u64(slice_of(value), &weight))
        return false;
    if (weight < 1 || weight > UINT16_MAX)
        return false;
    i->weight = (uint32_t)weight;
    return true;
}

static enum err take_pair(struct instance *i, const char *key, const json_t *value,
                          struct memory *m, struct why *w)
{
    struct pair *pair = &i->metadata.items[i->metadata.count];

    if (!json_is_string(value))
        return why(w, ERR_BAD_RECORD, "a value in its metadata is no text");
    if (take_weight(i, key, json_string_value(value)))
        return ERR_OK;
    pair->key = memory_copy(m, slice_of(key));
    pair->value = memory_copy(m, slice_of(json_string_value(value)));
    i->metadata.count++;
    return pair->key && pair->value ? ERR_OK : ERR_NO_MEMORY;
}

enum err micro_metadata_read(struct instance *i, const json_t *object, struct memory *m,
                             struct why *w)
{
    json_t *value;
    const char *key;
    enum err e = ERR_OK;

    i->weight = i->weight ? i->weight : 1;
    if (!object || json_is_null(object))
        return ERR_OK;
    if (!json_is_object(object))
        return why(w, ERR_BAD_RECORD, "its metadata is no map");
    if (json_object_size(object) > INSTANCE_PAIRS_LIMIT)
        return why(w, ERR_TOO_LARGE, "it has more than %d pairs of metadata",
                   INSTANCE_PAIRS_LIMIT);
    i->metadata.items =
        memory_take(m, (json_object_size(object) + 1) * sizeof(struct pair));
    if (!i->metadata.items)
        return ERR_NO_MEMORY;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        e = take_pair(i, key, value, m, w);
        if (e)
            return e;
    }
    return ERR_OK;
}

/* Endpoints: for us a text that is handed on. */

void micro_endpoints_write(struct text *out, const char *endpoints)
{
    text_add(out, slice_of(endpoints ? endpoints : "[]"));
}

enum err micro_endpoints_read(struct instance *i, const json_t *array, struct memory *m,
                              struct why *w)
{
    char *text;

    if (!array || json_is_null(array))
        return ERR_OK;
    if (!json_is_array(array))
        return why(w, ERR_BAD_RECORD, "its endpoints are no list");
    if (json_array_size(array) == 0)
        return ERR_OK;
    text = json_dumps(array, JSON_COMPACT);
    i->endpoints = text ? memory_copy(m, slice_of(text)) : NULL;
    free(text);
    return i->endpoints ? ERR_OK : ERR_NO_MEMORY;
}

/* Addresses */

enum err micro_address_read(struct address *a, const char *address, unsigned port,
                            struct why *w)
{
    enum err e = port ? address_from_ip(a, slice_of(address), port)
                      : address_parse(a, slice_of(address), 0, NULL);

    if (e && port) /* "host:port" with a port besides */
        e = address_parse(a, slice_of(address), 0, NULL);
    if (e || address_is_path(a))
        return why(w, ERR_BAD_RECORD, "\"%.100s\" is no IP address with a port", address);
    return ERR_OK;
}
