/* Instances as they come: into the list of a service, the table, or straight to those who watch. */
#include <ctype.h>
#include <stdlib.h>

#include "discovery/eureka_parts.h"

static struct eureka *eureka_of_answer(struct eureka_answer *a)
{
    return a->owner;
}

static void fail(struct eureka *e, enum err error)
{
    if (!e->fetch.error)
        e->fetch.error = error;
}

static void add_to_list(struct eureka *e, struct eureka_service *s,
                        const struct eureka_record *r)
{
    struct why w;
    enum err error;

    if (!s || !eureka_record_is_listed(r))
        return;
    why_init(&w);
    error = eureka_list_add(&s->list, r, &w);
    if (error == ERR_NO_MEMORY)
        fail(e, error);
    else if (error)
        eureka_complain(e, r->app, r->id, &w);
}

static void take_app(struct eureka *e, const struct eureka_record *r)
{
    add_to_list(e, e->fetch.service, r);
}

static void take_all(struct eureka *e, const struct eureka_record *r)
{
    enum err error = eureka_table_take(&e->fetch.table, r);

    if (error)
        fail(e, error);
    add_to_list(e, eureka_service_find(e, r->app), r);
}

static void take_delta(struct eureka *e, const struct eureka_record *r)
{
    struct eureka_service *s = eureka_service_find(e, r->app);
    enum err error = eureka_table_take(&e->table, r);

    if (error)
        fail(e, error);
    if (s)
        eureka_service_change(e, s, r);
}

static void take_explain(struct eureka *e, const struct eureka_record *r)
{
    struct eureka_service *s = e->fetch.service;

    if (s && !eureka_record_is_listed(r) && !r->is_twin && strcmp(s->app, r->app) == 0)
        e->fetch.deleted++;
}

static void (*const takers[])(struct eureka *e, const struct eureka_record *r) = {
    [ASK_APP] = take_app,
    [ASK_ALL] = take_all,
    [ASK_DELTA] = take_delta,
    [ASK_EXPLAIN] = take_explain,
};

static void on_record(struct eureka_answer *a, struct slice json)
{
    struct eureka *e = eureka_of_answer(a);
    struct eureka_record r = {0};
    struct why w;
    enum err error;

    why_init(&w);
    error = json.base ? eureka_record_load(&r, json, &w)
                      : why(&w, ERR_BAD_RECORD, "it is longer than 1 MiB");
    if (error)
        eureka_complain(e, r.app ? r.app : "", r.id ? r.id : "", &w);
    else
        takers[e->fetch.ask](e, &r);
    eureka_record_fini(&r);
}

static void clear_lists(struct eureka *e)
{
    map_each(at, &e->services)
        eureka_list_clear(&((struct eureka_service *)at->value)->list);
}

void eureka_listing_begin(struct eureka *e)
{
    struct eureka_fetch *f = &e->fetch;

    eureka_answer_fini(&f->answer);
    eureka_answer_init(&f->answer, e, on_record);
    eureka_table_fini(&f->table);
    f->error = ERR_OK;
    f->bytes = 0;
    f->deleted = 0;
    if (f->ask == ASK_ALL)
        clear_lists(e);
    else if (f->ask == ASK_APP && f->service)
        eureka_list_clear(&f->service->list);
}

/* --- names --- */

static char *name_of(const struct eureka_app *app)
{
    char *name = slice_dup(slice_of(app->name));

    for (char *at = name; at && *at; at++)
        *at = (char)tolower((unsigned char)*at);
    return name;
}

static bool has_a_name(const struct eureka_app *app)
{
    return app->listed > 0 && service_name_is_valid(slice_of(app->name));
}

static uint64_t digest_names(const struct eureka *e)
{
    uint64_t digest = 1;

    map_each(at, &e->table.apps)
    {
        const struct eureka_app *app = at->value;

        if (has_a_name(app))
            digest += (uint64_t)hash_bytes(slice_of(app->name)) * 2654435761u + 1;
    }
    return digest ? digest : 1;
}

static enum err collect_names(const struct eureka *e, char **names, uint32_t *count)
{
    map_each(at, &e->table.apps)
    {
        if (!has_a_name(at->value))
            continue;
        names[*count] = name_of(at->value);
        if (!names[(*count)++])
            return ERR_NO_MEMORY;
    }
    return ERR_OK;
}

void eureka_names_tell(struct eureka *e)
{
    uint64_t digest = digest_names(e);
    uint32_t count = 0;
    char **names;
    enum err error;

    if (!e->watches_names || digest == e->names_digest)
        return;
    names = calloc(e->table.apps.count + 1, sizeof *names);
    error = names ? collect_names(e, names, &count) : ERR_NO_MEMORY;
    e->names_digest = error ? 0 : digest;
    if (error)
        e->base.frame->names_failed(&e->base, error, NULL);
    else
        e->base.frame->names(&e->base, (const char *const *)names, count);
    while (count > 0)
        free(names[--count]);
    free(names);
}
