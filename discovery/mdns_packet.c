#include "discovery/mdns_packet.h"

#include <stdio.h>

enum {
    HEADER_SIZE = 12,
    CLASS_IN = 1,
    TOP_BIT = 0x8000,
    POINTER = 0xc0,
    POINTER_LIMIT = 0x3fff
};

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static bool byte_is_plain(unsigned char c)
{
    return c > ' ' && c < 0x7f && c != '.' && c != '\\';
}

/* Reading */

enum err mdns_read_header(struct mdns_reader *r, struct slice packet,
                          struct mdns_header *h)
{
    const uint8_t *p = (const uint8_t *)packet.base;
    unsigned total = 0;

    if (packet.size < HEADER_SIZE)
        return ERR_BAD_RECORD;
    h->id = get16(p);
    h->flags = get16(p + 2);
    for (unsigned i = 0; i < MDNS_SECTIONS; i++)
        total += h->counts[i] = get16(p + 4 + 2 * i);
    *r = (struct mdns_reader){.packet = packet, .at = HEADER_SIZE, .left = h->counts[0]};
    memcpy(r->counts, h->counts, sizeof(r->counts));
    return total > MDNS_RECORDS_LIMIT ? ERR_TOO_LARGE : ERR_OK;
}

static void name_add_label(struct mdns_name *n, struct slice label)
{
    for (size_t i = 0; i < label.size; i++) {
        unsigned char c = (unsigned char)label.base[i];

        if (byte_is_plain(c))
            n->text[n->size++] = (char)c;
        else
            n->size += (size_t)snprintf(n->text + n->size, 5, "\\%03u", c);
    }
    n->text[n->size++] = '.';
}

/* Follows a pointer only to an earlier place than where it stands, so a name always ends.
 */
static enum err name_follow(struct slice packet, size_t *at, size_t *lowest)
{
    size_t to;

    if (*at + 2 > packet.size)
        return ERR_BAD_RECORD;
    to = get16((const uint8_t *)packet.base + *at) & POINTER_LIMIT;
    if (to >= *lowest || to < HEADER_SIZE)
        return ERR_BAD_RECORD;
    *lowest = *at = to;
    return ERR_OK;
}

static enum err name_finish(struct mdns_name *n)
{
    if (n->size == 0)
        n->text[n->size++] = '.';
    n->text[n->size] = 0;
    return ERR_OK;
}

/* Reads the name at *at and moves *at behind it. */
static enum err name_read(struct slice packet, size_t *at, struct mdns_name *n)
{
    size_t here = *at, lowest = *at, wire = 1;
    bool followed = false;

    n->size = 0;
    while (here < packet.size) {
        uint8_t length = (uint8_t)packet.base[here];

        if ((length & POINTER) == POINTER) {
            if (!followed)
                *at = here + 2;
            followed = true;
            if (name_follow(packet, &here, &lowest))
                return ERR_BAD_RECORD;
            continue;
        }
        if (length > MDNS_LABEL_LIMIT || here + 1 + length > packet.size)
            return ERR_BAD_RECORD;
        here += 1 + (size_t)length;
        if (length == 0) {
            if (!followed)
                *at = here;
            return name_finish(n);
        }
        wire += 1 + (size_t)length;
        if (wire > MDNS_NAME_LIMIT)
            return ERR_BAD_RECORD;
        name_add_label(n, slice_from(packet.base + here - length, length));
    }
    return ERR_BAD_RECORD;
}

/* The name at `at` has to end where the data ends. */
static enum err target_read(struct slice packet, size_t at, size_t end,
                            struct mdns_name *target)
{
    enum err e = name_read(packet, &at, target);

    if (e)
        return e;
    return at == end ? ERR_OK : ERR_BAD_RECORD;
}

static enum err srv_read(struct mdns_reader *r, size_t end, struct mdns_entry *entry)
{
    if (entry->data.size < 7)
        return ERR_BAD_RECORD;
    entry->port = get16((const uint8_t *)entry->data.base + 4);
    return target_read(r->packet, r->at + 6, end, &entry->target);
}

static enum err data_read(struct mdns_reader *r, size_t end, struct mdns_entry *entry)
{
    if (entry->type == MDNS_A)
        return entry->data.size == 4 ? ERR_OK : ERR_BAD_RECORD;
    if (entry->type == MDNS_AAAA)
        return entry->data.size == 16 ? ERR_OK : ERR_BAD_RECORD;
    if (entry->type == MDNS_PTR)
        return target_read(r->packet, r->at, end, &entry->target);
    if (entry->type == MDNS_SRV)
        return srv_read(r, end, entry);
    return ERR_OK;
}

