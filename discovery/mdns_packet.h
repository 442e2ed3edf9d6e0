/* mdns_packet.h - DNS messages as multicast DNS has them (RFC 1035 §4, RFC 6762 §18).
 * Pure: bytes in, bytes out.
 *
 * Names are text with a dot after each label: "greeter.micro.". A byte that could be
 * mistaken (a dot, a backslash, a blank, a control or non-ASCII byte) is written \DDD
 * when read, and such a name cannot be written: so no label with a dot inside passes for
 * two. Names compare exactly, as go-micro does it.
 *
 *     struct mdns_reader r;                          struct mdns_writer w;
 *     e = mdns_read_header(&r, packet, &header);     mdns_write_header(&w, buffer, size,
 * id, flags); while (!(e = mdns_read(&r, &entry))) ...       mdns_write_question(&w,
 * name, type, unicast); if (e != ERR_NOT_FOUND) malformed              mdns_write_ptr(&w,
 * name, ttl, target); ... e = mdns_written(&w, &packet);
 */
#ifndef DISCOVERY_MDNS_PACKET_H
#define DISCOVERY_MDNS_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "sidecar/core/err.h"
#include "sidecar/core/slice.h"

enum {
    MDNS_PORT = 5353,
    MDNS_PACKET_LIMIT = 65535 - 48, /* what fits into one datagram of either family */
    MDNS_RECORDS_LIMIT = 256,       /* of one packet; more are refused */
    MDNS_LABEL_LIMIT = 63,
    MDNS_NAME_LIMIT = 255,      /* bytes on the wire, the last 0 too */
    MDNS_NAME_TEXT = 4 * 255,   /* the same as text, each byte escaped */
    MDNS_COMPRESSED_LIMIT = 32, /* name endings a writer remembers */
    MDNS_CLASS_IN = 1,
    MDNS_TOP_BIT = 0x8000, /* of a class */
    MDNS_POINTER = 0xc0,   /* of the first byte of a compressed name's rest */
    MDNS_POINTER_LIMIT = 0x3fff,
};

enum mdns_type {
    MDNS_A = 1,
    MDNS_PTR = 12,
    MDNS_TXT = 16,
    MDNS_AAAA = 28,
    MDNS_SRV = 33,
    MDNS_ANY = 255,
};

enum mdns_flag {
    MDNS_RESPONSE = 0x8000,
    MDNS_AUTHORITATIVE = 0x0400,
    MDNS_OPCODE =
        0x7800, /* a mask; messages with any of it are ignored (RFC 6762 §18.3) */
    MDNS_TRUNCATED = 0x0200, /* more known answers follow */
    MDNS_RCODE = 0x000f,     /* a mask, likewise (§18.11) */
};

enum mdns_section {
    MDNS_QUESTIONS,
    MDNS_ANSWERS,
    MDNS_AUTHORITIES,
    MDNS_ADDITIONALS,
    MDNS_SECTIONS
};

struct mdns_header {
    uint16_t id;
    uint16_t flags;
    uint16_t counts[MDNS_SECTIONS];
};

struct mdns_name {
    size_t size;
    char text[MDNS_NAME_TEXT + 1];
};

/* A question (name, type, unicast) or a record. */
struct mdns_entry {
    enum mdns_section section;
    struct mdns_name name;
    uint16_t type;
    uint16_t class; /* without its top bit */
    bool top_bit;   /* of a question: answer by unicast; of a record: flush the cache */
    uint32_t ttl;   /* seconds */
    struct slice data;       /* as it stood; of A and AAAA checked to be 4 and 16 bytes */
    struct mdns_name target; /* of PTR and SRV */
    uint16_t port;           /* of SRV */
};

struct mdns_reader {
    struct slice packet;
    size_t at;
    enum mdns_section section;
    unsigned left; /* in this section */
    uint16_t counts[MDNS_SECTIONS];
};

struct mdns_writer {
    uint8_t *base;
    size_t size;
    size_t capacity;
    bool failed; /* sticky: too long, or a name that cannot be */
    enum mdns_section section;
    uint16_t counts[MDNS_SECTIONS];
    unsigned known;
    struct {
        struct slice ending;
        uint16_t at;
    } endings[MDNS_COMPRESSED_LIMIT];
};

/* May it stand in a name's text as it is? */
static inline bool mdns_byte_is_plain(unsigned char c)
{
    return c > ' ' && c < 0x7f && c != '.' && c != '\\';
}

static inline struct slice mdns_name_slice(const struct mdns_name *n)
{
    return slice_from(n->text, n->size);
}

/* ERR_BAD_RECORD when it is shorter than a header, ERR_TOO_LARGE when it announces too
 * many records. */
enum err mdns_read_header(struct mdns_reader *r, struct slice packet,
                          struct mdns_header *h);
/* The next question or record, in order; its data is lent by the packet. ERR_NOT_FOUND at
 * the end, ERR_BAD_RECORD for whatever does not parse; then nothing more can be read. */
enum err mdns_read(struct mdns_reader *r, struct mdns_entry *entry);
/* The first record (no question) of this type and name, or ERR_NOT_FOUND. */
enum err mdns_find(struct slice packet, enum mdns_type type, struct slice name,
                   struct mdns_entry *entry);

/* Names given to a writer must live until mdns_written(): later ones point back to them.
 * Questions first, then answers, then mdns_write_section() for those that follow. */
void mdns_write_header(struct mdns_writer *w, void *buffer, size_t capacity, uint16_t id,
                       uint16_t flags);
void mdns_write_section(struct mdns_writer *w, enum mdns_section section);
void mdns_write_question(struct mdns_writer *w, struct slice name, enum mdns_type type,
                         bool unicast);
void mdns_write_ptr(struct mdns_writer *w, struct slice name, uint32_t ttl,
                    struct slice target);
/* The target is not compressed (RFC 2782); later names may point into it. */
void mdns_write_srv(struct mdns_writer *w, struct slice name, uint32_t ttl, unsigned port,
                    struct slice target);
/* 4 bytes make an A, 16 an AAAA. */
void mdns_write_ip(struct mdns_writer *w, struct slice name, uint32_t ttl,
                   struct slice ip);
/* Cut into strings of at most 255 bytes; no text makes no string at all, as go-micro's
 * list entry. */
void mdns_write_txt(struct mdns_writer *w, struct slice name, uint32_t ttl,
                    struct slice text);
/* Ends it: *packet is what was written. ERR_TOO_LARGE when it did not fit or a name was
 * wrong. */
enum err mdns_written(struct mdns_writer *w, struct slice *packet);

/* The strings of a TXT's data put together into `out` (of data.size bytes or more); *size
 * says how many. */
enum err mdns_txt_join(struct slice data, char *out, size_t *size);
/* Can this text be written as a name: labels of 1 to 63 plain bytes, 255 in all, a dot at
 * the end? */
bool mdns_name_is_valid(struct slice name);

#endif
