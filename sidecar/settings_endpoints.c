/* What an app can do, from `endpoints`, as go-micro's records have it. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "discovery/micro_service.h"
#include "sidecar/settings_finish.h"

/* A bare name is a message without further ado; else go-micro's Value is written out. */
static json_t *make_value(const char *text, struct why *w)
{
    struct slice trimmed = slice_trim(slice_of(text));

    if (!text)
        return json_null();
    if (trimmed.size && trimmed.base[0] == '{')
        return micro_json_load(trimmed, w);
    return json_pack("{s:s, s:s, s:n}", "name", text, "type", text, "values");
}

static json_t *make_metadata(const struct pairs *p)
{
    json_t *map = json_object();

    for (unsigned i = 0; map && i < p->count; i++)
        json_object_set_new(map, p->items[i].key, json_string(p->items[i].value));
    return map;
}

static enum err set_value(json_t *endpoint, const char *key, const char *text,
                          struct why *w)
{
    json_t *value = make_value(text, w);

    if (!value)
        why_in(w, "%s", key);
    return value && !json_object_set_new(endpoint, key, value) ? ERR_OK : ERR_BAD_CONFIG;
}

static enum err fill(json_t *endpoint, const struct endpoint_settings *s, struct why *w)
{
    enum err e = ERR_OK;

    if (!s->name || json_object_set_new(endpoint, "name", json_string(s->name)))
        return why(w, ERR_BAD_CONFIG, "needs a name");
    e = set_value(endpoint, "request", s->request, w);
    if (!e)
        e = set_value(endpoint, "response", s->response, w);
    if (!e && json_object_set_new(endpoint, "metadata", make_metadata(&s->metadata)))
        e = ERR_NO_MEMORY;
    return e;
}

static enum err add(struct finish *f, json_t *all, const struct app_settings *a,
                    unsigned at, const char *path)
{
    const struct endpoint_settings *items = a->endpoints.base;
    json_t *endpoint = json_object();
    char place[64];
    struct why w;

    why_init(&w);
    snprintf(place, sizeof(place), "%s.endpoints[%u]", path, at);
    if (!endpoint || json_array_append_new(all, endpoint))
        return settings_no_memory(f);
    return fill(endpoint, &items[at], &w) ? settings_refuse(f, place, "%s", w.text)
                                          : ERR_OK;
}

static enum err keep(struct finish *f, struct app_settings *a, const json_t *all,
                     const char *path)
{
    char *text = json_dumps(all, JSON_COMPACT);
    bool fits = text && strlen(text) <= INSTANCE_ENDPOINTS_LIMIT;

    if (fits)
        a->endpoints_json = memory_copy(&f->settings->memory, slice_of(text));
    free(text);
    if (text && !fits)
        return settings_refuse(f, path, "endpoints are longer than %d bytes of JSON",
                               INSTANCE_ENDPOINTS_LIMIT);
    return a->endpoints_json ? ERR_OK : settings_no_memory(f);
}

enum err settings_finish_endpoints(struct finish *f, struct app_settings *a,
                                   const char *path)
{
    json_t *all;
    enum err e = ERR_OK;

    if (!a->endpoints.count)
        return ERR_OK;
    all = json_array();
    if (!all)
        return settings_no_memory(f);
    for (unsigned i = 0; i < a->endpoints.count && !e; i++)
        e = add(f, all, a, i, path);
    if (!e)
        e = keep(f, a, all, path);
    json_decref(all);
    return e;
}
