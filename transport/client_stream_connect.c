/* From HOST:PORT to a connected socket: names, and their addresses one after another. */
#include <stdlib.h>

#include "transport/client_stream_inside.h"

enum { ADDRESS_MS = 2000 /* for one address while there are others */ };

static void on_told(struct timer *t)
{
    struct client_stream_inside *i = container_of(t, struct client_stream_inside, timer);

    i->stream->connected(i->stream, i->told);
}

/* In the next turn: never from inside a call. */
static void tell(struct client_stream_inside *i, enum err e)
{
    i->told = e;
    timer_stop(&i->timer, client_stream_clock(i));
    timer_init(&i->timer, on_told);
    timer_start(&i->timer, client_stream_clock(i), 0);
}

/* The next address, if there is one, when this socket has closed. */
void client_stream_give_up(struct client_stream_inside *i, enum err e, const char *reason)
{
    char text[ADDRESS_TEXT];

    timer_stop(&i->timer, client_stream_clock(i));
    why(&i->stream->why, e, "%s: %s", address_format(&i->stream->peer, text), reason);
    i->retries = i->next < i->count && e == ERR_CONNECT_FAILED && !i->session;
    if (i->has_socket)
        stream_close(&i->socket.stream);
    if (!i->retries)
        tell(i, e);
    else if (!i->has_socket)
        client_stream_try_next(i);
}

static void on_address_late(struct timer *t)
{
    struct client_stream_inside *i = container_of(t, struct client_stream_inside, timer);

    client_stream_give_up(i, ERR_CONNECT_FAILED, "no answer");
}
static void on_connected(struct socket *socket, enum err e)
{
    struct client_stream_inside *i = client_stream_inside_of(&socket->stream);

    if (e) {
        client_stream_give_up(i, e,
                              socket->error ? uv_strerror(socket->error) : err_text(e));
        return;
    }
    timer_stop(&i->timer, client_stream_clock(i));
    if (i->tls) {
        client_stream_begin_tls(i);
        return;
    }
    i->is_connected = true;
    i->stream->connected(i->stream, ERR_OK);
}
void client_stream_try_next(struct client_stream_inside *i)
{
    struct client_stream *s = i->stream;
    enum err e;

    s->peer = i->addresses[i->next++];
    socket_init(&i->socket, s->loop, &client_stream_socket_events);
    i->has_socket = true;
    i->retries = false;
    timer_stop(&i->timer, client_stream_clock(i));
    timer_init(&i->timer, on_address_late);
    if (i->next < i->count)
        timer_start(&i->timer, client_stream_clock(i), ADDRESS_MS);
    e = socket_connect(&i->socket, &s->peer, on_connected);
    if (e != ERR_LATER)
        client_stream_give_up(
            i, e, i->socket.error ? uv_strerror(i->socket.error) : err_text(e));
}
/* --- names --- */

static bool take_address(struct address *a, const struct sockaddr *found, unsigned port)
{
    if (found->sa_family == AF_INET)
        memcpy(&a->v4, found, sizeof(a->v4));
    else if (found->sa_family == AF_INET6)
        memcpy(&a->v6, found, sizeof(a->v6));
    else
        return false;
    address_set_port(a, port);
    return true;
}

static enum err take_addresses(struct client_stream_inside *i, struct addrinfo *found,
                               unsigned port)
{
    unsigned count = 0;

    for (struct addrinfo *at = found; at; at = at->ai_next)
        count++;
    i->addresses = calloc(count + 1, sizeof(*i->addresses));
    if (!i->addresses)
        return ERR_NO_MEMORY;
    for (struct addrinfo *at = found; at; at = at->ai_next)
        i->count += take_address(&i->addresses[i->count], at->ai_addr, port);
    return i->count ? ERR_OK : ERR_CONNECT_FAILED;
}

static void on_looked_up(uv_getaddrinfo_t *lookup, int status, struct addrinfo *found)
{
    struct client_stream_inside *i =
        container_of(lookup, struct client_stream_inside, lookup);
    struct client_stream *s = i->stream;
    enum err e = ERR_CONNECT_FAILED;

    loop_touch(s->loop);
    i->looking = false;
    if (!i->closing && status == 0)
        e = take_addresses(i, found, address_port(&s->peer));
    uv_freeaddrinfo(found);
    if (i->closing) {
        client_stream_end_if_done(i);
    } else if (e) {
        why_in(&s->why, "%s", uv_strerror(status ? status : UV_EAI_NONAME));
        tell(i, e);
    } else {
        client_stream_try_next(i);
    }
}

static enum err look_up(struct client_stream_inside *i, const char *name)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    int status;

    i->looking = true;
    status = uv_getaddrinfo(&i->stream->loop->uv, &i->lookup, on_looked_up, name, NULL,
                            &hints);
    i->looking = status == 0;
    return status == 0 ? ERR_LATER : ERR_NO_MEMORY;
}

static enum err one_address(struct client_stream_inside *i, const struct address *a)
{
    i->addresses = malloc(sizeof(*i->addresses));
    if (!i->addresses)
        return ERR_NO_MEMORY;
    i->addresses[0] = *a;
    i->count = 1;
    client_stream_try_next(i);
    return ERR_LATER;
}

enum err client_stream_connect(struct client_stream *s, const struct client_target *to,
                               void (*connected)(struct client_stream *s, enum err e))
{
    struct address a;

    s->connected = connected;
    if (to->host.size > HOST_LIMIT)
        return why(&s->why, ERR_BAD_VALUE, "the host's name is too long");
    s->inside->tls = to->tls;
    memcpy(s->inside->host, to->host.base, to->host.size);
    if (slice_starts_with(to->host, SLICE("unix:")))
        return address_parse(&a, to->host, 0, &s->why) ? ERR_BAD_VALUE
                                                       : one_address(s->inside, &a);
    if (!address_from_ip(&a, to->host, to->port))
        return one_address(s->inside, &a);
    address_from_ip(&s->peer, SLICE("0.0.0.0"), to->port); /* keeps the port until then */
    why(&s->why, ERR_CONNECT_FAILED, "%s", s->inside->host);
    return look_up(s->inside, s->inside->host);
}
