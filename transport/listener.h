/* listener.h - accepts connections on an address.
 *
 *   listener_open > accept ... > listener_close > closed
 *
 * TCP_NODELAY is inherited; TCP_DEFER_ACCEPT is not set by default (a silent client must
 * be seen by the idle limit). When descriptors run out, libuv's reserved descriptor turns
 * away what waits; when that is not enough, accepting pauses (clients wait in the
 * kernel's backlog) and resumes by itself, so that the loop never spins. A Unix path that
 * nobody listens on is replaced; one that somebody does is ERR_ADDRESS_IN_USE.
 * listener_close() removes the path.
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
    int spare_fd; /* the same listening socket again, to come back with after a pause */
    struct timer resume;
    bool open; /* the handle is initialised and not yet closed */
    bool closing;
    void *owner;
    /* Give a socket that was socket_init()ed, or NULL to turn the connection away. Should
     * accepting fail, its `closed` comes without `accepted`. */
    struct socket *(*offer)(struct listener *l);
    /* It is connected; data comes right after this has returned, or later. */
    void (*accepted)(struct listener *l, struct socket *s);
    /* Another loop may have it instead: asked first. Then give() brings the descriptor, which it owns; or does not
     * come, when accepting failed. May be NULL, both. */
    bool (*gives)(struct listener *l);
    void (*give)(struct listener *l, int fd);
    void (*closed)(struct listener *l);
};

/* Binds alone first (so that SO_REUSEPORT can't hide a conflict), listens (so that nobody
 * else can bind) and returns the fd, to be handed to listener_open() of one loop; further
 * loops of the same address take listener_bind_shared(). `a` gets the real port.
 * ERR_ADDRESS_IN_USE: w says who holds the port when /proc tells (slow
 * where there are many processes: not asked when w is NULL). ERR_UNAVAILABLE: this
 * host has no such address (say, no IPv6). ERR_DENIED: not permitted. */
enum err listener_bind(struct address *a, bool reuse_port, int *fd, struct why *w);
/* Another socket on an address already bound with reuse_port. A path can't be shared:
 * ERR_UNSUPPORTED. */
enum err listener_bind_shared(const struct address *a, int *fd, struct why *w);
/* Starts to accept on `fd`, which it owns from now on, also on failure. owner, offer and
 * accepted are set by the caller before, the rest is zero. After a failure, too,
 * listener_close() is the way out. */
enum err listener_open(struct listener *l, struct loop *loop, int fd, struct why *w);
/* For tests and the simple: bind and open. */
enum err listener_listen(struct listener *l, struct loop *loop, struct address *a,
                         struct why *w);
/* The address is free when this returns. `closed` may be NULL. */
void listener_close(struct listener *l, void (*closed)(struct listener *l));

#endif
