#include "transport/http_server.h"

#include <stdlib.h>
#include <unistd.h>

#include "transport/http_server_inside.h"

enum {
    DEFAULT_BODY = 1024 * 1024,
    DEFAULT_IDLE_MS = 60 * 1000,
    DEFAULT_HEAD_MS = 10 * 1000
};
enum { DEFAULT_CONNECTIONS = 256, SPARE_BLOCKS = 8 };

struct server_listener {
    struct list node;
    struct listener listener;
};

/* The last call: the memory of the server may go in it. */
static void check_closed(struct http_server *s)
{
    if (!s->closing || !list_empty(&s->listeners) || !list_empty(&s->connections))
        return;
    timer_stop(&s->grace, &s->loop->clock);
    arena_pool_fini(&s->arenas);
    if (s->closed)
        s->closed(s);
}

void server_forget_connection(struct http_server *s)
{
    s->connection_count--;
    check_closed(s);
}

static void on_grace_over(struct timer *t)
{
    struct http_server *s = container_of(t, struct http_server, grace);

    list_each(node, after, &s->connections)
        server_connection_drop(container_of(node, struct server_connection, node));
    check_closed(s);
}

enum err server_open(struct http_server *s, struct loop *l)
{
    s->loop = l;
    s->body_limit = s->body_limit ? s->body_limit : DEFAULT_BODY;
    s->idle_ms = s->idle_ms ? s->idle_ms : DEFAULT_IDLE_MS;
    s->head_ms = s->head_ms ? s->head_ms : DEFAULT_HEAD_MS;
    s->max_connections = s->max_connections ? s->max_connections : DEFAULT_CONNECTIONS;
    list_init(&s->listeners);
    list_init(&s->connections);
    arena_pool_init(&s->arenas, SPARE_BLOCKS);
    timer_init(&s->grace, on_grace_over);
    return ERR_OK;
}

static void on_listener_closed(struct listener *l)
{
    struct server_listener *mine = container_of(l, struct server_listener, listener);
    struct http_server *s = l->owner;

    list_remove(&mine->node);
    free(mine);
    check_closed(s);
}

enum err server_listen(struct http_server *s, int fd, struct why *w)
{
    struct server_listener *l = calloc(1, sizeof(*l));
    enum err e;

    if (!l) {
        close(fd);
        return ERR_NO_MEMORY;
    }
    l->listener.owner = s;
    l->listener.offer = server_connection_offer;
    l->listener.accepted = server_connection_accepted;
    list_push_back(&s->listeners, &l->node);
    e = listener_open(&l->listener, s->loop, fd, w);
    if (e)
        listener_close(&l->listener, on_listener_closed);
    return e;
}

void server_close(struct http_server *s, uint64_t grace_ms,
                  void (*closed)(struct http_server *s))
{
    s->closing = true;
    s->closed = closed;
    list_each(node, after, &s->listeners) listener_close(
        &container_of(node, struct server_listener, node)->listener, on_listener_closed);
    list_each(node, after, &s->connections)
        server_connection_retire(container_of(node, struct server_connection, node));
    if (list_empty(&s->connections))
        grace_ms = 0; /* only to be called back later */
    timer_start(&s->grace, &s->loop->clock, grace_ms);
}
