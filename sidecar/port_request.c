/* The way out: from the client's bytes to the instance. */
#include "sidecar/port.h"

#include "sidecar/connection.h"
#include "sidecar/downstream.h"
#include "sidecar/pool.h"
#include "sidecar/port_internal.h"
#include "sidecar/worker.h"

/* A further attempt is made on a new connection: another idle one might just be closed as well. How long may one
 * have been idle to be used unseen? The less another attempt is possible, the less. */
static struct connection *lease_idle(const struct exchange *x, uint64_t now)
{
    if (x->attempts > 1)
        return NULL;
    return pool_lease(x->instance, now,
                      x->idempotent ? POOL_TRUST_MS : POOL_TRUST_LITTLE_MS);
}

static enum when port_lease(struct exchange *x)
{
    struct call *c = call_of(x);
    struct upstream *u = x->instance;
    size_t size = u->id_size;

    arena_rewind(&c->arena, c->mark);
    size = size < sizeof(c->instance_id) ? size : sizeof(c->instance_id) - 1;
    memcpy(c->instance_id, u->id, size);
    c->instance_id[size] = '\0';
    c->up = lease_idle(x, loop_now(&c->worker->loop));
    if (c->up) {
        c->up->call = c;
        x->service->stats.reuses++;
        return NOW;
    }
    x->service->stats.connects++;
    c->up =
        connection_open(c->worker, u, c, x->service->policy->connect_timeout, &x->error);
    return c->up ? LATER : FAILED;
}

/* What came before the instance could take it, or a first attempt took with it. */
static enum err write_replay(struct call *c)
{
    struct slice slices[4];
    size_t at = 0;
    enum err e = ERR_OK;

    while (!e && at < queue_size(&c->replay)) {
        unsigned count = queue_peek_from(&c->replay, at, slices, 4);

        for (unsigned i = 0; i < count && !e; i++) {
            e = writer_body(&c->out, slices[i]);
            at += slices[i].size;
        }
    }
    return e;
}

/* The places of the writer that a head takes: none of its parts is empty. */
static unsigned head_slices(const struct call *c)
{
    return c->text.expects ? 2 : 1;
}

static void start_writer(struct call *c)
{
    const struct upstream *u = c->x.instance;
    struct slice text = request_text_with(&c->text, slice_from(u->host, u->host_size));
    struct slice head[] = {text, SLICE("Expect: 100-continue\r\n\r\n")};

    if (c->text.expects)
        head[0].size -= strlen("\r\n");

    writer_start_slices(&c->out, &c->up->socket.stream, head, head_slices(c), c->framing,
                        c->length);
    c->out_started = true;
    c->out_broken = false;
    c->out_failed = ERR_OK;
    c->out_ended = false;
}

/* Nothing that can't be repeated is kept once it has left; of the rest only so much. */
static void trim_replay(struct call *c)
{
    size_t most = c->x.service->policy->retries.replay;

    if (c->x.idempotent && queue_size(&c->replay) <= most)
        return;
    if (queue_size(&c->replay) > 0 || c->keeps_replay)
        c->x.body_lost = c->bytes_in > 0;
    c->keeps_replay = false;
    queue_clear(&c->replay, &c->worker->loop.chunks);
}

static void pause_down(struct call *c)
{
    c->down_paused = true;
    c->rate_paused = true;
    downstream_read(c->down);
}

static void resume_down(struct call *c)
{
    c->down_paused = false;
    downstream_read(c->down);
}

/* The writer flushes by itself when it is full: what fails there is looked at in flush(). */
static void note_failed(struct call *c, enum err e)
{
    if (e && !c->out_failed)
        c->out_failed = e;
}

static enum err keep_body(struct call *c, struct slice bytes)
{
    enum err e = queue_append(&c->replay, &c->worker->loop.chunks, bytes);

    if (!e && !c->out_started && queue_size(&c->replay) >= QUEUE_CHUNK * 4)
        pause_down(c);
    return e;
}

/* Not a byte left, and what the writer held is still lent: the body can go elsewhere. In its places stand the head,
 * then body bytes, and with chunks a line before each. */
static void keep_unsent(struct call *c, unsigned count)
{
    unsigned step = c->framing == BODY_CHUNKED ? 2 : 1;
    enum err e = ERR_OK;

    if (!c->x.body_lost || queue_size(&c->replay) > 0)
        return;
    for (unsigned i = head_slices(c) + step - 1; i < count - (step - 1) && !e; i += step)
        e = keep_body(c, c->out.cork->slices[i]);
    if (e)
        queue_clear(&c->replay, &c->worker->loop.chunks);
    c->x.body_lost = e != ERR_OK;
}

/* Not one byte of the attempt left: it may go anywhere else. Else the instance may still answer. */
static enum err flush(struct call *c)
{
    bool first = !c->out.flushed;
    unsigned count = c->out.cork->count;
    enum err e = c->out_failed ? c->out_failed : writer_flush(&c->out);

    c->x.sent |= c->out.written > 0;
    if (!e || e == ERR_NO_MEMORY)
        return e;
    if (!c->x.sent) {
        if (first)
            keep_unsent(c, count);
        return ERR_STALE_CONNECTION;
    }
    c->out_broken = true;
    return ERR_OK;
}

