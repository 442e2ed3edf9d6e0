/* base64.h - bytes as text (RFC 4648 §4: the standard alphabet, padded). */
#ifndef CORE_BASE64_H
#define CORE_BASE64_H

#include "sidecar/core/text.h"

/* Appends; a text that is too small fails as text_add() does. */
void base64_encode(struct text *out, struct slice bytes);
/* Appends what the text stands for. ERR_BAD_VALUE: not base64 (padding may be left out, nothing else);
 * ERR_TOO_LARGE or ERR_NO_MEMORY from `out`. On failure what was appended is to be thrown away. */
enum err base64_decode(struct text *out, struct slice text);

#endif
