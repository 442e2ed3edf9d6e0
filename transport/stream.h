/* stream.h - bytes in order, both ways: TCP, a Unix socket, later TLS, or a test's fake.
 *
 *   write: stream_writev() takes all or fails. What the kernel refuses is copied and queued, so the
 *          slices need to live for the call only. stream_queued() says how much waits; the writer stops
 *          at STREAM_HIGH_WATER and goes on at `drained` (the queue fell to STREAM_LOW_WATER or below
 *          after it was above; comes only if it was ever above).
 *   read:  `data` comes while reading is on (it is from the start), and the bytes are lent for the call.
 *          Reading is switched off for back-pressure only, never per message.
 *   end:   `ended` comes at most once: ERR_OK for a clean end of input (FIN), else ERR_RESET or ERR_IO.
 *          After ERR_OK writing still works (half-close); after an error nothing does.
 *          A failed write is reported by the call that saw it, or else by `ended`; where that came
 *          already, by the next write (and `drained` comes to who waits for it).
 *   close: stream_close() flushes nothing, silences everything but `closed`, which is the last event;
 *          the memory may go then and not before. stream_abort() is the same with a TCP RST, so the
 *          other side sees that what it got is not whole. stream_finish() sends what is queued, then FIN;
 *          reading goes on.
 *
 * No event comes from inside a call to the stream. Belongs to one loop.
 */
#ifndef TRANSPORT_STREAM_H
#define TRANSPORT_STREAM_H

#include <stdbool.h>

#include "sidecar/core/err.h"
#include "sidecar/core/slice.h"

enum { STREAM_HIGH_WATER = 256 * 1024, STREAM_LOW_WATER = 64 * 1024 };

struct stream;

struct stream_events {
    void (*data)(struct stream *s, struct slice bytes);
    void (*drained)(struct stream *s);
    void (*ended)(struct stream *s, enum err e);
    void (*closed)(struct stream *s);
};

struct stream_ops {
    /* *sent (may be NULL): bytes the kernel took at once; on failure 0 means not one byte left. */
    enum err (*writev)(struct stream *s, const struct slice *slices, unsigned count,
                       size_t *sent);
    void (*read)(struct stream *s, bool on);
    void (*finish)(struct stream *s);
    void (*close)(struct stream *s);
    void (*abort)(struct stream *s);
    size_t (*queued)(const struct stream *s);
};

struct stream {
    const struct stream_ops *ops;
    const struct stream_events *events;
};

static inline enum err stream_writev(struct stream *s, const struct slice *slices,
                                     unsigned count, size_t *sent)
{
    return s->ops->writev(s, slices, count, sent);
}

static inline enum err stream_write(struct stream *s, struct slice bytes)
{
    return s->ops->writev(s, &bytes, 1, NULL);
}

static inline void stream_read(struct stream *s, bool on)
{
    s->ops->read(s, on);
}

static inline void stream_finish(struct stream *s)
{
    s->ops->finish(s);
}

static inline void stream_close(struct stream *s)
{
    s->ops->close(s);
}

static inline void stream_abort(struct stream *s)
{
    s->ops->abort(s);
}

static inline size_t stream_queued(const struct stream *s)
{
    return s->ops->queued(s);
}

static inline bool stream_full(const struct stream *s)
{
    return stream_queued(s) >= STREAM_HIGH_WATER;
}

#endif
