/* listener.h - accepts connections on an address.
 *
 *   listener_open > accept ... > listener_close > closed
 *
 * TCP_NODELAY is inherited; TCP_DEFER_ACCEPT is not set by default (a silent client must be seen by the
 * idle limit). When descriptors run out, accepting pauses and a reserved descriptor turns away what
 * waits, so that the loop never spins; it resumes by itself. A Unix path that nobody listens on is replaced;
 * one that somebody does is ERR_ADDRESS_IN_USE.
 */
#ifndef TRANSPORT_LISTENER_H
#define TRANSPORT_LISTENER_H

#include "sidecar/core/why.h"
#include "transport/socket.h"

struct listener {
    struct loop *loop;
    union {
        uv_handle_t any;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } handle;
    struct address address; /* with the real port once open */
    int reserve_fd;
    struct timer resume;
    bool paused;
    void *owner;
    /* Give a socket that was socket_init()ed, or NULL to turn the connection away. */
    struct socket *(*offer)(struct listener *l);
    /* It is connected; data may come from the next turn on (or within listener's callback after this). */
    void (*accepted)(struct listener *l, struct socket *s);
    void (*closed)(struct listener *l);
};

/* Binds alone first (so that SO_REUSEPORT can't hide a conflict) and returns the fd, to be handed to
 * listener_open_fd() of one loop; further loops of the same address take listener_bind_shared().
 * ERR_ADDRESS_IN_USE: w says who holds the port when /proc tells. `a` gets the real port. */
enum err listener_bind(struct address *a, bool reuse_port, int *fd, struct why *w);
/* Another socket on an address already bound with reuse_port. */
enum err listener_bind_shared(const struct address *a, int *fd, struct why *w);
/* Starts to accept on `fd`, which it owns from now on, also on failure. owner, offer and accepted are
 * set by the caller before. */
enum err listener_open(struct listener *l, struct loop *loop, int fd, struct why *w);
/* For tests and the simple: bind and open. */
enum err listener_listen(struct listener *l, struct loop *loop, struct address *a, struct why *w);
void listener_close(struct listener *l, void (*closed)(struct listener *l));

#endif
