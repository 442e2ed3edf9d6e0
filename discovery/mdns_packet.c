#include "discovery/mdns_packet.h"

#include <stdio.h>

enum { HEADER_SIZE = 12 };

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

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

        if (mdns_byte_is_plain(c))
            n->text[n->size++] = (char)c;
        else
            n->size += (size_t)snprintf(n->text + n->size, 5, "\\%03u", c);
    }
    n->text[n->size++] = '.';
}

/* A walk over a name's labels, wherever its pointers lead. */
struct walk {
    struct slice packet;
    size_t here;
    size_t lowest; /* pointers lead below it, so a walk always ends */
    size_t after;  /* where the name ends in its own place; 0: not known yet */
};

static uint8_t walk_byte(const struct walk *w)
{
    return (uint8_t)w->packet.base[w->here];
}

static enum err walk_follow(struct walk *w)
{
    size_t to;

    if (w->here + 2 > w->packet.size)
        return ERR_BAD_RECORD;
    to = get16((const uint8_t *)w->packet.base + w->here) & MDNS_POINTER_LIMIT;
    if (to >= w->lowest || to < HEADER_SIZE)
        return ERR_BAD_RECORD;
    if (!w->after)
        w->after = w->here + 2;
    w->lowest = w->here = to;
    return ERR_OK;
}

/* The next label, empty at the name's end. */
static enum err walk_label(struct walk *w, struct slice *label)
{
    enum err e = ERR_OK;

    while (!e && w->here < w->packet.size &&
           (walk_byte(w) & MDNS_POINTER) == MDNS_POINTER)
        e = walk_follow(w);
    if (e || w->here >= w->packet.size || walk_byte(w) > MDNS_LABEL_LIMIT)
        return ERR_BAD_RECORD;
    *label = slice_from(w->packet.base + w->here + 1, walk_byte(w));
    w->here += 1 + label->size;
    return w->here <= w->packet.size ? ERR_OK : ERR_BAD_RECORD;
}

/* Reads the name at *at and moves *at behind it. */
static enum err name_read(struct slice packet, size_t *at, struct mdns_name *n)
{
    struct walk w = {.packet = packet, .here = *at, .lowest = *at};
    size_t wire = 1;
    struct slice label;

    n->size = 0;
    for (;;) {
        if (walk_label(&w, &label))
            return ERR_BAD_RECORD;
        if (label.size == 0)
            break;
        wire += 1 + label.size;
        if (wire > MDNS_NAME_LIMIT)
            return ERR_BAD_RECORD;
        name_add_label(n, label);
    }
    *at = w.after ? w.after : w.here;
    if (n->size == 0)
        n->text[n->size++] = '.';
    n->text[n->size] = 0;
    return ERR_OK;
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
    entry->class = get16(p + 2) & (MDNS_TOP_BIT - 1);
    entry->top_bit = (get16(p + 2) & MDNS_TOP_BIT) != 0;
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
            entry->class == MDNS_CLASS_IN &&
            slice_equals(mdns_name_slice(&entry->name), name))
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
