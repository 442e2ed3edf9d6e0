#include "transport/http_plain.h"
#include "transport/http_steps.h"
#include "transport/http_validate.h"

enum { INFORMATIONAL_LIMIT = 100 };

enum err name_note(struct http_reader *r, uint32_t at, uint32_t size)
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
    return parser->data;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t size)
{
    struct http_reader *r = reader_of(parser);

    r->error = name_note(r, r->seen + (uint32_t)(at - r->fed), size);
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

void head_begin(struct http_reader *r)
{
    r->seen = 0;
    r->in_message = true;
    r->state = HEAD;
}

static void parser_begin(struct http_reader *r)
{
    llhttp_t *parser = &r->scratch->parser;

    llhttp_init(parser, r->side == HTTP_REQUESTS ? HTTP_REQUEST : HTTP_RESPONSE,
                &settings);
    parser->data = r;
    r->count = 0;
    r->target = (struct http_name){0, 0};
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
    const llhttp_t *parser = partial_parser(r);

    if (n == HPE_USER)
        return refuse(r->error, err_text(r->error), problem);
    if (n == HPE_INVALID_METHOD)
        return method_refuse(llhttp_get_error_pos(parser), problem);
    if (is_other_version(parser, n))
        return refuse(ERR_HTTP_VERSION, "a version that is neither HTTP/1.0 nor HTTP/1.1",
                      problem);
    return refuse(ERR_BAD_REQUEST, llhttp_get_error_reason(parser), problem);
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
struct http_raw reader_raw(const struct http_reader *r, struct slice bytes)
{
    struct http_name *names = partial_names(r);

    names[r->count] = (struct http_name){bytes.size - 2, 0};
    return (struct http_raw){bytes, names, r->count, r->target};
}

static enum err head_tell(struct http_reader *r, const struct http_head *h,
                          const char **problem)
{
    enum err e = ERR_OK;

    if (r->side == HTTP_RESPONSES && h->status < 200)
        e = informational_note(r, h->status, problem);
    else
        body_begin(r, h);
    return e ? e : r->events->head(r, h);
}

static enum err head_deliver(struct http_reader *r, struct slice bytes,
                             const char **problem)
{
    struct http_raw raw = reader_raw(r, bytes);
    struct http_head h = {.status = 0};
    enum err e =
        r->side == HTTP_REQUESTS
            ? http_request_build(&raw, r->scratch->fields, &h, problem)
            : http_response_build(&raw, r->to_head, r->scratch->fields, &h, problem);

    return e ? e : head_tell(r, &h, problem);
}

/* Without llhttp. ERR_UNSUPPORTED: it is for llhttp to say what this is. */
static enum err head_plain(struct http_reader *r, struct slice *rest,
                           const char **problem)
{
    struct http_field *fields = r->scratch->fields;
    struct slice bytes = slice_first(*rest, HTTP_HEAD_LIMIT);
    struct http_head h = {.status = 0};
    size_t size = r->side == HTTP_REQUESTS ? http_plain_request(bytes, fields, &h)
                                           : http_plain_response(bytes, fields, &h);
    enum err e;

    if (size == 0)
        return ERR_UNSUPPORTED;
    *rest = slice_after(*rest, size);
    r->is_head = h.method == METHOD_HEAD;
    e = r->side == HTTP_REQUESTS ? http_request_check(&h, problem)
                                 : http_response_check(&h, r->to_head, problem);
    return e ? e : head_tell(r, &h, problem);
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

static enum err head_parse(struct http_reader *r, struct slice *rest,
                           const char **problem)
{
    struct slice bytes = slice_first(*rest, HTTP_HEAD_LIMIT - r->seen);
    llhttp_t *parser = partial_parser(r);
    llhttp_errno_t n;

    r->fed = bytes.base;
    n = llhttp_execute(parser, bytes.base, bytes.size);
    r->is_head = r->side == HTTP_REQUESTS && parser->method == HTTP_HEAD;
    if (n == HPE_PAUSED)
        return head_complete(r, rest, llhttp_get_error_pos(parser) - bytes.base, problem);
    if (n != HPE_OK)
        return head_refuse(r, n, problem);
    return head_suspend(r, rest, bytes.size, problem);
}

enum err step_head(struct http_reader *r, struct slice *rest, const char **problem)
{
    if (r->seen == 0) {
        enum err e = head_plain(r, rest, problem);

        if (e != ERR_UNSUPPORTED)
            return e;
        parser_begin(r);
    }
    return head_parse(r, rest, problem);
}
