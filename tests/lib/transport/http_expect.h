/* http_expect.h - what a reader makes of some bytes, at once and byte by byte: it must be
 * the same. */
#ifndef TESTS_LIB_TRANSPORT_HTTP_EXPECT_H
#define TESTS_LIB_TRANSPORT_HTTP_EXPECT_H

#include "tests/lib/transport/http_record.h"

/* Literals, so that they may hold NUL. */
#define expect_request(wire, text) expect_read(HTTP_REQUESTS, SLICE(wire), text)
#define expect_response(wire, text) expect_read(HTTP_RESPONSES, SLICE(wire), text)
#define refuse_request(wire) expect_error(HTTP_REQUESTS, SLICE(wire), ERR_BAD_REQUEST)
#define refuse_request_as(e, wire) expect_error(HTTP_REQUESTS, SLICE(wire), e)
#define refuse_response(wire) expect_error(HTTP_RESPONSES, SLICE(wire), ERR_BAD_RESPONSE)
/* One field more in a request that is good without it. */
#define refuse_field(line)                                                               \
    refuse_request("POST / HTTP/1.1\r\nHost: a\r\n" line "\r\n\r\n")
#define accept_field(line)                                                               \
    accept_request("POST / HTTP/1.1\r\nHost: a\r\n" line "\r\n\r\n")
/* Its head is delivered. */
#define accept_request(wire) expect_head(HTTP_REQUESTS, SLICE(wire))
#define accept_response(wire) expect_head(HTTP_RESPONSES, SLICE(wire))

/* All is taken; the record says `text` after the connection's end. */
void expect_read(enum http_side side, struct slice wire, const char *text);
void expect_error(enum http_side side, struct slice wire, enum err e);
/* The head without its slices. */
struct http_head expect_head(enum http_side side, struct slice wire);

#endif
