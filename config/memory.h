/* memory.h - memory that grows piece by piece and goes at once: of a tree, of settings.
 *
 * Zeroed: empty and without a limit. Past `limit` bytes, and when malloc fails, nothing
 * is handed out; what was taken before stays valid. Not thread safe.
 */
#ifndef CONFIG_MEMORY_H
#define CONFIG_MEMORY_H

#include "sidecar/core/slice.h"

struct memory_block;

struct memory {
    struct memory_block *blocks;
    size_t taken;
    size_t limit; /* 0: none */
};

/* Zeroed and aligned for any type, or NULL. */
void *memory_take(struct memory *m, size_t size);
/* A zero-terminated copy, or NULL. */
char *memory_copy(struct memory *m, struct slice s);
/* Moves the blocks of a memory, seen as `older`, behind those of `m`. */
void memory_join(struct memory *m, struct memory_block *older);
/* Frees all; empty again, the limit stays. */
void memory_free(struct memory *m);

#endif
