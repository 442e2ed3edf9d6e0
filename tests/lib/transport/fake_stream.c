#include "tests/lib/transport/fake_stream.h"

#include "sidecar/core/list.h"
#include "tests/lib/test.h"

enum { FAKE_LIMIT = 64 * 1024 * 1024 };

static struct fake_stream *fake_of(const struct stream *s)
{
    return container_of(s, struct fake_stream, stream);
}

static enum err fake_refuse(struct fake_stream *f, size_t *sent)
{
    enum err e = f->refuse;

    f->refuse = ERR_OK;
    if (sent)
        *sent = f->sent_then;
    return e;
}

static enum err fake_writev(struct stream *s, const struct slice *slices, unsigned count,
                            size_t *sent)
{
    struct fake_stream *f = fake_of(s);
    size_t size = 0, taken;

    f->writes++;
    if (sent)
        *sent = 0;
    if (f->closing || f->finished)
        return ERR_CLOSED;
    if (f->refuse)
        return fake_refuse(f, sent);
    for (unsigned i = 0; i < count; i++) {
        text_add(&f->out, slices[i]);
        size += slices[i].size;
    }
    taken = f->queued ? 0 : size < f->room ? size : f->room;
    f->room -= f->room == SIZE_MAX ? 0 : taken;
    f->queued += size - taken;
    f->above_high |= f->queued >= STREAM_HIGH_WATER;
    if (sent)
        *sent = taken;
    return ERR_OK;
}

static void fake_read(struct stream *s, bool on)
{
    fake_of(s)->reading = on;
}

static void fake_finish(struct stream *s)
{
    fake_of(s)->finished = true;
}

static void fake_close(struct stream *s)
{
    fake_of(s)->closing = true;
}

static void fake_abort(struct stream *s)
{
    if (!fake_of(s)->closing)
        fake_of(s)->aborted = true;
    fake_of(s)->closing = true;
}

static size_t fake_queued(const struct stream *s)
{
    return fake_of(s)->queued;
}

static const struct stream_ops fake_ops = {
    .writev = fake_writev,
    .read = fake_read,
    .finish = fake_finish,
    .close = fake_close,
    .abort = fake_abort,
    .queued = fake_queued,
};

void fake_stream_init(struct fake_stream *f, const struct stream_events *events)
{
    *f = (struct fake_stream){
        .stream = {&fake_ops, events},
          .room = SIZE_MAX, .reading = true
    };
    text_init(&f->out, FAKE_LIMIT);
}

void fake_stream_fini(struct fake_stream *f)
{
    text_fini(&f->out);
}

bool fake_feed(struct fake_stream *f, struct slice bytes)
{
    if (!f->reading || f->closing)
        return false;
    f->stream.events->data(&f->stream, bytes);
    return true;
}

bool fake_feed_text(struct fake_stream *f, const char *text)
{
    return fake_feed(f, slice_of(text));
}

void fake_end(struct fake_stream *f, enum err e)
{
    if (!f->closing)
        f->stream.events->ended(&f->stream, e);
}

void fake_drain(struct fake_stream *f, size_t count)
{
    f->queued -= count < f->queued ? count : f->queued;
    if (f->closing || !f->above_high || f->queued > STREAM_LOW_WATER)
        return;
    f->above_high = false;
    f->stream.events->drained(&f->stream);
}

void fake_closed(struct fake_stream *f)
{
    assert_true(f->closing);
    f->stream.events->closed(&f->stream);
}

const char *fake_written(const struct fake_stream *f)
{
    return f->out.base ? f->out.base : "";
}

void fake_forget(struct fake_stream *f)
{
    text_clear(&f->out);
}
