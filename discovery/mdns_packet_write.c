#include "discovery/mdns_packet.h"

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
        } else if (!mdns_byte_is_plain((unsigned char)name.base[i]) ||
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
    if (w->known == MDNS_COMPRESSED_LIMIT || w->size > MDNS_POINTER_LIMIT ||
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
            put16(w, MDNS_POINTER << 8 | known);
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
    put16(w, MDNS_CLASS_IN | (unicast ? MDNS_TOP_BIT : 0));
    w->counts[MDNS_QUESTIONS]++;
}

/* Returns where the data begins; record_end() fills in how long it became. */
static size_t record_begin(struct mdns_writer *w, struct slice name, enum mdns_type type,
                           uint32_t ttl)
{
    put_name(w, name, true);
    put16(w, type);
    put16(w, MDNS_CLASS_IN);
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
