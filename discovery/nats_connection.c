/* One connection: until we are logged in, and what the server says then. */
#include <stdlib.h>

#include "discovery/nats_client_parts.h"
#include "sidecar/core/log.h"

static const struct stream_events events;

static struct nats_connection *connection_of(struct stream *s)
{
    return container_of(s, struct nats_connection, stream.stream);
}

static enum err say(struct nats_client *c, enum err e, const char *text)
{
    return why(&c->why, e, "%s: %s", c->server.name, text);
}

/* --- hello --- */

static void login(struct nats_client *c)
{
    struct nats_login l = {.name = c->settings.name,
                           .tls_required = c->connection->is_secure};
    struct text out;
    struct slice all;

    if (c->settings.events->login)
        c->settings.events->login(c->settings.owner, &l);
    text_init(&out, NATS_LINE_LIMIT);
    nats_write_connect(&out, &l);
    text_addf(&out, "PING\r\n");
    all = text_slice(&out);
    c->state = NATS_LOGGING_IN;
    c->pinged = 1;
    c->ponged = 0;
    if (out.failed)
        nats_client_fail(c, say(c, ERR_TOO_LARGE, "our CONNECT would be too long"));
    else
        nats_send(c, &all, 1); /* if it can't, the connection ends by the next turn */
    text_fini(&out);
}

static void on_connected(struct client_stream *s, enum err e)
{
    struct nats_connection *connection = connection_of(&s->stream);
    struct nats_client *c = connection->client;

    if (connection->is_over)
        return;
    if (e) {
        c->why = s->why;
        nats_client_fail(c, e == ERR_DENIED ? e : ERR_UNAVAILABLE);
        return;
    }
    connection->is_secure = c->state == NATS_SECURING;
    if (connection->is_secure)
        login(c);
    else
        c->state = NATS_GREETING;
}

static enum err start_tls(struct nats_client *c)
{
    enum err e = ERR_OK;

    if (!c->tls)
        e = tls_client_open(&c->tls, c->settings.tls, &c->why);
    c->state = NATS_SECURING;
    return e ? e : client_stream_start_tls(&c->connection->stream, c->tls, on_connected);
}

/* Whatever comes behind an INFO in the clear was not said by whom TLS will prove. */
static enum err secure(struct nats_client *c, const struct nats_info *i,
                       struct slice behind)
{
    enum err e;

    if (!i->tls_required && !i->tls_available)
        return say(c, ERR_DENIED, "this server has no TLS");
    if (behind.size > 0)
        return say(c, ERR_BAD_RESPONSE, "spoke before TLS had begun");
    e = start_tls(c);
    if (e && e != ERR_LATER)
        why_in(&c->why, "%s", c->server.name);
    return e == ERR_LATER ? ERR_OK : e;
}

static void greet(struct nats_client *c, const struct nats_info *i, struct slice behind)
{
    enum err e = ERR_OK;

    if (c->settings.is_tls || i->tls_required)
        e = secure(c, i, behind);
    else
        login(c);
    if (e)
        nats_client_fail(c, e);
}

/* --- what the server says --- */

static void take_info(struct nats_client *c, const struct nats_operation *op,
                      struct slice behind)
{
    struct nats_info i;

    if (nats_info_read(&i, op->text, &c->why)) {
        why_in(&c->why, "%s", c->server.name);
        nats_client_fail(c, ERR_BAD_RESPONSE);
        return;
    }
    c->max_payload = i.max_payload;
    nats_servers_learn(&c->servers, &i);
    if (c->state == NATS_GREETING)
        greet(c, &i, behind);
    else if (i.lame_duck && c->servers.count > 1)
        nats_client_fail(c, say(c, ERR_UNAVAILABLE, "is about to stop"));
}

static void take_message(struct nats_client *c, const struct nats_operation *op,
                         struct slice behind)
{
    (void)behind;
    nats_traffic_message(c, &op->message);
}

static void take_ping(struct nats_client *c, const struct nats_operation *op,
                      struct slice behind)
{
    struct slice pong = SLICE("PONG\r\n");

    (void)op;
    (void)behind;
    nats_send(c, &pong, 1);
}

static void take_pong(struct nats_client *c, const struct nats_operation *op,
                      struct slice behind)
{
    (void)op;
    (void)behind;
    nats_traffic_pong(c);
    if (c->state == NATS_LOGGING_IN)
        nats_client_ready(c);
}

static bool begins(struct slice text, const char *with)
{
    return slice_equals_nocase(slice_first(text, strlen(with)), slice_of(with));
}

