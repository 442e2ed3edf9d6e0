/* hex.h - recorded bytes in tests: "0c04 c039bb" (spaces are for the eye). */
#ifndef TESTS_LIB_DISCOVERY_HEX_H
#define TESTS_LIB_DISCOVERY_HEX_H

#include "sidecar/core/text.h"

/* Lent until 16 calls later. */
struct slice hex(const char *digits);
/* Fails the test, and shows both, when they differ. */
void assert_hex(struct slice bytes, const char *digits);

#endif
