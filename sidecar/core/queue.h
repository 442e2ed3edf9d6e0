/* queue.h - bytes a socket refused, in order, in fixed chunks from the loop's pool.
 *
 * Bounded by its user: queue_size() says how much is in it, and whoever fills it stops at a
 * limit. An empty queue holds no chunk. Belongs to one loop.
 */
#ifndef CORE_QUEUE_H
#define CORE_QUEUE_H

#include "sidecar/core/err.h"
#include "sidecar/core/slice.h"

enum { QUEUE_CHUNK = 16 * 1024 };

struct queue_chunk;

/* Spare chunks of a loop, at most `keep` of them. */
struct queue_pool {
    struct queue_chunk *spare;
    unsigned count;
    unsigned keep;
};

struct queue {
    struct queue_chunk *first;
    struct queue_chunk *last;
    size_t size;
};

void queue_pool_init(struct queue_pool *pool, unsigned keep);
void queue_pool_fini(struct queue_pool *pool);

static inline size_t queue_size(const struct queue *q)
{
    return q->size;
}

/* Copies in; ERR_NO_MEMORY leaves the queue as it was. A zeroed queue is an empty one. */
enum err queue_append(struct queue *q, struct queue_pool *pool, struct slice bytes);
/* The first bytes as up to `count` slices; returns how many were set. Lent until the next call. */
unsigned queue_peek(const struct queue *q, struct slice *slices, unsigned count);
/* Like queue_peek(), from `offset` bytes on. */
unsigned queue_peek_from(const struct queue *q, size_t offset, struct slice *slices,
                         unsigned count);
/* Drops the first `size` bytes, at most all. */
void queue_consume(struct queue *q, struct queue_pool *pool, size_t size);
void queue_clear(struct queue *q, struct queue_pool *pool);

#endif
