#include "transport/http_client.h"

#include <stdio.h>
#include <stdlib.h>

#include "transport/http_client_inside.h"
#include "transport/http_connections_inside.h"

enum { DEFAULT_LIMIT = 4 * 1024 * 1024, HEAD_IN_LIMIT = 256 * 1024 };

static struct http_connection *connection_of(struct stream *s)
{
    return container_of(container_of(s, struct client_stream, stream),
                        struct http_connection, stream);
}

static struct http_call *call_of_reader(struct http_reader *r)
{
    return container_of(r, struct http_call, reader);
}

/* --- the end, of which there is one --- */

static void call_over(struct http_call *c)
{
    reader_fini(&c->reader);
    free(c->scratch);
    c->scratch = NULL;
    c->connection = NULL;
    c->answered_after_ms = loop_now(c->loop) - c->started;
    if (c->result != ERR_OK)
        c->status = 0;
    c->answered(c, c->result);
}

static void on_told(struct timer *t)
{
    call_over(container_of(t, struct http_call, timer));
}

/* The connection is kept, or there was none: nothing has to close first. */
static void tell_soon(struct http_call *c)
{
    timer_init(&c->timer, on_told);
    timer_start(&c->timer, &c->loop->clock, 0);
}

/* `answered` comes when the connection has closed, or is somebody else's. The first reason counts. */
static void call_end(struct http_call *c, enum err e)
{
    struct http_connection *connection = c->connection;

    if (!c->running)
        return;
    c->running = false;
    c->result = e;
    timer_stop(&c->timer, &c->loop->clock);
    if (connection && (e || !c->connections || !c->keep_alive)) {
        stream_close(&connection->stream.stream);
        return;
    }
    if (connection) {
        connection->call = NULL;
        http_connections_keep(c->connections, connection);
    }
    tell_soon(c);
}

static bool connect_again(struct http_call *c, enum err e);

/* Says what (the reader, or the stream, may have), or what the table calls it; and to whom.
 */
static void call_fail(struct http_call *c, enum err e, const char *doing)
{
    char to[HTTP_SERVER_TEXT];

    if (!c->running || connect_again(c, e))
        return;
    if (!c->why.text[0])
        why(&c->why, e, "%s", err_text(e));
    http_call_server(c, to);
    why_drop(&c->why, to);
    why_in(&c->why, "%s %s", doing, to);
    call_end(c, e);
}

static void on_closed(struct stream *s)
{
    struct http_connection *connection = connection_of(s);
    struct http_call *c = connection->call;

    if (connection->store) {
        http_connections_closed(connection);
        return;
    }
    free(connection);
    if (c)
        call_over(c);
}

static void on_timeout(struct timer *t)
{
    struct http_call *c = container_of(t, struct http_call, timer);

    if (c->connection && c->connections)
        http_connections_doubt(c->connections, &c->connection->key);
    if (c->connected)
        call_fail(c, ERR_TIMEOUT, "waiting for");
    else
        call_fail(c, ERR_CONNECT_TIMEOUT, "connecting to");
}

void http_call_cancel(struct http_call *c)
{
    call_end(c, ERR_CANCELLED);
}

/* --- the answer --- */

static enum err on_head(struct http_reader *r, const struct http_head *head)
{
    struct http_call *c = call_of_reader(r);

    if (head->status == 101)
        return ERR_BAD_RESPONSE; /* nobody asked for it */
    if (head->status < 200)
        return ERR_OK;
    c->status = head->status;
    c->keep_alive = head->keep_alive && head->framing != BODY_TO_END;
    for (unsigned i = 0; i < head->count; i++) {
        text_add(&c->head_in, head->fields[i].name);
        text_add(&c->head_in, SLICE(": "));
        text_add(&c->head_in, head->fields[i].value);
        text_add(&c->head_in, SLICE("\n"));
    }
    if (c->head_in.failed)
        return ERR_NO_MEMORY;
    if (c->begun)
        c->begun(c);
    return c->running ? ERR_OK : ERR_LATER;
}

