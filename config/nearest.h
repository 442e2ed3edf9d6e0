/* nearest.h - "did you mean": the known word nearest to one we do not know.
 *
 *     struct nearest n;
 *     nearest_init(&n, word);
 *     nearest_offer(&n, slice_of("retries")); ...
 *     nearest_found(&n)  ->  "retries", or NULL when none is within a third of the word's
 * length
 *
 * Damerau-Levenshtein distance: a letter more, less, other, or two swapped, counts one.
 * The first of equally near ones wins. Words longer than 63 bytes are near to nothing.
 */
#ifndef CONFIG_NEAREST_H
#define CONFIG_NEAREST_H

#include "sidecar/core/slice.h"
#include "sidecar/core/why.h"

enum { NEAREST_WORD = 64 };

struct nearest {
    struct slice word;
    unsigned distance; /* of the best so far */
    char best[NEAREST_WORD];
};

void nearest_init(struct nearest *n, struct slice word);
void nearest_offer(struct nearest *n, struct slice known);
const char *nearest_found(const struct nearest *n);
/* Of a list, as its own text; NULL when none is near. */
const char *nearest(struct slice word, const char *const *known, unsigned count);
/* Sets `what`, and where there is one, ` (did you mean "..."?)`. Returns `e`. */
enum err nearest_why(const struct nearest *n, struct why *w, enum err e,
                     const char *what);

#endif
