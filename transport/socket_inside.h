/* socket_inside.h - what socket.c and socket_write.c share, and nobody else. */
#ifndef TRANSPORT_SOCKET_INSIDE_H
#define TRANSPORT_SOCKET_INSIDE_H

#include "transport/socket.h"

/* What a socket needs only while it waits, be it to be connected or to be written to: most wait for neither. */
struct socket_request {
    union {
        struct {
            uv_connect_t connect;
            struct address to;
            void (*connected)(struct socket *s, enum err e);
        };
        struct {
            uv_write_t write;
            size_t size; /* what it took from the queue */
            struct queue queue;
        };
    };
};

static inline struct socket *socket_of(const struct stream *s)
{
    return container_of(s, struct socket, stream);
}

static inline struct socket *socket_of_handle(uv_handle_t *handle)
{
    return container_of(handle, struct socket, handle.any);
}

static inline struct loop *socket_loop(const struct socket *s)
{
    return container_of(s->handle.any.loop, struct loop, uv);
}

/* -1 when there is none, or no more. */
int socket_fd(const struct socket *s);
/* What went wrong, from a negative errno, which is noted. */
enum err socket_error(struct socket *s, int status);
/* `ended`, unless it came already or the socket is closing. */
void socket_end(struct socket *s, enum err e);
/* With what is queued. */
void socket_drop_request(struct socket *s);
/* Bytes that the kernel refused. */
size_t socket_waiting(const struct socket *s);

/* Of the vtable. */
enum err socket_writev(struct stream *stream, const struct slice *slices, unsigned count,
                       size_t *sent);
void socket_finish(struct stream *stream);
size_t socket_queued(const struct stream *stream);

#endif
