/* The way home: from the instance's bytes to the client. */
#include "sidecar/connection.h"
#include "sidecar/downstream.h"
#include "sidecar/pool.h"
#include "sidecar/port_internal.h"
#include "sidecar/worker.h"

static struct connection *of_reader(struct http_reader *r)
{
    return container_of(r, struct connection, reader);
}

static struct stream *client(struct call *c)
{
    return &c->down->socket.stream;
}

/* ---- reading the answer ---- */

/* 100, 103 and others go to the client at once; not to one of HTTP/1.0 (RFC 9110 §15.2). */
static enum err relay_informational(struct call *c, const struct http_head *h)
{
    struct response_rules rules = {.client_minor = c->minor};
    struct arena_mark mark = arena_mark(&c->arena);
    struct slice text;
    enum err e;

    if (c->minor == 0)
        return ERR_OK;
    if (h->status == 100) {
        c->text.expects = false;
        c->expects = false;
    }
    text = rewrite_response(&c->arena, h, &rules);
    if (!text.base)
        return ERR_NO_MEMORY;
    e = stream_write(client(c), text);
    arena_rewind(&c->arena, mark);
    return e ? ERR_CLIENT_GONE : ERR_OK;
}

static uint64_t retry_after_ms(const struct http_head *h)
{
    uint64_t seconds;

    return slice_to_u64(head_value(h, FIELD_ID_RETRY_AFTER), &seconds) && seconds < 86400
               ? seconds * 1000
               : 0;
}

/* "Unwell, ask another": 502, 503, 504, and 429 where it says when. */
static bool is_retryable(struct call *c, const struct http_head *h)
{
    bool may_wait = h->status == 429 || h->status == 503;

    c->x.retry_after_ms = may_wait ? retry_after_ms(h) : 0;
    return (h->status >= 502 && h->status <= 504) ||
           (h->status == 429 && c->x.retry_after_ms > 0);
}

static enum exchange_event judge_head(struct call *c, const struct http_head *h)
{
    if (h->status == 101)
        return EV_UPGRADED;
    c->x.unwell = h->status >= 500;
    if (!is_retryable(c, h))
        return EV_HEAD;
    c->x.error = ERR_UPSTREAM_STATUS;
    return EV_RETRYABLE;
}

static bool is_unasked_upgrade(const struct call *c, const struct http_head *h)
{
    return h->status == 101 &&
           (c->upgrade.size == 0 ||
            !slice_equals_nocase(head_value(h, FIELD_ID_UPGRADE), c->upgrade));
}

static enum err on_head(struct http_reader *r, const struct http_head *h)
{
    struct connection *up = of_reader(r);
    struct call *c = up->call;

    if (h->status < 200 && h->status != 101)
        return relay_informational(c, h);
    if (is_unasked_upgrade(c, h))
        return ERR_BAD_RESPONSE;
    c->reusable = h->keep_alive;
    if (head_has(h, FIELD_ID_KEEP_ALIVE))
        pool_learn_hint(up->upstream, head_value(h, FIELD_ID_KEEP_ALIVE));
    c->response = h;
    exchange_on(&c->x, judge_head(c, h));
    if (up->call != c)
        return ERR_CANCELLED; /* the attempt was given up: this connection is closing */
    c->response = NULL;
    return ERR_OK;
}

static enum err on_body(struct http_reader *r, struct slice bytes)
{
    struct call *c = of_reader(r)->call;

    c->bytes_out += bytes.size;
    return writer_body(&c->in, bytes) ? ERR_CLIENT_GONE : ERR_OK;
}

static enum err on_trailers(struct http_reader *r, const struct http_field *fields,
                            unsigned count)
{
    struct call *c = of_reader(r)->call;

    return c->in.framing == BODY_CHUNKED
               ? port_trailer_text(c, fields, count, &c->response_trailers)
               : ERR_OK;
}

static enum err on_end(struct http_reader *r)
{
    struct call *c = of_reader(r)->call;

    c->response_ended = true;
    return writer_end(&c->in, c->response_trailers) ? ERR_CLIENT_GONE : ERR_OK;
}

const struct http_reader_events port_response_events = {
    .head = on_head,
    .body = on_body,
    .trailers = on_trailers,
    .end = on_end,
};

/* ---- relaying ---- */

