/* http_chunked.h - the lines of a chunked body, one byte at a time (RFC 9112 §7.1).
 *
 * llhttp 8 takes a bare LF after the last chunk and refuses valid extensions; this table
 * does neither. Extensions are checked and dropped.
 */
#ifndef TRANSPORT_HTTP_CHUNKED_H
#define TRANSPORT_HTTP_CHUNKED_H

#include <stdbool.h>
#include <stdint.h>

enum { CHUNK_EXTENSION_LIMIT = 4096, CHUNK_SIZE_DIGITS = 16 };

enum chunk_state {
    CHUNK_BAD, /* 0: what the table does not name */
    CHUNK_FIRST_DIGIT,
    CHUNK_SIZE,
    CHUNK_BEFORE_SEMICOLON,
    CHUNK_BEFORE_NAME,
    CHUNK_NAME,
    CHUNK_AFTER_NAME,
    CHUNK_BEFORE_VALUE,
    CHUNK_VALUE,
    CHUNK_QUOTED,
    CHUNK_ESCAPED,
    CHUNK_AFTER_VALUE,
    CHUNK_LINE_LF,
    CHUNK_DATA, /* the line is complete; the size may be 0 */
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_STATES,
};

/* The state after byte `c`. In CHUNK_SIZE the byte is a digit of the size. */
enum chunk_state chunk_next(enum chunk_state s, char c);
/* Adds a digit; false past 2^63-1. */
bool chunk_digit(uint64_t *size, char c);

/* The lines of trailers: names and where they end; what stands in the values is checked
 * later. */
enum trailer_state {
    TRAILER_BAD,
    TRAILER_LINE, /* at the first byte of a line */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    TRAILER_LAST_LF,
    TRAILER_END,
    TRAILER_STATES,
};

enum trailer_state trailer_next(enum trailer_state s, char c);

#endif
