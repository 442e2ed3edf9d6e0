/* fault_heap.h - a heap that runs out of memory when it is told to.
 *
 * malloc, calloc, realloc, strdup and strndup of our own code and of the tests come
 * through here (the linker's --wrap, see the Makefile); those inside shared libraries do
 * not, unless the library takes an allocator: hand it fault_malloc() and its like.
 *
 *     static bool scenario(void)              // true: all went well
 *     {
 *         ...build something, clean up, whatever happened...
 *     }
 *
 *     fault_heap_each(scenario);              // the 1st, the 2nd ... allocation fails
 *
 * Leaks on the way out of a failure are found by AddressSanitizer (make MODE=asan unit).
 * Counts the allocations of all threads; not meant to be switched on while others run.
 */
#ifndef TESTS_LIB_FAULT_HEAP_H
#define TESTS_LIB_FAULT_HEAP_H

#include <stdbool.h>
#include <stddef.h>

/* The n-th allocation from now on fails, once; 0: none does. */
void fault_heap_fail_at(unsigned n);
/* Back to normal; true when an allocation was failed since fault_heap_fail_at(). */
bool fault_heap_stop(void);
/* Allocations since the last fault_heap_fail_at(). */
unsigned fault_heap_count(void);

/* Runs `scenario` with each of its allocations failing in turn, then once with none.
 * Asserts that the scenario says false when memory was refused and true when not. Returns
 * how many allocations there were. */
unsigned fault_heap_each(bool (*scenario)(void));
/* The same for code that can do without: true is right either way. */
unsigned fault_heap_each_tolerated(bool (*scenario)(void));

void *fault_malloc(size_t size);
void *fault_calloc(size_t count, size_t size);
void *fault_realloc(void *base, size_t size);

#endif
