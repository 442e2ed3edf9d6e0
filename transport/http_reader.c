#include "transport/http_reader.h"

#include <assert.h>

#include "transport/http_chunked.h"
#include "transport/http_head.h"
#include "transport/http_partial.h"
#include "transport/http_validate.h"

enum { INFORMATIONAL_LIMIT = 100 };

enum state {
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
    STATES,
};

enum empty_line { NONE, HALF, SKIPPED };

static enum err refuse(enum err e, const char *text, const char **problem)
{
    *problem = text;
    return e;
}

static char take(struct slice *rest)
{
    char c = rest->base[0];

    *rest = slice_after(*rest, 1);
    return c;
}

static enum err on_name(struct http_reader *r, uint32_t at, uint32_t size)
{
    struct http_name *names = partial_names(r), *last = names + r->count - 1;

    if (r->count > 0 && last->at + last->size == at) {
        last->size += size;
        return ERR_OK;
    }
    if (r->count == HTTP_FIELD_LIMIT)
        return ERR_HEAD_TOO_LARGE;
    names[r->count++] = (struct http_name){at, size};
    return ERR_OK;
}

static struct http_reader *reader_of(llhttp_t *parser)
{
    return (struct http_reader *)((char *)parser - offsetof(struct http_reader, parser));
}

static int on_header_field(llhttp_t *parser, const char *at, size_t size)
{
    struct http_reader *r = reader_of(parser);

    r->error = on_name(r, r->seen + (uint32_t)(at - r->fed), size);
    return r->error ? -1 : 0;
}

static int on_url(llhttp_t *parser, const char *at, size_t size)
{
    struct http_reader *r = reader_of(parser);

    if (r->target.size == 0)
        r->target.at = r->seen + (uint32_t)(at - r->fed);
    r->target.size += size;
    r->error = r->target.size > HTTP_TARGET_LIMIT ? ERR_TARGET_TOO_LONG : ERR_OK;
    return r->error ? -1 : 0;
}

/* llhttp reads heads only: bodies are framed here. */
static int on_headers_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_headers_complete = on_headers_complete,
};

static void head_begin(struct http_reader *r)
{
    llhttp_init(&r->parser, r->side == HTTP_REQUESTS ? HTTP_REQUEST : HTTP_RESPONSE,
                &settings);
    r->seen = 0;
    r->count = 0;
    r->target = (struct http_name){0, 0};
    r->in_message = true;
    r->state = HEAD;
}

/* RFC 9112 §2.2: some clients send an empty line after a body. */
static enum err between(struct http_reader *r, struct slice *rest, const char **problem)
{
    char c = rest->base[0];

    if (r->empty_line != HALF && c != '\r' && c != '\n') {
        head_begin(r);
        return ERR_OK;
    }
    if (r->side == HTTP_RESPONSES || c != (r->empty_line == HALF ? '\n' : '\r') ||
        r->empty_line == SKIPPED)
        return refuse(ERR_BAD_REQUEST, "more than one empty line before a message",
                      problem);
    r->empty_line++;
    take(rest);
    return ERR_OK;
}

static enum err method_refuse(const char *at, const char **problem)
{
    if (http_char_is_token(*at))
        return refuse(ERR_METHOD, "an unknown method", problem);
    return refuse(ERR_BAD_REQUEST, "a request line that begins with no method", problem);
}

/* llhttp calls it an invalid version, too, when something follows a valid one. */
static bool is_other_version(const llhttp_t *parser, llhttp_errno_t n)
{
    bool ours = parser->http_major == 1 && parser->http_minor <= 1;

    return n == HPE_PAUSED_H2_UPGRADE || (n == HPE_INVALID_VERSION && !ours);
}

static enum err head_refuse(struct http_reader *r, llhttp_errno_t n, const char **problem)
{
    if (n == HPE_USER)
        return refuse(r->error, err_text(r->error), problem);
    if (n == HPE_INVALID_METHOD)
        return method_refuse(llhttp_get_error_pos(&r->parser), problem);
    if (is_other_version(&r->parser, n))
        return refuse(ERR_HTTP_VERSION, "a version that is neither HTTP/1.0 nor HTTP/1.1",
                      problem);
    return refuse(ERR_BAD_REQUEST, llhttp_get_error_reason(&r->parser), problem);
}

