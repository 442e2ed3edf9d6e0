#include <stdlib.h>

#include "transport/http_server_inside.h"

enum { LINGER_MS = 1000, HEAD_ARENA = 256 * 1024, PENDING_LIMIT = 1024 * 1024 };

static struct server_connection *connection_of(struct stream *s)
{
    return container_of(s, struct server_connection, socket.stream);
}

static struct server_connection *connection_of_reader(struct http_reader *r)
{
    return container_of(r, struct server_connection, reader);
}

static void set_state(struct server_connection *c, enum connection_state state,
                      uint64_t limit_ms)
{
    c->state = state;
    if (limit_ms)
        timer_start(&c->timer, &c->server->loop->clock, limit_ms);
    else
        timer_stop(&c->timer, &c->server->loop->clock);
}

static void wait_for_request(struct server_connection *c)
{
    set_state(c, WAITING, c->server->idle_ms);
}

/* An answer that the client takes slowly gets the time an idle connection has. */
static void linger(struct server_connection *c)
{
    stream_finish(&c->socket.stream);
    stream_read(&c->socket.stream, true);
    set_state(c, LINGERING,
              stream_queued(&c->socket.stream) ? c->server->idle_ms : LINGER_MS);
}

void server_connection_drop(struct server_connection *c)
{
    timer_stop(&c->timer, &c->server->loop->clock);
    stream_abort(&c->socket.stream);
}

static void connection_close(struct server_connection *c)
{
    timer_stop(&c->timer, &c->server->loop->clock);
    stream_close(&c->socket.stream);
}

void server_connection_retire(struct server_connection *c)
{
    if (c->state == WAITING)
        linger(c);
}

/* --- the request, taken over piece by piece --- */

/* Sticky: once a copy failed all that follow do. */
static bool copy_slice(struct server_connection *c, struct slice *s)
{
    *s = arena_copy(&c->arena, *s);
    return s->base != NULL;
}

static bool copy_field(struct server_connection *c, struct http_field *f)
{
    return copy_slice(c, &f->name) && copy_slice(c, &f->value);
}

static enum err copy_head(struct server_connection *c, const struct http_head *head)
{
    struct http_field *fields =
        arena_take(&c->arena, (head->count + 1) * sizeof(*fields));
    struct http_head *own = &c->request.head;
    bool copied = fields != NULL;

    *own = *head;
    own->fields = fields;
    own->reason = (struct slice){NULL, 0};
    for (unsigned i = 0; copied && i < head->count; i++) {
        fields[i] = head->fields[i];
        copied = copy_field(c, &fields[i]);
    }
    if (copied && copy_slice(c, &own->method_text) && copy_slice(c, &own->target))
        return ERR_OK;
    own->count = 0;
    return ERR_NO_MEMORY;
}

/* "/a?b" or "http://host/a?b" (RFC 9112 §3.2) as a path and a query. */
static void split_target(struct http_request *q)
{
    struct slice rest = q->head.target;
    size_t scheme = slice_find(rest, ':');

    if (slice_starts_with(slice_after(rest, scheme), SLICE("://"))) {
        rest = slice_after(rest, scheme + 3);
        rest = slice_after(rest, slice_find(rest, '/'));
    }
    q->path = slice_first(rest, slice_find(rest, '?'));
    q->query = slice_after(rest, q->path.size + 1);
    if (q->path.size == 0)
        q->path = SLICE("/");
}

static enum err on_head(struct http_reader *r, const struct http_head *head)
{
    struct server_connection *c = connection_of_reader(r);
    enum err e = copy_head(c, head);

    if (e)
        return e;
    split_target(&c->request);
    if (head->framing == BODY_LENGTH && head->length > c->server->body_limit)
        return ERR_TOO_LARGE;
    text_init(&c->body, c->server->body_limit);
    if (head->expect_continue && head->framing != BODY_NONE)
        return stream_write(&c->socket.stream, SLICE("HTTP/1.1 100 Continue\r\n\r\n"));
    return ERR_OK;
}

static enum err on_body(struct http_reader *r, struct slice bytes)
{
    struct server_connection *c = connection_of_reader(r);

    if (bytes.size > c->body.limit - c->body.size)
        return ERR_TOO_LARGE;
    text_add(&c->body, bytes);
    return c->body.failed ? ERR_NO_MEMORY : ERR_OK;
}

static enum err on_end(struct http_reader *r)
{
    struct server_connection *c = connection_of_reader(r);

    c->request.body = text_slice(&c->body);
    c->complete = true;
    return ERR_OK;
}

static const struct http_reader_events reader_events = {
    .head = on_head,
    .body = on_body,
    .end = on_end,
};

/* An idle connection holds no memory but its own. */
static void forget_request(struct server_connection *c)
{
    struct address peer = c->request.peer;

    arena_fini(&c->arena);
    text_fini(&c->body);
    c->request = (struct http_request){.server = c->server, .peer = peer};
}

/* --- from one request to the next --- */

static void next_request(struct server_connection *c)
{
    forget_request(c);
    c->answered = c->streaming = false;
    if (c->keep_alive && !c->server->closing)
        wait_for_request(c);
    else
        linger(c);
}

static void dispatch(struct server_connection *c)
{
    c->complete = false;
    c->answered = false;
    c->keep_alive = c->request.head.keep_alive;
    set_state(c, HANDLING, 0);
    c->in_handler = true;
    c->server->handle(c->server, &c->request);
    c->in_handler = false;
    if (c->answered && !server_connection_is_dead(c))
        next_request(c);
}