static enum err send_now(struct call *c)
{
    note_failed(c, write_replay(c));
    if (c->request_read) {
        note_failed(c, writer_end(&c->out, c->trailers));
        c->out_ended = true;
    }
    return flush(c);
}

static enum when port_send(struct exchange *x)
{
    struct call *c = call_of(x);

    start_writer(c);
    reader_expect(&c->up->reader, c->method);
    c->up->uses++;
    if (x->service->policy->balancer == BALANCER_EWMA)
        x->sent_ns = uv_hrtime();
    if (c->head)
        return LATER; /* leaves with what follows, at the end of the feeding */
    x->error = send_now(c);
    if (x->error)
        return FAILED;
    trim_replay(c);
    if (!stream_full(&c->up->socket.stream))
        resume_down(c);
    port_watch_sending(c);
    return LATER;
}

/* ---- from the client ---- */

enum err port_request_head(struct call *c, const struct http_head *head)
{
    c->head = head;
    c->started = true;
    c->method = head->method;
    c->minor = head->minor;
    c->framing = head->framing;
    c->length = head->length;
    c->expects = head->expect_continue && head->framing != BODY_NONE;
    c->close_down = !head->keep_alive || head->method == METHOD_CONNECT;
    c->last = !head->keep_alive && head->framing == BODY_NONE;
    c->x.idempotent = http_method_is_idempotent(head->method) ||
                      head_has(head, FIELD_ID_IDEMPOTENCY_KEY);
    c->keeps_replay = c->x.idempotent && head->framing != BODY_NONE;
    worker_count_busy(c, 1);
    exchange_start(&c->x);
    c->head = NULL;
    return ERR_OK;
}

enum err port_request_body(struct call *c, struct slice bytes)
{
    enum err e = ERR_OK;

    c->bytes_in += bytes.size;
    c->moved_ms = loop_now(&c->worker->loop);
    if (c->finished)
        return ERR_OK;
    if (!c->out_started || c->keeps_replay)
        e = keep_body(c, bytes);
    else
        c->x.body_lost = true;
    if (!e && c->out_started && !c->out_broken)
        note_failed(c, writer_body(&c->out, bytes));
    return e;
}

/* "Name: value" lines; few and rare. */
static enum err trailer_text(struct arena *a, const struct http_field *fields,
                             unsigned count, struct slice *text)
{
    struct head_text t;
    size_t size = 0;

    for (unsigned i = 0; i < count; i++)
        size += fields[i].name.size + fields[i].value.size + 4;
    head_text_init(&t, a, size);
    for (unsigned i = 0; i < count; i++)
        head_text_field(&t, fields[i].name, fields[i].value);
    *text = head_text_done(&t);
    return text->base ? ERR_OK : ERR_NO_MEMORY;
}

enum err port_trailer_text(struct call *c, const struct http_field *fields,
                           unsigned count, struct slice *text)
{
    return trailer_text(&c->arena, fields, count, text);
}

enum err port_request_trailers(struct call *c, const struct http_field *fields,
                               unsigned count)
{
    enum err e =
        c->finished ? ERR_OK : trailer_text(&c->arena, fields, count, &c->trailers);

    c->mark = arena_mark(&c->arena); /* a later attempt must not rewind behind them */
    return e;
}

enum err port_request_end(struct call *c)
{
    c->request_read = true;
    timer_stop(&c->rate, &c->worker->loop.clock);
    if (c->finished || !c->out_started)
        return ERR_OK;
    c->out_ended = true;
    if (!c->out_broken)
        note_failed(c, writer_end(&c->out, c->trailers));
    return ERR_OK;
}

void port_request_flush(struct call *c)
{
    uint64_t before;
    enum err e;

    port_watch_rate(c);
    if (!c->out_started)
        return;
    before = c->out.written;
    e = c->out_broken ? ERR_OK : flush(c);
    if (e) {
        exchange_fail(&c->x, e);
        return;
    }
    trim_replay(c);
    if (c->framing != BODY_NONE && c->out.written > before && !c->x.answered)
        exchange_progress(&c->x);
    if (stream_full(&c->up->socket.stream))
        pause_down(c);
    port_watch_sending(c);
}

void port_refuse(struct call *c, enum err e)
{
    c->close_down = true;
    exchange_fail(&c->x, e);
}

/* ---- from the instance's side ---- */

void port_connected(struct call *c, enum err e)
{
    if (e)
        exchange_fail(&c->x, e);
    else
        exchange_on(&c->x, EV_LEASED);
}

void port_upstream_drained(struct call *c)
{
    c->moved_ms = loop_now(&c->worker->loop);
    if (!c->x.answered)
        exchange_progress(&c->x);
    resume_down(c);
}

void port_pause_down(struct call *c)
{
    pause_down(c);
}

void port_resume_down(struct call *c)
{
    resume_down(c);
}

const struct port_ops port_ops = {
    .route = port_route,
    .lease = port_lease,
    .send = port_send,
    .relay = port_relay,
    .tunnel = port_tunnel,
    .drop = port_drop,
    .reply = port_reply,
    .break_off = port_break_off,
    .finished = port_finished,
};
