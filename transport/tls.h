/* tls.h - TLS for connections we open (RFC 8446, 5246): OpenSSL, behind the stream contract.
 *
 *   tls_client_open > (tls_stream_open ...)* > tls_client_close
 *
 * A `tls_client` is what all connections to one party have in common: whom we believe, and who we are. Its files
 * are looked at again before a handshake (at most once a second), so a renewed certificate is used without a
 * restart; files that can't be read or do not fit together leave the old ones in use, and the log says so.
 *
 * At least TLS 1.2; the other side's certificate is always verified, its name too (RFC 9525). libssl is loaded when
 * the first tls_client is opened: who configures no TLS pays nothing for it. Belongs to one loop.
 */
#ifndef TRANSPORT_TLS_H
#define TRANSPORT_TLS_H

#include "sidecar/core/err.h"
#include "sidecar/core/why.h"

/* NULL, or "": as said beside it. */
struct tls_settings {
    const char *ca_file;     /* PEM; the system's authorities */
    const char *cert_file;   /* PEM, with what leads to its authority; we show none */
    const char *key_file;    /* PEM, without a password; that of cert_file */
    const char *server_name; /* in the certificate, and as SNI; the host connected to */
};

struct tls_client;

/* A copy of the settings. ERR_BAD_CONFIG: a file that can't be used, and why; ERR_UNSUPPORTED: there is no libssl. */
enum err tls_client_open(struct tls_client **c, const struct tls_settings *s,
                         struct why *w);
/* After the last stream that uses it has closed. NULL is fine. */
void tls_client_close(struct tls_client *c);

#endif
