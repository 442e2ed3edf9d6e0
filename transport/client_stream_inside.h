/* client_stream_inside.h - between client_stream.c (a connected stream, and its end), client_stream_connect.c (how it
 * comes to be connected) and client_stream_tls.c (what TLS does in between). */
#ifndef TRANSPORT_CLIENT_STREAM_INSIDE_H
#define TRANSPORT_CLIENT_STREAM_INSIDE_H

#include "transport/client_stream.h"
#include "transport/tls_session.h"

/* What lives until `closed`, whoever waits for whom. */
struct client_stream_inside {
    struct client_stream *stream;
    struct socket socket; /* of the present try */
    struct address *addresses;
    unsigned count, next;
    uv_getaddrinfo_t lookup;
    struct timer timer; /* of one try; then of what is told in the next turn */
    enum err told;
    struct tls_client *tls;      /* of the target; NULL: in the clear */
    struct tls_session *session; /* from the connect on */
    struct timer pump;           /* what was decrypted goes on */
    bool looking;                /* the look-up's callback is still to come */
    bool has_socket;             /* ... and its `closed` */
    bool retries;      /* when the socket has closed the next address is tried */
    bool is_connected; /* `connected` came: from here on all is the socket's word */
    bool closing;
    bool reads;   /* as asked for with stream_read(); of TLS */
    bool has_end; /* `ended` came; of TLS */
    char host[HOST_LIMIT + 1];
};

static inline struct client_stream_inside *client_stream_inside_of(struct stream *socket)
{
    return container_of(container_of(socket, struct socket, stream),
                        struct client_stream_inside, socket);
}

static inline struct clock *client_stream_clock(struct client_stream_inside *i)
{
    return &i->stream->loop->clock;
}

/* client_stream.c */
extern const struct stream_events client_stream_socket_events;
void client_stream_end_if_done(struct client_stream_inside *i);
/* `ended` for the user, who is told once. */
void client_stream_end(struct client_stream_inside *i, enum err e);

/* client_stream_connect.c */
/* This address will not do: the next, if there is one, when the socket has closed. */
void client_stream_give_up(struct client_stream_inside *i, enum err e,
                           const char *reason);
/* Its socket has closed, and another address is to be tried. */
void client_stream_try_next(struct client_stream_inside *i);

/* client_stream_tls.c */
/* What TLS has to say goes out. */
enum err client_stream_flush(struct client_stream_inside *i);
enum err client_stream_write_tls(struct client_stream_inside *i,
                                 const struct slice *slices, unsigned count,
                                 size_t *sent);
/* All that was decrypted goes to the user, as long as he wants it. */
void client_stream_pump(struct client_stream_inside *i);
void client_stream_begin_tls(struct client_stream_inside *i);
/* What came from the socket: of the handshake, or after it. */
void client_stream_feed_tls(struct client_stream_inside *i, struct slice bytes);
void client_stream_fail_handshake(struct client_stream_inside *i, enum err e,
                                  const char *reason);

#endif
