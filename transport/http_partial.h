/* http_partial.h - the reader's own copy of a head, or of trailers, that comes in pieces.
 *
 * Made when bytes ran out in the middle, freed when the head has been delivered. Grows by
 * doubling, to the head's limit.
 */
#ifndef TRANSPORT_HTTP_PARTIAL_H
#define TRANSPORT_HTTP_PARTIAL_H

#include "transport/http_reader.h"

struct http_partial {
    llhttp_t parser; /* of a head: where it stands */
    uint32_t size;
    uint32_t capacity;
    struct http_name names[HTTP_FIELD_LIMIT + 1];
    char bytes[];
};

/* Where the names of the current head are noted: in the partial if there is one, else in
 * the scratch. */
static inline struct http_name *partial_names(const struct http_reader *r)
{
    return r->partial ? r->partial->names : r->scratch->names;
}

/* llhttp's state of the current head. */
static inline llhttp_t *partial_parser(const struct http_reader *r)
{
    return r->partial ? &r->partial->parser : &r->scratch->parser;
}

/* Appends; `whole` (may be NULL) is then all of it. ERR_NO_MEMORY. */
enum err partial_add(struct http_reader *r, struct slice bytes, struct slice *whole);
void partial_free(struct http_reader *r);

#endif
