/* log_json.h - a log line's key=value pairs as members of a JSON object. For log.c alone.
 */
#ifndef CORE_LOG_JSON_H
#define CORE_LOG_JSON_H

#include "sidecar/core/slice.h"

/* Writes `,"key":value` for each pair of `pairs` (values bare, or in double quotes as
 * log_quote() escapes them). Bare numbers, true and false stay bare. Pairs that do not
 * fit in `size` bytes are left out, all after them too. Returns the bytes written. */
size_t log_json_members(char *out, size_t size, struct slice pairs);

#endif
