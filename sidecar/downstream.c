#include "sidecar/downstream.h"

#include <assert.h>
#include <stdlib.h>

#include "sidecar/port.h"
#include "sidecar/reply.h"
#include "sidecar/worker.h"

enum {
    LINGER_MS = 2000,
    HALF_CLOSED_MS = 1000, /* a client that said FIN and is waited for, or gone? */
    TAIL_LIMIT = 64 * 1024,
};

static struct downstream *of_stream(struct stream *s)
{
    return container_of(s, struct downstream, socket.stream);
}

static struct downstream *of_reader(struct http_reader *r)
{
    return container_of(r, struct call, reader)->down;
}

static struct clock *clock_of(const struct downstream *d)
{
    return &d->worker->loop.clock;
}

bool downstream_is_busy(const struct downstream *d)
{
    return d->call && d->call->started;
}

static void set_timer(struct downstream *d, enum downstream_timer mode, uint64_t delay_ms)
{
    d->timer_mode = mode;
    timer_start(&d->timer, clock_of(d), delay_ms);
}

static uint64_t idle_limit(const struct downstream *d)
{
    return d->worker->settings->limits.keepalive;
}

/* ---- the end ---- */

static void drop_call(struct downstream *d)
{
    struct call *c = d->call;

    if (c && c->started && !c->finished)
        exchange_on(&c->x, EV_GONE);
    if (!d->call)
        return;
    d->call = NULL;
    call_recycle(c);
}

static void end(struct downstream *d, void (*how)(struct stream *s))
{
    if (d->closing)
        return;
    d->closing = true;
    timer_stop(&d->timer, clock_of(d));
    list_remove(&d->advance);
    how(&d->socket.stream);
    if (!d->feeding)
        drop_call(d);
}

void downstream_close(struct downstream *d)
{
    end(d, stream_close);
}

void downstream_abort(struct downstream *d)
{
    end(d, stream_abort);
}

static void on_closed(struct stream *s)
{
    struct downstream *d = of_stream(s);
    struct worker *w = d->worker;

    assert(!d->call);
    queue_clear(&d->tail, &w->loop.chunks);
    list_remove(&d->all);
    w->downstream_count--;
    listening_unref(d->listening);
    free(d);
}

/* Our FIN goes out behind what is queued; what still comes is thrown away for a while. */
static void linger(struct downstream *d)
{
    d->lingering = true;
    downstream_read(d);
    stream_finish(&d->socket.stream);
    set_timer(d, TIMER_LINGER, LINGER_MS);
}

static void close_when_sent(struct downstream *d)
{
    if (stream_queued(&d->socket.stream) == 0)
        downstream_close(d);
    else if (!d->lingering)
        linger(d);
}

/* ---- reading ---- */

static size_t head_size(const struct http_head *head)
{
    size_t size = head->target.size;

    for (unsigned i = 0; i < head->count; i++)
        size += head->fields[i].name.size + head->fields[i].value.size + 4;
    return size;
}

/* The reader holds to the most there can be; a setting may only be less. */
static enum err check_limits(const struct limit_settings *l, const struct http_head *head)
{
    if (head->target.size > l->target)
        return ERR_TARGET_TOO_LONG;
    if (head->count > l->fields)
        return ERR_HEAD_TOO_LARGE;
    return l->head < HTTP_HEAD_LIMIT && head_size(head) > l->head ? ERR_HEAD_TOO_LARGE
                                                                  : ERR_OK;
}

static enum err on_head(struct http_reader *r, const struct http_head *head)
{
    struct downstream *d = of_reader(r);
    enum err e = check_limits(&d->worker->settings->limits, head);

    if (e)
        return e;
    if (d->timer_mode == TIMER_HEAD)
        set_timer(d, TIMER_IDLE, idle_limit(d));
    return port_request_head(d->call, head);
}

static enum err on_body(struct http_reader *r, struct slice bytes)
{
    return port_request_body(of_reader(r)->call, bytes);
}

/* Trailers go on as text of their own. */
static enum err on_trailers(struct http_reader *r, const struct http_field *fields,
                            unsigned count)
{
    return port_request_trailers(of_reader(r)->call, fields, count);
}

static enum err on_end(struct http_reader *r)
{
    return port_request_end(of_reader(r)->call);
}

const struct http_reader_events downstream_request_events = {
    .head = on_head,
    .body = on_body,
    .trailers = on_trailers,
    .end = on_end,
};

static void write_refusal(struct downstream *d)
{
    struct text message;

    text_init(&message, 16 * 1024);
    reply_problem(d->call, &message);
    (void)stream_write(&d->socket.stream,
                       message.failed ? reply_without_memory() : text_slice(&message));
    text_fini(&message);
}

