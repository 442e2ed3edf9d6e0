/* The units of text.h. */
#include <inttypes.h>
#include <stdio.h>

#include "sidecar/core/text.h"

struct unit {
    const char *name;
    uint64_t factor;
};

/* Largest first; a NULL name ends a table. */
/* clang-format off */
static const struct unit durations[] = {
    {"h",  3600 * 1000},
    {"m",  60 * 1000},
    {"s",  1000},
    {"ms", 1},
    {NULL, 0},
};

static const struct unit sizes[] = {
    {"GiB", UINT64_C(1) << 30},
    {"GB",  1000 * 1000 * 1000},
    {"MiB", 1 << 20},
    {"MB",  1000 * 1000},
    {"KiB", 1 << 10},
    {"KB",  1000},
    {"B",   1},
    {NULL,  0},
};
/* clang-format on */

static const struct unit *unit_named(const struct unit *units, struct slice name)
{
    for (; units->name; units++)
        if (slice_equals_nocase(name, slice_of(units->name)))
            return units;
    return NULL;
}

static size_t count_digits(struct slice s)
{
    size_t count = 0;

    while (count < s.size && s.base[count] >= '0' && s.base[count] <= '9')
        count++;
    return count;
}

/* ".25" of 1000 is 250; refused when it is no whole number. */
static bool fraction_of(struct slice digits, uint64_t factor, uint64_t *value)
{
    uint64_t sum = 0;
    uint64_t scale = 1;

    if (digits.size == 0 || digits.size > 6)
        return false;
    for (size_t i = 0; i < digits.size; i++) {
        sum = sum * 10 + (uint64_t)(digits.base[i] - '0');
        scale *= 10;
    }
    *value = sum * factor / scale;
    return sum * factor % scale == 0;
}

struct quantity {
    struct slice whole;    /* digits */
    struct slice fraction; /* digits behind the point; base NULL: no point */
    struct slice unit;
};

static struct slice cut_digits(struct slice *rest)
{
    struct slice digits = slice_first(*rest, count_digits(*rest));

    *rest = slice_after(*rest, digits.size);
    return digits;
}

static struct quantity quantity_split(struct slice s)
{
    struct quantity q = {.whole = cut_digits(&s)};

    if (slice_starts_with(s, SLICE("."))) {
        s = slice_after(s, 1);
        q.fraction = cut_digits(&s);
    }
    q.unit = s;
    return q;
}

/* `bare` is the factor of a number without a unit; 0: only 0 needs none. */
static bool quantity_parse(struct slice s, const struct unit *units, uint64_t bare,
                           uint64_t *value)
{
    struct quantity q = quantity_split(s);
    const struct unit *unit = q.unit.size ? unit_named(units, q.unit) : NULL;
    uint64_t factor = unit ? unit->factor : bare;
    uint64_t fraction = 0;

    if (!slice_to_u64(q.whole, value) || (q.unit.size && !unit))
        return false;
    if (factor == 0)
        return *value == 0 && !q.fraction.base;
    if (q.fraction.base && !fraction_of(q.fraction, factor, &fraction))
        return false;
    return !__builtin_mul_overflow(*value, factor, value) &&
           !__builtin_add_overflow(*value, fraction, value);
}

enum err duration_parse(struct slice s, uint64_t *ms)
{
    uint64_t value;

    if (!quantity_parse(s, durations, 0, &value))
        return ERR_BAD_VALUE;
    *ms = value;
    return ERR_OK;
}

enum err size_parse(struct slice s, uint64_t *bytes)
{
    uint64_t value;

    if (!quantity_parse(s, sizes, 1, &value))
        return ERR_BAD_VALUE;
    *bytes = value;
    return ERR_OK;
}

static void keep_shorter(char out[24], const char *candidate)
{
    if (!out[0] || strlen(candidate) < strlen(out))
        strcpy(out, candidate);
}

static void try_whole(char out[24], uint64_t value, const struct unit *u)
{
    char text[24];

    if (value % u->factor)
        return;
    snprintf(text, sizeof(text), "%" PRIu64 "%s", value / u->factor, u->name);
    keep_shorter(out, text);
}

/* "1.5s": three decimals of a second are whole milliseconds. */
static void try_seconds(char out[24], uint64_t ms)
{
    char text[32];
    size_t size;

    if (ms < 1000 || ms % 1000 == 0)
        return;
    snprintf(text, sizeof(text), "%" PRIu64 ".%03u", ms / 1000, (unsigned)(ms % 1000));
    size = strlen(text);
    while (text[size - 1] == '0')
        size--;
    strcpy(text + size, "s");
    keep_shorter(out, text);
}

char *duration_format(char out[24], uint64_t ms)
{
    out[0] = '\0';
    if (ms == 0)
        return strcpy(out, "0");
    for (const struct unit *u = durations; u->name; u++)
        try_whole(out, ms, u);
    try_seconds(out, ms);
    return out;
}

char *size_format(char out[24], uint64_t bytes)
{
    char bare[24];

    out[0] = '\0';
    snprintf(bare, sizeof(bare), "%" PRIu64, bytes);
    for (const struct unit *u = sizes; u->name && bytes; u++)
        try_whole(out, bytes, u);
    keep_shorter(out, bare);
    return out;
}
