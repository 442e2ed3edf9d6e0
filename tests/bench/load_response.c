#include "tests/bench/load_response.h"

#include "tests/bench/net.h"

enum { HEAD_MAX = 16384 };

void response_begin(struct response *r)
{
    *r = (struct response){.head = r->head};
}

static void read_framing(struct response *r, const char *head, const char *end)
{
    const char *length = field_value(head, end, "content-length:");
    const char *coding = field_value(head, end, "transfer-encoding:");
    const char *connection = field_value(head, end, "connection:");

    r->close = connection && strncasecmp(connection, "close", 5) == 0;
    r->left = length ? strtoull(length, NULL, 10) : 0;
    r->in_digits = true;
    if (coding)
        r->state = RESPONSE_SIZE;
    else if (length)
        r->state = r->left ? RESPONSE_LENGTH : RESPONSE_DONE;
    else
        r->state = RESPONSE_BAD;
}

/* The head goes on in the next piece, if there is room for it. */
static size_t keep_head(struct response *r, const char *head, size_t have, size_t size)
{
    if (have >= HEAD_MAX) {
        r->state = RESPONSE_BAD;
        return size;
    }
    if (!r->head)
        r->head = memory(HEAD_MAX);
    if (head != r->head)
        memcpy(r->head, head, have);
    r->kept = have;
    return size;
}

/* Returns how much was used. */
static size_t feed_head(struct response *r, const char *bytes, size_t size)
{
    const char *head = bytes, *end;
    size_t before = r->kept;

    if (before) {
        size = size < HEAD_MAX - before ? size : HEAD_MAX - before;
        memcpy(r->head + before, bytes, size);
        head = r->head;
    }
    end = memmem(head, before + size, "\r\n\r\n", 4);
    if (!end)
        return keep_head(r, head, before + size, size);
    r->kept = 0;
    if (head[9] == '2')
        read_framing(r, head, end);
    else if (head[9] != '1')
        r->state = RESPONSE_BAD;
    return (size_t)(end + 4 - head) - before;
}

static void feed_size(struct response *r, char c)
{
    const char *digits = "0123456789abcdef";
    const char *digit = c ? strchr(digits, c | 0x20) : NULL;

    if (c == '\n')
        r->state = r->left ? RESPONSE_CHUNK : RESPONSE_TRAILERS;
    else if (r->in_digits && digit)
        r->left = r->left * 16 + (uint64_t)(digit - digits);
    else
        r->in_digits = false;
}

static void feed_line(struct response *r, char c)
{
    if (c != '\n') {
        r->in_line |= c != '\r';
        return;
    }
    if (r->state == RESPONSE_CHUNK_END) {
        r->state = RESPONSE_SIZE;
        r->in_digits = true;
    } else if (!r->in_line) {
        r->state = RESPONSE_DONE;
    }
    r->in_line = false;
}

static size_t feed_body(struct response *r, size_t size)
{
    size_t used = size < r->left ? size : r->left;

    r->left -= used;
    r->got += used;
    if (r->left == 0)
        r->state = r->state == RESPONSE_LENGTH ? RESPONSE_DONE : RESPONSE_CHUNK_END;
    return used;
}

enum response_state response_feed(struct response *r, const char *bytes, size_t size)
{
    size_t at = 0;

    while (at < size && r->state != RESPONSE_BAD) {
        if (r->state == RESPONSE_HEAD)
            at += feed_head(r, bytes + at, size - at);
        else if (r->state == RESPONSE_LENGTH || r->state == RESPONSE_CHUNK)
            at += feed_body(r, size - at);
        else if (r->state == RESPONSE_SIZE)
            feed_size(r, bytes[at++]);
        else if (r->state == RESPONSE_DONE)
            r->state = RESPONSE_BAD;
        else
            feed_line(r, bytes[at++]);
    }
    return r->state;
}
