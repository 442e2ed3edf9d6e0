/* why.h - the reason of a failure, for a person: what, where, what to do.
 *
 * A fixed buffer in the caller's memory; text that does not fit ends in "...". Built from
 * the inside out: the leaf says why(), each caller may put its place in front:
 *
 *     why(w, ERR_BAD_VALUE, "must be from 1 to 65535");
 *     why_in(w, "csidecar.yaml:3:10: app.port");   ->  csidecar.yaml:3:10: app.port: must be ...
 *
 * Every function takes NULL for `w` and then does nothing but return.
 */
#ifndef CORE_WHY_H
#define CORE_WHY_H

#include "sidecar/core/err.h"

struct why {
    char text[1024];
};

void why_init(struct why *w);
/* Sets the text; returns `e`, so that a leaf can `return why(w, e, ...)`. */
__attribute__((format(printf, 3, 4))) enum err why(struct why *w, enum err e,
                                                   const char *format, ...);
/* Takes the place away from the front, if it stands there: it is about to be said otherwise. */
void why_drop(struct why *w, const char *place);
/* Puts a place and ": " in front. */
__attribute__((format(printf, 2, 3))) void why_in(struct why *w, const char *format, ...);

#endif
