#include <stdio.h>
#include <time.h>

#include "transport/http_server_inside.h"

enum { HEAD_LIMIT = 64 * 1024, STREAM_LIMIT = 1024 * 1024 };

static struct server_connection *connection_of_request(struct http_request *q)
{
    return container_of(q, struct server_connection, request);
}

/* IMF-fixdate (RFC 9110 §5.6.7). */
static void add_date(struct text *out)
{
    time_t now = (time_t)(clock_wall_ms() / 1000);
    struct tm tm;
    char date[40];

    gmtime_r(&now, &tm);
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    text_addf(out, "Date: %s\r\n", date);
}

/* RFC 9110 §6.4.1: has no content, whatever the handler says. */
static bool status_has_body(unsigned status)
{
    return status >= 200 && status != 204 && status != 304;
}

static bool sends_body(const struct server_connection *c, unsigned status)
{
    return status_has_body(status) && c->request.head.method != METHOD_HEAD;
}

static void add_connection(const struct server_connection *c, struct text *out)
{
    if (!c->keep_alive)
        text_add(out, SLICE("Connection: close\r\n"));
    else if (c->request.head.minor == 0)
        text_add(out, SLICE("Connection: keep-alive\r\n"));
}

static void render_head(struct server_connection *c, unsigned status,
                        struct slice content_type, struct slice fields, struct text *out)
{
    c->keep_alive = c->keep_alive && !c->server->closing;
    text_init(out, HEAD_LIMIT);
    text_addf(out, "HTTP/1.1 %u %s\r\n", status, http_reason(status));
    add_date(out);
    if (content_type.size > 0) {
        text_add(out, SLICE("Content-Type: "));
        text_add(out, content_type);
        text_add(out, SLICE("\r\n"));
    }
    add_connection(c, out);
    text_add(out, fields);
}

static void connection_send(struct server_connection *c, const struct text *head,
                            struct slice body)
{
    struct slice slices[] = {text_slice(head), body};

    if (head->failed || stream_writev(&c->socket.stream, slices, 2, NULL) != ERR_OK)
        server_connection_drop(c);
}

void server_respond(struct http_request *q, unsigned status, struct slice content_type,
                    struct slice fields, struct slice body)
{
    struct server_connection *c = connection_of_request(q);
    struct text head;

    if (!server_connection_is_dead(c)) {
        render_head(c, status, content_type, fields, &head);
        if (status_has_body(status))
            text_addf(&head, "Content-Length: %zu\r\n", body.size);
        text_add(&head, SLICE("\r\n"));
        connection_send(c, &head, sends_body(c, status) ? body : SLICE(""));
        text_fini(&head);
    }
    server_connection_answered(c);
}

/* HTTP/1.0 knows no chunks: such an answer ends with its connection. */
void server_respond_start(struct http_request *q, unsigned status,
                          struct slice content_type, struct slice fields)
{
    struct server_connection *c = connection_of_request(q);
    struct text head;

    if (server_connection_is_dead(c))
        return;
    c->has_body = sends_body(c, status);
    c->chunked = c->has_body && q->head.minor > 0;
    c->keep_alive = c->keep_alive && q->head.minor > 0;
    render_head(c, status, content_type, fields, &head);
    if (q->head.minor > 0 && status_has_body(status))
        text_add(&head, SLICE("Transfer-Encoding: chunked\r\n"));
    text_add(&head, SLICE("\r\n"));
    connection_send(c, &head, SLICE(""));
    text_fini(&head);
    c->streaming = true;
    if (c->pending.size > 0 && !server_connection_is_dead(c))
        stream_read(&c->socket.stream, true);
}

void server_upgrade(struct http_request *q, struct slice fields)
{
    struct server_connection *c = connection_of_request(q);
    struct text head;

    if (server_connection_is_dead(c))
        return;
    c->has_body = true;
    c->chunked = c->keep_alive = false;
    c->upgraded = true;
    text_init(&head, HEAD_LIMIT);
    text_addf(&head, "HTTP/1.1 101 Switching Protocols\r\n");
    add_date(&head);
    text_add(&head, SLICE("Connection: Upgrade\r\n"));
    text_add(&head, fields);
    text_add(&head, SLICE("\r\n"));
    connection_send(c, &head, SLICE(""));
    text_fini(&head);
}

void server_respond_piece(struct http_request *q, struct slice bytes)
{
    struct server_connection *c = connection_of_request(q);
    char size[24];
    struct slice chunk[] = {
        {size, 0},
        bytes, SLICE("\r\n")
    };
    bool framed = c->chunked;
    enum err e;

    if (server_connection_is_dead(c) || bytes.size == 0 || !c->has_body)
        return;
    chunk[0].size = (size_t)snprintf(size, sizeof(size), "%zx\r\n", bytes.size);
    e = stream_writev(&c->socket.stream, framed ? chunk : &bytes, framed ? 3 : 1, NULL);
    if (e || stream_queued(&c->socket.stream) > STREAM_LIMIT)
        server_connection_drop(c);
}

void server_respond_end(struct http_request *q)
{
    struct server_connection *c = connection_of_request(q);

    if (!server_connection_is_dead(c) && c->chunked &&
        stream_write(&c->socket.stream, SLICE("0\r\n\r\n")) != ERR_OK)
        server_connection_drop(c);
    server_connection_answered(c);
}