static void read_some(struct server_connection *c, struct slice *bytes)
{
    struct why problem;
    size_t used;
    enum err e;

    why_init(&problem);
    e = reader_feed(&c->reader, *bytes, &used, &problem);
    *bytes = slice_after(*bytes, used);
    if (e)
        server_connection_refuse(c, e, problem.text);
    else if (c->complete)
        dispatch(c);
    else if (c->state == WAITING && reader_in_message(&c->reader))
        set_state(c, READING, c->server->head_ms);
}

/* What comes too early waits, and so does the client: reading stops. Not while an answer is streamed, which nothing but
 * the client's end may ever end: he who says too much meanwhile is dropped. */
static void keep_for_later(struct server_connection *c, struct slice bytes)
{
    text_add(&c->pending, bytes);
    if (c->pending.failed)
        server_connection_drop(c);
    else
        stream_read(&c->socket.stream, c->streaming);
}

static bool takes_requests(const struct server_connection *c)
{
    return (c->state == WAITING || c->state == READING) && !server_connection_is_dead(c);
}

static void connection_feed(struct server_connection *c, struct slice bytes)
{
    while (bytes.size > 0 && takes_requests(c))
        read_some(c, &bytes);
    if (bytes.size == 0 || c->state != HANDLING || server_connection_is_dead(c))
        return;
    if (c->upgraded)
        c->request.bytes(&c->request, bytes);
    else
        keep_for_later(c, bytes);
}

/* After an answer that came later: what waited goes first. */
static void resume(struct server_connection *c)
{
    struct text waited = c->pending;

    text_init(&c->pending, PENDING_LIMIT);
    connection_feed(c, text_slice(&waited));
    text_fini(&waited);
    if (c->pending.size == 0 && !server_connection_is_dead(c))
        stream_read(&c->socket.stream, true);
}

void server_connection_answered(struct server_connection *c)
{
    c->answered = true;
    if (c->in_handler || server_connection_is_dead(c))
        return;
    next_request(c);
    resume(c);
}

/* --- refusals --- */

static unsigned refusal_status(enum err e)
{
    if (e == ERR_TOO_LARGE)
        return 413;
    return err_status(e) ? (unsigned)err_status(e) : 500;
}

static void problem_json(struct text *out, unsigned status, enum err e,
                         const char *detail)
{
    text_init(out, 8192);
    text_add(out, SLICE("{\"type\":\"about:blank\",\"title\":"));
    text_add_json(out, slice_of(http_reason(status)));
    text_addf(out, ",\"status\":%u,\"code\":\"%s\",\"detail\":", status, err_code(e));
    text_add_json(out, slice_of(detail[0] ? detail : err_text(e)));
    text_add(out, SLICE("}\n"));
}

/* The rest of the request is not read: its connection can't be used again. */
void server_connection_refuse(struct server_connection *c, enum err e, const char *detail)
{
    unsigned status = refusal_status(e);
    struct text body, field;

    text_init(&field, 256);
    text_addf(&field, "csidecar-error: %s\r\n", err_code(e));
    problem_json(&body, status, e, detail);
    c->keep_alive = false;
    c->complete = false;
    set_state(c, HANDLING, 0);
    server_respond(&c->request, status, SLICE("application/problem+json"),
                   text_slice(&field), text_slice(&body));
    text_fini(&field);
    text_fini(&body);
}

static void on_timeout(struct timer *t)
{
    struct server_connection *c = container_of(t, struct server_connection, timer);

    if (c->state == READING)
        server_connection_refuse(c, ERR_REQUEST_TIMEOUT, "");
    else
        connection_close(c);
}

/* --- its life --- */

static void on_data(struct stream *s, struct slice bytes)
{
    struct server_connection *c = connection_of(s);

    connection_feed(c, bytes);
}

/* A client that shuts its side may still wait for the rest of an answer; not for one that has not
 * begun, since most that do so are gone. */
static void on_ended(struct stream *s, enum err e)
{
    struct server_connection *c = connection_of(s);

    if (e == ERR_OK && c->state == WAITING && stream_queued(s) > 0)
        linger(c);
    else if (e != ERR_OK || c->state != LINGERING || stream_queued(s) == 0)
        connection_close(c);
}

static void on_closed(struct stream *s)
{
    struct server_connection *c = connection_of(s);
    struct http_server *server = c->server;

    if (c->state == HANDLING && !c->answered && c->request.gone)
        c->request.gone(&c->request);
    list_remove(&c->node);
    timer_stop(&c->timer, &server->loop->clock);
    reader_fini(&c->reader);
    forget_request(c);
    text_fini(&c->pending);
    free(c);
    server_forget_connection(server);
}

static const struct stream_events connection_events = {
    .data = on_data,
    .ended = on_ended,
    .closed = on_closed,
};

struct socket *server_connection_offer(struct listener *l)
{
    struct http_server *s = l->owner;
    struct server_connection *c;

    if (s->connection_count >= s->max_connections)
        return NULL;
    c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->server = s;
    s->connection_count++;
    list_push_back(&s->connections, &c->node);
    socket_init(&c->socket, s->loop, &connection_events);
    reader_init(&c->reader, HTTP_REQUESTS, &reader_events, &s->scratch);
    arena_init(&c->arena, &s->arenas, HEAD_ARENA);
    timer_init(&c->timer, on_timeout);
    text_init(&c->body, s->body_limit);
    text_init(&c->pending, PENDING_LIMIT);
    return &c->socket;
}

void server_connection_accepted(struct listener *l, struct socket *s)
{
    struct server_connection *c = container_of(s, struct server_connection, socket);

    (void)l;
    socket_peer(s, &c->request.peer);
    forget_request(c);
    wait_for_request(c);
}
