#include "transport/http_chunked.h"
#include "transport/http_steps.h"
#include "transport/http_validate.h"

static enum http_state body_state(const struct http_head *h)
{
    static const uint8_t states[] = {[BODY_NONE] = END,
                                     [BODY_LENGTH] = LENGTH,
                                     [BODY_CHUNKED] = CHUNK_LINE,
                                     [BODY_TO_END] = TO_END};

    return states[h->framing];
}

void body_begin(struct http_reader *r, const struct http_head *h)
{
    r->remaining = h->framing == BODY_LENGTH ? h->length : 0;
    r->chunk_state = CHUNK_FIRST_DIGIT;
    r->seen = 0;
    r->extension_bytes = 0;
    r->state = body_state(h);
}

static enum err piece_deliver(struct http_reader *r, struct slice *rest,
                              enum http_state after)
{
    struct slice piece = slice_first(*rest, r->remaining);

    *rest = slice_after(*rest, piece.size);
    r->remaining -= piece.size;
    if (r->remaining == 0)
        r->state = after;
    return r->events->body(r, piece);
}

enum err step_length(struct http_reader *r, struct slice *rest, const char **problem)
{
    (void)problem;
    return piece_deliver(r, rest, END);
}

enum err step_chunk(struct http_reader *r, struct slice *rest, const char **problem)
{
    (void)problem;
    r->chunk_state = CHUNK_DATA_CR;
    return piece_deliver(r, rest, CHUNK_LINE);
}

enum err step_to_end(struct http_reader *r, struct slice *rest, const char **problem)
{
    struct slice piece = *rest;

    (void)problem;
    *rest = slice_after(*rest, piece.size);
    return r->events->body(r, piece);
}

static const char *chunk_problem(struct http_reader *r, char c)
{
    if (r->chunk_state == CHUNK_BAD)
        return "a malformed chunk line";
    if (r->chunk_state == CHUNK_SIZE &&
        (++r->seen > CHUNK_SIZE_DIGITS || !chunk_digit(&r->remaining, c)))
        return "a chunk size past 2^63-1";
    if (r->chunk_state > CHUNK_SIZE && r->chunk_state < CHUNK_LINE_LF &&
        ++r->extension_bytes > CHUNK_EXTENSION_LIMIT)
        return "chunk extensions of more than 4 KiB";
    return NULL;
}

static void chunk_begin(struct http_reader *r)
{
    r->seen = 0;
    r->state = r->remaining ? CHUNK : TRAILERS;
    if (r->state == TRAILERS) {
        r->chunk_state = TRAILER_LINE;
        r->count = 0;
    }
}

enum err step_chunk_line(struct http_reader *r, struct slice *rest, const char **problem)
{
    while (rest->size > 0) {
        char c = take(rest);

        r->chunk_state = chunk_next(r->chunk_state, c);
        if ((*problem = chunk_problem(r, c)))
            return ERR_BAD_REQUEST;
        if (r->chunk_state != CHUNK_DATA)
            continue;
        chunk_begin(r);
        return ERR_OK;
    }
    return ERR_OK;
}

static enum err trailers_deliver(struct http_reader *r, struct slice bytes,
                                 const char **problem)
{
    struct http_raw raw = reader_raw(r, bytes);
    struct http_field *fields = r->scratch->fields;
    uint64_t present;

    if ((*problem = http_fields_build(&raw, 0, 0, fields, &present)))
        return ERR_BAD_REQUEST;
    for (unsigned i = 0; i < raw.count; i++)
        if (!http_field_may_trail(&fields[i]))
            return refuse(ERR_BAD_REQUEST, "a field that must not stand in trailers",
                          problem);
    return r->events->trailers ? r->events->trailers(r, fields, raw.count) : ERR_OK;
}

static enum err trailers_end(struct http_reader *r, struct slice bytes,
                             const char **problem)
{
    enum err e = ERR_OK;

    r->state = END;
    if (r->count == 0)
        return ERR_OK;
    if (r->partial)
        e = partial_add(r, bytes, &bytes);
    if (!e)
        e = trailers_deliver(r, bytes, problem);
    if (r->partial)
        partial_free(r);
    return e;
}

static enum err trailer_byte(struct http_reader *r, char c, const char **problem)
{
    enum err e = ERR_OK;

    r->chunk_state = trailer_next(r->chunk_state, c);
    if (r->chunk_state == TRAILER_BAD)
        return refuse(ERR_BAD_REQUEST, "a malformed line in the trailers", problem);
    if (r->chunk_state == TRAILER_NAME)
        e = name_note(r, r->seen, 1);
    if (e || ++r->seen > HTTP_HEAD_LIMIT)
        return refuse(ERR_HEAD_TOO_LARGE, "trailers of more than 64 KiB or 100 fields",
                      problem);
    return ERR_OK;
}

enum err step_trailers(struct http_reader *r, struct slice *rest, const char **problem)
{
    struct slice bytes = *rest;

    while (rest->size > 0 && r->chunk_state != TRAILER_END) {
        enum err e = trailer_byte(r, take(rest), problem);

        if (e)
            return e;
    }
    bytes.size -= rest->size;
    if (r->chunk_state == TRAILER_END)
        return trailers_end(r, bytes, problem);
    return r->count ? partial_add(r, bytes, NULL) : ERR_OK;
}
