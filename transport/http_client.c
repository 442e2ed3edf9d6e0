#include "transport/http_client.h"

#include <stdlib.h>

enum {
    DEFAULT_LIMIT = 4 * 1024 * 1024,
    HEAD_IN_LIMIT = 256 * 1024,
    REQUEST_LIMIT = 256 * 1024
};

static struct http_call *call_of(struct stream *s)
{
    return container_of(s, struct http_call, socket.stream);
}

static struct http_call *call_of_reader(struct http_reader *r)
{
    return container_of(r, struct http_call, reader);
}

/* --- the end, of which there is one --- */

/* `answered` comes when the connection has closed. The first reason counts. */
static void call_end(struct http_call *c, enum err e)
{
    if (!c->running)
        return;
    c->running = false;
    c->result = e;
    timer_stop(&c->timer, &c->loop->clock);
    stream_close(&c->socket.stream);
}

/* Says what (the reader may have), or what the system or the table calls it; and to whom.
 */
static void call_fail(struct http_call *c, enum err e, const char *doing)
{
    char to[ADDRESS_TEXT];

    if (!c->running)
        return;
    if (!c->why.text[0])
        why(&c->why, e, "%s",
            c->socket.error ? uv_strerror(c->socket.error) : err_text(e));
    why_in(&c->why, "%s %s", doing, address_format(&c->to, to));
    call_end(c, e);
}

static void on_closed(struct stream *s)
{
    struct http_call *c = call_of(s);

    reader_fini(&c->reader);
    free(c->scratch);
    c->scratch = NULL;
    c->answered_after_ms = loop_now(c->loop) - c->started;
    if (c->result != ERR_OK)
        c->status = 0;
    c->answered(c, c->result);
}

