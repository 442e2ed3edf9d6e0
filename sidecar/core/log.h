/* log.h - decisions, where they are taken, as key=value; one line each.
 *
 *     log_warn("instance.down", "service=%s instance=%s reason=\"%s\"", ...);
 *
 *   text: 2026-11-25T10:00:00.123Z WARN  instance.down service=orders instance=...
 *   json: {"time":"...","level":"warn","event":"instance.down","service":"orders",...}
 *
 * The arguments are written as key=value with values that have spaces or quotes in double
 * quotes (log_quote helps); the JSON form is made from that. Safe from any thread: a line is
 * one write(2). A full or broken output never blocks and never kills: the line is dropped and
 * counted. The level and format are set once at start and at a reload.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "sidecar/core/slice.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };
enum log_format { LOG_TEXT, LOG_JSON };

void log_setup(enum log_level level, enum log_format format, int fd);
bool log_enabled(enum log_level level);
/* Lines that could not be written since the start. */
uint64_t log_dropped(void);
/* Writes finished lines (the access log's batch) as they are. */
void log_write(struct slice lines);

__attribute__((format(printf, 3, 4))) void
log_line(enum log_level level, const char *event, const char *format, ...);

/* clang-format off */
#define log_debug(...) do { if (log_enabled(LOG_DEBUG)) log_line(LOG_DEBUG, __VA_ARGS__); } while (0)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
/* clang-format on */

/* `s` made safe for a log line: control bytes, quotes and backslashes escaped, at most
 * `size - 1` bytes, zero-terminated. Returns `out`. */
char *log_quote(char *out, size_t size, struct slice s);
/* "2026-11-25T10:00:00.123Z" and a terminator: 25 bytes. */
void log_timestamp(char out[25], uint64_t wall_ms);

#endif
