#include "transport/client_stream.h"

#include <stdlib.h>

enum { ADDRESS_MS = 2000 /* for one address while there are others */ };

/* What lives until `closed`, whoever waits for whom. */
struct client_stream_inside {
    struct client_stream *stream;
    struct socket socket; /* of the present try */
    struct address *addresses;
    unsigned count, next;
    uv_getaddrinfo_t lookup;
    struct timer timer; /* of one try; then of what is told in the next turn */
    enum err told;
    bool looking;      /* the look-up's callback is still to come */
    bool has_socket;   /* ... and its `closed` */
    bool retries;      /* when the socket has closed the next address is tried */
    bool is_connected; /* `connected` came: from here on all is the socket's word */
    bool closing;
};

static struct client_stream *stream_of(const struct stream *s)
{
    return container_of(s, struct client_stream, stream);
}

static struct client_stream_inside *inside_of(struct stream *socket)
{
    return container_of(container_of(socket, struct socket, stream),
                        struct client_stream_inside, socket);
}

static struct clock *clock_of(struct client_stream_inside *i)
{
    return &i->stream->loop->clock;
}

/* --- the end --- */

static void on_gone(struct timer *t)
{
    struct client_stream_inside *i = container_of(t, struct client_stream_inside, timer);
    struct client_stream *s = i->stream;

    free(i->addresses);
    free(i);
    s->inside = NULL;
    if (s->stream.events->closed)
        s->stream.events->closed(&s->stream);
}

static void end_if_done(struct client_stream_inside *i)
{
    if (!i->closing || i->looking || i->has_socket)
        return;
    timer_init(&i->timer, on_gone);
    timer_start(&i->timer, clock_of(i), 0);
}

static bool begin_closing(struct client_stream_inside *i)
{
    if (i->closing)
        return false;
    i->closing = true;
    timer_stop(&i->timer, clock_of(i));
    if (i->looking)
        uv_cancel((uv_req_t *)&i->lookup);
    return true;
}

static void client_stream_close(struct stream *stream)
{
    struct client_stream_inside *i = stream_of(stream)->inside;

    if (!begin_closing(i))
        return;
    if (i->has_socket)
        stream_close(&i->socket.stream);
    end_if_done(i);
}

static void client_stream_abort(struct stream *stream)
{
    struct client_stream_inside *i = stream_of(stream)->inside;

    if (!begin_closing(i))
        return;
    if (i->has_socket)
        stream_abort(&i->socket.stream);
    end_if_done(i);
}

/* --- once it is connected --- */

static enum err client_stream_writev(struct stream *stream, const struct slice *slices,
                                     unsigned count, size_t *sent)
{
    struct client_stream_inside *i = stream_of(stream)->inside;

    if (i->is_connected && !i->closing)
        return stream_writev(&i->socket.stream, slices, count, sent);
    if (sent)
        *sent = 0;
    return ERR_CLOSED;
}

static void client_stream_read(struct stream *stream, bool on)
{
    struct client_stream_inside *i = stream_of(stream)->inside;

    if (i->is_connected && !i->closing)
        stream_read(&i->socket.stream, on);
}

static void client_stream_finish(struct stream *stream)
{
    struct client_stream_inside *i = stream_of(stream)->inside;

    if (i->is_connected && !i->closing)
        stream_finish(&i->socket.stream);
}

static size_t client_stream_queued(const struct stream *stream)
{
    struct client_stream_inside *i = stream_of(stream)->inside;

    return i->is_connected && !i->closing ? stream_queued(&i->socket.stream) : 0;
}

static const struct stream_ops client_stream_ops = {
    .writev = client_stream_writev,
    .read = client_stream_read,
    .finish = client_stream_finish,
    .close = client_stream_close,
    .abort = client_stream_abort,
    .queued = client_stream_queued,
};

static void on_data(struct stream *socket, struct slice bytes)
{
    struct client_stream *s = inside_of(socket)->stream;

    s->stream.events->data(&s->stream, bytes);
}

static void on_drained(struct stream *socket)
{
    struct client_stream *s = inside_of(socket)->stream;

    if (s->stream.events->drained)
        s->stream.events->drained(&s->stream);
}

static void on_ended(struct stream *socket, enum err e)
{
    struct client_stream *s = inside_of(socket)->stream;

    if (s->stream.events->ended)
        s->stream.events->ended(&s->stream, e);
}

/* --- connecting --- */

static void try_next(struct client_stream_inside *i);

