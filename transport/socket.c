#include "transport/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "transport/socket_inside.h"

/* The lowest port the kernel gives to those who don't ask for one (ip(7),
 * ip_local_port_range). */
enum { EPHEMERAL_PORTS = 32768 };

int socket_fd(const struct socket *s)
{
    uv_os_fd_t fd = -1;

    if (s->open && !s->closing)
        uv_fileno(&s->handle.any, &fd);
    return fd;
}

enum err socket_error(struct socket *s, int status)
{
    s->error = status;
    return status == UV_ECONNRESET || status == UV_EPIPE ? ERR_RESET : ERR_IO;
}

size_t socket_waiting(const struct socket *s)
{
    return s->request && !s->connecting ? queue_size(&s->request->queue) : 0;
}

void socket_drop_request(struct socket *s)
{
    if (socket_waiting(s) > 0)
        queue_clear(&s->request->queue, &socket_loop(s)->chunks);
    free(s->request);
    s->request = NULL;
}

/* --- reading --- */

void socket_end(struct socket *s, enum err e)
{
    if (s->ended || s->closing)
        return;
    s->ended = true;
    uv_read_stop(&s->handle.stream);
    if (s->stream.events->ended)
        s->stream.events->ended(&s->stream, e);
}

static void lend_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    const struct loop *l = socket_loop(socket_of_handle(handle));

    (void)suggested;
    *buffer = uv_buf_init(l->read_buffer, (unsigned)l->read_size);
}

static void on_read(uv_stream_t *handle, ssize_t size, const uv_buf_t *buffer)
{
    struct socket *s = socket_of_handle((uv_handle_t *)handle);

    loop_touch(socket_loop(s));
    if (size > 0)
        s->stream.events->data(&s->stream, slice_from(buffer->base, (size_t)size));
    else if (size < 0)
        socket_end(s, size == UV_EOF ? ERR_OK : socket_error(s, (int)size));
}

static void start_reading(struct socket *s)
{
    s->connecting = false;
    if (s->reading)
        uv_read_start(&s->handle.stream, lend_buffer, on_read);
}

static void socket_read(struct stream *stream, bool on)
{
    struct socket *s = socket_of(stream);

    if (s->reading == on)
        return;
    s->reading = on;
    if (s->connecting || s->closing || s->ended)
        return;
    if (on)
        uv_read_start(&s->handle.stream, lend_buffer, on_read);
    else
        uv_read_stop(&s->handle.stream);
}

/* A FIN stays for libuv to see; an error would be gone, since the kernel tells it once.
 */
void socket_read_now(struct socket *s)
{
    const struct loop *l = socket_loop(s);
    ssize_t size;

    if (!s->reading || s->connecting || s->closing || s->ended)
        return;
    size = recv(socket_fd(s), l->read_buffer, l->read_size, MSG_DONTWAIT);
    if (size > 0)
        s->stream.events->data(&s->stream, slice_from(l->read_buffer, (size_t)size));
    else if (size < 0 && errno != EAGAIN && errno != EINTR)
        socket_end(s, socket_error(s, -errno));
}

/* --- closing --- */

static void on_closed(uv_handle_t *handle)
{
    struct socket *s = socket_of_handle(handle);

    loop_touch(socket_loop(s));
    socket_drop_request(s);
    if (s->stream.events->closed)
        s->stream.events->closed(&s->stream);
}

/* `closed` comes from the loop, so even what never had a handle gets one to close. */
static bool begin_closing(struct socket *s)
{
    if (s->closing)
        return false;
    s->closing = true;
    if (!s->open)
        uv_tcp_init(&socket_loop(s)->uv, &s->handle.tcp);
    s->open = true;
    return true;
}

static void socket_close(struct stream *stream)
{
    struct socket *s = socket_of(stream);

    if (begin_closing(s))
        uv_close(&s->handle.any, on_closed);
}

static void socket_abort(struct stream *stream)
{
    struct socket *s = socket_of(stream);
    bool can_reset = s->open && !s->connecting;

    if (!begin_closing(s))
        return;
    if (s->handle.any.type != UV_TCP || !can_reset ||
        uv_tcp_close_reset(&s->handle.tcp, on_closed) != 0)
        uv_close(&s->handle.any, on_closed);
}

/* --- opening --- */

static const struct stream_ops socket_ops = {
    .writev = socket_writev,
    .read = socket_read,
    .finish = socket_finish,
    .close = socket_close,
    .abort = socket_abort,
    .queued = socket_queued,
};

void socket_init(struct socket *s, struct loop *l, const struct stream_events *events)
{
    *s = (struct socket){
        .stream = {&socket_ops, events},
        .handle.any.loop = &l->uv,
        .connecting = true,
        .reading = true,
    };
}

