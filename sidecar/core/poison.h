/* poison.h - tells AddressSanitizer which bytes nobody may touch: spare blocks of a pool
 * and trimmed tails. Does nothing in other builds. */
#ifndef CORE_POISON_H
#define CORE_POISON_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define CORE_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CORE_POISON 1
#endif
#endif

#ifdef CORE_POISON
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(base, size) ((void)(base), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(base, size) ((void)(base), (void)(size))
#endif

#endif