static enum err record_read(struct mdns_reader *r, struct mdns_entry *entry)
{
    const uint8_t *p = (const uint8_t *)r->packet.base + r->at;
    size_t size;
    enum err e;

    if (r->at + 6 > r->packet.size)
        return ERR_BAD_RECORD;
    entry->ttl = get32(p);
    size = get16(p + 4);
    r->at += 6;
    if (r->at + size > r->packet.size)
        return ERR_BAD_RECORD;
    entry->data = slice_from(r->packet.base + r->at, size);
    e = data_read(r, r->at + size, entry);
    r->at += size;
    return e;
}

static enum err entry_read(struct mdns_reader *r, struct mdns_entry *entry)
{
    const uint8_t *p;
    enum err e = name_read(r->packet, &r->at, &entry->name);

    if (e)
        return e;
    if (r->at + 4 > r->packet.size)
        return ERR_BAD_RECORD;
    p = (const uint8_t *)r->packet.base + r->at;
    entry->type = get16(p);
    entry->class = get16(p + 2) & (TOP_BIT - 1);
    entry->top_bit = (get16(p + 2) & TOP_BIT) != 0;
    r->at += 4;
    return entry->section == MDNS_QUESTIONS ? ERR_OK : record_read(r, entry);
}

enum err mdns_read(struct mdns_reader *r, struct mdns_entry *entry)
{
    enum err e;

    while (r->left == 0) {
        if (r->section + 1 >= MDNS_SECTIONS)
            return ERR_NOT_FOUND;
        r->left = r->counts[++r->section];
    }
    r->left--;
    entry->section = r->section;
    entry->ttl = entry->port = 0;
    entry->data = (struct slice){NULL, 0};
    entry->target.size = 0;
    e = entry_read(r, entry);
    if (e) {
        r->left = 0;
        r->section = MDNS_ADDITIONALS;
    }
    return e;
}

enum err mdns_find(struct slice packet, enum mdns_type type, struct slice name,
                   struct mdns_entry *entry)
{
    struct mdns_reader r;
    struct mdns_header h;
    enum err e = mdns_read_header(&r, packet, &h);

    while (!e) {
        e = mdns_read(&r, entry);
        if (!e && entry->section != MDNS_QUESTIONS && entry->type == type &&
            entry->class == CLASS_IN && slice_equals(mdns_name_slice(&entry->name), name))
            return ERR_OK;
    }
    return e;
}

enum err mdns_txt_join(struct slice data, char *out, size_t *size)
{
    size_t at = 0;

    *size = 0;
    while (at < data.size) {
        size_t length = (uint8_t)data.base[at++];

        if (at + length > data.size)
            return ERR_BAD_RECORD;
        memcpy(out + *size, data.base + at, length);
        *size += length;
        at += length;
    }
    return ERR_OK;
}

/* Writing */

static void put_bytes(struct mdns_writer *w, const void *bytes, size_t size)
{
    if (w->failed || w->capacity - w->size < size) {
        w->failed = true;
        return;
    }
    if (size)
        memcpy(w->base + w->size, bytes, size);
    w->size += size;
}

