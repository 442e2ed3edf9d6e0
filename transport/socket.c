#include "transport/socket.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* libuv keeps this many buffers of a write without allocating. */
enum { WRITE_SLICES = 4, EPHEMERAL_PORTS = 32768 };

struct socket_request {
    union {
        uv_connect_t connect;
        uv_write_t write;
    };
    size_t size;       /* of the write: what it took from the queue */
    struct address to; /* of the connect */
};

/* One layout on every Unix, so slices go to the kernel as they are. */
_Static_assert(sizeof(struct slice) == sizeof(uv_buf_t), "a slice is an iovec");
_Static_assert(offsetof(struct slice, base) == offsetof(uv_buf_t, base), "base first");
_Static_assert(offsetof(struct slice, size) == offsetof(uv_buf_t, len), "then size");

static const uv_buf_t *as_buffers(const struct slice *slices)
{
    return (const uv_buf_t *)(const void *)slices;
}

static struct socket *socket_of(const struct stream *s)
{
    return container_of(s, struct socket, stream);
}

static struct socket *socket_of_handle(uv_handle_t *handle)
{
    return container_of(handle, struct socket, handle.any);
}

static int socket_fd(const struct socket *s)
{
    uv_os_fd_t fd = -1;

    if (s->open && !s->closing)
        uv_fileno(&s->handle.any, &fd);
    return fd;
}

static enum err io_error(int status)
{
    return status == UV_ECONNRESET || status == UV_EPIPE ? ERR_RESET : ERR_IO;
}

/* --- reading --- */

static void socket_end(struct socket *s, enum err e)
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
    struct socket *s = socket_of_handle(handle);

    (void)suggested;
    *buffer = uv_buf_init(s->loop->read_buffer, (unsigned)s->loop->read_size);
}

static void on_read(uv_stream_t *handle, ssize_t size, const uv_buf_t *buffer)
{
    struct socket *s = socket_of_handle((uv_handle_t *)handle);

    loop_touch(s->loop);
    if (size > 0)
        s->stream.events->data(&s->stream, slice_from(buffer->base, (size_t)size));
    else if (size < 0)
        socket_end(s, size == UV_EOF ? ERR_OK : io_error((int)size));
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
    ssize_t size;

    if (!s->reading || s->connecting || s->closing || s->ended)
        return;
    size = recv(socket_fd(s), s->loop->read_buffer, s->loop->read_size, MSG_DONTWAIT);
    if (size > 0)
        s->stream.events->data(&s->stream,
                               slice_from(s->loop->read_buffer, (size_t)size));
    else if (size < 0 && errno != EAGAIN && errno != EINTR)
        socket_end(s, io_error(-errno));
}

/* --- writing --- */

static void send_fin(struct socket *s)
{
    shutdown(socket_fd(s), SHUT_WR);
}

static void give_back_request(struct socket *s)
{
    free(s->request);
    s->request = NULL;
}

static void on_written(uv_write_t *write, int status);

/* What is queued, to libuv; the queue's chunks stay where they are until on_written(). */
static int send_queued(struct socket *s)
{
    struct slice slices[WRITE_SLICES];
    unsigned count = queue_peek(&s->queue, slices, WRITE_SLICES);

    s->request->size = 0;
    for (unsigned i = 0; i < count; i++)
        s->request->size += slices[i].size;
    return uv_write(&s->request->write, &s->handle.stream, as_buffers(slices), count,
                    on_written);
}

static void all_sent(struct socket *s)
{
    give_back_request(s);
    if (s->finishing)
        send_fin(s);
}

static void tell_drained(struct socket *s)
{
    if (!s->above_high || queue_size(&s->queue) > STREAM_LOW_WATER)
        return;
    s->above_high = false;
    if (s->stream.events->drained)
        s->stream.events->drained(&s->stream);
}

static void write_failed(struct socket *s, int status)
{
    s->broken = true;
    give_back_request(s);
    queue_clear(&s->queue, &s->loop->chunks);
    socket_end(s, io_error(status));
}

/* A broken stream has a hole at the end of its queue, and its owner knows: nothing more
 * may leave. */
static int send_more(struct socket *s)
{
    queue_consume(&s->queue, &s->loop->chunks, s->request->size);
    if (s->broken)
        queue_clear(&s->queue, &s->loop->chunks);
    if (queue_size(&s->queue) > 0)
        return send_queued(s);
    all_sent(s);
    return 0;
}

static void on_written(uv_write_t *write, int status)
{
    struct socket *s = socket_of_handle((uv_handle_t *)write->handle);

    loop_touch(s->loop);
    if (s->closing)
        return;
    if (status == 0)
        status = send_more(s);
    if (status < 0)
        write_failed(s, status);
    else if (!s->broken)
        tell_drained(s);
}

static enum err queue_slices(struct socket *s, const struct slice *slices, unsigned count,
                             size_t skip)
{
    for (unsigned i = 0; i < count; i++) {
        struct slice rest = slice_after(slices[i], skip);
        enum err e = queue_append(&s->queue, &s->loop->chunks, rest);

        if (e)
            return e;
        skip -= slices[i].size - rest.size;
    }
    return ERR_OK;
}

/* The part after `skip` bytes waits in our queue. When it can't, the stream has a hole:
 * no write may follow. */
