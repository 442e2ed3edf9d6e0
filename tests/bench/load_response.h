/* load_response.h - as much of an HTTP/1.1 response as a load generator must understand. */
#ifndef BENCH_LOAD_RESPONSE_H
#define BENCH_LOAD_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum response_state {
    RESPONSE_HEAD,
    RESPONSE_LENGTH,
    RESPONSE_SIZE, /* the line before a chunk */
    RESPONSE_CHUNK,
    RESPONSE_CHUNK_END,
    RESPONSE_TRAILERS,
    RESPONSE_DONE,
    RESPONSE_BAD,
};

struct response {
    enum response_state state;
    uint64_t left;  /* of the body, or of the chunk */
    uint64_t got;   /* bytes of body */
    bool in_line;   /* past the first byte of a line */
    bool in_digits; /* of a chunk's size */
    bool close;
    size_t kept; /* of a head in pieces */
    char *head;
};

/* Keeps the memory of an earlier one. */
void response_begin(struct response *r);
/* Only 200 is right; 1xx are skipped. What follows the response is an error, too. */
enum response_state response_feed(struct response *r, const char *bytes, size_t size);

#endif
