/* From its bytes to requests: reading, refusing what is none, one request after the other. */
#include "sidecar/downstream_parts.h"

#include <stdlib.h>

#include "sidecar/port.h"
#include "sidecar/reply.h"
#include "sidecar/worker.h"

enum { TAIL_LIMIT = 64 * 1024 };

static struct downstream *of_reader(struct http_reader *r)
{
    return container_of(r, struct call, reader)->down;
}

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
    enum err e = check_limits(&downstream_worker(d)->settings->limits, head);

    if (e)
        return e;
    if (d->timer_mode == TIMER_HEAD)
        downstream_watch_idle(d);
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

void downstream_refuse(struct downstream *d, enum err e, const char *hint)
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
    access_log_write(&downstream_worker(d)->access_log, c);
    downstream_drop_call(d);
    downstream_linger(d);
}

static void keep_tail(struct downstream *d, struct slice bytes)
{
    if (!d->tail)
        d->tail = calloc(1, sizeof(*d->tail));
    if (!d->tail || queue_append(d->tail, &downstream_worker(d)->loop.chunks, bytes))
        downstream_close(d);
}

void downstream_drop_tail(struct downstream *d)
{
    if (d->tail)
        queue_clear(d->tail, &downstream_worker(d)->loop.chunks);
    free(d->tail);
    d->tail = NULL;
}

/* Answers that the client does not read: no further request until it does. */
static bool is_choked(const struct downstream *d)
{
    return !d->call && stream_full(&d->socket.stream);
}

void downstream_read(struct downstream *d)
{
    bool must_wait = (d->call && d->call->down_paused) || is_choked(d) ||
                     downstream_tail_size(d) >= TAIL_LIMIT;

    if (!d->closing)
        stream_read(&d->socket.stream, d->lingering || !must_wait);
}

/* One message at most: feeding stops at its end. Returns what is left. */
static struct slice feed_once(struct downstream *d, struct slice bytes)
{
    struct worker *w = downstream_worker(d);
    struct why why;
    size_t used = 0;
    enum err e;

    why_init(&why);
    d->feeding = true;
    worker_enter(w);
    e = reader_feed(&d->call->reader, bytes, &used, &why);
    if (!e && d->call->started && !d->call->finished)
        port_request_flush(d->call);
    worker_leave(w);
    d->feeding = false;
    if (e && !d->closing)
        downstream_refuse(d, e, why.text);
    return slice_after(bytes, used);
}

/* Lingering is for what a client may still send. One that said it sends nothing more is spared that, and so are we
 * (three system calls of fourteen, where each request has its connection). */
static bool needs_linger(const struct downstream *d, const struct call *c, size_t unread)
{
    return !c->last || unread > 0 || downstream_tail_size(d) > 0 ||
           stream_queued(&d->socket.stream) > 0;
}

/* The exchange ended while it was being fed; of that `unread` bytes are left. */
static void settle_finished(struct downstream *d, size_t unread)
{
    struct call *c = d->call;
    bool close = c->close_down || !c->request_read || downstream_worker(d)->draining;
    bool abort = c->abort_down, linger = needs_linger(d, c, unread);

    d->call = NULL;
    call_recycle(c);
    if (d->closing)
        return;
    if (abort)
        downstream_abort(d);
    else if (close && linger)
        downstream_linger(d);
    else if (close)
        downstream_close(d);
}

void downstream_feed(struct downstream *d, struct slice bytes)
{
    while (bytes.size > 0 && !d->closing && !d->lingering) {
        if ((d->call && d->call->request_read) || is_choked(d)) {
            keep_tail(d, bytes);
            break;
        }
        if (!d->call)
            d->call = call_take(downstream_worker(d), d);
        if (!d->call) {
            (void)stream_write(&d->socket.stream, reply_without_memory());
            downstream_linger(d);
            return;
        }
        bytes = feed_once(d, bytes);
        if (d->call && d->call->finished)
            settle_finished(d, bytes.size);
    }
    if (d->closing) {
        downstream_drop_call(d);
        return;
    }
    downstream_watch_head(d);
    downstream_read(d);
}

/* What came while the last request was being answered. */
static void feed_tail(struct downstream *d)
{
    while (downstream_tail_size(d) > 0 && !d->call && !d->closing && !d->lingering &&
           !is_choked(d)) {
        struct queue tail = *d->tail;
        struct slice bytes;

        *d->tail = (struct queue){0};
        while (queue_peek(&tail, &bytes, 1)) {
            downstream_feed(d, bytes);
            queue_consume(&tail, &downstream_worker(d)->loop.chunks, bytes.size);
        }
    }
    if (downstream_tail_size(d) == 0)
        downstream_drop_tail(d);
    downstream_read(d);
}

/* FIN. In the middle of a request: gone. While it is being answered: perhaps only done with writing. */
void downstream_input_ended(struct downstream *d)
{
    struct call *c = d->call;

    d->half_closed = true;
    if (c && !c->started && !d->lingering && reader_in_message(&c->reader)) {
        downstream_refuse(d, ERR_BAD_REQUEST, "the head did not end");
    } else if (!c || d->lingering || !c->started) {
        downstream_close_when_sent(d);
    } else if (c->tunnel) {
        port_tunnel_ended(c);
    } else if (!c->request_read) {
        downstream_abort(d);
    } else {
        downstream_watch_half_closed(d);
    }
}

void downstream_next(struct downstream *d)
{
    if (d->call && d->call->finished)
        settle_finished(d, 0);
    if (d->closing || d->lingering)
        return;
    feed_tail(d);
    if (d->half_closed && !downstream_is_busy(d) && downstream_tail_size(d) == 0 &&
        !d->closing && !d->lingering)
        downstream_input_ended(d);
}

void downstream_finished(struct downstream *d, bool close)
{
    if (d->call)
        d->call->close_down |= close;
    if (d->closing || d->feeding)
        return;
    worker_advance(downstream_worker(d), d);
}
