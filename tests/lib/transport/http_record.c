#include "tests/lib/transport/http_record.h"

#include <assert.h>

static struct http_record *record_of(struct http_reader *reader)
{
    return (struct http_record *)((char *)reader - offsetof(struct http_record, reader));
}

static void add_line(struct text *t, struct slice name, struct slice value)
{
    text_add(t, name);
    text_add(t, SLICE(": "));
    text_add(t, value);
    text_add(t, SLICE("\n"));
}

static void add_fields(struct text *t, const struct http_field *fields, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        assert(fields[i].id == http_field_id(fields[i].name));
        add_line(t, fields[i].name, fields[i].value);
    }
}

static void flush_body(struct http_record *r)
{
    if (r->body.size > 0) {
        text_addf(&r->text, "body %zu ", r->body.size);
        text_add(&r->text, text_slice(&r->body));
        text_add(&r->text, SLICE("\n"));
    }
    text_clear(&r->body);
}

static void add_start(struct http_record *r, const struct http_head *h)
{
    if (r->reader.side == HTTP_REQUESTS) {
        text_add(&r->text, SLICE("request "));
        text_add(&r->text, h->method_text);
        text_add(&r->text, SLICE(" "));
        text_add(&r->text, h->target);
    } else {
        text_addf(&r->text, "response %u ", h->status);
        text_add(&r->text, h->reason);
    }
}

static enum err on_head(struct http_reader *reader, const struct http_head *h)
{
    static const char *const framings[] = {"none", "length", "chunked", "to-end"};
    struct http_record *r = record_of(reader);

    flush_body(r);
    add_start(r, h);
    text_addf(&r->text, " HTTP/1.%u %s%s%s%s\n", h->minor, framings[h->framing],
              h->keep_alive ? "" : " close", h->expect_continue ? " expects" : "",
              h->upgrade ? " upgrade" : "");
    add_fields(&r->text, h->fields, h->count);
    r->last = *h;
    r->heads++;
    return r->answer;
}

static enum err on_body(struct http_reader *reader, struct slice bytes)
{
    assert(bytes.size > 0);
    text_add(&record_of(reader)->body, bytes);
    return ERR_OK;
}

static enum err on_trailers(struct http_reader *reader, const struct http_field *fields,
                            unsigned count)
{
    struct http_record *r = record_of(reader);

    flush_body(r);
    text_add(&r->text, SLICE("trailers\n"));
    add_fields(&r->text, fields, count);
    return ERR_OK;
}

static enum err on_end(struct http_reader *reader)
{
    struct http_record *r = record_of(reader);

    flush_body(r);
    text_add(&r->text, SLICE("end\n"));
    r->ends++;
    if (r->expect)
        reader_expect(reader, r->expect);
    return ERR_OK;
}

static const struct http_reader_events events = {
    .head = on_head,
    .body = on_body,
    .trailers = on_trailers,
    .end = on_end,
};

void record_init(struct http_record *r, enum http_side side)
{
    memset(r, 0, sizeof(*r));
    why_init(&r->why);
    text_init(&r->text, 1 << 24);
    text_init(&r->body, 1 << 24);
    reader_init(&r->reader, side, &events, &r->scratch);
}

void record_fini(struct http_record *r)
{
    reader_fini(&r->reader);
    text_fini(&r->text);
    text_fini(&r->body);
}

static enum err feed_piece(struct http_record *r, struct slice piece)
{
    while (piece.size > 0 && !r->reader.tunnel) {
        size_t used;
        enum err e = reader_feed(&r->reader, piece, &used, &r->why);

        assert(used <= piece.size);
        piece = slice_after(piece, used);
        if (e)
            return e;
    }
    return ERR_OK;
}

enum err record_feed(struct http_record *r, struct slice bytes, size_t step)
{
    while (bytes.size > 0) {
        struct slice piece = slice_first(bytes, step ? step : bytes.size);
        enum err e = feed_piece(r, piece);

        if (e)
            return e;
        bytes = slice_after(bytes, piece.size);
    }
    return ERR_OK;
}

enum err record_feed_cut(struct http_record *r, struct slice bytes, size_t at)
{
    enum err e = record_feed(r, slice_first(bytes, at), 0);

    return e ? e : record_feed(r, slice_after(bytes, at), 0);
}

enum err record_finish(struct http_record *r)
{
    enum err e = reader_finish(&r->reader);

    flush_body(r);
    if (e)
        text_add(&r->text, SLICE("truncated\n"));
    return e;
}

const char *record_text(struct http_record *r)
{
    flush_body(r);
    return r->text.base ? r->text.base : "";
}
