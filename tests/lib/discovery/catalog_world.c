#include "tests/lib/test.h"

#include "tests/lib/discovery/catalog_world.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/virtual_time.h"

struct world world;

static void on_changed(struct catalog *c, struct instance_list *l)
{
    (void)c;
    (void)l;
    world.changes++;
}

static void on_names_changed(struct catalog *c)
{
    (void)c;
    world.names_changes++;
}

static void on_forgotten(struct catalog *c, const char *service)
{
    (void)c;
    (void)service;
    world.forgotten++;
}

static void on_closed(struct catalog *c)
{
    catalog_free(c);
    world.closed = true;
}

static const struct catalog_events events = {
    .changed = on_changed,
    .names_changed = on_names_changed,
    .forgotten = on_forgotten,
    .closed = on_closed,
};

void world_begin(void)
{
    memory_reset();
    world = (struct world){0};
    clock_init(&world.loop.clock, 1000, NULL);
    random_init(&world.random, 7);
    world.settings.coalesce_ms = 20;
    world.settings.environment.backends = memory_backends;
}

static void set_urls(const char *url, va_list more)
{
    unsigned count = 0;

    for (; url; url = va_arg(more, const char *))
        world.urls[count++] = url;
    world.settings.urls = world.urls;
    world.settings.count = count;
}

static enum err open_catalog(void)
{
    return catalog_open(&world.catalog, &world.settings, &world.loop, &world.random,
                        &events, NULL, &world.why);
}

enum err world_try_open(const char *url, ...)
{
    va_list more;

    va_start(more, url);
    set_urls(url, more);
    va_end(more);
    return open_catalog();
}

void world_open(const char *url, ...)
{
    va_list more;

    va_start(more, url);
    set_urls(url, more);
    va_end(more);
    assert_int_equal(open_catalog(), ERR_OK);
}

enum err world_reload(const char *url, ...)
{
    va_list more;

    va_start(more, url);
    set_urls(url, more);
    va_end(more);
    return catalog_reload(world.catalog, &world.settings, &world.why);
}

void world_passes(uint64_t ms)
{
    time_passes(&world.loop.clock, ms);
}

void world_close(void)
{
    catalog_close(world.catalog);
    assert_false(world.closed);
    world_passes(10);
    assert_true(world.closed);
    assert_int_equal(clock_next(&world.loop.clock), UINT64_MAX);
    memory_reset();
}

void world_want(const char *service)
{
    assert_int_equal(catalog_want(world.catalog, slice_of(service)), ERR_OK);
    world_passes(50);
}

const char *world_list(const char *service)
{
    static char out[1024];
    const struct instance_list *l = catalog_get(world.catalog, slice_of(service));
    int size = 0;

    if (!l)
        return "?";
    out[0] = 0;
    for (uint32_t i = 0; i < l->count; i++)
        size += snprintf(out + size, sizeof out - size, "%s%s", i ? " " : "",
                         l->instances[i].id);
    snprintf(out + size, sizeof out - size, "%s%s%s",
             l->authority == LIST_SUSPECT ? " suspect" : "", l->known ? "" : " unknown",
             l->answered ? "" : " unanswered");
    return out;
}

const struct instance *world_find(const char *service, const char *id)
{
    const struct instance_list *l = catalog_get(world.catalog, slice_of(service));

    for (uint32_t i = 0; l && i < l->count; i++)
        if (strcmp(l->instances[i].id, id) == 0)
            return &l->instances[i];
    return NULL;
}
