/* decode.h - within settings_decode: what its two halves share. decode.c has groups,
 * lists and maps; decode_values.c has what is in them. */
#ifndef CONFIG_DECODE_H
#define CONFIG_DECODE_H

#include "config/field.h"
#include "config/memory.h"
#include "config/tree.h"

struct place;

struct decoder {
    const struct node *root;
    struct memory *memory;
    struct why *why;
};

/* What a value is decoded into, and how. */
struct target {
    const struct field *fields;
    char *base;
    const struct place *at;
    bool inheriting; /* keys unknown here are none of our business */
};

enum err decode_refuse(struct decoder *d, const struct node *n, const struct place *at,
                       const char *reason);
enum err decode_no_memory(struct decoder *d, const struct node *n,
                          const struct place *at);
unsigned decode_children(const struct node *n);
/* `key:` with nothing behind it, and null: as if it had not been written. */
bool decode_nothing(const struct node *n);

/* Into the member at t.base. */
enum err decode_scalar(struct decoder *d, const struct field *f, const struct node *n,
                       struct target t);
enum err decode_texts(struct decoder *d, const struct field *f, const struct node *n,
                      struct target t);
enum err decode_pairs(struct decoder *d, const struct field *f, const struct node *n,
                      struct target t);

#endif