static enum state body_state(const struct http_head *h)
{
    static const uint8_t states[] = {[BODY_NONE] = END,
                                     [BODY_LENGTH] = LENGTH,
                                     [BODY_CHUNKED] = CHUNK_LINE,
                                     [BODY_TO_END] = TO_END};

    return states[h->framing];
}

static void body_begin(struct http_reader *r, const struct http_head *h)
{
    r->remaining = h->framing == BODY_LENGTH ? h->length : 0;
    r->chunk_state = CHUNK_FIRST_DIGIT;
    r->seen = 0;
    r->extension_bytes = 0;
    r->state = body_state(h);
}

/* RFC 9110 §15.2: any number of 1xx may come first; 101 ends HTTP on this connection. */
static enum err informational_note(struct http_reader *r, unsigned status,
                                   const char **problem)
{
    if (status == 101) {
        r->tunnel = true;
        r->in_message = false;
        r->state = TUNNEL;
    } else if (++r->informational > INFORMATIONAL_LIMIT) {
        return refuse(ERR_BAD_RESPONSE, "more than 100 informational responses", problem);
    } else {
        r->state = BETWEEN;
    }
    return ERR_OK;
}

/* The empty line at the end stands where one more name would. */
static struct http_raw raw_of(const struct http_reader *r, struct slice bytes)
{
    struct http_name *names = partial_names(r);

    names[r->count] = (struct http_name){bytes.size - 2, 0};
    return (struct http_raw){bytes, names, r->count, r->target};
}

static enum err head_deliver(struct http_reader *r, struct slice bytes,
                             const char **problem)
{
    struct http_raw raw = raw_of(r, bytes);
    struct http_head h = {.status = 0};
    enum err e =
        r->side == HTTP_REQUESTS
            ? http_request_build(&raw, r->scratch->fields, &h, problem)
            : http_response_build(&raw, r->to_head, r->scratch->fields, &h, problem);

    if (e)
        return e;
    if (r->side == HTTP_RESPONSES && h.status < 200)
        e = informational_note(r, h.status, problem);
    else
        body_begin(r, &h);
    return e ? e : r->events->head(r, &h);
}

/* The last `size` bytes of a head are here. */
static enum err head_complete(struct http_reader *r, struct slice *rest, size_t size,
                              const char **problem)
{
    struct slice bytes = slice_first(*rest, size);
    enum err e = ERR_OK;

    *rest = slice_after(*rest, size);
    if (r->partial)
        e = partial_add(r, bytes, &bytes);
    if (!e)
        e = head_deliver(r, bytes, problem);
    if (r->partial)
        partial_free(r);
    return e;
}

static enum err head_suspend(struct http_reader *r, struct slice *rest, size_t size,
                             const char **problem)
{
    enum err e = partial_add(r, slice_first(*rest, size), NULL);

    if (e)
        return e;
    *rest = slice_after(*rest, size);
    r->seen += size;
    if (r->seen == HTTP_HEAD_LIMIT)
        return refuse(ERR_HEAD_TOO_LARGE, "a head of more than 64 KiB", problem);
    return ERR_OK;
}

static enum err head(struct http_reader *r, struct slice *rest, const char **problem)
{
    struct slice bytes = slice_first(*rest, HTTP_HEAD_LIMIT - r->seen);
    llhttp_errno_t n;

    r->fed = bytes.base;
    n = llhttp_execute(&r->parser, bytes.base, bytes.size);
    if (n == HPE_PAUSED)
        return head_complete(r, rest, llhttp_get_error_pos(&r->parser) - bytes.base,
                             problem);
    if (n != HPE_OK)
        return head_refuse(r, n, problem);
    return head_suspend(r, rest, bytes.size, problem);
}

static enum err piece_deliver(struct http_reader *r, struct slice *rest, enum state after)
{
    struct slice piece = slice_first(*rest, r->remaining);

    *rest = slice_after(*rest, piece.size);
    r->remaining -= piece.size;
    if (r->remaining == 0)
        r->state = after;
    return r->events->body(r, piece);
}

