#include "sidecar/core/log_json.h"

#include "sidecar/core/utf8.h"

struct output {
    char *at;
    char *end;
    bool full;
};

static void put(struct output *o, struct slice s)
{
    if (s.size > (size_t)(o->end - o->at))
        o->full = true;
    if (o->full)
        return;
    memcpy(o->at, s.base, s.size);
    o->at += s.size;
}

static bool is_number(struct slice s)
{
    struct slice digits = slice_after(s, slice_starts_with(s, SLICE("-")));
    size_t dot = slice_find(digits, '.');
    struct slice whole = slice_first(digits, dot);
    uint64_t ignored;

    /* Fifteen digits are exact in every reader. */
    if (whole.size > 15 || !slice_to_u64(whole, &ignored))
        return false;
    if (whole.size > 1 && whole.base[0] == '0')
        return false;
    return dot == digits.size || slice_to_u64(slice_after(digits, dot + 1), &ignored);
}

static bool is_bare(struct slice s)
{
    return is_number(s) || slice_is(s, "true") || slice_is(s, "false");
}

/* Those that log_quote() writes: any other might be half of a pair. */
static bool is_unicode_escape(struct slice s)
{
    static const char digits[] = "0123456789abcdef";

    if (slice_starts_with(s, SLICE("\\ufffd")))
        return true;
    return s.size >= 6 && slice_starts_with(s, SLICE("\\u00")) &&
           memchr(digits, s.base[4], 16) && memchr(digits, s.base[5], 16);
}

/* Size of the escape that `s` begins with, 0: it does not. */
static size_t escape_size(struct slice s)
{
    if (is_unicode_escape(s))
        return 6;
    return s.size >= 2 && s.base[0] == '\\' && memchr("\"\\/bfnrt", s.base[1], 8) ? 2 : 0;
}

static size_t put_character(struct output *o, struct slice s)
{
    size_t size = utf8_size(s);

    if (s.base[0] == '\\')
        put(o, SLICE("\\\\"));
    else if (s.base[0] == '"')
        put(o, SLICE("\\\""));
    else if (size == 1 && (unsigned char)s.base[0] < 0x20)
        put(o, SLICE(" "));
    else if (size == 0)
        put(o, SLICE("\xEF\xBF\xBD"));
    else
        put(o, slice_first(s, size));
    return size ? size : 1;
}

static void put_string(struct output *o, struct slice s, bool escaped)
{
    put(o, SLICE("\""));
    while (s.size && !o->full) {
        size_t size = escaped ? escape_size(s) : 0;

        put(o, slice_first(s, size));
        s = slice_after(s, size ? size : put_character(o, s));
    }
    put(o, SLICE("\""));
}

/* Index of the quote that ends a value, or s.size. */
static size_t find_closing(struct slice s)
{
    size_t at = 0;

    while (at < s.size && s.base[at] != '"')
        at += s.base[at] == '\\' ? 2 : 1;
    return at < s.size ? at : s.size;
}

static struct slice cut(struct slice *rest, size_t at)
{
    struct slice before = slice_first(*rest, at);

    *rest = slice_after(*rest, at + 1);
    return before;
}

static void put_value(struct output *o, struct slice *rest)
{
    struct slice value;

    if (slice_starts_with(*rest, SLICE("\""))) {
        *rest = slice_after(*rest, 1);
        put_string(o, cut(rest, find_closing(*rest)), true);
        return;
    }
    value = cut(rest, slice_find(*rest, ' '));
    if (is_bare(value))
        put(o, value);
    else
        put_string(o, value, false);
}

static void put_pair(struct output *o, struct slice *rest)
{
    size_t word = slice_find(*rest, ' ');
    size_t equals = slice_find(slice_first(*rest, word), '=');

    put(o, SLICE(","));
    put_string(o, slice_first(*rest, equals), false);
    put(o, SLICE(":"));
    *rest = slice_after(*rest, equals);
    if (slice_starts_with(*rest, SLICE("="))) {
        *rest = slice_after(*rest, 1);
        put_value(o, rest);
    } else {
        put(o, SLICE("true"));
    }
}

size_t log_json_members(char *out, size_t size, struct slice pairs)
{
    struct output o = {.at = out, .end = out + size};
    char *complete = out;

    while ((pairs = slice_trim(pairs)).size) {
        put_pair(&o, &pairs);
        if (o.full)
            break;
        complete = o.at;
    }
    return (size_t)(complete - out);
}
