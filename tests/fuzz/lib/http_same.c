#include "tests/fuzz/lib/http_same.h"

#include <stdio.h>
#include <stdlib.h>

#include "sidecar/core/list.h"

/* Then no head is whole, so llhttp reads them all: what http_plain.h reads must say the same. */
enum { BYTE_BY_BYTE = 1 };

/* Writes what a reader says as messages again. */
struct echo {
    struct http_reader reader;
    struct http_scratch scratch;
    struct text wire;
    enum http_framing framing;
    bool without_body;
};

static struct echo *echo_of(struct http_reader *reader)
{
    return container_of(reader, struct echo, reader);
}

static void must_hold(bool claim, const char *what)
{
    if (claim)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

static void add_fields(struct text *t, const struct http_field *fields, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        text_add(t, fields[i].name);
        text_add(t, SLICE(": "));
        text_add(t, fields[i].value);
        text_add(t, SLICE("\r\n"));
    }
}

/* What may leave as it came is what would be written. */
static void lines_must_be_the_fields(const struct http_head *h)
{
    struct text t;

    text_init(&t, 1 << 20);
    add_fields(&t, h->fields, h->count);
    must_hold(!h->lines.base || slice_equals(h->lines, text_slice(&t)),
              "the lines are not the fields");
    text_fini(&t);
}

static enum err on_head(struct http_reader *reader, const struct http_head *h)
{
    struct echo *e = echo_of(reader);

    lines_must_be_the_fields(h);
    e->framing = h->framing;
    text_add(&e->wire, h->method_text);
    if (reader->side == HTTP_REQUESTS) {
        text_add(&e->wire, SLICE(" "));
        text_add(&e->wire, h->target);
        text_addf(&e->wire, " HTTP/1.%u\r\n", h->minor);
    } else {
        text_addf(&e->wire, "HTTP/1.%u %u ", h->minor, h->status);
        text_add(&e->wire, h->reason);
        text_add(&e->wire, SLICE("\r\n"));
    }
    add_fields(&e->wire, h->fields, h->count);
    text_add(&e->wire, SLICE("\r\n"));
    return ERR_OK;
}

static enum err on_body(struct http_reader *reader, struct slice bytes)
{
    struct echo *e = echo_of(reader);

    if (e->framing == BODY_CHUNKED)
        text_addf(&e->wire, "%zx\r\n", bytes.size);
    text_add(&e->wire, bytes);
    if (e->framing == BODY_CHUNKED)
        text_add(&e->wire, SLICE("\r\n"));
    return ERR_OK;
}

static enum err on_trailers(struct http_reader *reader, const struct http_field *fields,
                            unsigned count)
{
    struct echo *e = echo_of(reader);

    text_add(&e->wire, SLICE("0\r\n"));
    add_fields(&e->wire, fields, count);
    text_add(&e->wire, SLICE("\r\n"));
    e->framing = BODY_NONE;
    return ERR_OK;
}

static enum err on_end(struct http_reader *reader)
{
    struct echo *e = echo_of(reader);

    if (e->framing == BODY_CHUNKED)
        text_add(&e->wire, SLICE("0\r\n\r\n"));
    return ERR_OK;
}

static const struct http_reader_events events = {on_head, on_body, on_trailers, on_end};

void must_equal(const char *a, const char *b)
{
    if (strcmp(a, b) == 0)
        return;
    fprintf(stderr, "--- one\n%s\n--- other\n%s\n", a, b);
    abort();
}

/* Zero bytes would hide what follows them from a comparison of strings. */
static void compare(struct http_record *a, struct http_record *b)
{
    const char *one = record_text(a), *other = record_text(b);

    if (a->text.size != b->text.size || memcmp(one, other, a->text.size) != 0)
        must_equal(one, other);
    must_hold(a->text.size == b->text.size, "they differ after a zero byte");
}

/* A head that is both too large and malformed may be refused for either. */
static bool is_about_size(enum err e)
{
    return e == ERR_HEAD_TOO_LARGE || e == ERR_TARGET_TOO_LONG;
}

static void must_be_same(enum err a, enum err b)
{
    if (a && b && (is_about_size(a) || is_about_size(b)))
        return;
    must_equal(err_code(a), err_code(b));
}

static enum err feed_pieces(struct http_record *r, struct slice bytes, unsigned cut)
{
    return cut & 1 ? record_feed(r, bytes, 1 + cut / 2)
                   : record_feed_cut(r, bytes, cut / 2);
}

static void cut_must_say_the_same(enum http_side side, struct slice bytes, unsigned cut)
{
    struct http_record whole, pieces;
    enum err a, b;

    record_init(&whole, side);
    record_init(&pieces, side);
    a = record_feed(&whole, bytes, 0);
    b = feed_pieces(&pieces, bytes, cut);
    compare(&whole, &pieces);
    must_be_same(a, b);
    must_be_same(record_finish(&whole), record_finish(&pieces));
    must_hold(!whole.reader.partial && !pieces.reader.partial,
              "memory is held after the end");
    record_fini(&whole);
    record_fini(&pieces);
}

/* Reads until an error; returns what was complete, written anew. */
static void echo(struct echo *e, enum http_side side, struct slice bytes)
{
    memset(e, 0, sizeof(*e));
    text_init(&e->wire, 1 << 24);
    reader_init(&e->reader, side, &events, &e->scratch);
    while (bytes.size > 0 && !e->reader.tunnel) {
        size_t used;

        if (reader_feed(&e->reader, bytes, &used, NULL))
            break;
        bytes = slice_after(bytes, used);
    }
    reader_fini(&e->reader);
}

static void written_anew_must_say_the_same(enum http_side side, struct slice bytes)
{
    struct http_record first, again;
    struct echo e;

    record_init(&first, side);
    record_init(&again, side);
    if (record_feed(&first, bytes, 0) == ERR_OK) {
        echo(&e, side, bytes);
        must_equal(err_code(record_feed(&again, text_slice(&e.wire), 0)), "ok");
        compare(&first, &again);
        text_fini(&e.wire);
    }
    record_fini(&first);
    record_fini(&again);
}

void http_same(enum http_side side, const uint8_t *data, size_t size)
{
    struct slice bytes = slice_from((const char *)data + 1, size - 1);

    if (size < 2)
        return;
    cut_must_say_the_same(side, bytes, data[0]);
    cut_must_say_the_same(side, bytes, BYTE_BY_BYTE);
    written_anew_must_say_the_same(side, bytes);
}
