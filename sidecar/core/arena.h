/* arena.h - memory of one request: handed out in order, given back at once.
 *
 *   arena_init > arena_take ... > arena_mark > arena_take ... > arena_rewind > arena_fini
 *
 * Blocks come from a pool of the worker and go back to it, so a request at steady state
 * allocates nothing. A limit keeps one request from eating the process: past it, and when
 * malloc fails, arena_take() returns NULL. Not thread safe: an arena and its pool belong to
 * one loop. With -DARENA_EMULATE each piece is a malloc of its own, for AddressSanitizer.
 */
#ifndef CORE_ARENA_H
#define CORE_ARENA_H

#include "sidecar/core/slice.h"

enum { ARENA_BLOCK = 1024, ARENA_LIMIT = 256 * 1024 };

struct arena_block;

/* Spare blocks of a loop, at most `keep` of them. */
struct arena_pool {
    struct arena_block *spare;
    unsigned count;
    unsigned keep;
};

struct arena {
    struct arena_pool *pool;
    struct arena_block *top; /* newest block, linked to the older ones */
    size_t used;             /* of the top block */
    size_t total;            /* of all blocks, against the limit */
    size_t limit;
};

struct arena_mark {
    struct arena_block *top;
    size_t used;
};

void arena_pool_init(struct arena_pool *pool, unsigned keep);
void arena_pool_fini(struct arena_pool *pool);

/* Takes no memory until the first arena_take(). */
void arena_init(struct arena *a, struct arena_pool *pool, size_t limit);
/* Gives all back; may be used again afterwards. */
void arena_fini(struct arena *a);

/* `size` bytes aligned for any type, not cleared; NULL when out of memory or past the limit. */
void *arena_take(struct arena *a, size_t size);
/* A zero-terminated copy, or base == NULL. */
struct slice arena_copy(struct arena *a, struct slice s);
/* Gives back the unused tail of the newest piece, which was taken with arena_take(). */
void arena_trim(struct arena *a, void *piece, size_t taken, size_t kept);

struct arena_mark arena_mark(const struct arena *a);
/* All taken since the mark is gone. No write may still point into it. */
void arena_rewind(struct arena *a, struct arena_mark mark);

#endif
