#include "transport/http_plain.h"

#include "transport/http_head.h"
#include "transport/http_text.h"

enum { LANES = TEXT_LANES, VERSION = 8, STATUS_LINE = VERSION + 5 /* "HTTP/1.1 200 " */ };

/* --- sixteen bytes at a time: bit i is set where byte i is none of these --- */

static inline uint32_t not_visible(text_lanes x)
{
    return text_mask((x < 0x20) | (x == 0x7f));
}

static inline uint32_t not_in_target(text_lanes x)
{
    return text_mask((x <= 0x20) | (x == 0x7f) | (x == '#'));
}

static inline uint32_t not_in_name(text_lanes x)
{
    text_lanes lower = x | 0x20;

    return ~text_mask(((lower >= 'a') & (lower <= 'z')) | ((x >= '0') & (x <= '9')) |
                      (x == '-')) &
           ((1u << LANES) - 1);
}

/* The first byte that is such a one, or the end. */
static inline const char *first(uint32_t (*such)(text_lanes x), const char *at,
                                const char *end)
{
    const char *last = end - LANES;
    uint32_t found;

    for (; at <= last; at += LANES)
        if ((found = such(text_load(at))))
            return at + __builtin_ctz(found);
    found = such(text_load(end - LANES)) >> (LANES - (end - at));
    return found ? at + __builtin_ctz(found) : end;
}

/* --- lines: what takes one returns where the next begins; NULL: it is not plain, or not all here --- */

static inline const char *after_line_end(const char *at, const char *end)
{
    return end - at >= 2 && memcmp(at, "\r\n", 2) == 0 ? at + 2 : NULL;
}

static inline const char *take_version(const char *at, const char *end, unsigned *minor)
{
    if (end - at < VERSION || memcmp(at, "HTTP/1.", VERSION - 1) != 0)
        return NULL;
    *minor = (unsigned char)at[VERSION - 1] - '0';
    return *minor <= 1 ? at + VERSION : NULL;
}

/* Nearly all have one blank in front and none behind: such a line may leave as it came. */
static inline bool is_as_written(const char *colon, const char *value_end)
{
    return colon[1] == ' ' && colon[2] > ' ' && value_end[-1] > ' ';
}

static inline const char *take_field(const char *name, const char *end,
                                     struct http_field *f, bool *as_written)
{
    const char *colon = first(not_in_name, name, end), *value_end, *next;

    if (colon == name || colon == end || *colon != ':')
        return NULL;
    value_end = first(not_visible, colon + 1, end);
    next = after_line_end(value_end, end);
    if (!next)
        return NULL;
    f->name = slice_from(name, colon - name);
    if (is_as_written(colon, value_end)) {
        f->value = slice_from(colon + 2, value_end - (colon + 2));
    } else {
        f->value = http_value_trim(colon + 1, value_end);
        *as_written = false;
    }
    f->id = http_field_id(f->name);
    return next;
}

/* To the empty line and past it. */
static inline const char *take_fields(const char *at, const char *end, uint64_t single,
                                      struct http_field *fields, struct http_head *h)
{
    const char *lines = at;
    uint64_t present = 0;
    unsigned count = 0;
    bool as_written = true;

    while (at < end && *at != '\r') {
        struct http_field *f = &fields[count];

        if (count++ == HTTP_FIELD_LIMIT || !(at = take_field(at, end, f, &as_written)) ||
            (present & single & 1ull << f->id))
            return NULL;
        present |= 1ull << f->id;
    }
    h->fields = fields;
    h->count = count;
    h->present = present;
    if (as_written)
        h->lines = slice_from(lines, at - lines);
    return after_line_end(at, end);
}

/* --- start lines --- */

/* "GET /path HTTP/1.1" */
static inline const char *take_request_line(const char *method, const char *end,
                                            struct http_head *h)
{
    const char *target = memchr(method, ' ', LANES), *at;

    if (!target || *++target != '/')
        return NULL;
    h->method_text = slice_from(method, target - 1 - method);
    h->method = http_method(h->method_text);
    at = first(not_in_target, target, end);
    h->target = slice_from(target, at - target);
    if (h->method == METHOD_OTHER || h->method == METHOD_CONNECT ||
        h->target.size > HTTP_TARGET_LIMIT || at == end || *at != ' ' ||
        !(at = take_version(at + 1, end, &h->minor)))
        return NULL;
    return after_line_end(at, end);
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 OK": the reason may be empty, the space before it may not be missing. */
static inline const char *take_status_line(const char *text, const char *end,
                                           struct http_head *h)
{
    const char *digits = text + VERSION + 1, *reason = text + STATUS_LINE, *reason_end;

    if (!take_version(text, end, &h->minor) || end - text < STATUS_LINE ||
        text[VERSION] != ' ' || digits[0] < '1' || !is_digit(digits[0]) ||
        !is_digit(digits[1]) || !is_digit(digits[2]) || reason[-1] != ' ')
        return NULL;
    h->status =
        (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (unsigned)(digits[2] - '0');
    reason_end = first(not_visible, reason, end);
    h->reason = slice_from(reason, reason_end - reason);
    return after_line_end(reason_end, end);
}

/* --- heads --- */

size_t http_plain_request(struct slice bytes, struct http_field *fields,
                          struct http_head *h)
{
    const char *end = bytes.base + bytes.size, *at = NULL;

    if (bytes.size > LANES)
        at = take_request_line(bytes.base, end, h);
    if (at)
        at = take_fields(at, end, HTTP_SINGLE_IN_REQUESTS, fields, h);
    return at ? (size_t)(at - bytes.base) : 0;
}

size_t http_plain_response(struct slice bytes, struct http_field *fields,
                           struct http_head *h)
{
    const char *end = bytes.base + bytes.size, *at = NULL;

    if (bytes.size > LANES)
        at = take_status_line(bytes.base, end, h);
    if (at)
        at = take_fields(at, end, HTTP_SINGLE_IN_RESPONSES, fields, h);
    return at ? (size_t)(at - bytes.base) : 0;
}
