#include "sidecar/catalog_json.h"

#include <stdlib.h>

#include "discovery/instance_json.h"
#include "sidecar/core/utf8.h"

static void make_utf8(char *text)
{
    struct slice rest = slice_of(text);

    while (rest.size) {
        size_t size = utf8_size(rest);

        if (!size)
            text[rest.base - text] = '?';
        rest = slice_after(rest, size ? size : 1);
    }
}

json_t *json_any_text(const char *text)
{
    json_t *out = json_string(text);
    char *copy = out ? NULL : slice_dup(slice_of(text));

    if (!copy)
        return out;
    make_utf8(copy);
    out = json_string(copy);
    free(copy);
    return out;
}

static json_t *instance(const struct instance *i)
{
    json_t *out = instance_json_write(i);

    if (out)
        json_object_set_new(out, "registry", json_string(i->source ? i->source : ""));
    return out;
}

static json_t *instances(const struct instance_list *l)
{
    json_t *out = json_array();

    for (uint32_t i = 0; out && l && i < l->count; i++)
        json_array_append_new(out, instance(&l->instances[i]));
    return out;
}

static const char *authority(const struct instance_list *l)
{
    return l && l->authority == LIST_CONFIRMED ? "confirmed" : "suspect";
}

json_t *catalog_service_json(const char *name, const struct instance_list *l)
{
    return json_pack(
        "{s:s, s:b, s:b, s:s, s:I, s:o}", "name", name, "known", l && l->known,
        "answered", l && l->answered, "authority", authority(l), "stale_since",
        (json_int_t)(l ? l->stale_since_wall_ms : 0), "instances", instances(l));
}

/* The names go with the next change, and reading lists changes nothing. */
json_t *catalog_services_json(struct catalog *c, unsigned most)
{
    const char *const *names;
    unsigned count = catalog_names(c, &names);
    json_t *out = json_array();

    for (unsigned i = 0; out && i < count && i < most; i++)
        json_array_append_new(
            out, catalog_service_json(names[i], catalog_get(c, slice_of(names[i]))));
    return out;
}

static json_t *abilities(unsigned bits)
{
    static const struct {
        unsigned bit;
        const char *name;
    } all[] = {
        {REGISTRY_WRITES,      "writes"     },
        {REGISTRY_LISTS_NAMES, "lists_names"},
        {REGISTRY_IS_LOCAL,    "local"      },
        {REGISTRY_EXPIRES,     "expires"    },
    };
    json_t *out = json_array();

    for (unsigned i = 0; out && i < sizeof(all) / sizeof(all[0]); i++)
        if (bits & all[i].bit)
            json_array_append_new(out, json_string(all[i].name));
    return out;
}

json_t *catalog_registries_json(const struct catalog *c, uint64_t now)
{
    json_t *out = json_array();

    for (unsigned i = 0; out && i < catalog_registry_count(c); i++) {
        struct registry_status s;

        catalog_registry_status(c, i, &s);
        json_array_append_new(
            out, json_pack("{s:o, s:b, s:b, s:I, s:I, s:o, s:o}", "url",
                           json_any_text(s.url), "heard", s.heard, "reachable",
                           s.reachable, "since_ms", (json_int_t)(now - s.since_ms),
                           "failures", (json_int_t)s.failures, "error",
                           json_any_text(s.error), "abilities", abilities(s.abilities)));
    }
    return out;
}

json_t *catalog_json(struct catalog *c, unsigned most, uint64_t now)
{
    return json_pack("{s:o, s:o}", "services", catalog_services_json(c, most),
                     "registries", catalog_registries_json(c, now));
}

/* Asking again would announce the list again. */
bool catalog_list_is_here(struct catalog *c, struct slice name)
{
    const struct instance_list *l = catalog_get(c, name);

    if (!l)
        (void)catalog_want(c, name);
    return l && (l->answered || l->count > 0);
}

bool catalog_lists_are_here(struct catalog *c, unsigned most)
{
    const char *const *names;
    unsigned count;
    bool all = true;

    (void)catalog_watch_names(c);
    count = catalog_names(c, &names);
    for (unsigned i = 0; i < count && i < most; i++)
        all = catalog_list_is_here(c, slice_of(names[i])) && all;
    return all && catalog_names_are_here(c);
}
