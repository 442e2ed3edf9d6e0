/* client_stream.h - a stream we open to HOST:PORT: the name looked up, connected, with TLS where asked.
 *
 *   client_stream_init > client_stream_connect --LATER--> connected(OK) ... > stream_close > closed
 *
 * The stream is `stream`, and all that stream.h says holds for it; events come with its address. A name is looked
 * up by the system's resolver (/etc/hosts, DNS), off the loop; its addresses are tried one after another, of both
 * families (RFC 8305 without the race). An address in numbers needs no look-up, "unix:/path" neither.
 *
 * `connected` comes once, never from inside client_stream_connect() and not after stream_close(): ERR_OK when
 * bytes may be written (after the handshake), ERR_CONNECT_FAILED, or ERR_DENIED when the certificate was refused, by
 * us or by them. `why` then says what and where: "10.0.0.5:8501: certificate has expired". There is no timeout here:
 * the owner closes when he is tired. Any state may be passed to stream_close() after init.
 *
 * client_stream_start_tls() begins TLS on a connection that spoke in the clear first (NATS): the same events follow
 * as for connecting.
 */
#ifndef TRANSPORT_CLIENT_STREAM_H
#define TRANSPORT_CLIENT_STREAM_H

#include "transport/socket.h"
#include "transport/tls.h"

enum { HOST_LIMIT = 255 };

/* Whom to connect to. */
struct client_target {
    struct slice
        host; /* "registry.local", "10.0.0.5", "::1", "[::1]", "unix:/path"; copied */
    unsigned port;
    struct tls_client *tls; /* NULL: in the clear; lent until `closed` */
};

struct client_stream {
    struct stream stream;
    void (*connected)(struct client_stream *s, enum err e);
    struct why why;      /* of connected() with an error */
    struct address peer; /* once connected */
    /* Its own. */
    struct loop *loop;
    struct client_stream_inside *inside;
};

/* ERR_NO_MEMORY, or ERR_OK: then stream_close() is owed. */
enum err client_stream_init(struct client_stream *s, struct loop *l,
                            const struct stream_events *events);
enum err client_stream_connect(struct client_stream *s, const struct client_target *to,
                               void (*connected)(struct client_stream *s, enum err e));
enum err client_stream_start_tls(struct client_stream *s, struct tls_client *tls,
                                 void (*connected)(struct client_stream *s, enum err e));

#endif
