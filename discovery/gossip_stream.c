#include "discovery/gossip_stream.h"

#include "discovery/gossip_lzw.h"

/* What to do. */
#define KEY_HINT " (?key= of the URL, registry.token or token_file)"

void gossip_stream_init(struct gossip_stream *s, const struct gossip_crypt *crypt)
{
    *s = (struct gossip_stream){.crypt = crypt};
    text_init(&s->plain, GOSSIP_STREAM_LIMIT);
}

void gossip_stream_fini(struct gossip_stream *s)
{
    text_fini(&s->plain);
}

static enum gossip_type type_of(struct slice bytes)
{
    return (unsigned char)bytes.base[0];
}

/* --- the layers round it --- */

static enum err decrypt(struct gossip_stream *s, struct slice bytes, struct why *w)
{
    struct slice sealed = slice_after(bytes, GOSSIP_SEALED_HEAD);
    size_t size;
    enum err e;

    if (!s->crypt->count)
        return why(
            w, ERR_DENIED,
            "permission denied: the ring is encrypted, and no key is set" KEY_HINT);
    if (bytes.size < GOSSIP_SEALED_HEAD)
        return ERR_LATER;
    size = gossip_sealed_size(bytes);
    if (size > GOSSIP_STREAM_LIMIT)
        return why(w, ERR_TOO_LARGE, "its message is longer than %d bytes",
                   GOSSIP_STREAM_LIMIT);
    if (sealed.size < size)
        return ERR_LATER;
    e = gossip_unseal(s->crypt, &s->plain, slice_first(sealed, size),
                      slice_first(bytes, GOSSIP_SEALED_HEAD));
    if (e == ERR_DENIED)
        why(w, e,
            "permission denied: the ring is encrypted with another key than "
            "ours" KEY_HINT);
    return e;
}

static enum err unpack(struct gossip_stream *s, struct slice bytes, struct why *w)
{
    struct gossip_message m;
    struct text unpacked;
    enum err e = gossip_message_read(&m, &bytes);

    if (e)
        return e;
    text_init(&unpacked, GOSSIP_STREAM_LIMIT);
    e = m.algorithm == 0 ? gossip_lzw_unpack(&unpacked, m.payload) : ERR_UNSUPPORTED;
    if (e) {
        text_fini(&unpacked);
        return why(w, ERR_BAD_RECORD, "its message can't be unpacked");
    }
    text_fini(&s->plain);
    s->plain = unpacked;
    s->is_unwrapped = true;
    return ERR_OK;
}

static enum err unwrap(struct gossip_stream *s, struct slice bytes, struct why *w)
{
    enum err e = ERR_OK;

    if (type_of(bytes) == GOSSIP_ENCRYPTED) {
        e = decrypt(s, bytes, w);
        s->is_unwrapped = e == ERR_OK;
        bytes = text_slice(&s->plain);
    } else if (s->crypt->count) {
        return why(
            w, ERR_DENIED,
            "permission denied: the ring is not encrypted, but a key is set" KEY_HINT);
    }
    if (!e && bytes.size && type_of(bytes) == GOSSIP_COMPRESSED)
        e = unpack(s, bytes, w);
    return e;
}

/* --- the message --- */

static enum err read_head(struct gossip_stream *s, struct slice bytes)
{
    struct slice rest = bytes;
    enum err e;

    if (type_of(bytes) == GOSSIP_USER) {
        rest = slice_after(bytes, 1);
        s->head.type = GOSSIP_BATCH;
        e = gossip_body_read(&s->head, &rest);
    } else {
        e = gossip_message_read(&s->head, &rest);
    }
    if (e)
        return e;
    if (s->head.nodes > GOSSIP_ROWS_LIMIT || s->head.size > GOSSIP_STREAM_LIMIT)
        return ERR_TOO_LARGE;
    s->has_head = true;
    s->rows_left = s->head.nodes;
    s->at = s->rows_at = bytes.size - rest.size;
    return ERR_OK;
}

static enum err pass_rows(struct gossip_stream *s, struct slice bytes)
{
    struct slice rest = slice_after(bytes, s->at);
    struct gossip_message row = {.type = GOSSIP_NODE};
    enum err e = ERR_OK;

    while (!e && s->rows_left > 0) {
        e = gossip_body_read(&row, &rest);
        if (!e) {
            s->rows_left--;
            s->at = bytes.size - rest.size;
        }
    }
    return e;
}

static enum err read_message(struct gossip_stream *s, struct slice bytes,
                             struct gossip_heard *heard)
{
    enum err e = s->has_head ? ERR_OK : read_head(s, bytes);

    if (!e)
        e = pass_rows(s, bytes);
    if (e)
        return e;
    if (bytes.size - s->at < s->head.size)
        return ERR_LATER;
    heard->message = s->head;
    if (s->head.type == GOSSIP_BATCH)
        heard->message.type = GOSSIP_USER;
    heard->rows = slice_first(slice_after(bytes, s->rows_at), s->at - s->rows_at);
    heard->user = slice_first(slice_after(bytes, s->at), s->head.size);
    return ERR_OK;
}

enum err gossip_stream_read(struct gossip_stream *s, struct slice bytes,
                            struct gossip_heard *heard, struct why *w)
{
    enum err e = ERR_OK;

    if (bytes.size == 0)
        return ERR_LATER;
    if (!s->is_unwrapped && !s->has_head)
        e = unwrap(s, bytes, w);
    if (e)
        return e;
    if (!s->is_unwrapped)
        return read_message(s, bytes, heard);
    e = s->plain.size ? read_message(s, text_slice(&s->plain), heard) : ERR_BAD_RECORD;
    return e == ERR_LATER ? ERR_BAD_RECORD : e; /* no more will come */
}

enum err gossip_row_read(struct gossip_heard *heard, struct gossip_message *row)
{
    *row = (struct gossip_message){.type = GOSSIP_NODE};
    return heard->rows.size ? gossip_body_read(row, &heard->rows) : ERR_NOT_FOUND;
}
