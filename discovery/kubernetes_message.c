#include "discovery/kubernetes_message.h"

#include <string.h>

/* --- objects and events --- */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

const char *kubernetes_meta(const json_t *object, const char *name)
{
    return text_of(json_object_get(object, "metadata"), name);
}

static bool is_number(const char *text)
{
    return *text && text[strspn(text, "0123456789")] == '\0';
}

bool kubernetes_version_is_before(const char *a, const char *b)
{
    size_t a_size = strlen(a), b_size = strlen(b);

    if (!is_number(a) || !is_number(b))
        return false;
    return a_size != b_size ? a_size < b_size : strcmp(a, b) < 0;
}

enum kubernetes_event kubernetes_event_read(const json_t *line, const json_t **object)
{
    static const char *const types[] = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK",
                                        "ERROR"};
    static const enum kubernetes_event events[] = {KUBERNETES_CHANGED, KUBERNETES_CHANGED,
                                                   KUBERNETES_DELETED,
                                                   KUBERNETES_BOOKMARK, KUBERNETES_ERROR};
    const char *type = text_of(line, "type");

    *object = json_object_get(line, "object");
    for (unsigned i = 0; json_is_object(*object) && i < sizeof(types) / sizeof(*types);
         i++)
        if (strcmp(type, types[i]) == 0)
            return events[i];
    return KUBERNETES_NO_EVENT;
}

/* --- EndpointSlices --- */

static bool is_tcp(const json_t *port)
{
    const char *protocol = text_of(port, "protocol");

    return !*protocol || strcmp(protocol, "TCP") == 0;
}

/* 0: none. */
static unsigned pick_port(const json_t *ports, const char *wanted)
{
    unsigned first = 0;

    for (size_t i = 0; i < json_array_size(ports); i++) {
        const json_t *port = json_array_get(ports, i);
        json_int_t number = json_integer_value(json_object_get(port, "port"));

        if (!is_tcp(port) || number < 1 || number > 65535)
            continue;
        if (strcmp(text_of(port, "name"), wanted ? wanted : "http") == 0)
            return (unsigned)number;
        if (!first)
            first = (unsigned)number;
    }
    return wanted ? 0 : first;
}

/* A condition that is not said is as `otherwise`. */
static bool condition(const json_t *endpoint, const char *name, bool otherwise)
{
    const json_t *value = json_object_get(json_object_get(endpoint, "conditions"), name);

    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

static enum err add_pair(struct instance *i, struct memory *m, const char *key,
                         const char *value)
{
    if (!*value)
        return ERR_OK;
    i->metadata.items[i->metadata.count] =
        (struct pair){.key = key, .value = memory_copy(m, slice_of(value))};
    return i->metadata.items[i->metadata.count++].value ? ERR_OK : ERR_NO_MEMORY;
}

static enum err read_names(struct instance *i, struct memory *m, const json_t *endpoint)
{
    const char *pod = text_of(json_object_get(endpoint, "targetRef"), "name");
    char text[ADDRESS_TEXT];

    i->id = memory_copy(m, slice_of(*pod ? pod : address_format(&i->address, text)));
    i->metadata.items = memory_take(m, 2 * sizeof(*i->metadata.items));
    if (!i->id || !i->metadata.items ||
        add_pair(i, m, "zone", text_of(endpoint, "zone")) ||
        add_pair(i, m, "node", text_of(endpoint, "nodeName")))
        return ERR_NO_MEMORY;
    return ERR_OK;
}

/* Only the first address counts: "consumers should handle it as the endpoint's". */
static enum err read_endpoint(struct instance *i, struct memory *m,
                              const json_t *endpoint, unsigned port, struct why *w)
{
    const char *ip =
        json_string_value(json_array_get(json_object_get(endpoint, "addresses"), 0));
    enum err e;

    *i = (struct instance){.version = "", .weight = 1};
    if (!ip || address_from_ip(&i->address, slice_of(ip), port))
        return why(w, ERR_BAD_RECORD, "an endpoint has no address in numbers");
    i->draining = condition(endpoint, "terminating", false);
    e = read_names(i, m, endpoint);
    return e ? why(w, e, "%s", err_text(e)) : instance_check(i, w);
}

static bool is_served(const json_t *endpoint)
{
    bool ready = condition(endpoint, "ready", true);

    return ready || (condition(endpoint, "terminating", false) &&
                     condition(endpoint, "serving", false));
}

static enum err read_endpoints(struct micro_service *s, const json_t *endpoints,
                               unsigned port, struct why *w)
{
    size_t count = port ? json_array_size(endpoints) : 0;
    enum err e;

    s->instances = memory_take(&s->memory, (count + 1) * sizeof(*s->instances));
    if (!s->instances)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        const json_t *endpoint = json_array_get(endpoints, i);

        if (!is_served(endpoint))
            continue;
        e = read_endpoint(&s->instances[s->count], &s->memory, endpoint, port,
                          s->refused ? NULL : w);
        if (e == ERR_NO_MEMORY)
            return e;
        s->count += e == ERR_OK;
        s->refused += e != ERR_OK;
    }
    return ERR_OK;
}

