/* nats_protocol.h - NATS on the wire (docs.nats.io/reference/reference-protocols/nats-protocol): read by pieces, and
 * written.
 *
 *   from the server   INFO {json} · MSG subject sid [reply] size · HMSG subject sid [reply] head size · PING · PONG ·
 *                     +OK · -ERR 'text'                                  each line ends in CRLF, a payload too
 *   to the server     CONNECT {json} · PUB subject [reply] size · SUB subject [queue] sid · UNSUB sid · PING · PONG
 *
 *     while ((e = nats_parse(&p, &bytes, &op)) == ERR_OK)
 *         ... op points into `bytes` or into the parser: until the next call
 *     ERR_LATER: all was taken, more must come; anything else: the stream can't be understood any more
 *
 * Bounded: a line has at most NATS_LINE_LIMIT bytes (INFO: NATS_INFO_LIMIT), and of a payload that is larger than the
 * parser's limit nothing is kept: it comes as `is_cut`, without bytes. Strict where it is cheap: lines end in CRLF and
 * nothing else, sizes are plain decimal, a payload ends where it said. Pure: no loop, no clock.
 */
#ifndef DISCOVERY_NATS_PROTOCOL_H
#define DISCOVERY_NATS_PROTOCOL_H

#include "sidecar/core/text.h"
#include "sidecar/core/why.h"

enum {
    NATS_LINE_LIMIT = 4096,
    NATS_INFO_LIMIT = 64 * 1024,
    NATS_SUBJECT_LIMIT = 256,
    NATS_URLS_LIMIT = 32,                  /* of connect_urls; more are not looked at */
    NATS_PAYLOAD_LIMIT = 64 * 1024 * 1024, /* no server sends more (its max_payload) */
};

enum nats_kind {
    NATS_INFO,
    NATS_MSG,
    NATS_HMSG,
    NATS_PING,
    NATS_PONG,
    NATS_OK,
    NATS_ERR
};

struct nats_message {
    struct slice subject;
    struct slice reply;   /* empty: no answer is asked for */
    struct slice headers; /* of HMSG */
    struct slice payload;
    uint64_t sid;
    size_t size; /* as it was said */
    bool is_cut; /* larger than is taken: payload and headers are empty */
};

struct nats_operation {
    enum nats_kind kind;
    struct slice text; /* of INFO and -ERR, without the quotes */
    struct nats_message message;
};

struct nats_parser {
    size_t payload_limit;
    struct text
        line; /* what came of it so far; of a message as long as its payload comes */
    struct text payload;             /* the same */
    struct nats_operation operation; /* the message whose payload comes */
    size_t head;                     /* bytes of headers in it */
    size_t left;                     /* bytes of payload and CRLF to come */
    bool in_payload;
    bool is_done; /* line and payload belong to what was handed out */
};

void nats_parser_init(struct nats_parser *p, size_t payload_limit);
void nats_parser_fini(struct nats_parser *p);
/* Takes from *bytes what it needs. ERR_OK, ERR_LATER, ERR_BAD_RECORD, ERR_TOO_LARGE, ERR_NO_MEMORY. */
enum err nats_parse(struct nats_parser *p, struct slice *bytes,
                    struct nats_operation *op);

/* What a server says of itself. */
struct nats_info {
    uint64_t max_payload;
    bool auth_required;
    bool tls_required;
    bool tls_available;
    bool lame_duck; /* it is about to go: connect elsewhere */
    unsigned url_count;
    char urls[NATS_URLS_LIMIT][128]; /* "host:port" of its cluster */
};

enum err nats_info_read(struct nats_info *i, struct slice json, struct why *w);

/* Who we are. NULL: not said. */
struct nats_login {
    const char *name;
    const char *user, *password;
    const char *token;
    bool tls_required;
};

void nats_write_connect(struct text *out, const struct nats_login *l);
/* The line before the payload; after that comes CRLF. reply may be empty. */
void nats_write_pub(struct text *out, struct slice subject, struct slice reply,
                    size_t size);
void nats_write_sub(struct text *out, const char *subject, uint64_t sid);
void nats_write_unsub(struct text *out, uint64_t sid);

/* Tokens between dots, none of them empty, no blanks; * and > where `wildcards`. */
bool nats_subject_is_valid(struct slice subject, bool wildcards);

#endif
