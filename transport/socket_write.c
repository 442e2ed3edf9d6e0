#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "transport/socket_inside.h"

enum {
    WRITE_SLICES = 4, /* libuv keeps this many buffers of a write without allocating */
    TOGETHER = 2048,
};

/* One layout on every Unix, so slices go to the kernel as they are. */
_Static_assert(sizeof(struct slice) == sizeof(uv_buf_t), "a slice is an iovec");
_Static_assert(offsetof(struct slice, base) == offsetof(uv_buf_t, base), "base first");
_Static_assert(offsetof(struct slice, size) == offsetof(uv_buf_t, len), "then size");

static const uv_buf_t *as_buffers(const struct slice *slices)
{
    return (const uv_buf_t *)(const void *)slices;
}

static void send_fin(struct socket *s)
{
    shutdown(socket_fd(s), SHUT_WR);
}

static void on_written(uv_write_t *write, int status);

/* What is queued, to libuv; the queue's chunks stay where they are until on_written(). */
static int send_queued(struct socket *s)
{
    struct slice slices[WRITE_SLICES];
    unsigned count = queue_peek(&s->request->queue, slices, WRITE_SLICES);

    s->request->size = 0;
    for (unsigned i = 0; i < count; i++)
        s->request->size += slices[i].size;
    return uv_write(&s->request->write, &s->handle.stream, as_buffers(slices), count,
                    on_written);
}

static void all_sent(struct socket *s)
{
    socket_drop_request(s);
    if (s->finishing)
        send_fin(s);
}

static void tell_drained(struct socket *s)
{
    if (!s->above_high || socket_waiting(s) > STREAM_LOW_WATER)
        return;
    s->above_high = false;
    if (s->stream.events->drained)
        s->stream.events->drained(&s->stream);
}

/* Where `ended` came before (the other side had shut its half), who waits for `drained` gets that, and
 * learns the rest from his next write. */
static void write_failed(struct socket *s, int status)
{
    enum err e = socket_error(s, status);

    s->broken = true;
    socket_drop_request(s);
    if (s->ended)
        tell_drained(s);
    else
        socket_end(s, e);
}

/* A broken stream has a hole at the end of its queue, and its owner knows: nothing more
 * may leave. */
static int send_more(struct socket *s)
{
    struct queue *queue = &s->request->queue;

    queue_consume(queue, &socket_loop(s)->chunks, s->request->size);
    if (s->broken)
        queue_clear(queue, &socket_loop(s)->chunks);
    if (queue_size(queue) > 0)
        return send_queued(s);
    all_sent(s);
    return 0;
}

static void on_written(uv_write_t *write, int status)
{
    struct socket *s = socket_of_handle((uv_handle_t *)write->handle);

    loop_touch(socket_loop(s));
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
        enum err e = queue_append(&s->request->queue, &socket_loop(s)->chunks, rest);

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
    if (socket_waiting(s) >= STREAM_HIGH_WATER)
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
    socket_drop_request(s);
    return socket_error(s, status);
}

static size_t total_size(const struct slice *slices, unsigned count)
{
    size_t size = 0;

    for (unsigned i = 0; i < count; i++)
        size += slices[i].size;
    return size;
}

/* A few bytes are sooner copied than a list of them is read by the kernel, and send() has a shorter way there than
 * writev(), which serves files, too. */
static ssize_t send_slices(int fd, const struct slice *slices, unsigned count,
                           size_t size)
{
    char together[TOGETHER], *at = together;

    if (count == 1)
        return send(fd, slices[0].base, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size > TOGETHER)
        return writev(fd, (const struct iovec *)(const void *)slices, (int)count);
    for (unsigned i = 0; i < count; i++) {
        if (slices[i].size > 0)
            memcpy(at, slices[i].base, slices[i].size);
        at += slices[i].size;
    }
    return send(fd, together, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Bytes the kernel took at once, or a negative errno: what uv_try_write() does, where nothing is queued in libuv. */
static ssize_t write_now(struct socket *s, const struct slice *slices, unsigned count,
                         size_t size)
{
    int fd = socket_fd(s);
    ssize_t taken;

    do
        taken = send_slices(fd, slices, count, size);
    while (taken < 0 && errno == EINTR);
    if (taken >= 0)
        return taken;
    return errno == EAGAIN ? 0 : -errno;
}

static enum err socket_write(struct socket *s, const struct slice *slices, unsigned count,
                             size_t *sent)
{
    size_t size = total_size(slices, count);
    ssize_t taken;

    if (size == 0)
        return ERR_OK;
    if (socket_waiting(s) > 0)
        return socket_queue(s, slices, count, 0);
    taken = write_now(s, slices, count, size);
    if (taken < 0) {
        s->broken = true;
        return socket_error(s, (int)taken);
    }
    *sent = (size_t)taken;
    return *sent == size ? ERR_OK : queue_and_send(s, slices, count, *sent);
}

enum err socket_writev(struct stream *stream, const struct slice *slices, unsigned count,
                       size_t *sent)
{
    struct socket *s = socket_of(stream);
    size_t unwanted;

    sent = sent ? sent : &unwanted;
    *sent = 0;
    if (s->connecting || s->closing || s->finishing)
        return ERR_CLOSED;
    return s->broken ? ERR_RESET : socket_write(s, slices, count, sent);
}

void socket_finish(struct stream *stream)
{
    struct socket *s = socket_of(stream);

    if (s->connecting || s->closing || s->finishing)
        return;
    s->finishing = true;
    if (socket_waiting(s) == 0)
        send_fin(s);
}

size_t socket_queued(const struct stream *stream)
{
    return socket_waiting(socket_of(stream));
}
