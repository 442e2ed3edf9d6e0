#include "discovery/eureka_table.h"

#include <stdio.h>
#include <stdlib.h>

struct member {
    struct eureka_app *app;
    enum eureka_status status;
    bool is_listed;
    char key[]; /* "APP/id" */
};

static void free_all(struct map *m)
{
    map_each(at, m) free(at->value);
    map_fini(m);
}

void eureka_table_fini(struct eureka_table *t)
{
    free_all(&t->members);
    free_all(&t->apps);
    *t = (struct eureka_table){0};
}

/* --- apps --- */

static struct eureka_app *app_add(struct eureka_table *t, const char *name)
{
    struct eureka_app *app = map_get(&t->apps, slice_of(name));
    size_t size = strlen(name) + 1;

    if (app)
        return app;
    app = calloc(1, sizeof *app + size);
    if (!app)
        return NULL;
    memcpy(app->name, name, size);
    if (map_put(&t->apps, slice_of(app->name), app)) {
        free(app);
        return NULL;
    }
    return app;
}

static void app_drop_empty(struct eureka_table *t, struct eureka_app *app)
{
    if (app->members > 0)
        return;
    map_remove(&t->apps, slice_of(app->name));
    free(app);
}

/* --- members --- */

static char *key_of(const struct eureka_record *r)
{
    size_t app = strlen(r->app), id = strlen(r->id);
    char *key = malloc(app + id + 2);

    if (!key)
        return NULL;
    memcpy(key, r->app, app);
    key[app] = '/';
    memcpy(key + app + 1, r->id, id + 1);
    return key;
}

static void count(struct eureka_table *t, const struct member *m, int step)
{
    t->counts[m->status] += (uint32_t)step;
    m->app->members += (uint32_t)step;
    m->app->listed += m->is_listed ? (uint32_t)step : 0;
}

static void member_set(struct eureka_table *t, struct member *m,
                       const struct eureka_record *r)
{
    m->status = r->status;
    m->is_listed = eureka_record_is_listed(r);
    count(t, m, 1);
}

static enum err member_add(struct eureka_table *t, const struct eureka_record *r,
                           const char *key)
{
    size_t size = strlen(key) + 1;
    struct member *m = calloc(1, sizeof *m + size);

    if (!m)
        return ERR_NO_MEMORY;
    memcpy(m->key, key, size);
    m->app = app_add(t, r->app);
    if (!m->app || map_put(&t->members, slice_of(m->key), m)) {
        if (m->app)
            app_drop_empty(t, m->app);
        free(m);
        return ERR_NO_MEMORY;
    }
    member_set(t, m, r);
    return ERR_OK;
}

static void member_drop(struct eureka_table *t, struct member *m)
{
    count(t, m, -1);
    app_drop_empty(t, m->app);
    map_remove(&t->members, slice_of(m->key));
    free(m);
}

static enum err take(struct eureka_table *t, const struct eureka_record *r,
                     const char *key)
{
    struct member *m = map_get(&t->members, slice_of(key));

    if (!m && r->is_deleted)
        return ERR_OK;
    if (!m)
        return t->members.count < EUREKA_TABLE_LIMIT ? member_add(t, r, key)
                                                     : ERR_TOO_LARGE;
    if (r->is_deleted) {
        member_drop(t, m);
        return ERR_OK;
    }
    count(t, m, -1);
    member_set(t, m, r);
    return ERR_OK;
}

enum err eureka_table_take(struct eureka_table *t, const struct eureka_record *r)
{
    char *key = key_of(r);
    enum err e = key ? take(t, r, key) : ERR_NO_MEMORY;

    free(key);
    return e;
}

/* --- questions --- */

void eureka_table_hash(const struct eureka_table *t, char out[EUREKA_TOKEN])
{
    int size = 0;

    out[0] = 0;
    for (unsigned s = 0; s < EUREKA_STATUS_COUNT; s++)
        if (t->counts[s] > 0)
            size += snprintf(out + size, EUREKA_TOKEN - (size_t)size, "%s_%u_",
                             eureka_status_name(s), t->counts[s]);
}

uint32_t eureka_table_listed(const struct eureka_table *t, const char *app)
{
    const struct eureka_app *found = map_get(&t->apps, slice_of(app));

    return found ? found->listed : 0;
}