static enum err length(struct http_reader *r, struct slice *rest, const char **problem)
{
    (void)problem;
    return piece_deliver(r, rest, END);
}

static enum err chunk(struct http_reader *r, struct slice *rest, const char **problem)
{
    (void)problem;
    r->chunk_state = CHUNK_DATA_CR;
    return piece_deliver(r, rest, CHUNK_LINE);
}

static enum err to_end(struct http_reader *r, struct slice *rest, const char **problem)
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

static enum err chunk_line(struct http_reader *r, struct slice *rest,
                           const char **problem)
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
    struct http_raw raw = raw_of(r, bytes);
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
        e = on_name(r, r->seen, 1);
    if (e || ++r->seen > HTTP_HEAD_LIMIT)
        return refuse(ERR_HEAD_TOO_LARGE, "trailers of more than 64 KiB or 100 fields",
                      problem);
    return ERR_OK;
}

static enum err trailers(struct http_reader *r, struct slice *rest, const char **problem)
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

/* All is as before the first message when `end` comes, so that it may say what is
 * expected next. */
static enum err end(struct http_reader *r, struct slice *rest, const char **problem)
{
    enum err e;

    (void)rest;
    (void)problem;
    r->state = BETWEEN;
    r->empty_line = NONE;
    r->informational = 0;
    r->to_head = false;
    r->in_message = false;
    e = r->events->end(r);
    return e ? e : ERR_LATER;
}

static enum err tunnel(struct http_reader *r, struct slice *rest, const char **problem)
{
    (void)r;
    (void)rest;
    (void)problem;
    return ERR_LATER;
}

static enum err failed(struct http_reader *r, struct slice *rest, const char **problem)
{
    (void)rest;
    (void)problem;
    return r->error;
}

static enum err (*const steps[STATES])(struct http_reader *r, struct slice *rest,
                                       const char **problem) = {
    [BETWEEN] = between,       [HEAD] = head,         [LENGTH] = length, [CHUNK] = chunk,
    [CHUNK_LINE] = chunk_line, [TRAILERS] = trailers, [TO_END] = to_end, [END] = end,
    [TUNNEL] = tunnel,         [FAILED] = failed,
};

/* Whatever is wrong with a response is one thing to a client: the upstream's fault.
 * `problem` tells what we found from what a callback returned. */
static enum err fail(struct http_reader *r, enum err e, const char *problem,
                     struct why *w)
{
    if (problem && r->side == HTTP_RESPONSES)
        e = ERR_BAD_RESPONSE;
    r->state = FAILED;
    r->error = e;
    if (r->partial)
        partial_free(r);
    return problem ? why(w, e, "%s", problem) : e;
}

void reader_init(struct http_reader *r, enum http_side side,
                 const struct http_reader_events *events, struct http_scratch *scratch)
{
    *r = (struct http_reader){
        .events = events, .scratch = scratch, .side = side, .state = BETWEEN};
}

void reader_fini(struct http_reader *r)
{
    if (r->partial)
        partial_free(r);
}

void reader_expect(struct http_reader *r, enum http_method method)
{
    assert(r->side == HTTP_RESPONSES);
    r->to_head = method == METHOD_HEAD;
    r->to_connect = method == METHOD_CONNECT;
}

enum err reader_feed(struct http_reader *r, struct slice bytes, size_t *used,
                     struct why *w)
{
    const char *problem = NULL;
    struct slice rest = bytes;
    enum err e = ERR_OK;

    while (!e && (rest.size > 0 || r->state == END))
        e = steps[r->state](r, &rest, &problem);
    *used = bytes.size - rest.size;
    return !e || e == ERR_LATER ? ERR_OK : fail(r, e, problem, w);
}

enum err reader_finish(struct http_reader *r)
{
    enum err e;

    if (r->state == FAILED)
        return r->error;
    if (!r->in_message)
        return ERR_OK;
    if (r->state != TO_END && r->state != END)
        return fail(r, r->side == HTTP_REQUESTS ? ERR_BAD_REQUEST : ERR_TRUNCATED, NULL,
                    NULL);
    e = end(r, NULL, NULL);
    return e == ERR_LATER ? ERR_OK : fail(r, e, NULL, NULL);
}