static enum err on_body(struct http_reader *r, struct slice bytes)
{
    struct http_call *c = call_of_reader(r);
    struct text *in = &c->body_in;

    if (c->piece) {
        c->piece(c, bytes);
        return c->running ? ERR_OK : ERR_LATER;
    }
    text_add(in, bytes);
    if (in->failed)
        return bytes.size > in->limit - in->size ? ERR_TOO_LARGE : ERR_NO_MEMORY;
    return ERR_OK;
}

static enum err on_end(struct http_reader *r)
{
    call_end(call_of_reader(r), ERR_OK);
    return ERR_OK;
}

static const struct http_reader_events reader_events = {
    .head = on_head,
    .body = on_body,
    .end = on_end,
};

/* A kept connection has nothing to say; more than the answer makes it unfit to be kept. */
static void on_data(struct stream *s, struct slice bytes)
{
    struct http_connection *connection = connection_of(s);
    struct http_call *c = connection->call;
    size_t used;

    while (c && c->running && bytes.size > 0) {
        enum err e = reader_feed(&c->reader, bytes, &used, &c->why);

        bytes = slice_after(bytes, used);
        if (e)
            call_fail(c, e, "the answer of");
    }
    if (bytes.size > 0 && connection->store)
        http_connections_lost(connection);
}

/* An answer without a length ends so; any other is cut short. */
static void on_ended(struct stream *s, enum err e)
{
    struct http_connection *connection = connection_of(s);
    struct http_call *c = connection->call;

    if (connection->store)
        http_connections_lost(connection);
    if (!c)
        return;
    if (e == ERR_OK)
        reader_finish(&c->reader);
    if (c->running && connection->stream.why.text[0])
        c->why = connection->stream.why; /* what TLS had against it */
    if (e == ERR_DENIED)
        call_fail(c, e, "waiting for");
    else if (c->status)
        call_fail(c, ERR_TRUNCATED, "the answer of");
    else
        call_fail(c, ERR_UPSTREAM_RESET, "waiting for");
}

static const struct stream_events call_events = {
    .data = on_data,
    .ended = on_ended,
    .closed = on_closed,
};

/* --- the request --- */

/* A write that failed says nothing yet: the answer (say, a 413) may have come before.
 * What ends the connection tells. */
static void send_request(struct http_call *c)
{
    struct text head;
    enum err e = ERR_NO_MEMORY;

    http_call_write(c, &head);
    if (!head.failed)
        e = stream_writev(&c->connection->stream.stream,
                          (struct slice[]){text_slice(&head), c->body}, 2, NULL);
    text_fini(&head);
    if (e == ERR_NO_MEMORY)
        call_fail(c, e, "calling");
}

static void start_timer(struct http_call *c, uint64_t limit_ms)
{
    uint64_t elapsed = loop_now(c->loop) - c->started;

    timer_stop(&c->timer, &c->loop->clock);
    if (limit_ms)
        timer_start(&c->timer, &c->loop->clock,
                    limit_ms > elapsed ? limit_ms - elapsed : 0);
}

static uint64_t connect_limit(const struct http_call *c)
{
    if (c->connect_timeout_ms &&
        (!c->timeout_ms || c->connect_timeout_ms < c->timeout_ms))
        return c->connect_timeout_ms;
    return c->timeout_ms;
}

static void on_connected(struct client_stream *s, enum err e)
{
    struct http_call *c = container_of(s, struct http_connection, stream)->call;

    if (e) {
        c->why = s->why;
        call_fail(c, e, "connecting to");
        return;
    }
    c->connected = true;
    c->connected_after_ms = loop_now(c->loop) - c->started;
    start_timer(c, c->timeout_ms);
    send_request(c);
}

/* --- connections --- */

