#include "transport/http_head.h"

#include "transport/http_validate.h"

enum { VERSION = 8, LINE_END = 2 }; /* "HTTP/1.1" and "\r\n" */

static bool is_line_end(const char *p)
{
    return memcmp(p, "\r\n", 2) == 0;
}

/* The line without its CRLF ends at `end`. */
static inline const char *field_build(struct slice name, const char *end,
                                      struct http_field *f)
{
    const char *value = name.base + name.size + 1;

    if (name.size == 0 || end < value || !is_line_end(end) || value[-1] != ':')
        return "a field line that is not \"name: value\" and CRLF";
    f->name = name;
    f->value = http_value_trim(value, end);
    f->id = http_field_id(name);
    return http_is_value(f->value) ? NULL
                                   : "a control character or a folded line in a field";
}

const char *http_fields_build(const struct http_raw *raw, uint32_t from, uint64_t single,
                              struct http_field *fields, uint64_t *present)
{
    const char *base = raw->bytes.base;
    uint64_t seen = 0;

    if (!is_line_end(base + raw->names[raw->count].at) || from != raw->names[0].at)
        return "a line that does not end in CRLF, or begins with a space";
    for (unsigned i = 0; i < raw->count; i++) {
        struct slice name = slice_from(base + raw->names[i].at, raw->names[i].size);
        const char *end = base + raw->names[i + 1].at - LINE_END;
        const char *problem = field_build(name, end, &fields[i]);

        if (problem)
            return problem;
        if (seen & single & 1ull << fields[i].id)
            return "a field that may occur only once stands there again";
        seen |= 1ull << fields[i].id;
    }
    *present = seen;
    return NULL;
}

/* Where the start line ends, its CRLF not counted. */
static uint32_t start_line_size(const struct http_raw *raw)
{
    return raw->names[0].at - LINE_END;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool version_parse(const char *text, unsigned *minor)
{
    *minor = (unsigned char)text[7] - '0';
    return memcmp(text, "HTTP/1.", 7) == 0 && *minor <= 1;
}

static enum err version_refuse(const char *text, const char **problem)
{
    bool other = memcmp(text, "HTTP/", 5) == 0 && is_digit(text[5]) && text[6] == '.' &&
                 is_digit(text[7]);

    *problem = other ? "a version that is neither HTTP/1.0 nor HTTP/1.1"
                     : "a request line that does not end in HTTP/1.1";
    return other ? ERR_HTTP_VERSION : ERR_BAD_REQUEST;
}

/* "GET /target HTTP/1.1": llhttp has found a method it knows and a target; the single
 * spaces are ours to check. */
static enum err request_line_build(const struct http_raw *raw, struct http_head *h,
                                   const char **problem)
{
    const char *base = raw->bytes.base;
    uint32_t at = raw->target.at, end = at + raw->target.size,
             size = start_line_size(raw);

    if (at < 2 || base[at - 1] != ' ' || base[at - 2] == ' ' ||
        size != end + 1 + VERSION || base[end] != ' ' || !is_line_end(base + size)) {
        *problem = "a request line that is not \"METHOD target HTTP/1.1\"";
        return ERR_BAD_REQUEST;
    }
    if (!version_parse(base + end + 1, &h->minor))
        return version_refuse(base + end + 1, problem);
    h->method_text = slice_from(base, at - 1);
    h->target = slice_from(base + at, raw->target.size);
    h->method = http_method(h->method_text);
    return ERR_OK;
}

enum err http_request_build(const struct http_raw *raw, struct http_field *fields,
                            struct http_head *h, const char **problem)
{
    uint32_t from = start_line_size(raw) + LINE_END;
    enum err e = request_line_build(raw, h, problem);

    if (e)
        return e;
    if ((*problem =
             http_fields_build(raw, from, HTTP_SINGLE_IN_REQUESTS, fields, &h->present)))
        return ERR_BAD_REQUEST;
    h->fields = fields;
    h->count = raw->count;
    if ((*problem = http_target_problem(h->method, h->target)))
        return ERR_BAD_REQUEST;
    return http_request_check(h, problem);
}

static bool status_parse(const char *text, unsigned *status)
{
    if (!is_digit(text[0]) || !is_digit(text[1]) || !is_digit(text[2]))
        return false;
    *status = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
    return *status >= 100;
}

/* "HTTP/1.1 200 OK", or without the reason, with or without the space before it. */
static const char *status_line_problem(const struct http_raw *raw, struct http_head *h)
{
    enum { STATUS = VERSION + 1, STATUS_END = STATUS + 3 };
    const char *base = raw->bytes.base;
    uint32_t size = start_line_size(raw);

    if (size < STATUS_END || !is_line_end(base + size) ||
        !version_parse(base, &h->minor) || base[STATUS - 1] != ' ' ||
        (size > STATUS_END && base[STATUS_END] != ' '))
        return "a status line that is not \"HTTP/1.1 200 reason\"";
    if (!status_parse(base + STATUS, &h->status))
        return "a status that is not from 100 to 999";
    h->reason = slice_after(slice_from(base, size), STATUS_END + 1);
    return http_is_value(h->reason) ? NULL : "a control character in the reason";
}

enum err http_response_build(const struct http_raw *raw, bool to_head,
                             struct http_field *fields, struct http_head *h,
                             const char **problem)
{
    if ((*problem = status_line_problem(raw, h)) ||
        (*problem = http_fields_build(raw, start_line_size(raw) + LINE_END,
                                      HTTP_SINGLE_IN_RESPONSES, fields, &h->present)))
        return ERR_BAD_RESPONSE;
    h->fields = fields;
    h->count = raw->count;
    return http_response_check(h, to_head, problem);
}