static enum http_framing framing_to_client(const struct call *c,
                                           const struct http_head *h)
{
    if (h->framing != BODY_CHUNKED && h->framing != BODY_TO_END)
        return h->framing;
    return c->minor == 0 ? BODY_TO_END : BODY_CHUNKED;
}

static struct response_rules rules_of(struct call *c, enum http_framing framing)
{
    const struct upstream *u = c->x.instance;

    return (struct response_rules){
        .via = call_via(c),
        .instance = slice_from(u->id, u->id_size),
        .attempts = c->x.attempts,
        .prefix = c->prefix,
        .own_host =
            c->text.host.size ? c->text.host : (struct slice){u->host, u->host_size},
        .client_host = c->client_host,
        .client_minor = c->minor,
        .close = c->close_down,
        .rechunk = framing == BODY_CHUNKED,
    };
}

enum when port_relay(struct exchange *x)
{
    struct call *c = call_of(x);
    enum http_framing framing = framing_to_client(c, c->response);
    struct response_rules rules;
    struct slice head;

    c->status = c->response->status;
    c->close_down |= framing == BODY_TO_END || c->worker->draining ||
                     (!c->request_read && (c->expects || c->status >= 400));
    rules = rules_of(c, framing);
    head = rewrite_response(&c->arena, c->response, &rules);
    if (!head.base) {
        x->error = ERR_NO_MEMORY;
        return FAILED;
    }
    writer_start(&c->in, client(c), head, framing, c->response->length);
    x->answered = true;
    x->error = ERR_OK;
    return LATER;
}

void port_pause_up(struct call *c)
{
    if (!c->up_paused && c->up) {
        c->up_paused = true;
        stream_read(&c->up->socket.stream, false);
    }
}

void port_downstream_drained(struct call *c)
{
    c->moved_ms = loop_now(&c->worker->loop);
    if (c->up_paused && c->up) {
        c->up_paused = false;
        stream_read(&c->up->socket.stream, true);
    }
}

static void complete(struct call *c, bool left_over)
{
    c->reusable = c->reusable && !left_over;
    exchange_on(&c->x, EV_DONE);
}

/* What one reading gave leaves in one writing. */
static void after_feed(struct call *c, enum err e, struct slice rest)
{
    if (c->x.answered && e != ERR_CLIENT_GONE && writer_flush(&c->in))
        e = ERR_CLIENT_GONE;
    if (e == ERR_CLIENT_GONE) {
        exchange_on(&c->x, EV_GONE);
    } else if (e) {
        exchange_fail(&c->x, e);
    } else if (c->tunnel) {
        if (rest.size)
            port_tunnel_up_data(c, rest);
    } else if (c->response_ended) {
        complete(c, rest.size > 0);
    } else if (c->x.answered) {
        if (stream_full(client(c)))
            port_pause_up(c);
        port_watch_idle(c);
    }
}

void port_upstream_data(struct call *c, struct slice bytes)
{
    struct connection *up = c->up;
    struct worker *w = c->worker;
    size_t used = 0;
    enum err e;

    c->moved_ms = loop_now(&w->loop);
    if (c->tunnel) {
        port_tunnel_up_data(c, bytes);
        return;
    }
    worker_enter(w);
    if (!c->out_started)
        e = ERR_BAD_RESPONSE; /* an answer to nothing */
    else
        e = reader_feed(&up->reader, bytes, &used, NULL);
    if (up->call == c)
        after_feed(c, e, slice_after(bytes, used));
    worker_leave(w);
}

static enum err why_it_ended(const struct call *c)
{
    if (c->x.answered)
        return ERR_TRUNCATED;
    if (!c->x.sent)
        return ERR_STALE_CONNECTION;
    return reader_is_between(&c->up->reader) ? ERR_UPSTREAM_RESET : ERR_BAD_RESPONSE;
}

void port_upstream_ended(struct call *c, enum err e)
{
    struct worker *w = c->worker;

    if (c->tunnel) {
        port_tunnel_up_ended(c, e);
        return;
    }
    worker_enter(w);
    c->reusable = false;
    if (!e && c->x.answered && !reader_finish(&c->up->reader) && c->response_ended)
        after_feed(c, ERR_OK, (struct slice){NULL, 0});
    else
        exchange_fail(&c->x, why_it_ended(c));
    worker_leave(w);
}
