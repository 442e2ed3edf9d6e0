/* http_steps.h - the steps of a reader, one for each of its states. Internal to http_reader*.c.
 *
 *   BETWEEN > HEAD > [ LENGTH | CHUNK_LINE > CHUNK > ... > TRAILERS | TO_END ] > END > BETWEEN
 *
 * A step takes bytes from the front of *rest (never empty, but at END), and answers ERR_OK to go on,
 * ERR_LATER to stop there, or what is wrong. *problem is the sentence for a person, when the reader found
 * it and not a callback.
 */
#ifndef TRANSPORT_HTTP_STEPS_H
#define TRANSPORT_HTTP_STEPS_H

#include "transport/http_head.h"
#include "transport/http_partial.h"

enum http_state {
    BETWEEN, /* messages, or after a 1xx: the next byte begins a head */
    HEAD,
    LENGTH,
    CHUNK_LINE,
    CHUNK,
    TRAILERS,
    TO_END,
    END, /* all is read, `end` is due */
    TUNNEL,
    FAILED,
    HTTP_STATES,
};

void head_begin(struct http_reader *r);
enum err step_head(struct http_reader *r, struct slice *rest, const char **problem);

void body_begin(struct http_reader *r, const struct http_head *h);
enum err step_length(struct http_reader *r, struct slice *rest, const char **problem);
enum err step_chunk_line(struct http_reader *r, struct slice *rest, const char **problem);
enum err step_chunk(struct http_reader *r, struct slice *rest, const char **problem);
enum err step_trailers(struct http_reader *r, struct slice *rest, const char **problem);
enum err step_to_end(struct http_reader *r, struct slice *rest, const char **problem);

/* A name, or more of the last one. ERR_HEAD_TOO_LARGE when there are too many. */
enum err name_note(struct http_reader *r, uint32_t at, uint32_t size);
/* What was read, with its names. */
struct http_raw reader_raw(const struct http_reader *r, struct slice bytes);

static inline enum err refuse(enum err e, const char *text, const char **problem)
{
    *problem = text;
    return e;
}

static inline char take(struct slice *rest)
{
    char c = rest->base[0];

    *rest = slice_after(*rest, 1);
    return c;
}

#endif
