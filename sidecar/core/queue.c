#include "sidecar/core/queue.h"

#include <stdlib.h>

#include "sidecar/core/poison.h"

struct queue_chunk {
    struct queue_chunk *next;
    unsigned begin; /* of what is still in it */
    unsigned end;
    char data[QUEUE_CHUNK];
};

void queue_pool_init(struct queue_pool *pool, unsigned keep)
{
    *pool = (struct queue_pool){.keep = keep};
}

void queue_pool_fini(struct queue_pool *pool)
{
    while (pool->spare) {
        struct queue_chunk *chunk = pool->spare;

        pool->spare = chunk->next;
        free(chunk);
    }
    pool->count = 0;
}

static struct queue_chunk *chunk_get(struct queue_pool *pool)
{
    struct queue_chunk *chunk = pool->spare;

    if (chunk) {
        pool->spare = chunk->next;
        pool->count--;
        ASAN_UNPOISON_MEMORY_REGION(chunk->data, sizeof(chunk->data));
    } else {
        chunk = malloc(sizeof(*chunk));
    }
    if (chunk) {
        chunk->next = NULL;
        chunk->begin = chunk->end = 0;
    }
    return chunk;
}

static void chunk_put(struct queue_pool *pool, struct queue_chunk *chunk)
{
    if (pool->count >= pool->keep) {
        free(chunk);
        return;
    }
    ASAN_POISON_MEMORY_REGION(chunk->data, sizeof(chunk->data));
    chunk->next = pool->spare;
    pool->spare = chunk;
    pool->count++;
}

static void chunks_put(struct queue_pool *pool, struct queue_chunk *chunk)
{
    while (chunk) {
        struct queue_chunk *next = chunk->next;

        chunk_put(pool, chunk);
        chunk = next;
    }
}

/* Empty chunks for `size` bytes, or NULL; none at all (size 0) is NULL too. */
static struct queue_chunk *chunks_get(struct queue_pool *pool, size_t size)
{
    struct queue_chunk *chain = NULL;

    for (size_t room = 0; room < size; room += QUEUE_CHUNK) {
        struct queue_chunk *chunk = chunk_get(pool);

        if (!chunk) {
            chunks_put(pool, chain);
            return NULL;
        }
        chunk->next = chain;
        chain = chunk;
    }
    return chain;
}

static size_t chunk_fill(struct queue_chunk *chunk, struct slice bytes)
{
    size_t room = QUEUE_CHUNK - chunk->end;
    size_t size = bytes.size < room ? bytes.size : room;

    memcpy(chunk->data + chunk->end, bytes.base, size);
    chunk->end += (unsigned)size;
    return size;
}

static void link_last(struct queue *q, struct queue_chunk *chunk)
{
    if (q->last)
        q->last->next = chunk;
    else
        q->first = chunk;
    q->last = chunk;
}

enum err queue_append(struct queue *q, struct queue_pool *pool, struct slice bytes)
{
    size_t room = q->last ? QUEUE_CHUNK - q->last->end : 0;
    struct queue_chunk *fresh = NULL;

    if (bytes.size > room) {
        fresh = chunks_get(pool, bytes.size - room);
        if (!fresh)
            return ERR_NO_MEMORY;
    }
    q->size += bytes.size;
    if (room && bytes.size)
        bytes = slice_after(bytes, chunk_fill(q->last, bytes));
    while (fresh) {
        struct queue_chunk *chunk = fresh;

        fresh = chunk->next;
        chunk->next = NULL;
        link_last(q, chunk);
        bytes = slice_after(bytes, chunk_fill(chunk, bytes));
    }
    return ERR_OK;
}

unsigned queue_peek(const struct queue *q, struct slice *slices, unsigned count)
{
    return queue_peek_from(q, 0, slices, count);
}

unsigned queue_peek_from(const struct queue *q, size_t offset, struct slice *slices,
                         unsigned count)
{
    unsigned set = 0;

    for (const struct queue_chunk *c = q->first; c && set < count; c = c->next) {
        struct slice bytes = {c->data + c->begin, c->end - c->begin};

        if (offset >= bytes.size) {
            offset -= bytes.size;
            continue;
        }
        slices[set++] = slice_after(bytes, offset);
        offset = 0;
    }
    return set;
}

static void drop_first(struct queue *q, struct queue_pool *pool)
{
    struct queue_chunk *chunk = q->first;

    q->first = chunk->next;
    if (!q->first)
        q->last = NULL;
    chunk_put(pool, chunk);
}

void queue_consume(struct queue *q, struct queue_pool *pool, size_t size)
{
    size = size < q->size ? size : q->size;
    q->size -= size;
    while (q->first && size >= q->first->end - q->first->begin) {
        size -= q->first->end - q->first->begin;
        drop_first(q, pool);
    }
    if (q->first)
        q->first->begin += (unsigned)size;
}

void queue_clear(struct queue *q, struct queue_pool *pool)
{
    queue_consume(q, pool, q->size);
}
