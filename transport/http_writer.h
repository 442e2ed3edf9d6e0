/* http_writer.h - from messages to bytes. Head and first body bytes leave in one writev.
 *
 * A writer gathers slices in a cork and gives them to the stream in one stream_writev() at
 * writer_flush(), or when its few places are full. What it was given must live until the
 * flush. Chunk sizes are written here; the writer frames the body as the head said.
 *
 * Nothing stays in a cork when its loop turns, so the writers of a loop share one: between its first slice and
 * its flush it is one writer's. Who takes it from another makes that one's flush fail (ERR_IO): no byte of one
 * message goes to the stream of another.
 */
#ifndef TRANSPORT_HTTP_WRITER_H
#define TRANSPORT_HTTP_WRITER_H

#include "transport/http.h"
#include "transport/stream.h"

enum { WRITER_SLICES = 16 };

struct http_cork {
    const struct http_writer *owner;
    unsigned count;
    unsigned text_used;
    struct slice slices[WRITER_SLICES];
    char text[8 * 20]; /* chunk lines */
};

struct http_writer {
    struct http_cork *cork;
    struct stream *stream;
    enum http_framing framing;
    uint64_t remaining; /* of a length body: more is ERR_IO, a short end is too */
    uint64_t written;   /* bytes given to the stream, all in all */
    size_t sent_first;  /* what the kernel took of the first flush of this message */
    bool flushed;       /* at least once in this message */
    bool corked;        /* slices of ours are in the cork */
    bool after_chunk;   /* the last of them ends a chunk */
};

void writer_init(struct http_writer *w, struct http_cork *cork);

/* For each message. `head` is the whole head as text, including the empty line. */
void writer_start(struct http_writer *w, struct stream *s, struct slice head,
                  enum http_framing framing, uint64_t length);
/* The head as two or three slices (say, the part before and after Host). */
void writer_start_slices(struct http_writer *w, struct stream *s,
                         const struct slice *head, unsigned count,
                         enum http_framing framing, uint64_t length);
enum err writer_body(struct http_writer *w, struct slice bytes);
/* `trailers` is text of whole lines, without the last empty one; usually empty. Chunked
 * only. */
enum err writer_end(struct http_writer *w, struct slice trailers);
enum err writer_flush(struct http_writer *w);

/* Appends text to an arena-backed head: renders are one pass over fields. */
struct head_text {
    struct arena *arena;
    char *base;
    size_t size;
    size_t capacity;
    bool failed; /* sticky: out of memory or over the arena's limit */
};

void head_text_init(struct head_text *t, struct arena *a, size_t capacity);
void head_text_add(struct head_text *t, struct slice s);
/* "name: value\r\n" */
void head_text_field(struct head_text *t, struct slice name, struct slice value);
void head_text_number(struct head_text *t, uint64_t value);
struct slice
head_text_done(struct head_text *t); /* trims the arena; base NULL when failed */

#endif
