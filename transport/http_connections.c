#include "transport/http_connections.h"

#include <stdlib.h>

#include "transport/http_connections_inside.h"

struct http_connections {
    struct loop *loop;
    struct list kept; /* the warmest first */
    unsigned count;   /* of those */
    unsigned open;    /* and those that close */
    bool closing;
    struct timer end;
    void (*closed)(void *owner);
    void *owner;
};

static void on_end(struct timer *t)
{
    struct http_connections *c = container_of(t, struct http_connections, end);
    void (*closed)(void *) = c->closed;
    void *owner = c->owner;

    free(c);
    closed(owner);
}

static void end_if_done(struct http_connections *c)
{
    if (c->closing && c->open == 0)
        timer_start(&c->end, &c->loop->clock, 0);
}

enum err http_connections_open(struct http_connections **out, struct loop *l)
{
    struct http_connections *c = calloc(1, sizeof(*c));

    if (!c)
        return ERR_NO_MEMORY;
    c->loop = l;
    list_init(&c->kept);
    timer_init(&c->end, on_end);
    *out = c;
    return ERR_OK;
}

/* Out of the list; what is done with it comes next. */
static void take_out(struct http_connection *connection)
{
    struct http_connections *c = connection->store;

    timer_stop(&connection->idle, &c->loop->clock);
    list_remove(&connection->node);
    c->count--;
}

void http_connections_lost(struct http_connection *connection)
{
    if (list_empty(&connection->node))
        return; /* it closes already */
    take_out(connection);
    stream_close(&connection->stream.stream);
}

void http_connections_closed(struct http_connection *connection)
{
    struct http_connections *c = connection->store;

    free(connection);
    c->open--;
    end_if_done(c);
}

static void on_idle(struct timer *t)
{
    http_connections_lost(container_of(t, struct http_connection, idle));
}

static bool leads_to(const struct http_connection *connection,
                     const struct http_connection_key *key)
{
    const struct http_connection_key *own = &connection->key;

    return own->port == key->port && own->tls == key->tls &&
           strcmp(own->host, key->host) == 0;
}

struct http_connection *http_connections_take(struct http_connections *c,
                                              const struct http_connection_key *key)
{
    list_each(at, after, &c->kept)
    {
        struct http_connection *connection =
            container_of(at, struct http_connection, node);

        if (!leads_to(connection, key))
            continue;
        take_out(connection);
        connection->store = NULL;
        c->open--;
        return connection;
    }
    return NULL;
}

void http_connections_doubt(struct http_connections *c,
                            const struct http_connection_key *key)
{
    list_each(at, after, &c->kept)
    {
        struct http_connection *connection =
            container_of(at, struct http_connection, node);

        if (leads_to(connection, key))
            http_connections_lost(connection);
    }
}

void http_connections_keep(struct http_connections *c, struct http_connection *connection)
{
    connection->store = c;
    connection->was_kept = true;
    c->open++;
    if (c->closing) {
        stream_close(&connection->stream.stream);
        return;
    }
    if (c->count == HTTP_KEPT_LIMIT)
        http_connections_lost(
            container_of(c->kept.previous, struct http_connection, node));
    list_push_front(&c->kept, &connection->node);
    c->count++;
    timer_init(&connection->idle, on_idle);
    timer_start(&connection->idle, &c->loop->clock, HTTP_KEPT_IDLE_MS);
}

void http_connections_close(struct http_connections *c, void (*closed)(void *owner),
                            void *owner)
{
    c->closing = true;
    c->closed = closed;
    c->owner = owner;
    list_each(at, after, &c->kept)
        http_connections_lost(container_of(at, struct http_connection, node));
    end_if_done(c);
}