/* Not HTTP, or not as we take it: an answer where one is still possible, and the end. */
static void refuse(struct downstream *d, enum err e, const char *hint)
{
    struct call *c = d->call;

    if (c->started) {
        if (!c->finished) {
            c->hint = hint;
            c->close_down = true;
            port_refuse(c, e);
        }
        return;
    }
    if (reader_is_head_request(&c->reader))
        c->method = METHOD_HEAD;
    c->x.error = e;
    c->outcome = e;
    c->hint = hint;
    c->close_down = true;
    c->status = (unsigned)err_status(e);
    write_refusal(d);
    access_log_write(&d->worker->access_log, c);
    drop_call(d);
    linger(d);
}

static void keep_tail(struct downstream *d, struct slice bytes)
{
    if (queue_append(&d->tail, &d->worker->loop.chunks, bytes))
        downstream_close(d);
}

/* Answers that the client does not read: no further request until it does. */
static bool is_choked(const struct downstream *d)
{
    return !d->call && stream_full(&d->socket.stream);
}

void downstream_read(struct downstream *d)
{
    bool must_wait = (d->call && d->call->down_paused) || is_choked(d) ||
                     queue_size(&d->tail) >= TAIL_LIMIT;

    if (!d->closing)
        stream_read(&d->socket.stream, d->lingering || !must_wait);
}

/* A head in pieces has its own limit, from its first byte on. */
static void watch_head(struct downstream *d)
{
    if (d->call && !d->call->started && reader_in_message(&d->call->reader) &&
        d->timer_mode != TIMER_HEAD)
        set_timer(d, TIMER_HEAD, d->worker->settings->limits.head_timeout);
}

/* One message at most: feeding stops at its end. Returns what is left. */
static struct slice feed_once(struct downstream *d, struct slice bytes)
{
    struct why why;
    size_t used = 0;
    enum err e;

    why_init(&why);
    d->feeding = true;
    worker_enter(d->worker);
    e = reader_feed(&d->call->reader, bytes, &used, &why);
    if (!e && d->call->started && !d->call->finished)
        port_request_flush(d->call);
    worker_leave(d->worker);
    d->feeding = false;
    if (e && !d->closing)
        refuse(d, e, why.text);
    return slice_after(bytes, used);
}

/* The exchange ended while it was being fed. */
static void settle_finished(struct downstream *d)
{
    struct call *c = d->call;
    bool close = c->close_down || !c->request_read || d->worker->draining;
    bool abort = c->abort_down;

    d->call = NULL;
    call_recycle(c);
    if (d->closing)
        return;
    if (abort)
        downstream_abort(d);
    else if (close)
        linger(d);
}

static void feed(struct downstream *d, struct slice bytes)
{
    while (bytes.size > 0 && !d->closing && !d->lingering) {
        if ((d->call && d->call->request_read) || is_choked(d)) {
            keep_tail(d, bytes);
            break;
        }
        if (!d->call)
            d->call = call_take(d->worker, d);
        if (!d->call) {
            (void)stream_write(&d->socket.stream, reply_without_memory());
            linger(d);
            return;
        }
        bytes = feed_once(d, bytes);
        if (d->call && d->call->finished)
            settle_finished(d);
    }
    if (d->closing) {
        drop_call(d);
        return;
    }
    watch_head(d);
    downstream_read(d);
}

static void on_data(struct stream *s, struct slice bytes)
{
    struct downstream *d = of_stream(s);

    if (d->lingering)
        return;
    d->active_ms = loop_now(&d->worker->loop);
    if (d->call && d->call->tunnel && d->call->request_read)
        port_tunnel_data(d->call, bytes);
    else
        feed(d, bytes);
}

/* What came while the last request was being answered. */
static void feed_tail(struct downstream *d)
{
    while (queue_size(&d->tail) > 0 && !d->call && !d->closing && !d->lingering &&
           !is_choked(d)) {
        struct queue tail = d->tail;
        struct slice bytes;

        d->tail = (struct queue){0};
        while (queue_peek(&tail, &bytes, 1)) {
            feed(d, bytes);
            queue_consume(&tail, &d->worker->loop.chunks, bytes.size);
        }
    }
    downstream_read(d);
}

/* FIN. In the middle of a request: gone. While it is being answered: perhaps only done with writing. */
static void on_end_of_input(struct downstream *d)
{
    struct call *c = d->call;

    d->half_closed = true;
    if (c && !c->started && !d->lingering && reader_in_message(&c->reader)) {
        refuse(d, ERR_BAD_REQUEST, "the head did not end");
    } else if (!c || d->lingering || !c->started) {
        close_when_sent(d);
    } else if (c->tunnel) {
        port_tunnel_ended(c);
    } else if (!c->request_read) {
        downstream_abort(d);
    } else {
        d->mark = c->bytes_out;
        set_timer(d, TIMER_HALF_CLOSED, HALF_CLOSED_MS);
    }
}

