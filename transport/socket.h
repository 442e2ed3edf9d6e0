/* socket.h - a stream over a kernel socket, TCP or Unix, on libuv.
 *
 *   socket_init > socket_connect --LATER--> connected(OK) ... > stream_close > closed
 *              '> listener's accept ------------------^
 *
 * uv_try_write first; only what the kernel refuses is queued (in the loop's chunks).
 * TCP_NODELAY on. The struct is embedded in its owner and lives until `closed`.
 * `connected` counts as an event: it never comes from inside socket_connect(), and not
 * after stream_close(). Writing before it is ERR_CLOSED. A write that failed leaves
 * reading on: what the other side said before it went can still be read.
 */
#ifndef TRANSPORT_SOCKET_H
#define TRANSPORT_SOCKET_H

#include <uv.h>

#include "sidecar/core/queue.h"
#include "transport/address.h"
#include "transport/loop.h"
#include "transport/stream.h"

struct socket {
    struct stream stream;
    union {
        uv_handle_t any; /* its loop is ours from socket_init() on */
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } handle;
    struct socket_request *request; /* while connecting, or bytes are queued */
    int error; /* the negative errno of what failed last, for people; 0: nothing did */
    bool open : 1;       /* the handle was initialised */
    bool connecting : 1; /* or not yet: nothing can be written */
    bool closing : 1;    /* only `closed` may come */
    bool reading : 1;    /* as asked for with stream_read() */
    bool above_high : 1; /* drained is owed */
    bool finishing : 1;  /* FIN when the queue is empty */
    bool broken : 1;     /* a write failed: no more */
    bool ended : 1;      /* `ended` came */
};

/* Any state may be passed to stream_close() after this, connected or not. */
void socket_init(struct socket *s, struct loop *l, const struct stream_events *events);
/* Starts connecting: ERR_LATER, then connected(ERR_OK | ERR_CONNECT_FAILED). Another
 * value: failed at once (ERR_CONNECT_FAILED, ERR_NO_MEMORY, ERR_OVERLOADED when
 * descriptors ran out). There is no timeout here: the owner closes when he is tired. */
enum err socket_connect(struct socket *s, const struct address *to,
                        void (*connected)(struct socket *s, enum err e));
/* Is the kernel's input empty and open? One recv(MSG_PEEK | MSG_DONTWAIT): false when the
 * peer has closed or sent something that libuv has not told us yet. */
bool socket_is_quiet(const struct socket *s);
/* Bytes written that the other side's kernel has not got yet: ours to send, the kernel's
 * to send, or not acknowledged. Only good to be compared: does it change? One ioctl. */
size_t socket_unsent(const struct socket *s);
/* A second descriptor of the same connection, the caller's; -1: none is left. */
int socket_duplicate(const struct socket *s);
enum err socket_peer(const struct socket *s, struct address *a);
enum err socket_local(const struct socket *s, struct address *a);
/* For listener.c: the connection that waits on `server`, and then a first read without
 * asking epoll. */
enum err socket_accept(struct socket *s, uv_stream_t *server);
/* A connected descriptor, ours from now on, also on failure (ERR_NO_MEMORY, ERR_IO). The
 * first read is socket_read_now(). */
enum err socket_adopt(struct socket *s, int fd, bool is_path);
void socket_read_now(struct socket *s);

#endif
