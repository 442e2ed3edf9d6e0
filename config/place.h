/* place.h - where in the settings: the path of a key, and where it was written. */
#ifndef CONFIG_PLACE_H
#define CONFIG_PLACE_H

#include "config/tree.h"

enum { PLACE_SIZE = 256 };

/* A key, or with `key.base` NULL the item `index` of a list. Lives on the decoder's
 * stack. */
struct place {
    const struct place *up;
    struct slice key;
    unsigned index;
};

/* services."go.micro.srv".instances[0].weight; what does not fit is cut off at its end.
 */
const char *place_format(char out[PLACE_SIZE], const struct place *at);
/* Puts "csidecar.yaml:7:5: services.billing.retires" in front of the reason. */
void place_why(struct why *w, const struct node *n, const struct place *at);
/* The same, pointing at the key and not at its value. */
void place_why_key(struct why *w, const struct node *n, const struct place *at);

/* One step of a path. */
struct step {
    struct slice key; /* base NULL: a place in a list */
    unsigned index;
};

/* Cuts the first step off *path; false at its end, and where it is none (*path is then
 * not empty). */
bool step_next(struct slice *path, struct step *out);

#endif
