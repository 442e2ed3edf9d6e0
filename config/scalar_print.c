#include "config/scalar.h"

#include <stdio.h>

static void add(struct text *out, const char *s)
{
    text_add(out, slice_of(s));
}

/* Words that YAML readers other than ours take for something else are quoted. */
static bool is_plain(const char *s)
{
    static const char *const words[] = {"null", "true", "false", "yes",
                                        "no",   "on",   "off"};
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_./-";

    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (slice_equals_nocase(slice_of(s), slice_of(words[i])))
            return false;
    return s[0] && (s[0] > '9' || s[0] == '/') && strspn(s, allowed) == strlen(s);
}

/* What YAML refuses or folds inside quotes though JSON takes it (YAML 1.1 §5.1): DEL, C1 controls, line and
 * paragraph separators, the byte order mark, the last two of the plane. The code, or 0. */
static unsigned needs_escape(const unsigned char *c, size_t left)
{
    unsigned code = 0;

    if (c[0] == 0x7f)
        return 0x7f;
    if (c[0] == 0xc2 && left > 1 && c[1] < 0xa0)
        return c[1];
    if ((c[0] & 0xf0) == 0xe0 && left > 2)
        code = (c[0] & 0xfu) << 12 | (c[1] & 0x3fu) << 6 | (c[2] & 0x3fu);
    return code == 0x2028 || code == 0x2029 || code == 0xfeff || code >= 0xfffe ? code
                                                                                : 0;
}

void scalar_print_quoted(struct slice s, struct text *out)
{
    struct text json = {.limit = 8 * s.size + 16};
    size_t done = 0;

    text_add_json(&json, s);
    for (size_t i = 0; i < json.size; i++) {
        unsigned code = needs_escape((const unsigned char *)json.base + i, json.size - i);

        if (!code)
            continue;
        text_add(out, slice_from(json.base + done, i - done));
        text_addf(out, "\\u%04x", code);
        i += code == 0x7f ? 0 : code < 0x100 ? 1 : 2;
        done = i + 1;
    }
    if (json.failed)
        out->failed = true;
    else
        text_add(out, slice_from(json.base + done, json.size - done));
    text_fini(&json);
}

static void print_quoted(const char *s, bool json, struct text *out)
{
    if (!json && is_plain(s))
        add(out, s);
    else
        scalar_print_quoted(slice_of(s), out);
}

/* scheme://user:password@host -> scheme://user:***@host */
static void add_place(struct text *safe, struct slice s)
{
    const char *mark = strstr(s.base, "://");
    size_t begin = mark ? (size_t)(mark - s.base) + 3 : s.size;
    size_t at = s.size, colon;

    while (at > begin && s.base[at - 1] != '@')
        at--;
    colon = begin + slice_find(slice_after(s, begin), ':');
    if (at <= begin || colon >= at) {
        text_add(safe, s);
        return;
    }
    text_add(safe, slice_first(s, colon));
    text_add(safe, SLICE(":***"));
    text_add(safe, slice_after(s, at - 1));
}

/* Options that are secrets: ?key=... -> ?key=*** */
static void add_option(struct text *safe, struct slice option)
{
    static const char *const secrets[] = {"key", "password", "secret", "token"};
    size_t equals = slice_find(option, '=');

    for (unsigned i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        if (equals == option.size || !slice_is(slice_first(option, equals), secrets[i]))
            continue;
        text_add(safe, slice_first(option, equals));
        text_add(safe, SLICE("=***"));
        return;
    }
    text_add(safe, option);
}

static void print_url(const char *s, bool json, struct text *out)
{
    struct slice all = slice_of(s), query;
    struct text safe = {.limit = 4096};
    size_t mark = slice_find(all, '?');

    add_place(&safe, slice_first(all, mark));
    query = slice_after(all, mark + 1);
    for (char before = '?'; query.base && query.size; before = '&') {
        text_add(&safe, slice_from(&before, 1));
        add_option(&safe, slice_next(&query, '&'));
    }
    print_quoted(safe.base && !safe.failed ? safe.base : "***", json, out);
    text_fini(&safe);
}

void scalar_print_text(const struct field *f, const char *value, bool json,
                       struct text *out)
{
    if (!value)
        add(out, "null");
    else if (f->flags & FIELD_SECRET)
        add(out, "\"(set)\"");
    else if (f->flags & FIELD_URL)
        print_url(value, json, out);
    else
        print_quoted(value, json, out);
}

