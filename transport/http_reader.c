#include "transport/http_reader.h"

#include <assert.h>

#include "transport/http_steps.h"

enum empty_line { NONE, HALF, SKIPPED };

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

/* clang-format off */
static enum err (*const steps[HTTP_STATES])(struct http_reader *r, struct slice *rest,
                                            const char **problem) = {
    [BETWEEN]    = between,
    [HEAD]       = step_head,
    [LENGTH]     = step_length,
    [CHUNK_LINE] = step_chunk_line,
    [CHUNK]      = step_chunk,
    [TRAILERS]   = step_trailers,
    [TO_END]     = step_to_end,
    [END]        = end,
    [TUNNEL]     = tunnel,
    [FAILED]     = failed,
};
/* clang-format on */

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

bool reader_is_between(const struct http_reader *r)
{
    return r->state == BETWEEN;
}

bool reader_is_head_request(const struct http_reader *r)
{
    return r->in_message && r->is_head;
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
