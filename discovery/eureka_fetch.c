/* One request at a time: what is asked next, and what an answer means. */
#include "discovery/eureka_parts.h"
#include "sidecar/core/log.h"
#include "sidecar/core/random.h"

enum {
    FEW_SERVICES = 8,       /* more of them are followed by deltas */
    FEW_BYTES = 512 * 1024, /* so are these, if they list so much */
    ANSWER_LIMIT = 512 * 1024 * 1024,
    JITTER = 10,                  /* percent */
    AGAIN_MS = 1000,              /* after a poll that failed */
    MISSES_BORNE = 1,             /* a server may be restarting */
    DELTAS_REACH_MS = 120 * 1000, /* servers keep them for three minutes */
    ALL_BYTES_PER_MS = 200,       /* when asked again and again: 200 KB/s */
    WORDS_KEPT = 256,
    ALL_TIMES = 5, /* as long may /apps take as others */
};

static struct eureka *eureka_of_call(struct registry_call *c)
{
    return c->owner;
}

/* --- when --- */

static void poll_after(struct eureka *e, uint64_t ms)
{
    timer_stop(&e->poll, eureka_clock(e));
    timer_start(&e->poll, eureka_clock(e), random_jitter(e->base.random, ms, JITTER));
}

static void on_poll(struct timer *t)
{
    struct eureka *e = container_of(t, struct eureka, poll);

    e->poll_is_due = true;
    eureka_fetch_next(e);
}

static bool is_wanted(const struct eureka *e)
{
    return e->services.count > 0 || e->watches_names;
}

/* --- asking --- */

static void on_piece(struct http_call *http, struct slice bytes)
{
    struct registry_call *c = container_of(http, struct registry_call, http);
    struct eureka_fetch *f = &eureka_of_call(c)->fetch;

    if (http->status != 200) { /* its first words go into the reason */
        text_add(&http->body_in, slice_first(bytes, WORDS_KEPT - http->body_in.size));
        return;
    }
    if (f->tried != c->tried) { /* another server begins anew */
        f->tried = c->tried;
        eureka_listing_begin(eureka_of_call(c));
    }
    f->bytes += bytes.size;
    if (!f->error)
        f->error = f->bytes > ANSWER_LIMIT ? ERR_TOO_LARGE
                                           : eureka_answer_feed(&f->answer, bytes);
    if (f->error)
        registry_call_cancel(c);
}

static void on_answered(struct registry_call *c, enum err error);

static void ask(struct eureka *e, enum eureka_ask what, const char *target,
                struct eureka_service *s)
{
    struct eureka_fetch *f = &e->fetch;
    enum err error;

    f->ask = what;
    f->service = s;
    f->tried = 1;
    text_clear(&f->target);
    text_add(&f->target, e->path);
    text_add(&f->target, slice_of(target));
    if (s && what == ASK_APP)
        eureka_target_add(&f->target, s->app);
    eureka_call_prepare(e, &f->call, SLICE("GET"), &f->target);
    f->call.http.piece = on_piece;
    f->call.http.timeout_ms *= what == ASK_ALL ? ALL_TIMES : 1;
    f->call.may_repeat = true;
    f->call.owner = e;
    f->call.answered = on_answered;
    eureka_listing_begin(e);
    error = f->target.failed ? ERR_NO_MEMORY : registry_call_start(&f->call, &e->http);
    if (error != ERR_LATER) { /* no memory, most likely: the next poll asks again */
        f->ask = ASK_NOTHING;
        poll_after(e, AGAIN_MS);
    }
}

/* --- what is to be asked --- */

static bool follows_deltas(const struct eureka *e)
{
    if (e->watches_names || e->mode == MODE_DELTA)
        return true;
    return e->mode == MODE_AUTO &&
           (e->services.count > (e->has_table ? FEW_SERVICES / 2 : FEW_SERVICES) ||
            e->round_bytes > FEW_BYTES);
}

static void forget_all(struct eureka *e)
{
    eureka_table_fini(&e->table);
    e->has_table = e->needs_all = false;
    e->names_digest = 0;
    e->round_bytes = 0;
}

/* /apps may be megabytes: it is not asked for all the time, whatever happens to the deltas. */
static bool may_ask_all(const struct eureka *e)
{
    return !e->has_table ||
           loop_now(e->base.loop) - e->all_ms >= e->all_bytes / ALL_BYTES_PER_MS;
}

static void ask_for_all(struct eureka *e)
{
    e->poll_is_due = false;
    if (loop_now(e->base.loop) - e->heard_ms > DELTAS_REACH_MS)
        e->needs_all = true;
    if (!e->has_table || ((e->needs_all || e->no_deltas) && may_ask_all(e)))
        ask(e, ASK_ALL, "/apps", NULL);
    else if (!e->no_deltas)
        ask(e, ASK_DELTA, "/apps/delta", NULL);
    else
        poll_after(e, e->poll_ms);
}

