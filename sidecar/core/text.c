#include "sidecar/core/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sidecar/core/utf8.h"

enum { SMALLEST_CAPACITY = 64 };

void text_init(struct text *t, size_t limit)
{
    *t = (struct text){.limit = limit};
}

void text_fini(struct text *t)
{
    free(t->base);
    text_init(t, t->limit);
}

void text_clear(struct text *t)
{
    t->size = 0;
    t->failed = false;
    if (t->base)
        t->base[0] = '\0';
}

void text_clear_to(struct text *t, size_t capacity)
{
    if (t->capacity > capacity)
        text_fini(t);
    text_clear(t);
}

static size_t capacity_for(const struct text *t, size_t needed)
{
    size_t capacity = t->capacity ? t->capacity : SMALLEST_CAPACITY;

    while (capacity < needed)
        capacity *= 2;
    return capacity <= t->limit ? capacity : t->limit + 1;
}

/* Room for `more` bytes and the terminator. */
static bool reserve(struct text *t, size_t more)
{
    size_t capacity;
    char *base;

    if (t->failed || more > t->limit - t->size) {
        t->failed = true;
        return false;
    }
    if (t->size + more < t->capacity)
        return true;
    capacity = capacity_for(t, t->size + more + 1);
    base = realloc(t->base, capacity);
    if (!base) {
        t->failed = true;
        return false;
    }
    t->base = base;
    t->capacity = capacity;
    return true;
}

void text_add(struct text *t, struct slice s)
{
    if (!reserve(t, s.size))
        return;
    if (s.size)
        memcpy(t->base + t->size, s.base, s.size);
    t->size += s.size;
    t->base[t->size] = '\0';
}

void text_addf(struct text *t, const char *format, ...)
{
    va_list args;
    int size;

    va_start(args, format);
    size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size < 0) {
        t->failed = true;
        return;
    }
    if (!reserve(t, (size_t)size))
        return;
    va_start(args, format);
    vsnprintf(t->base + t->size, (size_t)size + 1, format, args);
    va_end(args);
    t->size += (size_t)size;
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static void add_escaped(struct text *t, char c)
{
    static const char raw[] = "\"\\\b\f\n\r\t";
    static const char named[] = "\"\\bfnrt";
    const char *at = c ? strchr(raw, c) : NULL;

    if (at) {
        text_add(t, slice_from((char[]){'\\', named[at - raw]}, 2));
        return;
    }
    text_addf(t, "\\u%04x", (unsigned char)c);
}

/* Adds the first character that needs a look; returns its size. */
static size_t add_special(struct text *t, struct slice s)
{
    size_t size = utf8_size(s);

    if (size > 1)
        text_add(t, slice_first(s, size));
    else if (size == 1)
        add_escaped(t, s.base[0]);
    else
        text_add(t, SLICE("\xEF\xBF\xBD"));
    return size ? size : 1;
}

void text_add_json(struct text *t, struct slice s)
{
    size_t size_before = t->size;

    text_add(t, SLICE("\""));
    while (s.size && !t->failed) {
        size_t plain = 0;

        while (plain < s.size && is_plain((unsigned char)s.base[plain]))
            plain++;
        text_add(t, slice_first(s, plain));
        s = slice_after(s, plain);
        if (s.size)
            s = slice_after(s, add_special(t, s));
    }
    text_add(t, SLICE("\""));
    if (t->failed && t->base) {
        t->size = size_before;
        t->base[t->size] = '\0';
    }
}

struct slice text_slice(const struct text *t)
{
    return (struct slice){t->base, t->size};
}

char *text_take(struct text *t)
{
    char *base;

    text_add(t, SLICE(""));
    if (t->failed) {
        text_fini(t);
        return NULL;
    }
    base = t->base;
    text_init(t, t->limit);
    return base;
}