static enum err refuse(struct micro_service *s, enum err e, struct why *w,
                       const char *reason)
{
    micro_service_fini(s);
    return why(w, e, "%s", reason);
}

enum err kubernetes_slice_read(struct micro_service *s, const json_t *slice,
                               const char *port, struct why *w)
{
    const json_t *labels = json_object_get(json_object_get(slice, "metadata"), "labels");
    const char *service = text_of(labels, "kubernetes.io/service-name");
    const char *type = text_of(slice, "addressType");
    enum err e;

    *s = (struct micro_service){0};
    if (!*service)
        return ERR_NOT_FOUND;
    if (!service_name_is_valid(slice_of(service)))
        return refuse(s, ERR_BAD_RECORD, w, "its label names no service");
    if (strcmp(type, "IPv4") != 0 && strcmp(type, "IPv6") != 0)
        return refuse(s, ERR_BAD_RECORD, w, "its addresses are no IP addresses");
    s->name = memory_copy(&s->memory, slice_of(service));
    e = s->name ? read_endpoints(s, json_object_get(slice, "endpoints"),
                                 pick_port(json_object_get(slice, "ports"), port), w)
                : ERR_NO_MEMORY;
    return e ? refuse(s, e, w, err_text(e)) : ERR_OK;
}

/* --- pods --- */

static bool is_ready(const json_t *status)
{
    const json_t *conditions = json_object_get(status, "conditions");

    for (size_t i = 0; i < json_array_size(conditions); i++) {
        const json_t *one = json_array_get(conditions, i);

        if (strcmp(text_of(one, "type"), "Ready") == 0)
            return strcmp(text_of(one, "status"), "False") != 0;
    }
    return true;
}

bool kubernetes_pod_is_there(const json_t *pod)
{
    const json_t *status = json_object_get(pod, "status");

    return strcmp(text_of(status, "phase"), "Running") == 0 &&
           !*kubernetes_meta(pod, "deletionTimestamp") && is_ready(status);
}

bool kubernetes_is_record(const char *annotation)
{
    return strncmp(annotation, KUBERNETES_ANNOTATION, strlen(KUBERNETES_ANNOTATION)) == 0;
}

const char *kubernetes_record_of(const json_t *pod, const char *service)
{
    char key[sizeof(KUBERNETES_ANNOTATION) + SERVICE_NAME_LIMIT];
    const json_t *annotations =
        json_object_get(json_object_get(pod, "metadata"), "annotations");

    snprintf(key, sizeof(key), "%s%s", KUBERNETES_ANNOTATION, service);
    return json_string_value(json_object_get(annotations, key));
}
