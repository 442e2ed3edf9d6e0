/* Reading; eureka_record_write.c is the other half. */
#include "discovery/eureka_record.h"

#include <stdlib.h>
#include <strings.h>

#include "discovery/micro_service.h"

static const char *const statuses[EUREKA_STATUS_COUNT] = {
    [EUREKA_DOWN] = "DOWN",
    [EUREKA_OUT_OF_SERVICE] = "OUT_OF_SERVICE",
    [EUREKA_STARTING] = "STARTING",
    [EUREKA_UNKNOWN] = "UNKNOWN",
    [EUREKA_UP] = "UP",
};

const char *eureka_status_name(enum eureka_status s)
{
    return statuses[s];
}

static enum eureka_status status_of(const char *name)
{
    for (unsigned s = 0; s < EUREKA_STATUS_COUNT; s++)
        if (strcasecmp(name, statuses[s]) == 0)
            return s;
    return EUREKA_UNKNOWN;
}

/* "" when it is absent or no text. */
static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static json_t *metadata_of(const struct eureka_record *r)
{
    return json_object_get(r->json, "metadata");
}

static bool is_micro(const struct eureka_record *r)
{
    const json_t *metadata = metadata_of(r);

    return text_at(metadata, "instanceId")[0] && text_at(metadata, "metadata")[0];
}

/* --- what the server needs to know --- */

static enum err check_names(const struct eureka_record *r, struct why *w)
{
    size_t app = strlen(r->app), id = strlen(r->id);

    if (app == 0 || app > SERVICE_NAME_LIMIT)
        return why(w, ERR_BAD_RECORD, "an instance has no app, or a very long one");
    if (id == 0 || id > RECORD_LIMIT)
        return why(w, ERR_BAD_RECORD, "an instance of %s has no id", r->app);
    return ERR_OK;
}

enum err eureka_record_load(struct eureka_record *r, struct slice json, struct why *w)
{
    *r = (struct eureka_record){.json = micro_json_load(json, w)};
    if (!r->json)
        return ERR_BAD_RECORD;
    r->app = text_at(r->json, "app");
    r->id = text_at(r->json, "instanceId");
    if (!r->id[0])
        r->id = text_at(r->json, "hostName");
    r->status = status_of(text_at(r->json, "status"));
    r->is_deleted = strcasecmp(text_at(r->json, "actionType"), "DELETED") == 0;
    r->is_twin = text_at(metadata_of(r), "csidecar.twin")[0] != 0;
    return check_names(r, w);
}

void eureka_record_fini(struct eureka_record *r)
{
    json_decref(r->json);
    r->json = NULL;
}

bool eureka_record_is_listed(const struct eureka_record *r)
{
    return !r->is_deleted && !r->is_twin &&
           (r->status == EUREKA_UP || r->status == EUREKA_OUT_OF_SERVICE);
}

const char *eureka_record_node_id(const struct eureka_record *r)
{
    return is_micro(r) ? text_at(metadata_of(r), "instanceId") : r->id;
}

/* --- addresses --- */

/* A number, a text with one, or {"$":8080,"@enabled":"true"}; 0 when it is none. */
static unsigned port_number(const json_t *port)
{
    const json_t *value = json_is_object(port) ? json_object_get(port, "$") : port;
    uint64_t number = 0;

    if (json_is_integer(value) && json_integer_value(value) > 0)
        number = (uint64_t)json_integer_value(value);
    else if (json_is_string(value))
        slice_to_u64(slice_of(json_string_value(value)), &number);
    return number <= UINT16_MAX ? (unsigned)number : 0;
}

static bool is_enabled(const json_t *port)
{
    const json_t *enabled = json_object_get(port, "@enabled");

    return json_is_true(enabled) || strcasecmp(text_at(port, "@enabled"), "true") == 0;
}

static unsigned choose_port(const struct eureka_record *r)
{
    const json_t *port = json_object_get(r->json, "port");
    const json_t *secure = json_object_get(r->json, "securePort");

    if (!is_micro(r) && json_is_object(port) && !is_enabled(port) && is_enabled(secure))
        return port_number(secure);
    return port_number(port);
}

