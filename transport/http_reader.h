/* http_reader.h - from bytes to messages: heads by llhttp (strict), but for those that are
 * whole and plain (http_plain.h); bodies by our own framing.
 *
 *   reader_init > [ reader_feed: head > body* > trailers? > end ]* > reader_fini
 *
 * reader_feed() parses in place. Head slices point into the fed bytes, or, when a head
 * came in pieces, into the reader's own copy; both are lent for the callback only. A body
 * piece is payload (chunk framing removed), lent too. After `end` feeding stops, so the
 * caller decides what the rest is: it gets back how many bytes were used. Feeding the
 * rest starts the next message.
 *
 * Refused, beyond what llhttp refuses in strict mode (RFC 9112 §§2-7,
 * docs/security.md): CL with TE, several or malformed CL, TE that is not exactly one `chunked`, TE
 * in HTTP/1.0, sizes past 2^63-1, bad chunk lines, chunk extensions over 4 KiB a message,
 * bare CR or LF, white space before a colon, NUL and other control bytes, obs-fold, a
 * missing, second or malformed Host (requests of 1.1; RFC 9110 §7.2), forbidden trailers,
 * trailers over the head's limits, versions but 1.0 and 1.1, a status outside 100..999,
 * more than 100 1xx heads in a row, HTTP/0.9. An empty line before a request line is
 * skipped, once.
 *
 * An idle reader holds no memory of its own. Belongs to one loop; `scratch` is shared by
 * its readers.
 */
#ifndef TRANSPORT_HTTP_READER_H
#define TRANSPORT_HTTP_READER_H

#include <llhttp.h>

#include "sidecar/core/why.h"
#include "transport/http.h"

enum http_side { HTTP_REQUESTS, HTTP_RESPONSES };

struct http_reader;

/* A callback that fails ends the feeding with its error. ERR_LATER: stops feeding after
 * what was delivered, as `end` does; not an error. What is due then (say, `end` after a
 * head without a body) comes at the next reader_feed(), which may be of no bytes. No
 * callback feeds this or another reader of the same scratch, or ends this one. */
struct http_reader_events {
    enum err (*head)(struct http_reader *r, const struct http_head *head);
    enum err (*body)(struct http_reader *r, struct slice bytes);
    /* Before `end`, only when there are any. */
    enum err (*trailers)(struct http_reader *r, const struct http_field *fields,
                         unsigned count);
    enum err (*end)(struct http_reader *r);
};

/* Where a field's name stands, counted from the first byte of its head. Names are all
 * that is noted while llhttp runs: a value is what stands between a name and the next
 * one. */
struct http_name {
    uint32_t at;
    uint32_t size;
};

/* One per loop: the head being read. */
struct http_scratch {
    llhttp_t parser;
    struct http_field fields[HTTP_FIELD_LIMIT];
    struct http_name names[HTTP_FIELD_LIMIT + 1]; /* and where the last line ends */
};

struct http_partial; /* a head that came in pieces */

struct http_reader {
    const struct http_reader_events *events;
    struct http_scratch *scratch;
    struct http_partial *partial; /* only in the middle of a head or of trailers */
    const char *fed;              /* what llhttp is reading; it begins at byte `seen` */
    uint64_t remaining;           /* of a length body, or of the chunk */
    uint32_t seen;                /* bytes of this head, chunk size or trailers so far */
    struct http_name target;
    uint16_t count; /* names so far */
    uint8_t side;
    uint8_t state;
    uint8_t chunk_state;
    uint8_t empty_line;
    uint8_t informational; /* 1xx heads in a row */
    uint8_t error;         /* enum err: why it takes no more */
    uint32_t extension_bytes;
    bool to_head;    /* responses: the request was HEAD */
    bool to_connect; /* responses: it was CONNECT; we never send one */
    bool in_message; /* a first byte came and `end` did not */
    bool tunnel;     /* what follows is not HTTP: feed returns at once */
    bool is_head;    /* requests: the method is HEAD */
};

void reader_init(struct http_reader *r, enum http_side side,
                 const struct http_reader_events *events, struct http_scratch *scratch);
void reader_fini(struct http_reader *r);
/* Responses: the request that the next final response answers was this. */
void reader_expect(struct http_reader *r, enum http_method method);
/* *used is set always. ERR_OK: all was used, or the message ended (look at
 * reader_in_message()) or a callback said LATER. Of requests: ERR_BAD_REQUEST, METHOD
 * (one llhttp does not know), HEAD_TOO_LARGE (head or trailers), TARGET_TOO_LONG,
 * HTTP_VERSION, EXPECTATION; of responses ERR_BAD_RESPONSE; of both ERR_NO_MEMORY, or a
 * callback's own. w (may be NULL) says what was wrong. After an error the reader takes no
 * more. A head both malformed and too large may be refused for either. A 101 sets `tunnel` before its `head` and has no `end`; other 1xx have no `end`
 * either, the next head follows. */
enum err reader_feed(struct http_reader *r, struct slice bytes, size_t *used,
                     struct why *w);
/* The connection's input ended. A BODY_TO_END message ends by it (`end` comes); in the
 * middle of any other ERR_BAD_REQUEST or ERR_TRUNCATED; between messages ERR_OK. */
enum err reader_finish(struct http_reader *r);

/* Not a byte of the next head is here: at the start, after an `end`, after a 1xx. */
bool reader_is_between(const struct http_reader *r);

/* Of requests: as far as it was read, is this one a HEAD? Also a refused one is answered without a body. */
bool reader_is_head_request(const struct http_reader *r);

static inline bool reader_in_message(const struct http_reader *r)
{
    return r->in_message;
}

#endif