static void put16(struct mdns_writer *w, unsigned value)
{
    put_bytes(w, (uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

static void put32(struct mdns_writer *w, uint32_t value)
{
    put16(w, value >> 16);
    put16(w, value & 0xffff);
}

static void set16(struct mdns_writer *w, size_t at, size_t value)
{
    if (w->failed)
        return;
    w->base[at] = (uint8_t)(value >> 8);
    w->base[at + 1] = (uint8_t)value;
}

bool mdns_name_is_valid(struct slice name)
{
    size_t label = 0;

    if (name.size < 2 || name.size + 1 > MDNS_NAME_LIMIT ||
        name.base[name.size - 1] != '.')
        return false;
    for (size_t i = 0; i < name.size; i++) {
        if (name.base[i] == '.') {
            if (label == 0)
                return false;
            label = 0;
        } else if (!byte_is_plain((unsigned char)name.base[i]) ||
                   ++label > MDNS_LABEL_LIMIT) {
            return false;
        }
    }
    return true;
}

/* Where `ending` was written before, or 0. */
static uint16_t ending_find(const struct mdns_writer *w, struct slice ending)
{
    for (unsigned i = 0; i < w->known; i++)
        if (slice_equals(w->endings[i].ending, ending))
            return w->endings[i].at;
    return 0;
}

static void ending_remember(struct mdns_writer *w, struct slice ending)
{
    if (w->known == MDNS_COMPRESSED_LIMIT || w->size > POINTER_LIMIT ||
        ending_find(w, ending))
        return;
    w->endings[w->known].ending = ending;
    w->endings[w->known++].at = (uint16_t)w->size;
}

static void put_name(struct mdns_writer *w, struct slice name, bool compress)
{
    if (!mdns_name_is_valid(name)) {
        w->failed = true;
        return;
    }
    while (name.size > 0) {
        size_t length = slice_find(name, '.');
        uint16_t known = compress ? ending_find(w, name) : 0;

        if (known) {
            put16(w, POINTER << 8 | known);
            return;
        }
        ending_remember(w, name);
        put_bytes(w, &(uint8_t){(uint8_t)length}, 1);
        put_bytes(w, name.base, length);
        name = slice_after(name, length + 1);
    }
    put_bytes(w, "", 1);
}

void mdns_write_header(struct mdns_writer *w, void *buffer, size_t capacity, uint16_t id,
                       uint16_t flags)
{
    *w = (struct mdns_writer){
        .base = buffer, .capacity = capacity, .section = MDNS_ANSWERS};
    put16(w, id);
    put16(w, flags);
    for (unsigned i = 0; i < MDNS_SECTIONS; i++)
        put16(w, 0);
}

void mdns_write_section(struct mdns_writer *w, enum mdns_section section)
{
    w->section = section;
}

void mdns_write_question(struct mdns_writer *w, struct slice name, enum mdns_type type,
                         bool unicast)
{
    put_name(w, name, true);
    put16(w, type);
    put16(w, CLASS_IN | (unicast ? TOP_BIT : 0));
    w->counts[MDNS_QUESTIONS]++;
}

/* Returns where the data begins; record_end() fills in how long it became. */
static size_t record_begin(struct mdns_writer *w, struct slice name, enum mdns_type type,
                           uint32_t ttl)
{
    put_name(w, name, true);
    put16(w, type);
    put16(w, CLASS_IN);
    put32(w, ttl);
    put16(w, 0);
    w->counts[w->section]++;
    return w->size;
}

static void record_end(struct mdns_writer *w, size_t begin)
{
    if (w->size - begin > UINT16_MAX)
        w->failed = true;
    set16(w, begin - 2, w->size - begin);
}

void mdns_write_ptr(struct mdns_writer *w, struct slice name, uint32_t ttl,
                    struct slice target)
{
    size_t begin = record_begin(w, name, MDNS_PTR, ttl);

    put_name(w, target, true);
    record_end(w, begin);
}

void mdns_write_srv(struct mdns_writer *w, struct slice name, uint32_t ttl, unsigned port,
                    struct slice target)
{
    enum { PRIORITY = 10, WEIGHT = 1 }; /* what go-micro writes */
    size_t begin = record_begin(w, name, MDNS_SRV, ttl);

    put16(w, PRIORITY);
    put16(w, WEIGHT);
    put16(w, port);
    put_name(w, target, false);
    record_end(w, begin);
}

void mdns_write_ip(struct mdns_writer *w, struct slice name, uint32_t ttl,
                   struct slice ip)
{
    size_t begin = record_begin(w, name, ip.size == 4 ? MDNS_A : MDNS_AAAA, ttl);

    put_bytes(w, ip.base, ip.size);
    record_end(w, begin);
}

void mdns_write_txt(struct mdns_writer *w, struct slice name, uint32_t ttl,
                    struct slice text)
{
    size_t begin = record_begin(w, name, MDNS_TXT, ttl);

    while (text.size > 0) {
        struct slice part = slice_first(text, UINT8_MAX);

        put_bytes(w, &(uint8_t){(uint8_t)part.size}, 1);
        put_bytes(w, part.base, part.size);
        text = slice_after(text, part.size);
    }
    record_end(w, begin);
}

enum err mdns_written(struct mdns_writer *w, struct slice *packet)
{
    for (unsigned i = 0; i < MDNS_SECTIONS; i++)
        set16(w, 4 + 2 * i, w->counts[i]);
    *packet = slice_from((const char *)w->base, w->failed ? 0 : w->size);
    return w->failed ? ERR_TOO_LARGE : ERR_OK;
}
