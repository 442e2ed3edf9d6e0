/* field.h - a setting is a row of a table.
 *
 * A table describes a struct: for each setting its key, kind, place, default, range and
 * help. From the same row come the YAML key, the environment variable, the flag, the
 * range check, the error text, `csidecar check`, `GET /config` and docs/configuration.md.
 * This layer knows no setting by name.
 *
 *     static const struct field retries[] = {
 *         COUNT(struct retries, max, "max", "2", 0, 10, "further attempts after the
 * first"), DURATION(struct retries, backoff, "backoff", "25ms", 0, 60000, "before the
 * first retry"), FIELDS_END,
 *     };
 *
 * Kinds and the C type of the member:
 *   FIELD_BOOL bool · FIELD_COUNT uint32_t · FIELD_DURATION uint64_t ms · FIELD_SIZE
 * uint64_t bytes FIELD_PERCENT uint32_t (0..100, written "20%" or 20) · FIELD_CHOICE int
 * (index into choices) FIELD_TEXT const char * (NULL when unset) · FIELD_TEXTS struct
 * texts (a list of scalars; one scalar, or a comma list in a flag or variable, is taken
 * too) FIELD_PAIRS struct pairs (a map of text to text) FIELD_GROUP a struct within the
 * struct, described by `fields`; with the key "" its settings stand among those of the
 * table it is in FIELD_LIST struct items: a list of structs described by `fields`
 *   FIELD_MAP struct items: a map of name to struct; the name goes to the member at
 * `name_offset`
 *
 * All memory of a decoded struct (texts, items) belongs to the `struct memory` it was
 * decoded with and goes at once.
 */
#ifndef CONFIG_FIELD_H
#define CONFIG_FIELD_H

#include <stddef.h>
#include <stdint.h>

#include "sidecar/core/err.h"
#include "sidecar/core/slice.h"
#include "sidecar/core/why.h"

enum field_kind {
    FIELD_BOOL,
    FIELD_COUNT,
    FIELD_DURATION,
    FIELD_SIZE,
    FIELD_PERCENT,
    FIELD_CHOICE,
    FIELD_TEXT,
    FIELD_TEXTS,
    FIELD_PAIRS,
    FIELD_GROUP,
    FIELD_LIST,
    FIELD_MAP,
};

enum field_flag {
    /* A reload that changes it is refused with a clear error; of a LIST: one that changes
     * anything in it; within a MAP: its default must be empty. */
    FIELD_START_ONLY = 1,
    FIELD_SECRET = 2, /* never printed, only "set" */
    FIELD_SHORT = 4,  /* a list item may be a bare scalar: it goes to this field */
    /* Commas belong to it: flags and variables are cut at spaces. A password in it is never
     * printed. */
    FIELD_URL = 8,
    FIELD_NOT_IN_FILE = 16, /* by variable or flag alone; not printed */
};

struct texts {
    const char **items;
    unsigned count;
};

struct pair {
    const char *key;
    const char *value;
};

struct pairs {
    struct pair *items;
    unsigned count;
};

struct items {
    void *base; /* array of the described struct */
    unsigned count;
};

struct field {
    const char *key; /* NULL ends a table */
    enum field_kind kind;
    unsigned flags;
    size_t offset;
    const char *initial;        /* parsed like a value; NULL: zero */
    uint64_t min, max;          /* of COUNT, DURATION, SIZE; max 0: no range */
    const char *const *choices; /* of CHOICE, and of the items of TEXTS; ends with NULL */
    const struct field *fields; /* of GROUP, LIST, MAP */
    size_t item_size;           /* of LIST, MAP */
    size_t name_offset;         /* of MAP: a const char * in the item */
    /* MAP, GROUP: the path of a group of the whole tree: what it says holds here too, as
     * far as the keys are known here, unless said otherwise. */
    const char *inherits;
    /* Further check of a scalar, of each of TEXTS, of a name in a MAP; may be NULL. Says
     * why() without the place. */
    enum err (*check)(struct slice value, struct why *w);
    const char *help;
};

/* clang-format off */
#define FIELDS_END {.key = NULL}
#define FIELD_(kind_, type, member, key_, help_, ...) \
    {.key = key_, .kind = FIELD_##kind_, .offset = offsetof(type, member), .help = help_, __VA_ARGS__}
/* After the help further members may follow: .flags = FIELD_START_ONLY, .check = name_check */
#define BOOL(type, member, key_, initial_, help_, ...) \
    FIELD_(BOOL, type, member, key_, help_, .initial = initial_, ##__VA_ARGS__)
#define COUNT(type, member, key_, initial_, min_, max_, help_, ...) \
    FIELD_(COUNT, type, member, key_, help_, .initial = initial_, .min = min_, .max = max_, ##__VA_ARGS__)
#define DURATION(type, member, key_, initial_, min_, max_, help_, ...) \
    FIELD_(DURATION, type, member, key_, help_, .initial = initial_, .min = min_, .max = max_, ##__VA_ARGS__)
#define SIZE(type, member, key_, initial_, min_, max_, help_, ...) \
    FIELD_(SIZE, type, member, key_, help_, .initial = initial_, .min = min_, .max = max_, ##__VA_ARGS__)
#define PERCENT(type, member, key_, initial_, help_, ...) \
    FIELD_(PERCENT, type, member, key_, help_, .initial = initial_, .max = 100, ##__VA_ARGS__)
#define CHOICE(type, member, key_, initial_, choices_, help_, ...) \
    FIELD_(CHOICE, type, member, key_, help_, .initial = initial_, .choices = choices_, ##__VA_ARGS__)
#define TEXT(type, member, key_, initial_, help_, ...) \
    FIELD_(TEXT, type, member, key_, help_, .initial = initial_, ##__VA_ARGS__)
#define TEXTS(type, member, key_, initial_, help_, ...) \
    FIELD_(TEXTS, type, member, key_, help_, .initial = initial_, ##__VA_ARGS__)
#define PAIRS(type, member, key_, help_, ...) \
    FIELD_(PAIRS, type, member, key_, help_, .initial = NULL, ##__VA_ARGS__)
#define GROUP(type, member, key_, fields_, help_, ...) \
    FIELD_(GROUP, type, member, key_, help_, .fields = fields_, ##__VA_ARGS__)
#define INLINE(type, member, fields_) FIELD_(GROUP, type, member, "", NULL, .fields = fields_)
#define LIST(type, member, key_, item_, fields_, help_, ...) \
    FIELD_(LIST, type, member, key_, help_, .fields = fields_, .item_size = sizeof(item_), ##__VA_ARGS__)
#define MAP(type, member, key_, item_, name_, fields_, help_, ...) \
    FIELD_(MAP, type, member, key_, help_, .fields = fields_, .item_size = sizeof(item_), \
           .name_offset = offsetof(item_, name_), ##__VA_ARGS__)
/* clang-format on */

#endif
