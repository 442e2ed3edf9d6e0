/* What is asked again and again. At most CONSUL_BLOCKING_LIMIT queries are held back at the same time, fewer where the
 * agent has no connections left for us; those for which there is no place are read every CONSUL_POLL_MS. */
#include "discovery/consul_parts.h"
#include "sidecar/core/log.h"

enum {
    SLACK_MS = 3000, /* over what a query may be held back */
    RETRY_MS = 100,
    RETRY_MOST_MS = 2000,
    LEADERLESS_MS = 1000,
    PACE_MS = 50, /* between answers that bring changes, in the long run */
    PACE_MOST_MS = 2000,
    PACE_BYTES =
        10 * 1000, /* for so many a millisecond more: what is big is read less often */
    BURST = 3,
    JITTER = 20,
    LEAST_BLOCKING = 4,
};

static void ask(struct consul_query *q);

static uint64_t now_of(const struct consul_query *q)
{
    return loop_now(q->consul->base.loop);
}

static void rest(struct consul_query *q, uint64_t ms)
{
    q->state = QUERY_RESTS;
    timer_start(&q->timer, consul_clock(q->consul), ms);
}

static uint64_t jitter(struct consul_query *q, uint64_t ms)
{
    return random_jitter(q->consul->base.random, ms, JITTER);
}

/* --- asking --- */

static void write_query(struct consul_query *q)
{
    struct text *target = &q->call.target;
    struct consul *c = q->consul;

    text_clear(target);
    q->ops->write_target(q, target);
    if (c->dc) {
        text_addf(target, "&dc=");
        consul_add_escaped(target, c->dc);
    }
    if (c->stale && !q->lost)
        text_addf(target, "&stale");
    if (q->state == QUERY_BLOCKS)
        text_addf(target, "&index=%llu&wait=%llums", (unsigned long long)q->index,
                  (unsigned long long)c->wait_ms);
}

/* A server adds up to a sixteenth to the wait. When the connection is lost meanwhile, it may be another life of the server
 * that would be asked with an index of this one. */
static void send_query(struct consul_query *q, int state)
{
    struct consul *c = q->consul;

    q->state = state;
    c->blocking += state == QUERY_BLOCKS;
    c->reading += state == QUERY_READS;
    q->call.timeout_ms =
        state == QUERY_BLOCKS ? c->wait_ms * 17 / 16 + SLACK_MS : CONSUL_CALL_MS;
    q->wary = false;
    q->call.once = state == QUERY_BLOCKS;
    write_query(q);
    consul_call_start(&q->call);
}

static void read_next(struct consul *c)
{
    struct list *node;

    while (!c->closing && c->reading < CONSUL_READS_LIMIT &&
           (node = list_pop_front(&c->waiting)))
        send_query(container_of(node, struct consul_query, node), QUERY_READS);
}

static bool may_block(const struct consul_query *q)
{
    return q->index && !q->lost && !q->failing && !q->wary &&
           q->authority == LIST_CONFIRMED &&
           q->consul->blocking < q->consul->blocking_limit;
}

static void ask(struct consul_query *q)
{
    if (may_block(q)) {
        send_query(q, QUERY_BLOCKS);
        return;
    }
    q->state = QUERY_WAITS;
    list_push_back(&q->consul->waiting, &q->node);
    read_next(q->consul);
}

static void on_timer(struct timer *t)
{
    ask(container_of(t, struct consul_query, timer));
}

/* --- pace --- */

/* How long until this answer is earned: a few at once, then one each `interval`. */
static uint64_t pace(struct consul_query *q, size_t size)
{
    uint64_t interval = PACE_MS + size / PACE_BYTES, now = now_of(q);

    interval = interval < PACE_MOST_MS ? interval : PACE_MOST_MS;
    q->due = (q->due > now ? q->due : now) + interval;
    return q->due - now > BURST * interval ? q->due - now - BURST * interval : 0;
}

static void rest_after(struct consul_query *q, size_t size)
{
    uint64_t wait = pace(q, size);

    if (q->authority == LIST_SUSPECT)
        wait = LEADERLESS_MS;
    else if (q->consul->blocking >= q->consul->blocking_limit && !q->lost)
        wait = jitter(q, CONSUL_POLL_MS);
    rest(q, wait);
}

/* --- failing --- */

static void fail(struct consul_query *q, enum err e, const struct why *w)
{
    q->ops->failed(q, e, w);
}

/* No more connections for us; what we know stays true until the next turn. */
static bool has_to_share(struct consul_query *q)
{
    struct consul *c = q->consul;

    if (!q->call.http || consul_call_answer(&q->call)->status != 429 ||
        c->blocking_limit == LEAST_BLOCKING)
        return false;
    c->crowded = now_of(q);
    c->blocking_limit = c->blocking * 3 / 4;
    if (c->blocking_limit < LEAST_BLOCKING)
        c->blocking_limit = LEAST_BLOCKING;
    log_warn("consul.too_many_connections",
             "registry=%s blocking=%u reason=\"the agent's http_max_conns_per_client\"",
             c->base.url.text, c->blocking_limit);
    return true;
}

/* Anew soon; when that goes on for too long, or nothing was ever known, who listens is told. */
static void failing(struct consul_query *q, enum err e, const struct why *w)
{
    uint64_t now = now_of(q),
             wait = (uint64_t)RETRY_MS << (q->failures < 5 ? q->failures : 5);
    bool heals = e == ERR_UNAVAILABLE || e == ERR_TIMEOUT || e == ERR_BAD_RESPONSE;

    if (!q->failing)
        q->failing = now;
    q->failures++;
    if (has_to_share(q) && q->index)
        rest(q, jitter(q, CONSUL_POLL_MS / 2));
    else if (!heals || !q->index || e == ERR_TIMEOUT ||
             now - q->failing >= CONSUL_PATIENCE_MS)
        fail(q, e, w);
    else
        rest(q, jitter(q, wait < RETRY_MOST_MS ? wait : RETRY_MOST_MS));
}