static enum err socket_queue(struct socket *s, const struct slice *slices, unsigned count,
                             size_t skip)
{
    enum err e;

    if (!s->request)
        s->request = calloc(1, sizeof(*s->request));
    e = s->request ? queue_slices(s, slices, count, skip) : ERR_NO_MEMORY;
    if (e)
        s->broken = true;
    if (queue_size(&s->queue) >= STREAM_HIGH_WATER)
        s->above_high = true;
    return e;
}

static enum err queue_and_send(struct socket *s, const struct slice *slices,
                               unsigned count, size_t skip)
{
    enum err e = socket_queue(s, slices, count, skip);
    int status;

    if (e)
        return e;
    status = send_queued(s);
    if (status == 0)
        return ERR_OK;
    s->broken = true;
    give_back_request(s);
    return io_error(status);
}

static size_t total_size(const struct slice *slices, unsigned count)
{
    size_t size = 0;

    for (unsigned i = 0; i < count; i++)
        size += slices[i].size;
    return size;
}

/* Bytes the kernel took at once, or a negative errno. */
static ssize_t write_now(struct socket *s, const struct slice *slices, unsigned count)
{
    int taken = uv_try_write(&s->handle.stream, as_buffers(slices), count);

    return taken == UV_EAGAIN ? 0 : taken;
}

static enum err socket_write(struct socket *s, const struct slice *slices, unsigned count,
                             size_t *sent)
{
    size_t size = total_size(slices, count);
    ssize_t taken;

    if (size == 0)
        return ERR_OK;
    if (queue_size(&s->queue) > 0)
        return socket_queue(s, slices, count, 0);
    taken = write_now(s, slices, count);
    if (taken < 0) {
        s->broken = true;
        return io_error((int)taken);
    }
    *sent = (size_t)taken;
    return *sent == size ? ERR_OK : queue_and_send(s, slices, count, *sent);
}

static enum err socket_writev(struct stream *stream, const struct slice *slices,
                              unsigned count, size_t *sent)
{
    struct socket *s = socket_of(stream);
    size_t unwanted;

    sent = sent ? sent : &unwanted;
    *sent = 0;
    if (s->connecting || s->closing || s->finishing)
        return ERR_CLOSED;
    return s->broken ? ERR_RESET : socket_write(s, slices, count, sent);
}

static void socket_finish(struct stream *stream)
{
    struct socket *s = socket_of(stream);

    if (s->connecting || s->closing || s->finishing)
        return;
    s->finishing = true;
    if (queue_size(&s->queue) == 0)
        send_fin(s);
}

static size_t socket_queued(const struct stream *stream)
{
    return queue_size(&socket_of(stream)->queue);
}

/* --- closing --- */

static void on_closed(uv_handle_t *handle)
{
    struct socket *s = socket_of_handle(handle);

    loop_touch(s->loop);
    give_back_request(s);
    queue_clear(&s->queue, &s->loop->chunks);
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
        uv_tcp_init(&s->loop->uv, &s->handle.tcp);
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
        .loop = l,
        .connecting = true,
        .reading = true,
    };
}

static enum err connect_error(int status)
{
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
    enum err e = status < 0 ? connect_error(status) : ERR_OK;

    loop_touch(s->loop);
    if (s->closing)
        return;
    if (!e && connected_to_itself(s, &s->request->to))
        e = ERR_CONNECT_FAILED;
    give_back_request(s);
    if (!e)
        start_reading(s);
    s->connected(s, e);
}

static int start_connecting(struct socket *s, const struct address *to)
{
    int status;

    if (address_is_path(to)) {
        status = uv_pipe_init(&s->loop->uv, &s->handle.pipe, 0);
        s->open = status == 0;
        if (s->open)
            uv_pipe_connect(&s->request->connect, &s->handle.pipe, to->path.sun_path,
                            on_connected);
        return status;
    }
    status = uv_tcp_init(&s->loop->uv, &s->handle.tcp);
    s->open = status == 0;
    if (!s->open)
        return status;
    uv_tcp_nodelay(&s->handle.tcp, 1);
    return uv_tcp_connect(&s->request->connect, &s->handle.tcp, &to->any, on_connected);
}

enum err socket_connect(struct socket *s, const struct address *to,
                        void (*connected)(struct socket *s, enum err e))
{
    int status;

    s->connected = connected;
    s->request = calloc(1, sizeof(*s->request));
    if (!s->request)
        return ERR_NO_MEMORY;
    s->request->to = *to;
    status = start_connecting(s, to);
    if (status == 0)
        return ERR_LATER;
    give_back_request(s);
    return connect_error(status);
}

enum err socket_accept(struct socket *s, uv_stream_t *server)
{
    int status = server->type == UV_TCP ? uv_tcp_init(&s->loop->uv, &s->handle.tcp)
                                        : uv_pipe_init(&s->loop->uv, &s->handle.pipe, 0);

    s->open = status == 0;
    if (status == 0)
        status = uv_accept(server, &s->handle.stream);
    if (status != 0)
        return err_from_errno(status);
    start_reading(s);
    return ERR_OK;
}

/* --- looking at it --- */

bool socket_is_quiet(const struct socket *s)
{
    char byte;

    return !s->ended && !s->broken &&
           recv(socket_fd(s), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
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