static void on_timeout(struct timer *t)
{
    struct http_call *c = container_of(t, struct http_call, timer);

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
    for (unsigned i = 0; i < head->count; i++) {
        text_add(&c->head_in, head->fields[i].name);
        text_add(&c->head_in, SLICE(": "));
        text_add(&c->head_in, head->fields[i].value);
        text_add(&c->head_in, SLICE("\n"));
    }
    return c->head_in.failed ? ERR_NO_MEMORY : ERR_OK;
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

static void on_data(struct stream *s, struct slice bytes)
{
    struct http_call *c = call_of(s);
    size_t used;

    while (c->running && bytes.size > 0) {
        enum err e = reader_feed(&c->reader, bytes, &used, &c->why);

        if (e)
            call_fail(c, e, "the answer of");
        bytes = slice_after(bytes, used);
    }
}

/* An answer without a length ends so; any other is cut short. */
static void on_ended(struct stream *s, enum err e)
{
    struct http_call *c = call_of(s);

    if (e == ERR_OK)
        reader_finish(&c->reader);
    if (c->status)
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

static bool has_a_body(const struct http_call *c)
{
    enum http_method m = http_method(c->method);

    return c->body.size > 0 || m == METHOD_POST || m == METHOD_PUT || m == METHOD_PATCH;
}

static void add_host(const struct http_call *c, struct text *out)
{
    char text[ADDRESS_TEXT];

    if (c->host.size > 0)
        text_add(out, c->host);
    else if (address_is_path(&c->to))
        text_add(out, SLICE("localhost"));
    else
        text_add(out, slice_of(address_format(&c->to, text)));
}

static void build_request(const struct http_call *c, struct text *out)
{
    text_init(out, REQUEST_LIMIT);
    text_add(out, c->method);
    text_add(out, SLICE(" "));
    text_add(out, c->target);
    text_add(out, SLICE(" HTTP/1.1\r\nHost: "));
    add_host(c, out);
    text_add(out, SLICE("\r\nUser-Agent: csidecar/" CSIDECAR_VERSION
                        "\r\nConnection: close\r\n"));
    if (has_a_body(c))
        text_addf(out, "Content-Length: %zu\r\n", c->body.size);
    text_add(out, c->fields);
    text_add(out, SLICE("\r\n"));
}

/* A write that failed says nothing yet: the answer (say, a 413) may have come before.
 * What ends the connection tells. */
static void send_request(struct http_call *c)
{
    struct text head;
    enum err e = ERR_NO_MEMORY;

    build_request(c, &head);
    if (!head.failed)
        e = stream_writev(&c->socket.stream, (struct slice[]){text_slice(&head), c->body},
                          2, NULL);
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

static void on_connected(struct socket *s, enum err e)
{
    struct http_call *c = container_of(s, struct http_call, socket);

    if (e) {
        call_fail(c, e, "connecting to");
        return;
    }
    c->connected = true;
    c->connected_after_ms = loop_now(c->loop) - c->started;
    start_timer(c, c->timeout_ms);
    send_request(c);
}

/* Nothing that would end a line, or a word, early. */
static bool is_one_word(struct slice s)
{
    for (size_t i = 0; i < s.size; i++)
        if ((unsigned char)s.base[i] <= ' ' || s.base[i] == 0x7f)
            return false;
    return true;
}

static bool is_whole_lines(struct slice s)
{
    return s.size == 0 || (s.size > 2 && memcmp(s.base + s.size - 2, "\r\n", 2) == 0);
}

static enum err check(struct http_call *c)
{
    if (c->method.size == 0)
        c->method = SLICE("GET");
    if (c->target.size == 0)
        c->target = SLICE("/");
    if (is_one_word(c->method) && is_one_word(c->target) && is_one_word(c->host) &&
        is_whole_lines(c->fields))
        return ERR_OK;
    return why(&c->why, ERR_BAD_VALUE,
               "white space in the method, the target or the host");
}

static void call_init(struct http_call *c, struct loop *l)
{
    http_call_fini(c);
    c->loop = l;
    c->started = loop_now(l);
    c->status = 0;
    c->connected_after_ms = c->answered_after_ms = 0;
    c->result = ERR_OK;
    c->connected = false;
    why_init(&c->why);
    text_init(&c->body_in, c->limit ? c->limit : DEFAULT_LIMIT);
    text_init(&c->head_in, HEAD_IN_LIMIT);
    timer_init(&c->timer, on_timeout);
}

static uint64_t connect_limit(const struct http_call *c)
{
    if (c->connect_timeout_ms &&
        (!c->timeout_ms || c->connect_timeout_ms < c->timeout_ms))
        return c->connect_timeout_ms;
    return c->timeout_ms;
}

enum err http_call_start(struct http_call *c, struct loop *l)
{
    enum err e;

    call_init(c, l);
    e = check(c);
    if (e)
        return e;
    c->scratch = malloc(sizeof(*c->scratch));
    if (!c->scratch)
        return ERR_NO_MEMORY;
    c->running = true;
    reader_init(&c->reader, HTTP_RESPONSES, &reader_events, c->scratch);
    reader_expect(&c->reader, http_method(c->method));
    socket_init(&c->socket, l, &call_events);
    start_timer(c, connect_limit(c));
    e = socket_connect(&c->socket, &c->to, on_connected);
    if (e != ERR_LATER)
        call_fail(c, e, "connecting to");
    return ERR_LATER;
}

/* --- afterwards --- */

struct slice http_call_field(const struct http_call *c, struct slice name)
{
    struct slice rest = text_slice(&c->head_in);

    while (rest.size > 0) {
        struct slice line = slice_first(rest, slice_find(rest, '\n'));
        size_t colon = slice_find(line, ':');

        if (slice_equals_nocase(slice_first(line, colon), name))
            return slice_trim(slice_after(line, colon + 1));
        rest = slice_after(rest, line.size + 1);
    }
    return (struct slice){NULL, 0};
}

void http_call_fini(struct http_call *c)
{
    text_fini(&c->body_in);
    text_fini(&c->head_in);
}