static enum err take_address(const struct eureka_record *r, struct instance *i,
                             struct why *w)
{
    const char *ip = text_at(r->json, "ipAddr");
    unsigned port = choose_port(r);

    if (port == 0)
        return why(w, ERR_BAD_RECORD, "it has no port");
    return micro_address_read(&i->address, ip, port, w);
}

/* --- metadata --- */

/* Older servers make numbers of what looks like them; all say of which class an empty map is. */
static enum err make_texts(json_t *metadata)
{
    json_t *value;
    const char *key;
    void *next;
    enum err e = ERR_OK;

    json_object_del(metadata, "@class");
    json_object_foreach_safe(metadata, next, key, value)
    {
        char *text;

        if (json_is_string(value) || json_is_object(value) || json_is_array(value))
            continue;
        text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
        if (!text || json_object_set_new(metadata, key, json_string(text)))
            e = ERR_NO_MEMORY;
        free(text);
    }
    return e;
}

/* Out of the metadata, into `m`; *out stays NULL when it is not there. */
static enum err take_text(json_t *metadata, const char *key, const char **out,
                          struct memory *m)
{
    const char *text = json_string_value(json_object_get(metadata, key));

    if (!text)
        return ERR_OK;
    *out = memory_copy(m, slice_of(text));
    json_object_del(metadata, key);
    return *out ? ERR_OK : ERR_NO_MEMORY;
}

/* One that is no list is metadata like any other. */
static enum err take_endpoints(json_t *metadata, struct instance *i, struct memory *m,
                               struct why *w)
{
    const char *text = json_string_value(json_object_get(metadata, "endpoints"));
    json_t *list = text ? micro_json_load(slice_of(text), NULL) : NULL;
    enum err e = ERR_OK;

    if (json_is_array(list)) {
        e = micro_endpoints_read(i, list, m, w);
        json_object_del(metadata, "endpoints");
    }
    json_decref(list);
    return e;
}

static enum err read_spring(json_t *metadata, struct instance *i, struct memory *m,
                            struct why *w)
{
    enum err e = take_endpoints(metadata, i, m, w);

    if (!e)
        e = take_text(metadata, "version", &i->version, m);
    return e ? e : micro_metadata_read(i, metadata, m, w);
}

static enum err read_node_metadata(const json_t *metadata, struct instance *i,
                                   struct memory *m, struct why *w)
{
    json_t *own = micro_json_load(slice_of(text_at(metadata, "metadata")), w);
    enum err e = own ? micro_metadata_read(i, own, m, w) : ERR_BAD_RECORD;

    json_decref(own);
    return e;
}

static enum err read_micro(json_t *metadata, struct instance *i, struct memory *m,
                           struct why *w)
{
    enum err e = take_endpoints(metadata, i, m, w);

    if (!e)
        e = take_text(metadata, "csidecar.version", &i->version, m);
    if (!e && !i->version)
        e = take_text(metadata, "version", &i->version, m);
    return e ? e : read_node_metadata(metadata, i, m, w);
}

static enum err take_metadata(const struct eureka_record *r, struct instance *i,
                              struct memory *m, struct why *w)
{
    json_t *metadata = metadata_of(r);
    enum err e;

    if (!metadata)
        return ERR_OK;
    if (!json_is_object(metadata))
        return why(w, ERR_BAD_RECORD, "its metadata is no map");
    e = make_texts(metadata);
    if (e)
        return e;
    return is_micro(r) ? read_micro(metadata, i, m, w) : read_spring(metadata, i, m, w);
}

enum err eureka_record_instance(const struct eureka_record *r, struct instance *i,
                                struct memory *m, struct why *w)
{
    enum err e;

    *i = (struct instance){.weight = 1, .draining = r->status == EUREKA_OUT_OF_SERVICE};
    i->id = memory_copy(m, slice_of(eureka_record_node_id(r)));
    e = i->id ? take_address(r, i, w) : ERR_NO_MEMORY;
    if (!e)
        e = take_metadata(r, i, m, w);
    if (!e && !i->version)
        i->version = "";
    return e ? e : instance_check(i, w);
}
