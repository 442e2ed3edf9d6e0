/* One request at a time, and what is asked next. */
#include "discovery/eureka_parts.h"
#include "sidecar/core/log.h"
#include "sidecar/core/random.h"

enum {
    FEW_SERVICES = 8,       /* more of them are followed by deltas */
    FEW_BYTES = 512 * 1024, /* so are these, if they list so much */
    ANSWER_LIMIT = 512 * 1024 * 1024,
    JITTER = 10,                  /* percent */
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

void eureka_poll_after(struct eureka *e, uint64_t ms)
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
    struct why w;
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
    if (error != ERR_LATER) { /* no memory, most likely */
        f->ask = ASK_NOTHING;
        why(&w, error, "%s", err_text(error));
        eureka_not_understood(e, error, &w);
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

void eureka_forget_all(struct eureka *e)
{
    eureka_table_fini(&e->table);
    e->has_table = e->needs_all = false;
    e->names_digest = 0;
    e->round_bytes = 0;
}

bool eureka_may_ask_all(const struct eureka *e)
{
    return !e->has_table ||
           loop_now(e->base.loop) - e->all_ms >= e->all_bytes / ALL_BYTES_PER_MS;
}

static void ask_for_all(struct eureka *e)
{
    e->poll_is_due = false;
    if (loop_now(e->base.loop) - e->heard_ms > DELTAS_REACH_MS)
        e->needs_all = true;
    if (!e->has_table || ((e->needs_all || e->no_deltas) && eureka_may_ask_all(e)))
        ask(e, ASK_ALL, "/apps", NULL);
    else if (!e->no_deltas)
        ask(e, ASK_DELTA, "/apps/delta", NULL);
    else
        eureka_poll_after(e, e->poll_ms);
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

static void rest(struct eureka *e)
{
    if (!timer_active(&e->poll))
        eureka_poll_after(e, e->poll_ms);
}

static void ask_by_app(struct eureka *e)
{
    if (e->poll_is_due)
        make_all_due(e);
    if (list_empty(&e->due))
        rest(e);
    else
        ask_for_next(e);
}

static void ask_by_deltas(struct eureka *e)
{
    if (e->has_table)
        eureka_names_tell(e);
    if (are_most_due(e))
        ask(e, ASK_ALL, "/apps", NULL);
    else if (e->poll_is_due || !e->has_table)
        ask_for_all(e);
    else if (list_empty(&e->due))
        rest(e);
    else
        ask_for_next(e);
}

void eureka_fetch_next(struct eureka *e)
{
    bool deltas = follows_deltas(e);

    if (e->fetch.ask != ASK_NOTHING || e->is_closing)
        return;
    if (!is_wanted(e) || (!deltas && e->has_table))
        eureka_forget_all(e);
    if (!is_wanted(e) || (e->misses > 0 && !e->poll_is_due))
        return;
    if (deltas)
        ask_by_deltas(e);
    else
        ask_by_app(e);
}

void eureka_fetch_explain(struct eureka *e, struct eureka_service *s)
{
    ask(e, ASK_EXPLAIN, "/apps/delta", s);
}

/* --- answers --- */

/* Servers may have them switched off: 403 (AppsResource of eureka-core), or 404 from what stands before them. */
static bool has_no_deltas(enum eureka_ask what, unsigned status)
{
    if (what == ASK_EXPLAIN)
        return status == 403;
    return what == ASK_DELTA && (status == 403 || status == 404);
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
        eureka_understood(e, what, status == 200);
    else if (has_no_deltas(what, status))
        eureka_no_deltas(e, what);
    else
        eureka_not_understood(e, error, &why);
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