static void on_told(struct timer *t)
{
    struct client_stream_inside *i = container_of(t, struct client_stream_inside, timer);

    i->stream->connected(i->stream, i->told);
}

/* In the next turn: never from inside a call. */
static void tell(struct client_stream_inside *i, enum err e)
{
    i->told = e;
    timer_stop(&i->timer, clock_of(i));
    timer_init(&i->timer, on_told);
    timer_start(&i->timer, clock_of(i), 0);
}

static void on_socket_closed(struct stream *socket)
{
    struct client_stream_inside *i = inside_of(socket);

    i->has_socket = false;
    if (i->closing)
        end_if_done(i);
    else if (i->retries)
        try_next(i);
}

static const struct stream_events socket_events = {
    .data = on_data,
    .drained = on_drained,
    .ended = on_ended,
    .closed = on_socket_closed,
};

/* The next address, if there is one, when this socket has closed. */
static void give_up_address(struct client_stream_inside *i, enum err e,
                            const char *reason)
{
    char text[ADDRESS_TEXT];

    timer_stop(&i->timer, clock_of(i));
    why(&i->stream->why, e, "%s: %s", address_format(&i->stream->peer, text), reason);
    i->retries = i->next < i->count && e != ERR_NO_MEMORY && e != ERR_OVERLOADED;
    if (i->has_socket)
        stream_close(&i->socket.stream);
    if (!i->retries)
        tell(i, e);
    else if (!i->has_socket)
        try_next(i);
}

static void on_address_late(struct timer *t)
{
    struct client_stream_inside *i = container_of(t, struct client_stream_inside, timer);

    give_up_address(i, ERR_CONNECT_FAILED, "no answer");
}

static void on_connected(struct socket *socket, enum err e)
{
    struct client_stream_inside *i = inside_of(&socket->stream);

    if (e) {
        give_up_address(i, e, socket->error ? uv_strerror(socket->error) : err_text(e));
        return;
    }
    timer_stop(&i->timer, clock_of(i));
    i->is_connected = true;
    i->stream->connected(i->stream, ERR_OK);
}

static void try_next(struct client_stream_inside *i)
{
    struct client_stream *s = i->stream;
    enum err e;

    s->peer = i->addresses[i->next++];
    socket_init(&i->socket, s->loop, &socket_events);
    i->has_socket = true;
    i->retries = false;
    timer_stop(&i->timer, clock_of(i));
    timer_init(&i->timer, on_address_late);
    if (i->next < i->count)
        timer_start(&i->timer, clock_of(i), ADDRESS_MS);
    e = socket_connect(&i->socket, &s->peer, on_connected);
    if (e != ERR_LATER)
        give_up_address(i, e,
                        i->socket.error ? uv_strerror(i->socket.error) : err_text(e));
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
        end_if_done(i);
    } else if (e) {
        why_in(&s->why, "%s", uv_strerror(status ? status : UV_EAI_NONAME));
        tell(i, e);
    } else {
        try_next(i);
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
    try_next(i);
    return ERR_LATER;
}

enum err client_stream_connect(struct client_stream *s, const struct client_target *to,
                               void (*connected)(struct client_stream *s, enum err e))
{
    struct address a;
    char name[HOST_LIMIT + 1];

    s->connected = connected;
    if (to->tls)
        return why(&s->why, ERR_UNSUPPORTED, "TLS is not there yet");
    if (to->host.size > HOST_LIMIT)
        return why(&s->why, ERR_BAD_VALUE, "the host's name is too long");
    if (slice_starts_with(to->host, SLICE("unix:")))
        return address_parse(&a, to->host, 0, &s->why) ? ERR_BAD_VALUE
                                                       : one_address(s->inside, &a);
    if (!address_from_ip(&a, to->host, to->port))
        return one_address(s->inside, &a);
    memcpy(name, to->host.base, to->host.size);
    name[to->host.size] = '\0';
    address_from_ip(&s->peer, SLICE("0.0.0.0"), to->port); /* keeps the port until then */
    why(&s->why, ERR_CONNECT_FAILED, "%s", name);
    return look_up(s->inside, name);
}

enum err client_stream_init(struct client_stream *s, struct loop *l,
                            const struct stream_events *events)
{
    *s = (struct client_stream){
        .stream = {&client_stream_ops, events},
          .loop = l
    };
    why_init(&s->why);
    s->inside = calloc(1, sizeof(*s->inside));
    if (!s->inside)
        return ERR_NO_MEMORY;
    s->inside->stream = s;
    timer_init(&s->inside->timer, on_told);
    return ERR_OK;
}
