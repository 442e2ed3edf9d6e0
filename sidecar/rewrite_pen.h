/* rewrite_pen.h - what the two halves of rewrite.h write heads with: rewrite.c and rewrite_response.c. */
#ifndef SIDECAR_REWRITE_PEN_H
#define SIDECAR_REWRITE_PEN_H

#include <assert.h>

#include "sidecar/rewrite.h"
#include "transport/http_text.h"

/* Room is taken once, for all that may be written, so that writing needs no checks. */
struct pen {
    char *start;
    char *at;
    size_t room;
};

static inline bool pen_open(struct pen *p, struct arena *a, size_t room)
{
    p->start = p->at = arena_take(a, room);
    p->room = room;
    return p->start != NULL;
}

static inline struct slice pen_close(struct pen *p, struct arena *a)
{
    struct slice text = {p->start, (size_t)(p->at - p->start)};

    assert(text.size <= p->room);
    arena_trim(a, p->start, p->room, text.size);
    return text;
}

static inline void put(struct pen *p, struct slice s)
{
    if (s.size > 0)
        memcpy(p->at, s.base, s.size);
    p->at += s.size;
}

static inline void put_line(struct pen *p, struct slice name, struct slice value)
{
    put(p, name);
    put(p, SLICE(": "));
    put(p, value);
    put(p, SLICE("\r\n"));
}

/* Lines that stand in the source one behind the other, as we write them, leave in one copy. */
struct run {
    const char *from, *to; /* without the last CRLF; NULL: none */
};

static inline void run_end(struct run *r, struct pen *p)
{
    if (!r->from)
        return;
    put(p, (struct slice){r->from, (size_t)(r->to - r->from)});
    put(p, SLICE("\r\n"));
    r->from = NULL;
}

/* A line ends in CRLF, whoever sent it: two bytes between this one and the last are that. */
static inline void run_add(struct run *r, struct pen *p, const struct http_field *f)
{
    const char *colon = f->name.base + f->name.size;

    if (!r->from || r->to + 2 != f->name.base)
        run_end(r, p);
    if (f->value.base != colon + 2 || colon[1] != ' ') {
        run_end(r, p);
        put_line(p, f->name, f->value);
        return;
    }
    if (!r->from)
        r->from = f->name.base;
    r->to = f->value.base + f->value.size;
}

static inline void put_number(struct pen *p, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    put(p, (struct slice){digits + at, sizeof(digits) - at});
}

static inline size_t fields_size(const struct http_head *h)
{
    size_t size = h->lines.size;

    if (h->lines.base)
        return size;
    for (unsigned i = 0; i < h->count; i++)
        size += h->fields[i].name.size + h->fields[i].value.size + 4;
    return size;
}

#define BIT(id) (1ULL << FIELD_ID_##id)

static inline bool is_dropped(const struct http_head *h, const struct http_field *f,
                              uint64_t dropped)
{
    if (dropped >> f->id & 1)
        return true;
    return head_has(h, FIELD_ID_CONNECTION) && head_field_is_hop_by_hop(h, f);
}

static inline void put_via(struct pen *p, unsigned minor, struct slice via)
{
    put(p, minor ? SLICE("Via: 1.1 ") : SLICE("Via: 1.0 "));
    put(p, via);
    put(p, SLICE("\r\n"));
}

static inline void put_upgrade(struct pen *p, const struct http_head *h)
{
    put(p, SLICE("Connection: Upgrade\r\nUpgrade: "));
    put(p, head_value(h, FIELD_ID_UPGRADE));
    put(p, SLICE("\r\n"));
}

#endif
