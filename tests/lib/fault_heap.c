#include "tests/lib/fault_heap.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "tests/lib/test.h"

/* What --wrap makes of the names: calls to malloc() come to __wrap_malloc(), and
 * __real_malloc() is malloc(). */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *base, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *base, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);

enum { TOO_MANY = 10000 };

static struct {
    atomic_uint fail_at;
    atomic_uint count;
} heap;

static bool refuses(void)
{
    unsigned n = atomic_fetch_add(&heap.count, 1) + 1;

    if (n != atomic_load(&heap.fail_at))
        return false;
    errno = ENOMEM;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return refuses() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refuses() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *base, size_t size)
{
    return refuses() ? NULL : __real_realloc(base, size);
}

char *__wrap_strdup(const char *text)
{
    return refuses() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t size)
{
    return refuses() ? NULL : __real_strndup(text, size);
}

void *fault_malloc(size_t size)
{
    return __wrap_malloc(size);
}

void *fault_calloc(size_t count, size_t size)
{
    return __wrap_calloc(count, size);
}

void *fault_realloc(void *base, size_t size)
{
    return __wrap_realloc(base, size);
}

void fault_heap_fail_at(unsigned n)
{
    atomic_store(&heap.count, 0);
    atomic_store(&heap.fail_at, n);
}

bool fault_heap_stop(void)
{
    unsigned fail_at = atomic_exchange(&heap.fail_at, 0);

    return fail_at && atomic_load(&heap.count) >= fail_at;
}

unsigned fault_heap_count(void)
{
    return atomic_load(&heap.count);
}

static unsigned each(bool (*scenario)(void), bool tolerated)
{
    for (unsigned n = 1; n < TOO_MANY; n++) {
        bool passed, refused;

        fault_heap_fail_at(n);
        passed = scenario();
        refused = fault_heap_stop();
        if (!refused) {
            assert_true(passed);
            return n - 1;
        }
        if (passed && !tolerated)
            fail_msg("allocation %u was refused and nobody said so", n);
    }
    fail_msg("more than %d allocations", TOO_MANY);
    return 0;
}

unsigned fault_heap_each(bool (*scenario)(void))
{
    return each(scenario, false);
}

unsigned fault_heap_each_tolerated(bool (*scenario)(void))
{
    return each(scenario, true);
}
