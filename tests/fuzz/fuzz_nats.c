/* What a NATS server says, in pieces: read to an end or refused, the same whatever the pieces are, and nothing of it
 * points outside. The first byte is the size of the pieces. */
#include <stdint.h>
#include <stdlib.h>

#include "discovery/nats_protocol.h"

enum { LIMIT = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t digest;

/* Touches every byte: a sanitizer sees who must not be. */
static void mix(struct slice s)
{
    for (size_t i = 0; i < s.size; i++)
        digest = digest * 31 + (unsigned char)s.base[i];
    digest = digest * 31 + (uint32_t)s.size;
}

static void take(const struct nats_operation *op)
{
    struct nats_info info;

    mix(op->text);
    mix(op->message.subject);
    mix(op->message.reply);
    mix(op->message.headers);
    mix(op->message.payload);
    digest += op->kind + (uint32_t)op->message.sid + (uint32_t)op->message.size;
    if (op->message.payload.size > LIMIT)
        abort();
    if (op->kind == NATS_INFO)
        (void)nats_info_read(&info, op->text, NULL);
}

static enum err read_all(struct slice all, size_t piece)
{
    struct nats_parser p;
    struct nats_operation op;
    enum err e = ERR_LATER;

    digest = 0;
    nats_parser_init(&p, LIMIT);
    while (all.size > 0 && e == ERR_LATER) {
        struct slice bytes = slice_first(all, piece);

        all = slice_after(all, bytes.size);
        while ((e = nats_parse(&p, &bytes, &op)) == ERR_OK)
            take(&op);
    }
    nats_parser_fini(&p);
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice s = {(const char *)data, size};
    enum err whole;
    uint32_t digest_whole;

    if (size < 2 || size > 2 * NATS_LINE_LIMIT)
        return 0;
    whole = read_all(slice_after(s, 1), SIZE_MAX);
    digest_whole = digest;
    if (read_all(slice_after(s, 1), 1 + data[0] % 64) != whole || digest != digest_whole)
        abort();
    return 0;
}
