#include "sidecar/core/arena.h"

#include <stdlib.h>

#include "sidecar/core/poison.h"

struct arena_block {
    struct arena_block *older;
    size_t size; /* of data[] */
    _Alignas(max_align_t) char data[];
};

enum { BLOCK_DATA = ARENA_BLOCK - sizeof(struct arena_block) };

void arena_pool_init(struct arena_pool *pool, unsigned keep)
{
    *pool = (struct arena_pool){.keep = keep};
}

void arena_pool_fini(struct arena_pool *pool)
{
    while (pool->spare) {
        struct arena_block *block = pool->spare;

        pool->spare = block->older;
        free(block);
    }
    pool->count = 0;
}

static struct arena_block *block_from_pool(struct arena_pool *pool)
{
    struct arena_block *block = pool->spare;

    pool->spare = block->older;
    pool->count--;
    ASAN_UNPOISON_MEMORY_REGION(block->data, block->size);
    return block;
}

static struct arena_block *block_get(struct arena_pool *pool, size_t size)
{
    struct arena_block *block;

    if (size == BLOCK_DATA && pool->spare)
        return block_from_pool(pool);
    block = malloc(sizeof(*block) + size);
    if (block)
        block->size = size;
    return block;
}

static void block_put(struct arena_pool *pool, struct arena_block *block)
{
    if (block->size != BLOCK_DATA || pool->count >= pool->keep) {
        free(block);
        return;
    }
    ASAN_POISON_MEMORY_REGION(block->data, block->size);
    block->older = pool->spare;
    pool->spare = block;
    pool->count++;
}

void arena_init(struct arena *a, struct arena_pool *pool, size_t limit)
{
    *a = (struct arena){.pool = pool, .limit = limit};
}

void arena_fini(struct arena *a)
{
    arena_rewind(a, (struct arena_mark){NULL, 0});
}

#ifdef ARENA_EMULATE
enum { SMALLEST_BLOCK = 0 };
#else
enum { SMALLEST_BLOCK = BLOCK_DATA };
#endif

static __attribute__((noinline)) void *take_from_new_block(struct arena *a, size_t size)
{
    size_t data = size > SMALLEST_BLOCK ? size : SMALLEST_BLOCK;
    struct arena_block *block;

    if (size > a->limit || data + sizeof(*block) > a->limit - a->total)
        return NULL;
    block = block_get(a->pool, data);
    if (!block)
        return NULL;
    block->older = a->top;
    a->top = block;
    a->used = size;
    a->total += data + sizeof(*block);
    return block->data;
}

#ifdef ARENA_EMULATE

void *arena_take(struct arena *a, size_t size)
{
    return take_from_new_block(a, size);
}

void arena_trim(struct arena *a, void *piece, size_t taken, size_t kept)
{
    (void)a;
    ASAN_POISON_MEMORY_REGION((char *)piece + kept, taken - kept);
}

#else

enum { ALIGNMENT = _Alignof(max_align_t) };

static size_t rounded(size_t size)
{
    return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

void *arena_take(struct arena *a, size_t size)
{
    size_t step = rounded(size);
    void *piece;

    if (!a->top || step < size || step > a->top->size - a->used)
        return take_from_new_block(a, step < size ? size : step);
    piece = a->top->data + a->used;
    a->used += step;
    return piece;
}

void arena_trim(struct arena *a, void *piece, size_t taken, size_t kept)
{
    if (a->top && (char *)piece + rounded(taken) == a->top->data + a->used)
        a->used -= rounded(taken) - rounded(kept);
}

#endif

struct slice arena_copy(struct arena *a, struct slice s)
{
    char *copy = s.size < a->limit ? arena_take(a, s.size + 1) : NULL;

    if (!copy)
        return (struct slice){NULL, 0};
    if (s.size)
        memcpy(copy, s.base, s.size);
    copy[s.size] = '\0';
    return (struct slice){copy, s.size};
}

struct arena_mark arena_mark(const struct arena *a)
{
    return (struct arena_mark){a->top, a->used};
}

void arena_rewind(struct arena *a, struct arena_mark mark)
{
    while (a->top != mark.top) {
        struct arena_block *block = a->top;

        a->top = block->older;
        a->total -= block->size + sizeof(*block);
        block_put(a->pool, block);
    }
    a->used = mark.used;
}