void downstream_next(struct downstream *d)
{
    if (d->call && d->call->finished)
        settle_finished(d);
    if (d->closing || d->lingering)
        return;
    feed_tail(d);
    if (d->half_closed && !downstream_is_busy(d) && queue_size(&d->tail) == 0 &&
        !d->closing && !d->lingering)
        on_end_of_input(d);
}

void downstream_finished(struct downstream *d, bool close)
{
    if (d->call)
        d->call->close_down |= close;
    if (d->closing || d->feeding)
        return;
    list_remove(&d->advance);
    list_push_back(&d->worker->advance, &d->advance);
    if (!d->worker->feeding) {
        worker_enter(d->worker);
        worker_leave(d->worker);
    }
}

/* ---- other events ---- */

static void on_drained(struct stream *s)
{
    struct downstream *d = of_stream(s);

    if (d->call && d->call->started && !d->call->finished) {
        port_downstream_drained(d->call);
        return;
    }
    worker_enter(d->worker);
    downstream_next(d);
    worker_leave(d->worker);
}

static void on_ended(struct stream *s, enum err e)
{
    struct downstream *d = of_stream(s);

    if (e)
        downstream_close(d);
    else
        on_end_of_input(d);
}

static const struct stream_events downstream_events = {
    .data = on_data,
    .drained = on_drained,
    .ended = on_ended,
    .closed = on_closed,
};

static void on_idle(struct downstream *d)
{
    uint64_t idle = loop_now(&d->worker->loop) - d->active_ms, limit = idle_limit(d);

    if (downstream_is_busy(d))
        set_timer(d, TIMER_IDLE, limit);
    else if (idle < limit)
        set_timer(d, TIMER_IDLE, limit - idle);
    else
        downstream_close(d);
}

/* Nothing was wanted of it since its FIN: it has gone. One that reads slowly has not: what it was sent and has not
 * taken would have been answered with a reset. */
static void on_half_closed(struct downstream *d)
{
    struct call *c = d->call;

    if (!downstream_is_busy(d) || c->finished ||
        (c->bytes_out == d->mark && socket_unsent(&d->socket) == 0)) {
        downstream_close(d);
        return;
    }
    d->mark = c->bytes_out;
    set_timer(d, TIMER_HALF_CLOSED, HALF_CLOSED_MS);
}

static void on_linger(struct downstream *d)
{
    uint64_t now = loop_now(&d->worker->loop);
    uint64_t limit = d->worker->settings->defaults.idle_timeout;
    size_t queued = stream_queued(&d->socket.stream);

    if (queued != d->mark)
        d->active_ms = now;
    d->mark = queued;
    if (queued > 0 && (limit == 0 || now - d->active_ms < limit))
        set_timer(d, TIMER_LINGER, LINGER_MS);
    else
        downstream_close(d);
}

static void on_timer(struct timer *t)
{
    struct downstream *d = container_of(t, struct downstream, timer);

    switch ((enum downstream_timer)d->timer_mode) {
    case TIMER_IDLE:
        on_idle(d);
        return;
    case TIMER_HEAD:
        refuse(d, ERR_REQUEST_TIMEOUT, "the head did not end in time");
        return;
    case TIMER_HALF_CLOSED:
        on_half_closed(d);
        return;
    case TIMER_LINGER:
        on_linger(d);
        return;
    }
}

/* ---- the beginning ---- */

static bool is_full(const struct worker *w)
{
    uint32_t most = w->settings->limits.connections;

    return most > 0 && w->downstream_count >= (most + w->workers - 1) / w->workers;
}

struct socket *downstream_offer(struct listening *l)
{
    struct worker *w = l->worker;
    struct downstream *d = is_full(w) ? NULL : calloc(1, sizeof(*d));

    if (!d)
        return NULL;
    d->worker = w;
    d->listening = listening_ref(l);
    list_init(&d->advance);
    list_push_back(&w->downstreams, &d->all);
    w->downstream_count++;
    if (w->downstream_most < w->downstream_count)
        w->downstream_most = w->downstream_count;
    timer_init(&d->timer, on_timer);
    socket_init(&d->socket, &w->loop, &downstream_events);
    return &d->socket;
}

void downstream_accepted(struct socket *s)
{
    struct downstream *d = container_of(s, struct downstream, socket);

    d->active_ms = loop_now(&d->worker->loop);
    set_timer(d, TIMER_IDLE, idle_limit(d));
}

void downstream_drain(struct downstream *d)
{
    const struct call *c = d->call;
    bool is_idle = !c || (!c->started && !reader_in_message(&c->reader));

    if (!d->closing && !d->lingering && is_idle)
        linger(d);
}
