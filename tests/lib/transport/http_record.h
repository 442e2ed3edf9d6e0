/* http_record.h - feeds a reader and writes down what it says, as text to compare.
 *
 *     "request POST /a HTTP/1.1 chunked\n"  "Host: a\n"  "body 5 hello\n"  "trailers\n"
 * "X: y\n"  "end\n"
 *
 * Body pieces that follow each other are one line, so the text does not show how bytes
 * were cut.
 */
#ifndef TESTS_LIB_TRANSPORT_HTTP_RECORD_H
#define TESTS_LIB_TRANSPORT_HTTP_RECORD_H

#include "sidecar/core/text.h"
#include "transport/http_reader.h"

struct http_record {
    struct http_reader reader;
    struct http_scratch scratch;
    struct text text;
    struct text body;      /* pieces not yet in `text` */
    struct http_head last; /* its slices are gone; the rest stays */
    unsigned heads, ends;
    enum err answer;         /* what `head` returns */
    enum http_method expect; /* said again at each `end`, unless METHOD_OTHER */
    struct why why;
};

void record_init(struct http_record *r, enum http_side side);
void record_fini(struct http_record *r);
/* In pieces of `step` bytes (0: all at once), also over the ends of messages. */
enum err record_feed(struct http_record *r, struct slice bytes, size_t step);
/* The same in two pieces, cut at `at`. */
enum err record_feed_cut(struct http_record *r, struct slice bytes, size_t at);
/* The connection's end: adds "truncated\n" when it came too early. */
enum err record_finish(struct http_record *r);
const char *record_text(struct http_record *r);

#endif