static void ask_for_next(struct eureka *e)
{
    struct list *node = list_pop_front(&e->due);

    ask(e, ASK_APP, "/apps", container_of(node, struct eureka_service, due));
}

/* A large part of all services is to be known: that is one request, not hundreds. */
static bool are_most_due(const struct eureka *e)
{
    unsigned count = 0;

    list_each(at, after, &e->due) count++;
    return e->has_table && count > FEW_SERVICES && count > e->table.apps.count / 4;
}

static void make_all_due(struct eureka *e)
{
    e->poll_is_due = false;
    e->round_bytes = 0;
    map_each(at, &e->services) eureka_service_ask(e, at->value);
}

void eureka_fetch_next(struct eureka *e)
{
    bool deltas = follows_deltas(e);

    if (e->fetch.ask != ASK_NOTHING || e->is_closing)
        return;
    if (!is_wanted(e) || (!deltas && e->has_table))
        forget_all(e);
    if (!is_wanted(e) || (e->misses > 0 && !e->poll_is_due))
        return;
    if (e->has_table)
        eureka_names_tell(e);
    if (e->poll_is_due && !deltas)
        make_all_due(e);
    if (are_most_due(e))
        ask(e, ASK_ALL, "/apps", NULL);
    else if (deltas && (e->poll_is_due || !e->has_table))
        ask_for_all(e);
    else if (!list_empty(&e->due))
        ask_for_next(e);
    else if (!timer_active(&e->poll))
        poll_after(e, e->poll_ms);
}

/* --- failures --- */

static void say_miss(struct eureka *e, enum err error, const struct why *why, bool all)
{
    if (all) {
        forget_all(e);
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
    poll_after(e, e->poll_ms < AGAIN_MS ? e->poll_ms : AGAIN_MS);
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
        ask(e, ASK_EXPLAIN, "/apps/delta", s);
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
        e->poll_is_due = may_ask_all(e);
    }
    e->version = e->fetch.answer.version;
    remember_server(e);
    eureka_names_tell(e);
}

/* --- answers --- */

static void understood(struct eureka *e, enum eureka_ask what, bool exists)
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

/* Servers may have them switched off: 403 (AppsResource of eureka-core), or 404 from what stands before them. */
static bool has_no_deltas(enum eureka_ask what, unsigned status)
{
    if (what == ASK_EXPLAIN)
        return status == 403;
    return what == ASK_DELTA && (status == 403 || status == 404);
}

static void no_deltas(struct eureka *e, enum eureka_ask what)
{
    e->no_deltas = true;
    if (what == ASK_EXPLAIN)
        got_explanation(e);
    else
        e->poll_is_due = true;
}

static void not_understood(struct eureka *e, enum err error, struct why *why_)
{
    if (error == ERR_NOT_FOUND)
        why_in(why_, "no Eureka at %.*s (try /eureka or /eureka/v2)", (int)e->path.size,
               e->path.base);
    if (error == ERR_BAD_RESPONSE && !why_->text[0])
        why(why_, error, "the answer is no list of a Eureka server");
    missed(e, error, why_);
}

static enum err judge(struct eureka *e, enum err error)
{
    struct eureka_fetch *f = &e->fetch;

    if (f->error)
        return f->error;
    if (error == ERR_NOT_FOUND && f->ask == ASK_APP)
        return ERR_OK;
    if (error)
        return error;
    return f->call.http.status == 200 ? eureka_answer_end(&f->answer) : ERR_BAD_RESPONSE;
}

static void on_answered(struct registry_call *c, enum err error)
{
    struct eureka *e = eureka_of_call(c);
    enum eureka_ask what = e->fetch.ask;
    unsigned status = c->http.status;
    struct why why = c->http.why;

    error = judge(e, error);
    registry_call_fini(c);
    e->fetch.ask = ASK_NOTHING;
    if (e->is_closing) {
        eureka_turn_soon(e);
        return;
    }
    if (!error)
        understood(e, what, status == 200);
    else if (has_no_deltas(what, status))
        no_deltas(e, what);
    else
        not_understood(e, error, &why);
    eureka_turn_soon(e);
}

/* --- life --- */

void eureka_fetch_init(struct eureka *e)
{
    text_init(&e->fetch.target, sizeof e->base.url.storage + 4 * SERVICE_NAME_LIMIT);
    timer_init(&e->poll, on_poll);
    list_init(&e->due);
}

void eureka_fetch_fini(struct eureka *e)
{
    eureka_answer_fini(&e->fetch.answer);
    eureka_table_fini(&e->fetch.table);
    eureka_table_fini(&e->table);
    text_fini(&e->fetch.target);
}
