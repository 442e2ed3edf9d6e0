#include "transport/http_plain.h"

#include "transport/http_head.h"
#include "transport/http_text.h"

enum { LANES = TEXT_LANES, VERSION = 8, STATUS_LINE = VERSION + 5 /* "HTTP/1.1 200 " */ };

/* What is read yet, and where its bytes end; at least LANES of them can be read before `end`. */
struct plain {
    const char *at;
    const char *end;
    bool as_written; /* each line yet is "name: value" */
};

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

/* --- lines --- */

static inline bool has(const struct plain *p, ptrdiff_t size)
{
    return p->end - p->at >= size;
}

static inline bool take_line_end(struct plain *p)
{
    if (!has(p, 2) || memcmp(p->at, "\r\n", 2) != 0)
        return false;
    p->at += 2;
    return true;
}

static inline bool take_version(struct plain *p, unsigned *minor)
{
    if (!has(p, VERSION) || memcmp(p->at, "HTTP/1.", VERSION - 1) != 0)
        return false;
    *minor = (unsigned char)p->at[VERSION - 1] - '0';
    p->at += VERSION;
    return *minor <= 1;
}

/* Nearly all have one blank in front and none behind: they may leave as they came. */
static inline struct slice take_value(struct plain *p, const char *colon, const char *end)
{
    const char *value = colon + 2;

    if (colon[1] == ' ' && *value > ' ' && end[-1] > ' ')
        return slice_from(value, end - value);
    p->as_written = false;
    return http_value_trim(colon + 1, end);
}

static inline bool take_field(struct plain *p, struct http_field *f)
{
    const char *name = p->at, *colon = first(not_in_name, name, p->end), *end;

    if (colon == name || colon == p->end || *colon != ':')
        return false;
    p->at = end = first(not_visible, colon + 1, p->end);
    if (!take_line_end(p))
        return false;
    f->name = slice_from(name, colon - name);
    f->value = take_value(p, colon, end);
    f->id = http_field_id(f->name);
    return true;
}

/* To the empty line and past it. */
static inline bool take_fields(struct plain *p, uint64_t single,
                               struct http_field *fields, struct http_head *h)
{
    const char *lines = p->at;
    uint64_t present = 0;
    unsigned count = 0;

    while (!take_line_end(p)) {
        struct http_field *f = &fields[count];

        if (count++ == HTTP_FIELD_LIMIT || !take_field(p, f) ||
            (present & single & 1ull << f->id))
            return false;
        present |= 1ull << f->id;
    }
    h->fields = fields;
    h->count = count;
    h->present = present;
    if (p->as_written)
        h->lines = slice_from(lines, p->at - 2 - lines);
    return true;
}

/* --- start lines --- */

/* "GET /path HTTP/1.1" */
static bool take_request_line(struct plain *p, struct http_head *h)
{
    const char *method = p->at, *target = memchr(method, ' ', LANES);

    if (!target || *++target != '/')
        return false;
    h->method_text = slice_from(method, target - 1 - method);
    h->method = http_method(h->method_text);
    p->at = first(not_in_target, target, p->end);
    h->target = slice_from(target, p->at - target);
    return h->method != METHOD_OTHER && h->method != METHOD_CONNECT &&
           h->target.size <= HTTP_TARGET_LIMIT && has(p, 1) && *p->at++ == ' ' &&
           take_version(p, &h->minor) && take_line_end(p);
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 OK": the reason may be empty, the space before it may not be missing. */
static bool take_status_line(struct plain *p, struct http_head *h)
{
    const char *text = p->at, *digits = text + VERSION + 1;

    if (!take_version(p, &h->minor) || !has(p, STATUS_LINE - VERSION) ||
        text[VERSION] != ' ' || digits[0] < '1' || !is_digit(digits[0]) ||
        !is_digit(digits[1]) || !is_digit(digits[2]) || text[STATUS_LINE - 1] != ' ')
        return false;
    h->status =
        (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (unsigned)(digits[2] - '0');
    p->at = first(not_visible, text + STATUS_LINE, p->end);
    h->reason = slice_from(text + STATUS_LINE, p->at - (text + STATUS_LINE));
    return take_line_end(p);
}

/* --- heads --- */

static struct plain begin(struct slice bytes)
{
    return (struct plain){bytes.base, bytes.base + bytes.size, true};
}

size_t http_plain_request(struct slice bytes, struct http_field *fields,
                          struct http_head *h)
{
    struct plain p = begin(bytes);

    return bytes.size > LANES && take_request_line(&p, h) &&
                   take_fields(&p, HTTP_SINGLE_IN_REQUESTS, fields, h)
               ? (size_t)(p.at - bytes.base)
               : 0;
}

size_t http_plain_response(struct slice bytes, struct http_field *fields,
                           struct http_head *h)
{
    struct plain p = begin(bytes);

    return bytes.size > LANES && take_status_line(&p, h) &&
                   take_fields(&p, HTTP_SINGLE_IN_RESPONSES, fields, h)
               ? (size_t)(p.at - bytes.base)
               : 0;
}