static bool is_any(struct slice text, const char *const *beginnings)
{
    for (; *beginnings; beginnings++)
        if (begins(text, *beginnings))
            return true;
    return false;
}

/* The connection stays: one operation was not done. */
static const char *const refusals[] = {"Permissions Violation", "Invalid Subject",
                                       "Invalid Publish Subject", NULL};
static const char *const denials[] = {"Authorization Violation", "User Authentication",
                                      "Account Authentication",  "Authentication Expired",
                                      "Authentication Revoked",  NULL};

static void take_error(struct nats_client *c, const struct nats_operation *op,
                       struct slice behind)
{
    char quoted[256];
    enum err e = is_any(op->text, denials) ? ERR_DENIED : ERR_UNAVAILABLE;

    (void)behind;
    if (is_any(op->text, refusals)) {
        nats_traffic_refused(c, op->text);
        return;
    }
    log_quote(quoted, sizeof quoted, op->text);
    nats_client_fail(c, say(c, e, quoted));
}

static void take_nothing(struct nats_client *c, const struct nats_operation *op,
                         struct slice behind)
{
    (void)c;
    (void)op;
    (void)behind;
}

static void (*const takers[])(struct nats_client *c, const struct nats_operation *op,
                              struct slice behind) = {
    [NATS_INFO] = take_info, [NATS_MSG] = take_message, [NATS_HMSG] = take_message,
    [NATS_PING] = take_ping, [NATS_PONG] = take_pong,   [NATS_OK] = take_nothing,
    [NATS_ERR] = take_error,
};

/* A server says who it is first, and nothing before TLS has begun. */
static bool may_say(const struct nats_client *c, enum nats_kind kind)
{
    if (c->state == NATS_GREETING)
        return kind == NATS_INFO || kind == NATS_ERR;
    return c->state == NATS_LOGGING_IN || c->state == NATS_READY;
}

static void take(struct nats_client *c, const struct nats_operation *op,
                 struct slice behind)
{
    if (may_say(c, op->kind))
        takers[op->kind](c, op, behind);
    else
        nats_client_fail(c, say(c, ERR_BAD_RESPONSE, "does not speak NATS"));
}

static void fail_reading(struct nats_client *c, enum err e)
{
    if (e == ERR_NO_MEMORY)
        nats_client_fail(c, say(c, e, err_text(e)));
    else
        nats_client_fail(
            c, say(c, ERR_BAD_RESPONSE, "said what is no NATS, or too much of it"));
}

static void on_data(struct stream *s, struct slice bytes)
{
    struct nats_connection *connection = connection_of(s);
    struct nats_operation op;
    enum err e = ERR_OK;

    while (!connection->is_over && !e) {
        e = nats_parse(&connection->parser, &bytes, &op);
        if (!e)
            take(connection->client, &op, bytes);
    }
    if (!connection->is_over && e != ERR_LATER)
        fail_reading(connection->client, e);
}

static void on_drained(struct stream *s)
{
    (void)s;
}

static void on_ended(struct stream *s, enum err e)
{
    struct nats_connection *connection = connection_of(s);

    if (!connection->is_over)
        nats_client_fail(connection->client,
                         say(connection->client, ERR_UNAVAILABLE,
                             e ? err_text(e) : "closed the connection"));
}

/* --- life --- */

static void on_closed(struct stream *s)
{
    struct nats_connection *connection = connection_of(s);
    struct nats_client *c = connection->client;

    list_remove(&connection->node);
    nats_parser_fini(&connection->parser);
    free(connection);
    nats_client_connection_closed(c);
}

static const struct stream_events events = {
    .data = on_data, .drained = on_drained, .ended = on_ended, .closed = on_closed};

enum err nats_connection_open(struct nats_client *c)
{
    struct nats_connection *connection = calloc(1, sizeof *connection);
    struct client_target to = {.host = slice_of(c->server.host), .port = c->server.port};

    if (!connection)
        return ERR_NO_MEMORY;
    connection->client = c;
    list_init(&connection->node);
    nats_parser_init(&connection->parser, c->settings.payload_limit);
    if (client_stream_init(&connection->stream, c->settings.loop, &events)) {
        free(connection);
        return ERR_NO_MEMORY;
    }
    c->connection = connection;
    return client_stream_connect(&connection->stream, &to, on_connected);
}

void nats_connection_close(struct nats_connection *connection)
{
    connection->is_over = true;
    list_push_back(&connection->client->closing, &connection->node);
    stream_close(&connection->stream.stream);
}
