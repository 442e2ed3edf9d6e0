#include "transport/http_writer.h"

void head_text_init(struct head_text *t, struct arena *a, size_t capacity)
{
    *t = (struct head_text){
        .arena = a, .base = arena_take(a, capacity), .capacity = capacity};
    t->failed = !t->base;
}

/* The old piece stays in the arena until the request ends: heads grow rarely, and few
 * times. */
static bool grow(struct head_text *t, size_t needed)
{
    size_t capacity = t->capacity * 2 > needed ? t->capacity * 2 : needed;
    char *base = t->failed ? NULL : arena_take(t->arena, capacity);

    if (!base) {
        t->failed = true;
        return false;
    }
    memcpy(base, t->base, t->size);
    t->base = base;
    t->capacity = capacity;
    return true;
}

static bool has_room(struct head_text *t, size_t size)
{
    return t->size + size <= t->capacity && !t->failed ? true : grow(t, t->size + size);
}

static void put(struct head_text *t, const char *base, size_t size)
{
    if (size > 0)
        memcpy(t->base + t->size, base, size);
    t->size += size;
}

void head_text_add(struct head_text *t, struct slice s)
{
    if (has_room(t, s.size))
        put(t, s.base, s.size);
}

void head_text_field(struct head_text *t, struct slice name, struct slice value)
{
    if (!has_room(t, name.size + value.size + 4))
        return;
    put(t, name.base, name.size);
    put(t, ": ", 2);
    put(t, value.base, value.size);
    put(t, "\r\n", 2);
}

void head_text_number(struct head_text *t, uint64_t value)
{
    char digits[20];
    unsigned at = sizeof(digits);

    do
        digits[--at] = '0' + value % 10;
    while (value /= 10);
    head_text_add(t, slice_from(digits + at, sizeof(digits) - at));
}

struct slice head_text_done(struct head_text *t)
{
    if (t->failed)
        return (struct slice){NULL, 0};
    arena_trim(t->arena, t->base, t->capacity, t->size);
    return slice_from(t->base, t->size);
}
