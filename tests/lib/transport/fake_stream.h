/* fake_stream.h - a stream with no socket: what is written is kept, what is read the test
 * says.
 *
 * Takes all it is given at once, unless `room` says less: the rest is queued until
 * fake_drain().
 */
#ifndef TESTS_LIB_TRANSPORT_FAKE_STREAM_H
#define TESTS_LIB_TRANSPORT_FAKE_STREAM_H

#include "sidecar/core/text.h"
#include "transport/stream.h"

struct fake_stream {
    struct stream stream;
    struct text out; /* all that was written, taken or queued */
    size_t room;     /* bytes the "kernel" takes before it queues */
    size_t queued;
    unsigned writes;  /* calls of stream_writev() */
    enum err refuse;  /* what the next write fails with */
    size_t sent_then; /* and what it says was sent */
    bool reading, finished, closing, aborted, above_high;
};

void fake_stream_init(struct fake_stream *f, const struct stream_events *events);
void fake_stream_fini(struct fake_stream *f);
/* The other side says something, when reading is on; false: it is off or closed. */
bool fake_feed(struct fake_stream *f, struct slice bytes);
bool fake_feed_text(struct fake_stream *f, const char *text);
/* The other side ends. */
void fake_end(struct fake_stream *f, enum err e);
/* The kernel takes `count` bytes of the queue (at most all): `drained` may come. */
void fake_drain(struct fake_stream *f, size_t count);
/* The last event, after stream_close(). */
void fake_closed(struct fake_stream *f);
/* What was written so far, zero-terminated. */
const char *fake_written(const struct fake_stream *f);
void fake_forget(struct fake_stream *f);

#endif
