/* What an answer means, or that there was none: for whom is it, and is it believed? */
#include "discovery/eureka_parts.h"

enum { MISSES_BORNE = 1 }; /* a server may be restarting */

/* --- failures --- */

static void say_miss(struct eureka *e, enum err error, const struct why *why, bool all)
{
    if (all) {
        eureka_forget_all(e);
        e->misses = 0;
    }
    eureka_services_fail(e, all, error, why);
    if (all && e->watches_names)
        e->base.frame->names_failed(&e->base, error, why);
}

/* Who was told nothing yet is told so at once. The others bear one refusal: that may be a restart. */
static void missed(struct eureka *e, enum err error, const struct why *why)
{
    bool borne = error == ERR_UNAVAILABLE && e->misses < MISSES_BORNE;

    e->misses++;
    e->needs_all = true;
    eureka_poll_after(e, e->poll_ms < EUREKA_AGAIN_MS ? e->poll_ms : EUREKA_AGAIN_MS);
    say_miss(e, error, why, !borne);
}

/* --- whole lists --- */

static bool has_shrunk(uint32_t had, uint32_t has)
{
    return had > 0 && (has == 0 || has < had - had / 2);
}

static void fail_unexplained(struct eureka *e, struct eureka_service *s, uint32_t had,
                             uint32_t has)
{
    struct why w;

    eureka_service_fail(e, s, true,
                        why(&w, ERR_UNAVAILABLE,
                            "%s had %u instances and has %u, and the server does not say "
                            "why: it may have lost its memory",
                            s->app, had, has),
                        &w);
}

static void got_app(struct eureka *e, bool exists)
{
    struct eureka_service *s = e->fetch.service;

    e->is_proven = e->is_proven || exists;
    e->round_bytes += e->fetch.bytes;
    if (!s)
        return;
    if (has_shrunk(s->told, s->list.listed) || !e->is_proven)
        eureka_fetch_explain(e, s);
    else
        eureka_service_deliver(e, s);
}

static void got_explanation(struct eureka *e)
{
    struct eureka_service *s = e->fetch.service;

    e->is_proven = true;
    if (!s)
        return;
    if (has_shrunk(s->told, s->list.listed) &&
        s->list.listed + e->fetch.deleted < s->told)
        fail_unexplained(e, s, s->told, s->list.listed);
    else
        eureka_service_deliver(e, s);
}

/* --- all of it --- */

/* Whoever shrank more than deltas told of is not believed. */
static void deliver_all(struct eureka *e, const struct eureka_table *before)
{
    struct eureka_service *doubted;

    do {
        doubted = NULL;
        map_each(at, &e->services)
        {
            struct eureka_service *s = at->value;
            uint32_t had = before ? eureka_table_listed(before, s->app) : s->told;

            if (has_shrunk(had, s->list.listed))
                doubted = s;
        }
        if (doubted)
            fail_unexplained(e, doubted, doubted->told, doubted->list.listed);
    } while (doubted);
    map_each(at, &e->services) eureka_service_deliver(e, at->value);
}

static void remember_server(struct eureka *e)
{
    e->server = e->fetch.call.server;
    e->heard_ms = loop_now(e->base.loop);
    e->is_proven = true;
}

static void got_all(struct eureka *e)
{
    struct eureka_table before = e->table;
    bool had_table = e->has_table;
    struct list *node;

    e->table = e->fetch.table;
    e->fetch.table = (struct eureka_table){0};
    e->has_table = true;
    e->needs_all = false;
    e->all_ms = loop_now(e->base.loop);
    e->all_bytes = e->fetch.bytes;
    e->version = 0; /* of the whole it says nothing */
    remember_server(e);
    while ((node = list_pop_front(&e->due)))
        ; /* all are answered */
    deliver_all(e, had_table ? &before : NULL);
    eureka_table_fini(&before);
    eureka_names_tell(e);
}

static bool is_another_server(const struct eureka *e)
{
    return e->fetch.call.server != e->server || e->fetch.answer.version < e->version;
}

static bool adds_up(const struct eureka *e)
{
    char hash[EUREKA_TOKEN];

    eureka_table_hash(&e->table, hash);
    return !e->fetch.answer.has_hash || strcmp(hash, e->fetch.answer.hash) == 0;
}

static void got_delta(struct eureka *e)
{
    if (is_another_server(e) || !adds_up(e)) {
        e->needs_all = true;
        e->poll_is_due = eureka_may_ask_all(e);
    }
    e->version = e->fetch.answer.version;
    remember_server(e);
    eureka_names_tell(e);
}

/* --- answers --- */

void eureka_understood(struct eureka *e, enum eureka_ask what, bool exists)
{
    e->misses = 0;
    switch (what) {
    case ASK_APP:
        got_app(e, exists);
        break;
    case ASK_EXPLAIN:
        got_explanation(e);
        break;
    case ASK_ALL:
        got_all(e);
        break;
    case ASK_DELTA:
        got_delta(e);
        break;
    case ASK_NOTHING:
        break;
    }
}

void eureka_no_deltas(struct eureka *e, enum eureka_ask what)
{
    e->no_deltas = true;
    if (what == ASK_EXPLAIN)
        got_explanation(e);
    else
        e->poll_is_due = true;
}

void eureka_not_understood(struct eureka *e, enum err error, struct why *why_)
{
    if (error == ERR_NOT_FOUND)
        why_in(why_, "no Eureka at %.*s (try /eureka or /eureka/v2)", (int)e->path.size,
               e->path.base);
    if (error == ERR_BAD_RESPONSE && !why_->text[0])
        why(why_, error, "the answer is no list of a Eureka server");
    missed(e, error, why_);
}
