/* settings_start_only_differs: what a reload cannot change. */
#include <assert.h>
#include <stdio.h>

#include "config/settings.h"

static bool texts_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool bool_equal(const void *a, const void *b)
{
    return *(const bool *)a == *(const bool *)b;
}

static bool count_equal(const void *a, const void *b)
{
    return *(const uint32_t *)a == *(const uint32_t *)b;
}

static bool number_equal(const void *a, const void *b)
{
    return *(const uint64_t *)a == *(const uint64_t *)b;
}

static bool choice_equal(const void *a, const void *b)
{
    return *(const int *)a == *(const int *)b;
}

static bool text_equal(const void *a, const void *b)
{
    return texts_equal(*(const char *const *)a, *(const char *const *)b);
}

static bool list_equal(const void *a, const void *b)
{
    const struct texts *x = a, *y = b;

    if (x->count != y->count)
        return false;
    for (unsigned i = 0; i < x->count; i++)
        if (!texts_equal(x->items[i], y->items[i]))
            return false;
    return true;
}

static bool pairs_equal(const void *a, const void *b)
{
    const struct pairs *x = a, *y = b;

    if (x->count != y->count)
        return false;
    for (unsigned i = 0; i < x->count; i++)
        if (!texts_equal(x->items[i].key, y->items[i].key) ||
            !texts_equal(x->items[i].value, y->items[i].value))
            return false;
    return true;
}

/* clang-format off */
static bool (*const equals[])(const void *a, const void *b) = {
    [FIELD_BOOL]     = bool_equal,
    [FIELD_COUNT]    = count_equal,
    [FIELD_DURATION] = number_equal,
    [FIELD_SIZE]     = number_equal,
    [FIELD_PERCENT]  = count_equal,
    [FIELD_CHOICE]   = choice_equal,
    [FIELD_TEXT]     = text_equal,
    [FIELD_TEXTS]    = list_equal,
    [FIELD_PAIRS]    = pairs_equal,
};
/* clang-format on */

static bool differs(const struct field *f, const char *a, const char *b)
{
    return (f->flags & FIELD_START_ONLY) && f->kind <= FIELD_PAIRS &&
           !equals[f->kind](a + f->offset, b + f->offset);
}

static void path_push(char *path, size_t size, const char *key)
{
    size_t used = strlen(path);

    snprintf(path + used, size - used, "%s%s", used && key[0] ? "." : "", key);
}

static bool differs_in(const struct field *fields, const char *a, const char *b,
                       char *path, size_t size);

/* A list counts as a whole, the way it is printed. */
static bool list_differs(const struct field *f, const char *a, const char *b)
{
    const struct field alone[] = {*f, FIELDS_END};
    struct text x = {.limit = 1 << 20}, y = {.limit = 1 << 20};
    bool same;

    if (!(f->flags & FIELD_START_ONLY))
        return false;
    settings_print_yaml(alone, a, &x);
    settings_print_yaml(alone, b, &y);
    same = !x.failed && !y.failed && slice_equals(text_slice(&x), text_slice(&y));
    text_fini(&x);
    text_fini(&y);
    return !same;
}

/* What stands for an item that is not there: START_ONLY settings in maps are empty by default. */
static const struct {
    _Alignas(max_align_t) char bytes[4096];
} nothing;

/* The search begins behind the last one found: both have nearly the same order, and may have ten thousand items. */
static const char *item_named(const struct field *f, const struct items *items,
                              const char *name, unsigned *start)
{
    for (unsigned i = 0; i < items->count; i++) {
        unsigned at = (*start + i) % items->count;
        const char *item = (const char *)items->base + at * f->item_size;

        if (strcmp(*(const char *const *)(item + f->name_offset), name) == 0) {
            *start = at + 1;
            return item;
        }
    }
    return nothing.bytes;
}

/* Each item of `a` against the one of its name in `b`. */
static bool map_differs(const struct field *f, const char *a, const char *b, char *path,
                        size_t size)
{
    const struct items *x = (const struct items *)a, *y = (const struct items *)b;
    const char *item = x->base;
    size_t used = strlen(path);
    unsigned start = 0;

    assert(f->item_size <= sizeof(nothing.bytes));
    for (unsigned i = 0; i < x->count; i++, item += f->item_size) {
        const char *name = *(const char *const *)(item + f->name_offset);

        path_push(path, size, name);
        if (differs_in(f->fields, item, item_named(f, y, name, &start), path, size))
            return true;
        path[used] = 0;
    }
    return false;
}

static bool field_differs(const struct field *f, const char *a, const char *b, char *path,
                          size_t size)
{
    if (f->kind == FIELD_GROUP)
        return differs_in(f->fields, a + f->offset, b + f->offset, path, size);
    if (f->kind == FIELD_MAP)
        return map_differs(f, a + f->offset, b + f->offset, path, size) ||
               map_differs(f, b + f->offset, a + f->offset, path, size);
    if (f->kind == FIELD_LIST)
        return list_differs(f, a, b);
    return differs(f, a, b);
}

static bool differs_in(const struct field *fields, const char *a, const char *b,
                       char *path, size_t size)
{
    size_t used = strlen(path);

    for (const struct field *f = fields; f->key; f++) {
        path_push(path, size, f->key);
        if (field_differs(f, a, b, path, size))
            return true;
        path[used] = 0;
    }
    return false;
}

bool settings_start_only_differs(const struct field *fields, const void *a, const void *b,
                                 char *path, size_t size)
{
    path[0] = 0;
    return differs_in(fields, a, b, path, size);
}
