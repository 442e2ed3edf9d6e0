/* What the registries are told of an app. */
#include <stdio.h>
#include <string.h>

#include "sidecar/apps_parts.h"
#include "sidecar/core/random.h"

enum { ID_DIGITS = 8 };

/* What go-micro's clients and servers of plain HTTP look for (reference: their http server). */
static const struct pair micro[] = {
    {"protocol",  "http"},
    {"server",    "http"},
    {"transport", "http"},
};

enum { MICRO_COUNT = sizeof(micro) / sizeof(micro[0]) };

/* A new one each start, so that a record of our own former self is never taken for us. */
void app_make_id(struct app *app)
{
    const struct app_settings *s = app_settings_of(app);
    char digits[ID_DIGITS + 1];

    random_hex(digits, ID_DIGITS);
    if (s->id)
        snprintf(app->id, sizeof(app->id), "%s", s->id);
    else
        snprintf(app->id, sizeof(app->id), "%s-%s", s->name, digits);
}

static bool has(const struct pairs *p, const char *key)
{
    for (unsigned i = 0; i < p->count; i++)
        if (strcmp(p->items[i].key, key) == 0)
            return true;
    return false;
}

static enum err make_metadata(struct app *app)
{
    const struct pairs *own = &app_settings_of(app)->metadata;
    struct pair *all =
        memory_take(&app->memory, (own->count + MICRO_COUNT) * sizeof(*all));
    struct pairs *out = &app->registration.metadata;

    if (!all)
        return ERR_NO_MEMORY;
    *out = (struct pairs){all, 0};
    for (unsigned i = 0; i < own->count; i++) {
        all[out->count].key = memory_copy(&app->memory, slice_of(own->items[i].key));
        all[out->count++].value =
            memory_copy(&app->memory, slice_of(own->items[i].value));
        if (!all[i].key || !all[i].value)
            return ERR_NO_MEMORY;
    }
    for (unsigned i = 0; i < MICRO_COUNT; i++)
        if (!has(own, micro[i].key))
            all[out->count++] = micro[i];
    return ERR_OK;
}

enum err app_make_registration(struct app *app)
{
    const struct app_settings *s = app_settings_of(app);
    const struct registry_settings *r = &app->apps->settings->registry;
    enum err e;

    memory_free(&app->memory);
    app->registration = (struct registration){
        .service = memory_copy(&app->memory, slice_of(s->name)),
        .version =
            memory_copy(&app->memory, slice_of(s->version ? s->version : "latest")),
        .id = app->id,
        .address = app->address,
        .weight = s->weight,
        .endpoints = s->endpoints_json
                         ? memory_copy(&app->memory, slice_of(s->endpoints_json))
                         : NULL,
        .ttl_ms = r->ttl,
        .heartbeat_ms = r->heartbeat,
    };
    e = make_metadata(app);
    if (s->endpoints_json && !app->registration.endpoints)
        e = ERR_NO_MEMORY;
    if (e || !app->registration.service || !app->registration.version) {
        app->registration = (struct registration){0};
        return ERR_NO_MEMORY;
    }
    return ERR_OK;
}
