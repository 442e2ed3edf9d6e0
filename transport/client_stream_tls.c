/* TLS between the socket and the user of a client_stream. */
#include <stdio.h>

#include "transport/client_stream_inside.h"

enum { TLS_PIECE = 16 * 1024 /* a record at most (RFC 8446 §5.1) */ };

/* --- bytes --- */

enum err client_stream_flush(struct client_stream_inside *i)
{
    char piece[TLS_PIECE];
    size_t size;
    enum err e = ERR_OK;

    while (!e && (size = tls_session_take(i->session, piece, sizeof(piece))) > 0)
        e = stream_write(&i->socket.stream, slice_from(piece, size));
    return e;
}

enum err client_stream_write_tls(struct client_stream_inside *i,
                                 const struct slice *slices, unsigned count, size_t *sent)
{
    size_t size = 0;
    enum err e = ERR_OK;

    for (unsigned at = 0; at < count && !e; at++) {
        e = tls_session_write(i->session, slices[at]);
        size += slices[at].size;
    }
    if (!e)
        e = client_stream_flush(i);
    if (sent)
        *sent = size; /* some of it may have left even on failure */
    return e;
}

void client_stream_pump(struct client_stream_inside *i)
{
    struct client_stream *s = i->stream;
    char piece[TLS_PIECE];
    size_t size;

    while (i->is_connected && i->reads && !i->closing && !i->has_end) {
        enum err e = tls_session_read(i->session, piece, sizeof(piece), &size, &s->why);

        if (e == ERR_LATER)
            break;
        if (e == ERR_OK)
            s->stream.events->data(&s->stream, slice_from(piece, size));
        else
            client_stream_end(i, e == ERR_CLOSED ? ERR_OK : e);
    }
    if (!i->closing && !i->has_end)
        (void)client_stream_flush(i); /* answers of TLS itself: new keys */
}

/* --- the handshake --- */

void client_stream_fail_handshake(struct client_stream_inside *i, enum err e,
                                  const char *reason)
{
    char text[512];

    (void)client_stream_flush(i); /* an alert */
    snprintf(text, sizeof(text), "%s", reason);
    client_stream_give_up(i, e, text);
}

static void shake_hands(struct client_stream_inside *i)
{
    struct client_stream *s = i->stream;
    enum err e;

    why_init(&s->why);
    e = tls_session_handshake(i->session, &s->why);
    if (e && e != ERR_LATER) {
        client_stream_fail_handshake(i, e, s->why.text);
        return;
    }
    if (client_stream_flush(i)) {
        client_stream_fail_handshake(i, ERR_CONNECT_FAILED,
                                     "closed in the middle of the TLS handshake");
        return;
    }
    if (e == ERR_LATER)
        return;
    timer_stop(&i->timer, client_stream_clock(i));
    i->is_connected = i->reads = true;
    s->connected(s, ERR_OK);
}

void client_stream_begin_tls(struct client_stream_inside *i)
{
    struct client_stream *s = i->stream;
    enum err e =
        tls_session_open(&i->session, i->tls, loop_now(s->loop), i->host, &s->why);

    if (e)
        client_stream_give_up(i, e, err_text(e));
    else
        shake_hands(i);
}

enum err client_stream_start_tls(struct client_stream *s, struct tls_client *tls,
                                 void (*connected)(struct client_stream *s, enum err e))
{
    struct client_stream_inside *i = s->inside;

    if (!i->is_connected || i->session || i->closing)
        return ERR_CLOSED;
    s->connected = connected;
    i->tls = tls;
    i->is_connected = false;
    client_stream_begin_tls(i); /* says its first word, and waits */
    return ERR_LATER;
}

void client_stream_feed_tls(struct client_stream_inside *i, struct slice bytes)
{
    if (i->has_end)
        return; /* behind their last word: nobody would read it */
    if (tls_session_feed(i->session, bytes)) {
        if (i->is_connected)
            client_stream_end(i, ERR_NO_MEMORY);
        else
            client_stream_fail_handshake(i, ERR_NO_MEMORY, err_text(ERR_NO_MEMORY));
        return;
    }
    if (!i->is_connected)
        shake_hands(i);
    if (i->is_connected)
        client_stream_pump(i);
}
