/* http_same.h - what must hold for any bytes a reader is fed:
 *
 *   1. It says the same however they are cut (the first byte of the input says how).
 *   2. What it took, written anew from what it said, is read again as the same messages: nothing is hidden
 *      in them that another reader could take for something else.
 *
 * A breach aborts.
 */
#ifndef TESTS_FUZZ_LIB_HTTP_SAME_H
#define TESTS_FUZZ_LIB_HTTP_SAME_H

#include "tests/lib/transport/http_record.h"

void http_same(enum http_side side, const uint8_t *data, size_t size);
/* Aborts, and prints both, unless they are equal. */
void must_equal(const char *a, const char *b);

#endif
