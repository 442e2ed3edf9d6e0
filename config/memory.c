#include "config/memory.h"

#include <stdalign.h>
#include <stdlib.h>

enum { BLOCK = 4096 };

struct memory_block {
    struct memory_block *next;
    size_t used, size;
    alignas(max_align_t) char bytes[];
};

/* A piece of its own for each makes AddressSanitizer see its ends. */
#ifdef ARENA_EMULATE
static size_t block_size(size_t size)
{
    return size;
}
#else
static size_t block_size(size_t size)
{
    return size > BLOCK ? size : BLOCK;
}
#endif

static struct memory_block *block_add(struct memory *m, size_t size)
{
    struct memory_block *b = calloc(1, sizeof(*b) + block_size(size));

    if (!b)
        return NULL;
    b->size = block_size(size);
    b->next = m->blocks;
    m->blocks = b;
    return b;
}

static size_t aligned(size_t size)
{
    return (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

void *memory_take(struct memory *m, size_t size)
{
    struct memory_block *b = m->blocks;
    size_t start = b ? aligned(b->used) : 0;

    if (m->limit && (size > m->limit || m->taken > m->limit - size))
        return NULL;
    if (!b || start > b->size || size > b->size - start) {
        b = block_add(m, size);
        start = 0;
    }
    if (!b)
        return NULL;
    m->taken += size;
    b->used = start + size;
    return b->bytes + start;
}

char *memory_copy(struct memory *m, struct slice s)
{
    char *copy = memory_take(m, s.size + 1);

    if (copy && s.size)
        memcpy(copy, s.base, s.size);
    return copy;
}

void memory_join(struct memory *m, struct memory_block *older)
{
    struct memory_block **end = &m->blocks;

    while (*end)
        end = &(*end)->next;
    *end = older;
}

void memory_free(struct memory *m)
{
    while (m->blocks) {
        struct memory_block *next = m->blocks->next;

        free(m->blocks);
        m->blocks = next;
    }
    m->taken = 0;
}