static void target_of(const struct http_call *c, struct client_target *target,
                      char text[ADDRESS_TEXT])
{
    if (c->server) {
        *target = *c->server;
        return;
    }
    *target = (struct client_target){.port = address_port(&c->to)};
    target->host = slice_of(address_is_path(&c->to) ? address_format(&c->to, text)
                                                    : address_ip(&c->to, text));
}

static void key_of(struct http_connection_key *key, const struct client_target *target)
{
    snprintf(key->host, sizeof(key->host), "%.*s", (int)target->host.size,
             target->host.base);
    key->port = target->port;
    key->tls = target->tls;
}

static enum err connect_new(struct http_call *c, const struct client_target *target,
                            const struct http_connection_key *key)
{
    struct http_connection *connection = calloc(1, sizeof(*connection));
    enum err e;

    if (!connection)
        return ERR_NO_MEMORY;
    list_init(&connection->node);
    connection->key = *key;
    e = client_stream_init(&connection->stream, c->loop, &call_events);
    if (e) {
        free(connection);
        return e;
    }
    connection->call = c;
    c->connection = connection;
    e = client_stream_connect(&connection->stream, target, on_connected);
    if (e != ERR_LATER) {
        c->why = connection->stream.why;
        call_fail(c, e, "connecting to");
    }
    return ERR_LATER;
}

static enum err connect_call(struct http_call *c, bool may_be_kept)
{
    struct client_target target;
    struct http_connection_key key;
    char text[ADDRESS_TEXT];

    target_of(c, &target, text);
    key_of(&key, &target);
    if (may_be_kept && c->connections)
        c->connection = http_connections_take(c->connections, &key);
    if (!c->connection)
        return connect_new(c, &target, &key);
    c->connection->call = c;
    c->connected = true;
    start_timer(c, c->timeout_ms);
    send_request(c);
    return ERR_LATER;
}

/* A kept connection that had gone meanwhile, which is nobody's fault: once more, on a new one. */
static bool connect_again(struct http_call *c, enum err e)
{
    struct http_connection *old = c->connection;

    if (e != ERR_UPSTREAM_RESET || !old || !old->was_kept || c->repeated || c->once ||
        !reader_is_between(&c->reader))
        return false;
    c->repeated = true;
    old->call = NULL;
    c->connection = NULL;
    stream_close(&old->stream.stream);
    c->connected = false;
    start_timer(c, connect_limit(c));
    if (connect_call(c, false) != ERR_LATER)
        call_end(c, ERR_NO_MEMORY);
    return true;
}

static void call_init(struct http_call *c, struct loop *l)
{
    http_call_fini(c);
    c->loop = l;
    c->started = loop_now(l);
    c->status = 0;
    c->connected_after_ms = c->answered_after_ms = 0;
    c->result = ERR_OK;
    c->connected = c->keep_alive = c->repeated = false;
    c->connection = NULL;
    why_init(&c->why);
    text_init(&c->body_in, c->limit ? c->limit : DEFAULT_LIMIT);
    text_init(&c->head_in, HEAD_IN_LIMIT);
    timer_init(&c->timer, on_timeout);
}

enum err http_call_start(struct http_call *c, struct loop *l)
{
    enum err e;

    call_init(c, l);
    e = http_call_check(c);
    if (e)
        return e;
    c->scratch = malloc(sizeof(*c->scratch));
    if (!c->scratch)
        return ERR_NO_MEMORY;
    c->running = true;
    reader_init(&c->reader, HTTP_RESPONSES, &reader_events, c->scratch);
    reader_expect(&c->reader, http_method(c->method));
    start_timer(c, connect_limit(c));
    e = connect_call(c, true);
    if (e != ERR_LATER)
        call_end(c, e);
    return ERR_LATER;
}

/* --- afterwards --- */

void http_call_fini(struct http_call *c)
{
    text_fini(&c->body_in);
    text_fini(&c->head_in);
}
