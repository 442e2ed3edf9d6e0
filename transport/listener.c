#include "transport/listener.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "sidecar/core/log.h"

enum { BACKLOG = 4096, PAUSE_MS = 100 };

static struct listener *listener_of(uv_handle_t *handle)
{
    return container_of(handle, struct listener, handle.any);
}

static void on_closed(uv_handle_t *handle)
{
    struct listener *l = listener_of(handle);

    loop_touch(l->loop);
    l->open = false;
    if (l->closed)
        l->closed(l);
}

/* --- pausing: libuv cannot stop to listen, so the handle goes and the spare descriptor
 * stays --- */

static void on_paused(uv_handle_t *handle)
{
    struct listener *l = listener_of(handle);

    if (l->closing) {
        on_closed(handle);
        return;
    }
    loop_touch(l->loop);
    l->open = false;
    timer_start(&l->resume, &l->loop->clock, PAUSE_MS);
}

static void listener_pause(struct listener *l, int status)
{
    char text[ADDRESS_TEXT];

    if (uv_is_closing(&l->handle.any))
        return;
    log_warn("listener.paused", "address=%s reason=\"%s\"",
             address_format(&l->address, text), uv_strerror(status));
    uv_close(&l->handle.any, on_paused);
}

/* --- accepting --- */

static void free_socket(struct stream *s)
{
    free(container_of(s, struct socket, stream));
}

/* libuv gives a connection to a handle only. `s` is to be closed. */
static struct socket *accept_unread(struct listener *l)
{
    static const struct stream_events none = {.closed = free_socket};
    struct socket *s = malloc(sizeof(*s));

    if (!s) {
        listener_pause(l, UV_ENOMEM);
        return NULL;
    }
    socket_init(s, l->loop, &none);
    stream_read(&s->stream, false);
    socket_accept(s, &l->handle.stream);
    return s;
}

static void turn_away(struct listener *l)
{
    struct socket *s = accept_unread(l);

    if (s)
        stream_close(&s->stream);
}

/* The handle is closed; the connection lives on by its second descriptor. */
static void give_away(struct listener *l)
{
    struct socket *s = accept_unread(l);
    int fd;

    if (!s)
        return;
    fd = socket_duplicate(s);
    stream_close(&s->stream);
    if (fd >= 0)
        l->give(l, fd);
}

static void accept_one(struct listener *l)
{
    struct socket *s;

    if (l->gives && l->gives(l)) {
        give_away(l);
        return;
    }
    s = l->offer(l);
    if (!s) {
        turn_away(l);
        return;
    }
    if (socket_accept(s, &l->handle.stream) != ERR_OK) {
        stream_close(&s->stream);
        return;
    }
    l->accepted(l, s);
    socket_read_now(s);
}

/* Others than these concern one connection only (accept(2)). */
static bool is_shortage(int status)
{
    return status == UV_EMFILE || status == UV_ENFILE || status == UV_ENOBUFS ||
           status == UV_ENOMEM;
}

static void on_connection(uv_stream_t *server, int status)
{
    struct listener *l = listener_of((uv_handle_t *)server);

    loop_touch(l->loop);
    if (status == 0)
        accept_one(l);
    else if (is_shortage(status))
        listener_pause(l, status);
}

/* --- opening --- */

static int init_handle(struct listener *l)
{
    int status = address_is_path(&l->address)
                     ? uv_pipe_init(&l->loop->uv, &l->handle.pipe, 0)
                     : uv_tcp_init(&l->loop->uv, &l->handle.tcp);

    l->open = status == 0;
    return status;
}

static int open_handle(struct listener *l, int fd)
{
    return address_is_path(&l->address) ? uv_pipe_open(&l->handle.pipe, fd)
                                        : uv_tcp_open(&l->handle.tcp, fd);
}

/* `fd` is the handle's afterwards, or closed. */
static int start_listening(struct listener *l, int fd)
{
    int status = init_handle(l);

    if (status == 0)
        status = open_handle(l, fd);
    if (status != 0) {
        close(fd);
        return status;
    }
    return uv_listen(&l->handle.stream, BACKLOG, on_connection);
}

static void on_resume(struct timer *t)
{
    struct listener *l = container_of(t, struct listener, resume);
    int fd = fcntl(l->spare_fd, F_DUPFD_CLOEXEC, 0);

    if (fd < 0)
        timer_start(&l->resume, &l->loop->clock, PAUSE_MS);
    else if (start_listening(l, fd) != 0)
        listener_pause(l, UV_EIO);
}

static void listener_init(struct listener *l, struct loop *loop)
{
    l->loop = loop;
    l->spare_fd = -1;
    timer_init(&l->resume, on_resume);
    memset(&l->address, 0, sizeof(l->address));
}

enum err listener_open(struct listener *l, struct loop *loop, int fd, struct why *w)
{
    socklen_t size = sizeof(l->address);
    int status;

    listener_init(l, loop);
    l->spare_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (l->spare_fd < 0 || getsockname(fd, &l->address.any, &size) < 0) {
        close(fd);
        return why(w, ERR_IO, "no descriptor is left to listen with");
    }
    status = start_listening(l, fd);
    return status ? why(w, ERR_IO, "cannot listen: %s", uv_strerror(status)) : ERR_OK;
}

enum err listener_listen(struct listener *l, struct loop *loop, struct address *a,
                         struct why *w)
{
    int fd;
    enum err e = listener_bind(a, false, &fd, w);

    listener_init(l, loop);
    return e ? e : listener_open(l, loop, fd, w);
}

void listener_close(struct listener *l, void (*closed)(struct listener *l))
{
    l->closed = closed;
    if (l->closing)
        return;
    l->closing = true;
    timer_stop(&l->resume, &l->loop->clock);
    if (l->spare_fd >= 0)
        close(l->spare_fd);
    if (address_is_path(&l->address) && l->spare_fd >= 0)
        unlink(l->address.path.sun_path);
    if (!l->open)
        init_handle(l);
    if (!uv_is_closing(&l->handle.any))
        uv_close(&l->handle.any, on_closed);
}
