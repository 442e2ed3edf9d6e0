#include "config/scalar.h"

#include <stdio.h>

#include "config/nearest.h"
#include "sidecar/core/log.h"

enum { SHOWN = 64 };

/* The value for a message: safe to print, not too long, and never a secret. */
static const char *shown(const struct field *f, struct slice s, char out[SHOWN])
{
    if (f->flags & FIELD_SECRET)
        return "(secret)";
    return log_quote(out, SHOWN, s);
}

static enum err refuse_value(const struct field *f, struct slice s, const char *hint,
                             struct why *w)
{
    struct text range = {.limit = 512};
    char value[SHOWN];

    scalar_range(f, &range);
    why(w, ERR_BAD_VALUE, "must be %s, not \"%s\"%s", range.base ? range.base : "other",
        shown(f, s, value), hint);
    text_fini(&range);
    return ERR_BAD_VALUE;
}

static bool in_range(const struct field *f, uint64_t value)
{
    return f->max == 0 || (value >= f->min && value <= f->max);
}

static enum err parse_bool(const struct field *f, struct slice s, void *member,
                           struct memory *m, struct why *w)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};

    (void)m;
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (slice_is(s, words[i])) {
            *(bool *)member = i % 2;
            return ERR_OK;
        }
    return refuse_value(f, s, "", w);
}

static enum err parse_count(const struct field *f, struct slice s, void *member,
                            struct memory *m, struct why *w)
{
    uint64_t value;

    (void)m;
    if (!slice_to_u64(s, &value) || value > UINT32_MAX || !in_range(f, value))
        return refuse_value(f, s, "", w);
    *(uint32_t *)member = (uint32_t)value;
    return ERR_OK;
}

static enum err parse_duration(const struct field *f, struct slice s, void *member,
                               struct memory *m, struct why *w)
{
    uint64_t value, bare;

    (void)m;
    if (duration_parse(s, &value)) {
        bool unitless = slice_to_u64(s, &bare);

        return refuse_value(f, s, unitless ? " (a unit is missing: ms, s, m or h)" : "",
                            w);
    }
    if (!in_range(f, value))
        return refuse_value(f, s, "", w);
    *(uint64_t *)member = value;
    return ERR_OK;
}

static enum err parse_size(const struct field *f, struct slice s, void *member,
                           struct memory *m, struct why *w)
{
    uint64_t value;

    (void)m;
    if (size_parse(s, &value) || !in_range(f, value))
        return refuse_value(f, s, "", w);
    *(uint64_t *)member = value;
    return ERR_OK;
}

static enum err parse_percent(const struct field *f, struct slice s, void *member,
                              struct memory *m, struct why *w)
{
    struct slice digits = s;
    uint64_t value;

    (void)m;
    if (s.size && s.base[s.size - 1] == '%')
        digits = slice_first(s, s.size - 1);
    if (!slice_to_u64(digits, &value) || value < f->min || value > f->max)
        return refuse_value(f, s, "", w);
    *(uint32_t *)member = (uint32_t)value;
    return ERR_OK;
}

static enum err refuse_choice(const struct field *f, struct slice s, struct why *w)
{
    struct nearest n;
    char hint[SHOWN + 32] = "";

    nearest_init(&n, s);
    for (int i = 0; f->choices[i]; i++)
        nearest_offer(&n, slice_of(f->choices[i]));
    if (nearest_found(&n))
        snprintf(hint, sizeof(hint), " (did you mean \"%s\"?)", nearest_found(&n));
    return refuse_value(f, s, hint, w);
}

static enum err choice_find(const struct field *f, struct slice s, int *index,
                            struct why *w)
{
    for (int i = 0; f->choices[i]; i++)
        if (slice_is(s, f->choices[i])) {
            *index = i;
            return ERR_OK;
        }
    return refuse_choice(f, s, w);
}

static enum err parse_choice(const struct field *f, struct slice s, void *member,
                             struct memory *m, struct why *w)
{
    (void)m;
    return choice_find(f, s, member, w);
}

/* Texts end up in heads, names of files and lines of the log. */
static bool has_control(struct slice s)
{
    for (size_t i = 0; i < s.size; i++)
        if ((unsigned char)s.base[i] < 0x20 || s.base[i] == 0x7f)
            return true;
    return false;
}

static enum err parse_text(const struct field *f, struct slice s, void *member,
                           struct memory *m, struct why *w)
{
    enum err e = f->check ? f->check(s, w) : ERR_OK;
    char value[SHOWN];

    if (e)
        return e;
    if (!s.size)
        return why(w, ERR_BAD_VALUE, "must not be empty");
    if (has_control(s))
        return why(w, ERR_BAD_VALUE, "must have no control characters, not \"%s\"",
                   shown(f, s, value));
    *(const char **)member = memory_copy(m, s);
    return *(const char **)member ? ERR_OK : why(w, ERR_NO_MEMORY, "out of memory");
}

/* clang-format off */
static enum err (*const parsers[])(const struct field *f, struct slice s, void *member,
                                   struct memory *m, struct why *w) = {
    [FIELD_BOOL]     = parse_bool,
    [FIELD_COUNT]    = parse_count,
    [FIELD_DURATION] = parse_duration,
    [FIELD_SIZE]     = parse_size,
    [FIELD_PERCENT]  = parse_percent,
    [FIELD_CHOICE]   = parse_choice,
    [FIELD_TEXT]     = parse_text,
};
/* clang-format on */

enum err scalar_parse(const struct field *f, struct slice s, void *member,
                      struct memory *m, struct why *w)
{
    return parsers[f->kind](f, s, member, m, w);
}

enum err scalar_parse_item(const struct field *f, struct slice s, const char **item,
                           struct memory *m, struct why *w)
{
    int index;
    enum err e = f->choices ? choice_find(f, s, &index, w) : ERR_OK;

    return e ? e : parse_text(f, s, item, m, w);
}

static unsigned pieces(struct slice s, char separator)
{
    unsigned count = 1;

    for (size_t i = 0; i < s.size; i++)
        count += s.base[i] == separator;
    return count;
}

enum err scalar_split(const struct field *f, struct slice s, struct texts *out,
                      struct memory *m, struct why *w)
{
    char separator = f->flags & FIELD_URL ? ' ' : ',';
    struct slice rest = slice_trim(s);
    enum err e = ERR_OK;

    *out = (struct texts){NULL, 0};
    if (!rest.size)
        return ERR_OK;
    out->items = memory_take(m, pieces(rest, separator) * sizeof(*out->items));
    if (!out->items)
        return why(w, ERR_NO_MEMORY, "out of memory");
    while (rest.base && !e) {
        struct slice item = slice_next(&rest, separator);

        if (item.size || separator == ',')
            e = scalar_parse_item(f, item, &out->items[out->count++], m, w);
    }
    return e;
}
