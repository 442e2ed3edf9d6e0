/* slice.h - bytes that belong to somebody else: a pointer and a length, no terminator.
 *
 * A slice never owns. Whoever hands one over says how long its bytes live.
 */
#ifndef CORE_SLICE_H
#define CORE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *base;
    size_t size;
};

#define SLICE(literal) ((struct slice){"" literal, sizeof(literal) - 1})

static inline struct slice slice_of(const char *text)
{
    return (struct slice){text, text ? strlen(text) : 0};
}

static inline struct slice slice_from(const char *base, size_t size)
{
    return (struct slice){base, size};
}

static inline bool slice_equals(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.base, b.base, a.size) == 0);
}

static inline bool slice_is(struct slice a, const char *text)
{
    return slice_equals(a, slice_of(text));
}

/* From `at` on; empty when `at` is past the end. */
static inline struct slice slice_after(struct slice s, size_t at)
{
    at = at < s.size ? at : s.size;
    return (struct slice){s.base ? s.base + at : NULL, s.size - at};
}

static inline struct slice slice_first(struct slice s, size_t count)
{
    return (struct slice){s.base, count < s.size ? count : s.size};
}

static inline bool slice_starts_with(struct slice s, struct slice prefix)
{
    return s.size >= prefix.size && slice_equals(slice_first(s, prefix.size), prefix);
}

/* ASCII only, as HTTP asks (RFC 9110 §5.1). */
bool slice_equals_nocase(struct slice a, struct slice b);
/* Without spaces and tabs at both ends. */
struct slice slice_trim(struct slice s);
/* Index of the first `c`, or s.size. */
size_t slice_find(struct slice s, char c);
/* Cuts `*rest` at the first `separator`: returns what was before it, trimmed; *rest is what
 * comes after. Ends when *rest is {NULL, 0}. An empty list gives one empty slice. */
struct slice slice_next(struct slice *rest, char separator);
/* Decimal digits only, the whole slice, no sign; false on overflow or anything else. */
bool slice_to_u64(struct slice s, uint64_t *value);
/* A zero-terminated copy by malloc, or NULL. */
char *slice_dup(struct slice s);

#endif