static void print_bool(const struct field *f, const void *member, bool json,
                       struct text *out)
{
    (void)f, (void)json;
    add(out, *(const bool *)member ? "true" : "false");
}

static void print_count(const struct field *f, const void *member, bool json,
                        struct text *out)
{
    (void)f, (void)json;
    text_addf(out, "%u", *(const uint32_t *)member);
}

static void print_word(const char *word, bool json, struct text *out)
{
    text_addf(out, json ? "\"%s\"" : "%s", word);
}

static void print_duration(const struct field *f, const void *member, bool json,
                           struct text *out)
{
    char word[24];

    (void)f;
    print_word(duration_format(word, *(const uint64_t *)member), json, out);
}

static void print_size(const struct field *f, const void *member, bool json,
                       struct text *out)
{
    char word[24];

    (void)f;
    print_word(size_format(word, *(const uint64_t *)member), json, out);
}

static void print_percent(const struct field *f, const void *member, bool json,
                          struct text *out)
{
    char word[16];

    (void)f;
    snprintf(word, sizeof(word), "%u%%", *(const uint32_t *)member);
    print_word(word, json, out);
}

static void print_choice(const struct field *f, const void *member, bool json,
                         struct text *out)
{
    print_word(f->choices[*(const int *)member], json, out);
}

static void print_text(const struct field *f, const void *member, bool json,
                       struct text *out)
{
    scalar_print_text(f, *(const char *const *)member, json, out);
}

static void range_of(const struct field *f, const char *what,
                     char *(*format)(char out[24], uint64_t value), struct text *out)
{
    char low[24], high[24];

    add(out, what);
    if (f->max)
        text_addf(out, "%sfrom %s to %s", what[0] ? " " : "", format(low, f->min),
                  format(high, f->max));
}

static char *count_format(char out[24], uint64_t value)
{
    snprintf(out, 24, "%llu", (unsigned long long)value);
    return out;
}

static void range_bool(const struct field *f, struct text *out)
{
    (void)f;
    add(out, "true or false");
}

static void range_count(const struct field *f, struct text *out)
{
    range_of(f, f->max ? "" : "a count", count_format, out);
}

static void range_duration(const struct field *f, struct text *out)
{
    range_of(f, "a duration", duration_format, out);
}

static void range_size(const struct field *f, struct text *out)
{
    range_of(f, "a size", size_format, out);
}

static void range_percent(const struct field *f, struct text *out)
{
    text_addf(out, "from %u%% to %u%%", (unsigned)f->min, (unsigned)f->max);
}

static void range_choice(const struct field *f, struct text *out)
{
    add(out, "one of ");
    for (unsigned i = 0; f->choices[i]; i++)
        text_addf(out, "%s%s", i ? ", " : "", f->choices[i]);
}

static void range_text(const struct field *f, struct text *out)
{
    if (f->choices)
        range_choice(f, out);
}

/* clang-format off */
static const struct {
    const char *name;
    void (*print)(const struct field *f, const void *member, bool json, struct text *out);
    void (*range)(const struct field *f, struct text *out);
} kinds[] = {
    [FIELD_BOOL]     = {"yes or no",     print_bool,     range_bool},
    [FIELD_COUNT]    = {"count",         print_count,    range_count},
    [FIELD_DURATION] = {"duration",      print_duration, range_duration},
    [FIELD_SIZE]     = {"size",          print_size,     range_size},
    [FIELD_PERCENT]  = {"percent",       print_percent,  range_percent},
    [FIELD_CHOICE]   = {"choice",        print_choice,   range_choice},
    [FIELD_TEXT]     = {"text",          print_text,     range_text},
    [FIELD_TEXTS]    = {"list of texts", NULL,           range_text},
    [FIELD_PAIRS]    = {"map of texts",  NULL,           NULL},
    [FIELD_GROUP]    = {"group",         NULL,           NULL},
    [FIELD_LIST]     = {"list",          NULL,           NULL},
    [FIELD_MAP]      = {"map",           NULL,           NULL},
};
/* clang-format on */

void scalar_print(const struct field *f, const void *member, bool json, struct text *out)
{
    kinds[f->kind].print(f, member, json, out);
}

const char *scalar_kind(const struct field *f)
{
    return kinds[f->kind].name;
}

void scalar_range(const struct field *f, struct text *out)
{
    if (kinds[f->kind].range)
        kinds[f->kind].range(f, out);
}
