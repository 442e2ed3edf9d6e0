#include "transport/http_writer.h"

#include <assert.h>

enum { CHUNK_LINE = 20 }; /* "\r\n", 16 digits, "\r\n" */

_Static_assert(sizeof(((struct http_cork *)0)->text) >= CHUNK_LINE * (WRITER_SLICES / 2),
               "a chunk after another takes two places more and a line");

void writer_init(struct http_writer *w, struct http_cork *cork)
{
    *w = (struct http_writer){.cork = cork};
}

static void cork_begin(struct http_writer *w)
{
    w->cork->owner = w;
    w->cork->count = 0;
    w->cork->text_used = 0;
    w->corked = true;
    w->after_chunk = false;
}

static void cork_end(struct http_writer *w)
{
    w->cork->owner = NULL;
    w->corked = false;
    w->after_chunk = false;
}

/* A place for `count` slices. */
static enum err cork_take(struct http_writer *w, unsigned count)
{
    if (w->corked && w->cork->owner != w)
        return ERR_IO;
    if (w->corked && w->cork->count + count > WRITER_SLICES) {
        enum err e = writer_flush(w);

        if (e)
            return e;
    }
    if (!w->corked)
        cork_begin(w);
    return ERR_OK;
}

static enum err push(struct http_writer *w, struct slice bytes)
{
    enum err e = cork_take(w, 1);

    if (!e && bytes.size > 0)
        w->cork->slices[w->cork->count++] = bytes;
    w->after_chunk = false;
    return e;
}

void writer_start_slices(struct http_writer *w, struct stream *s,
                         const struct slice *head, unsigned count,
                         enum http_framing framing, uint64_t length)
{
    assert(count <= WRITER_SLICES);
    w->stream = s;
    w->framing = framing;
    w->remaining = framing == BODY_LENGTH ? length : 0;
    w->written = 0;
    w->sent_first = 0;
    w->flushed = false;
    cork_begin(w);
    for (unsigned i = 0; i < count; i++)
        if (head[i].size > 0)
            w->cork->slices[w->cork->count++] = head[i];
}

void writer_start(struct http_writer *w, struct stream *s, struct slice head,
                  enum http_framing framing, uint64_t length)
{
    writer_start_slices(w, s, &head, 1, framing, length);
}

enum err writer_flush(struct http_writer *w)
{
    struct http_cork *cork = w->cork;
    size_t sent = 0, size = 0;
    enum err e;

    if (!w->corked)
        return ERR_OK;
    if (cork->owner != w)
        return ERR_IO;
    for (unsigned i = 0; i < cork->count; i++)
        size += cork->slices[i].size;
    e = stream_writev(w->stream, cork->slices, cork->count, &sent);
    if (!w->flushed)
        w->sent_first = sent;
    w->flushed = true;
    w->written += e ? sent : size;
    cork_end(w);
    return e;
}

/* Writes the chunk's size into the cork's own text. */
static struct slice chunk_line(struct http_writer *w, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    char *line = w->cork->text + w->cork->text_used;
    unsigned at = 0, shift = 60;

    if (w->after_chunk) {
        memcpy(line, "\r\n", 2);
        at = 2;
    }
    while (shift > 0 && !(size >> shift))
        shift -= 4;
    for (; shift > 0; shift -= 4)
        line[at++] = digits[size >> shift & 15];
    line[at++] = digits[size & 15];
    memcpy(line + at, "\r\n", 2);
    w->cork->text_used += at + 2;
    return slice_from(line, at + 2);
}

/* A chunk takes up to three places; in one cork the end of one and the size of the next
 * share one. The text has room for as many lines as there are threes. */
static enum err push_chunk(struct http_writer *w, struct slice bytes)
{
    struct http_cork *cork = w->cork;
    enum err e = cork_take(w, 3);
    struct slice line;

    if (e)
        return e;
    line = chunk_line(w, bytes.size);
    cork->count -= w->after_chunk;
    cork->slices[cork->count++] = line;
    cork->slices[cork->count++] = bytes;
    cork->slices[cork->count++] = SLICE("\r\n");
    w->after_chunk = true;
    return ERR_OK;
}

static enum err push_counted(struct http_writer *w, struct slice bytes)
{
    if (bytes.size > w->remaining)
        return ERR_IO;
    w->remaining -= bytes.size;
    return push(w, bytes);
}

enum err writer_body(struct http_writer *w, struct slice bytes)
{
    if (bytes.size == 0)
        return ERR_OK;
    switch (w->framing) {
    case BODY_NONE:
        return ERR_IO;
    case BODY_LENGTH:
        return push_counted(w, bytes);
    case BODY_CHUNKED:
        return push_chunk(w, bytes);
    case BODY_TO_END:
        return push(w, bytes);
    }
    return ERR_IO;
}

static enum err push_last_chunk(struct http_writer *w, struct slice trailers)
{
    enum err e;

    if (w->after_chunk && w->cork->owner == w)
        w->cork->slices[w->cork->count - 1] =
            trailers.size ? SLICE("\r\n0\r\n") : SLICE("\r\n0\r\n\r\n");
    else if ((e = push(w, trailers.size ? SLICE("0\r\n") : SLICE("0\r\n\r\n"))))
        return e;
    w->after_chunk = false;
    if (trailers.size == 0)
        return ERR_OK;
    e = push(w, trailers);
    return e ? e : push(w, SLICE("\r\n"));
}

enum err writer_end(struct http_writer *w, struct slice trailers)
{
    assert(trailers.size == 0 || w->framing == BODY_CHUNKED);
    if (w->framing == BODY_CHUNKED)
        return push_last_chunk(w, trailers);
    return w->remaining > 0 ? ERR_IO : ERR_OK;
}
