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

static bool is_unicode_escape(struct slice s)
{
    if (s.size < 6 || s.base[1] != 'u')
        return false;
    for (unsigned i = 2; i < 6; i++)
        if (!memchr("0123456789abcdefABCDEF", s.base[i], 22))
            return false;
    return true;
}

/* An escape that JSON does not know gets its backslash doubled. */
static size_t put_escape(struct output *o, struct slice s)
{
    if (is_unicode_escape(s)) {
        put(o, slice_first(s, 6));
        return 6;
    }
    if (s.size >= 2 && memchr("\"\\/bfnrt", s.base[1], 8)) {
        put(o, slice_first(s, 2));
        return 2;
    }
    put(o, SLICE("\\\\"));
    return 1;
}

static size_t put_character(struct output *o, struct slice s)
{
    size_t size = utf8_size(s);

    if (s.base[0] == '\\')
        return put_escape(o, s);
    if (s.base[0] == '"')
        put(o, SLICE("\\\""));
    else if (size == 1 && (unsigned char)s.base[0] < 0x20)
        put(o, SLICE(" "));
    else if (size == 0)
        put(o, SLICE("\xEF\xBF\xBD"));
    else
        put(o, slice_first(s, size));
    return size ? size : 1;
}

static void put_string(struct output *o, struct slice s)
{
    put(o, SLICE("\""));
    while (s.size && !o->full)
        s = slice_after(s, put_character(o, s));
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
        put_string(o, cut(rest, find_closing(*rest)));
        return;
    }
    value = cut(rest, slice_find(*rest, ' '));
    if (is_bare(value))
        put(o, value);
    else
        put_string(o, value);
}

size_t log_json_members(char *out, size_t size, struct slice pairs)
{
    struct output o = {.at = out, .end = out + size};
    char *complete = out;

    while ((pairs = slice_trim(pairs)).size) {
        size_t word = slice_find(pairs, ' ');
        size_t equals = slice_find(slice_first(pairs, word), '=');

        put(&o, SLICE(","));
        put_string(&o, slice_first(pairs, equals));
        put(&o, SLICE(":"));
        pairs = slice_after(pairs, equals);
        if (slice_starts_with(pairs, SLICE("="))) {
            pairs = slice_after(pairs, 1);
            put_value(&o, &pairs);
        } else {
            put(&o, SLICE("true"));
        }
        if (o.full)
            break;
        complete = o.at;
    }
    return (size_t)(complete - out);
}
