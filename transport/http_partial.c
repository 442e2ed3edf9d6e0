#include "transport/http_partial.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 1024 };

static uint32_t capacity_for(const struct http_partial *p, size_t needed)
{
    uint32_t capacity = p ? p->capacity : FIRST_CAPACITY;

    while (capacity < needed)
        capacity *= 2;
    return capacity;
}

static struct http_partial *grow(struct http_reader *r, size_t needed)
{
    uint32_t capacity = capacity_for(r->partial, needed);
    struct http_partial *p = realloc(r->partial, sizeof(*p) + capacity);

    if (!p)
        return NULL;
    if (!r->partial) {
        p->size = 0;
        p->parser = r->scratch->parser;
        memcpy(p->names, r->scratch->names, r->count * sizeof(p->names[0]));
    }
    p->capacity = capacity;
    r->partial = p;
    return p;
}

enum err partial_add(struct http_reader *r, struct slice bytes, struct slice *whole)
{
    struct http_partial *p = r->partial;
    size_t needed = (p ? p->size : 0) + bytes.size;

    if (!p || needed > p->capacity)
        p = grow(r, needed);
    if (!p)
        return ERR_NO_MEMORY;
    memcpy(p->bytes + p->size, bytes.base, bytes.size);
    p->size = needed;
    if (whole)
        *whole = slice_from(p->bytes, p->size);
    return ERR_OK;
}

void partial_free(struct http_reader *r)
{
    free(r->partial);
    r->partial = NULL;
}