static int init_handle(struct socket *s, bool is_path)
{
    uv_loop_t *loop = s->handle.any.loop;
    int status = is_path ? uv_pipe_init(loop, &s->handle.pipe, 0)
                         : uv_tcp_init(loop, &s->handle.tcp);

    s->open = status == 0;
    return status;
}

static enum err connect_error(struct socket *s, int status)
{
    s->error = status;
    if (status == UV_EMFILE || status == UV_ENFILE)
        return ERR_OVERLOADED;
    return status == UV_ENOMEM || status == UV_ENOBUFS ? ERR_NO_MEMORY
                                                       : ERR_CONNECT_FAILED;
}

/* Connecting to a free loopback port of the ephemeral range may meet itself: TCP's
 * simultaneous open (RFC 9293 §3.5) with both ends the same. */
static bool connected_to_itself(const struct socket *s, const struct address *to)
{
    struct address local;

    return address_is_loopback(to) && address_port(to) >= EPHEMERAL_PORTS &&
           socket_local(s, &local) == ERR_OK && address_equals(&local, to);
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct socket *s = socket_of_handle((uv_handle_t *)connect->handle);
    void (*connected)(struct socket * s, enum err e) = s->request->connected;
    enum err e = status < 0 ? connect_error(s, status) : ERR_OK;

    loop_touch(socket_loop(s));
    if (s->closing)
        return;
    if (!e && connected_to_itself(s, &s->request->to))
        e = ERR_CONNECT_FAILED;
    socket_drop_request(s);
    if (!e)
        start_reading(s);
    connected(s, e);
}

static int start_connecting(struct socket *s, const struct address *to)
{
    int status;

    if (address_is_path(to)) {
        status = init_handle(s, true);
        if (status == 0)
            uv_pipe_connect(&s->request->connect, &s->handle.pipe, to->path.sun_path,
                            on_connected);
        return status;
    }
    status = uv_tcp_init_ex(&socket_loop(s)->uv, &s->handle.tcp, to->any.sa_family);
    s->open = status == 0;
    if (!s->open)
        return status;
    if (!loop_can_watch(socket_loop(s), socket_fd(s)))
        return UV_ENOMEM;
    uv_tcp_nodelay(&s->handle.tcp, 1);
    return uv_tcp_connect(&s->request->connect, &s->handle.tcp, &to->any, on_connected);
}

enum err socket_connect(struct socket *s, const struct address *to,
                        void (*connected)(struct socket *s, enum err e))
{
    int status;

    s->request = calloc(1, sizeof(*s->request));
    if (!s->request)
        return ERR_NO_MEMORY;
    s->request->to = *to;
    s->request->connected = connected;
    status = start_connecting(s, to);
    if (status == 0)
        return ERR_LATER;
    socket_drop_request(s);
    return connect_error(s, status);
}

static enum err begin_reading(struct socket *s)
{
    if (!loop_can_watch(socket_loop(s), socket_fd(s)))
        return ERR_NO_MEMORY;
    start_reading(s);
    return ERR_OK;
}

enum err socket_accept(struct socket *s, uv_stream_t *server)
{
    int status = init_handle(s, server->type == UV_NAMED_PIPE);

    if (status == 0)
        status = uv_accept(server, &s->handle.stream);
    if (status != 0)
        return err_from_errno(status);
    return begin_reading(s);
}

enum err socket_adopt(struct socket *s, int fd, bool is_path)
{
    int status = init_handle(s, is_path);

    if (status == 0)
        status =
            is_path ? uv_pipe_open(&s->handle.pipe, fd) : uv_tcp_open(&s->handle.tcp, fd);
    if (status == 0)
        return begin_reading(s);
    close(fd);
    return err_from_errno(status);
}

/* --- looking at it --- */

bool socket_is_quiet(const struct socket *s)
{
    char byte;

    return !s->ended && !s->broken &&
           recv(socket_fd(s), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

size_t socket_unsent(const struct socket *s)
{
    int kernel = 0;

    if (ioctl(socket_fd(s), SIOCOUTQ, &kernel) < 0)
        kernel = 0;
    return socket_waiting(s) + (size_t)kernel;
}

int socket_duplicate(const struct socket *s)
{
    return fcntl(socket_fd(s), F_DUPFD_CLOEXEC, 0);
}

static enum err name_of(const struct socket *s, struct address *a,
                        int (*ask)(int fd, struct sockaddr *to, socklen_t *size))
{
    socklen_t size = sizeof(*a);

    memset(a, 0, sizeof(*a));
    return ask(socket_fd(s), &a->any, &size) == 0 ? ERR_OK : ERR_CLOSED;
}

enum err socket_peer(const struct socket *s, struct address *a)
{
    return name_of(s, a, getpeername);
}

enum err socket_local(const struct socket *s, struct address *a)
{
    return name_of(s, a, getsockname);
}
