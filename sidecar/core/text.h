/* text.h - a growing text with a limit, and the units people write.
 *
 * A zeroed `struct text` with a limit set is an empty one. Appending past the limit, or when
 * malloc fails, sets `failed` (sticky) and changes nothing: check it once at the end.
 */
#ifndef CORE_TEXT_H
#define CORE_TEXT_H

#include "sidecar/core/err.h"
#include "sidecar/core/slice.h"

struct text {
    char *base; /* zero-terminated once anything was added */
    size_t size;
    size_t capacity;
    size_t limit;
    bool failed;
};

void text_init(struct text *t, size_t limit);
void text_fini(struct text *t);
void text_clear(struct text *t);
/* The same; a capacity beyond this is given back. */
void text_clear_to(struct text *t, size_t capacity);
void text_add(struct text *t, struct slice s);
__attribute__((format(printf, 2, 3))) void text_addf(struct text *t, const char *format,
                                                     ...);
/* In double quotes, escaped as JSON asks (RFC 8259 §7); bad UTF-8 becomes U+FFFD. */
void text_add_json(struct text *t, struct slice s);
struct slice text_slice(const struct text *t);
/* The text by malloc, zero-terminated; `t` is empty again. NULL if it failed. */
char *text_take(struct text *t);

/* "250ms", "1.5s", "2m", "1h", "0"; a bare number but 0 is refused. Milliseconds. */
enum err duration_parse(struct slice s, uint64_t *ms);
/* "64KiB", "10MiB", "1GiB", "512" (bytes), also KB/MB/GB = powers of 1000. */
enum err size_parse(struct slice s, uint64_t *bytes);
/* The shortest form that parses back to the same value; zero-terminated; returns `out`. */
char *duration_format(char out[24], uint64_t ms);
char *size_format(char out[24], uint64_t bytes);

#endif