/* --- answers --- */

static struct slice field(const struct consul_query *q, struct slice name)
{
    return http_call_field(consul_call_answer(&q->call), name);
}

/* A token that may not read it gets lists that are empty, and no error. */
static enum err check_rights(struct consul_query *q, struct slice body, struct why *w)
{
    struct slice hidden = field(q, SLICE("X-Consul-Results-Filtered-By-ACLs"));

    if (!slice_is(hidden, "true") || slice_trim(body).size > 2)
        return ERR_OK;
    return why(w, ERR_DENIED,
               "the token has no permission to see any of it: it needs service:read and "
               "node:read");
}

/* Back behind what was known: a server that lags, or everything was lost. The leader knows. */
static bool went_back(struct consul_query *q, uint64_t index)
{
    if (index >= q->index)
        return false;
    q->lost = q->index;
    q->index = 0;
    rest(q, 0);
    return true;
}

static enum err check_loss(struct consul_query *q, uint64_t index, struct why *w)
{
    bool lost = q->lost && index < q->lost;

    q->lost = 0;
    return lost ? why(w, ERR_UNAVAILABLE,
                      "Consul's index went back: it has lost or restored its data")
                : ERR_OK;
}

static enum err take_answer(struct consul_query *q, uint64_t index, struct slice body,
                            struct why *w)
{
    bool led = !slice_is(field(q, SLICE("X-Consul-KnownLeader")), "false");
    enum authority authority = led ? LIST_CONFIRMED : LIST_SUSPECT;
    bool same = index == q->index && authority == q->authority && !q->failing;
    enum err e = check_loss(q, index, w);

    if (!e)
        e = check_rights(q, body, w);
    if (e)
        return e;
    q->index = index;
    q->authority = authority;
    q->consul->heard = led ? now_of(q) : q->consul->heard;
    e = same ? ERR_OK : q->ops->take(q, body, authority, w);
    q->failing = q->failures = 0;
    return e;
}

/* Nobody asks for it any more; whoever listens is told no more. */
static void over(struct consul_query *q)
{
    struct consul *c = q->consul;

    list_remove(&q->all);
    consul_call_fini(&q->call);
    q->ops->ended(q);
    if (c->closing)
        consul_end_if_done(c);
}

static void take(struct consul_query *q)
{
    struct slice body = text_slice(&consul_call_answer(&q->call)->body_in);
    struct why w;
    uint64_t index;
    enum err e;

    why_init(&w);
    if (!slice_to_u64(field(q, SLICE("X-Consul-Index")), &index) || index == 0) {
        failing(q, why(&w, ERR_BAD_RESPONSE, "no X-Consul-Index: this is not Consul"),
                &w);
        return;
    }
    if (went_back(q, index))
        return;
    e = take_answer(q, index, body, &w);
    if (!q->ending && e)
        fail(q, e, &w);
    else if (!q->ending)
        rest_after(q, body.size);
}

static void leave_turn(struct consul_query *q)
{
    q->consul->blocking -= q->state == QUERY_BLOCKS;
    q->consul->reading -= q->state == QUERY_READS;
    q->state = QUERY_RESTS;
}

static void on_answered(struct consul_call *call, enum err e)
{
    struct consul_query *q = call->owner;
    struct consul *c = q->consul;
    bool again = e == ERR_CANCELLED && q->restarting;

    leave_turn(q);
    q->busy = true;
    q->restarting = false;
    if (again && !q->ending)
        rest(q, 0);
    else if (e && !q->ending)
        failing(q, e, consul_call_why(call));
    else if (!q->ending)
        take(q);
    q->busy = false;
    consul_call_empty(call);
    if (q->ending)
        over(q);
    read_next(c);
}

/* --- life --- */

void consul_query_start(struct consul_query *q, struct consul *c,
                        const struct consul_query_ops *ops)
{
    *q = (struct consul_query){.consul = c, .ops = ops};
    list_init(&q->node);
    list_push_back(&c->queries, &q->all);
    consul_call_init(&q->call, c, q, on_answered);
    timer_init(&q->timer, on_timer);
    rest(q, 0);
    consul_pulse_go(c);
}

void consul_query_end(struct consul_query *q)
{
    if (q->ending)
        return;
    q->ending = true;
    timer_stop(&q->timer, consul_clock(q->consul));
    list_remove(&q->node);
    if (q->call.running)
        consul_call_cancel(&q->call);
    else if (!q->busy)
        over(q);
}

void consul_queries_fail(struct consul *c, enum err e, const struct why *w)
{
    struct list all, *node;

    list_init(&all);
    while ((node = list_pop_front(&c->queries)))
        list_push_back(&all, node);
    while ((node = list_pop_front(&all))) {
        struct consul_query *q = container_of(node, struct consul_query, all);

        list_push_back(&c->queries, node);
        if (!q->ending)
            q->ops->failed(q, e, w);
    }
}

void consul_queries_look(struct consul *c, int server)
{
    list_each(at, after, &c->queries)
    {
        struct consul_query *q = container_of(at, struct consul_query, all);

        if (q->state != QUERY_BLOCKS || !q->call.http || q->ending ||
            (int)q->call.http->server == server)
            continue;
        q->restarting = q->wary = true;
        consul_call_cancel(&q->call);
    }
}
