/* Chunked bodies against a second decoder, which is slow, simple and written from the grammar of
 * RFC 9112 §7.1 alone: both take the same bodies, and find the same bytes in them. */
#include <stdlib.h>

#include "tests/fuzz/lib/http_same.h"
#include "transport/http_chunked.h"
#include "transport/http_validate.h"

#define HEAD "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct decoder {
    struct slice rest;
    struct text body;
    size_t extensions;
};

static char peek(const struct decoder *d)
{
    return d->rest.size ? d->rest.base[0] : 0;
}

static bool eat(struct decoder *d, struct slice expected)
{
    if (!slice_starts_with(d->rest, expected))
        return false;
    d->rest = slice_after(d->rest, expected.size);
    return true;
}

static void eat_blanks(struct decoder *d)
{
    while (peek(d) == ' ' || peek(d) == '\t')
        d->rest = slice_after(d->rest, 1);
}

static bool eat_token(struct decoder *d)
{
    size_t size = 0;

    while (size < d->rest.size && http_char_is_token(d->rest.base[size]))
        size++;
    d->rest = slice_after(d->rest, size);
    return size > 0;
}

static bool eat_quoted(struct decoder *d)
{
    eat(d, SLICE("\""));
    while (d->rest.size > 0) {
        char c = peek(d);

        d->rest = slice_after(d->rest, 1);
        if (c == '"')
            return true;
        if (c == '\\') {
            c = peek(d);
            d->rest = slice_after(d->rest, 1);
        }
        if (!http_is_value(slice_from(&c, 1)))
            return false;
    }
    return false;
}

static bool eat_value(struct decoder *d)
{
    return peek(d) == '"' ? eat_quoted(d) : eat_token(d);
}

/* *( BWS ";" BWS name [ BWS "=" BWS value ] ) */
static bool eat_extensions(struct decoder *d)
{
    while (peek(d) != '\r') {
        eat_blanks(d);
        if (!eat(d, SLICE(";")))
            return false;
        eat_blanks(d);
        if (!eat_token(d))
            return false;
        if (peek(d) == ';' || peek(d) == '\r')
            continue;
        eat_blanks(d);
        if (peek(d) == ';')
            continue;
        if (!eat(d, SLICE("=")))
            return false;
        eat_blanks(d);
        if (!eat_value(d))
            return false;
    }
    return true;
}

static bool eat_size(struct decoder *d, uint64_t *size)
{
    unsigned digits = 0;

    for (*size = 0; d->rest.size > 0 && memchr("0123456789abcdefABCDEF", peek(d), 22);
         digits++) {
        char digit[2] = {peek(d), 0};

        if (*size > (INT64_MAX - 15) / 16 && *size >> 59)
            return false;
        *size = *size * 16 + strtoul(digit, NULL, 16);
        d->rest = slice_after(d->rest, 1);
    }
    return digits > 0 && digits <= CHUNK_SIZE_DIGITS;
}

static bool eat_line(struct decoder *d, uint64_t *size)
{
    size_t before;

    if (!eat_size(d, size))
        return false;
    before = d->rest.size;
    if (!eat_extensions(d))
        return false;
    d->extensions += before - d->rest.size;
    return d->extensions <= CHUNK_EXTENSION_LIMIT && eat(d, SLICE("\r\n"));
}

/* Up to the last chunk. */
static bool eat_chunks(struct decoder *d)
{
    uint64_t size;

    while (eat_line(d, &size)) {
        if (size == 0)
            return true;
        if (size > d->rest.size)
            return false;
        text_add(&d->body, slice_first(d->rest, size));
        d->rest = slice_after(d->rest, size);
        if (!eat(d, SLICE("\r\n")))
            return false;
    }
    return false;
}

struct check {
    struct http_reader reader;
    struct http_scratch scratch;
    struct text body;
    bool ended;
};

static enum err on_head(struct http_reader *r, const struct http_head *h)
{
    (void)r;
    return h->framing == BODY_CHUNKED ? ERR_OK : ERR_IO;
}

static enum err on_body(struct http_reader *r, struct slice bytes)
{
    text_add(&((struct check *)r)->body, bytes);
    return ERR_OK;
}

static enum err on_end(struct http_reader *r)
{
    ((struct check *)r)->ended = true;
    return ERR_OK;
}

static const struct http_reader_events events = {on_head, on_body, NULL, on_end};

static bool read_chunks(struct check *c, struct slice bytes)
{
    size_t used;

    text_init(&c->body, 1 << 24);
    reader_init(&c->reader, HTTP_REQUESTS, &events, &c->scratch);
    if (reader_feed(&c->reader, SLICE(HEAD), &used, NULL))
        abort();
    reader_feed(&c->reader, bytes, &used, NULL);
    reader_fini(&c->reader);
    return c->ended;
}

/* Trailers are the reader's alone: only bodies without them are compared. */
static void agree(struct slice bytes)
{
    static struct check c;
    struct decoder d = {.rest = bytes};
    bool taken;

    memset(&c, 0, sizeof(c));
    text_init(&d.body, 1 << 24);
    taken = eat_chunks(&d);
    if (read_chunks(&c, bytes) && !taken)
        abort();
    if (taken && slice_starts_with(d.rest, SLICE("\r\n")) && !c.ended)
        abort();
    if (c.ended && !slice_equals(text_slice(&c.body), text_slice(&d.body)))
        abort();
    text_fini(&c.body);
    text_fini(&d.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text wire;

    if (size < 2)
        return 0;
    agree(slice_from((const char *)data + 1, size - 1));
    text_init(&wire, 1 << 24);
    text_add(&wire, slice_from((const char *)data, 1));
    text_add(&wire, SLICE(HEAD));
    text_add(&wire, slice_from((const char *)data + 1, size - 1));
    http_same(HTTP_REQUESTS, (const uint8_t *)wire.base, wire.size);
    text_fini(&wire);
    return 0;
}
