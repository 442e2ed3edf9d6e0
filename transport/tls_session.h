/* tls_session.h - one TLS connection without the connection: bytes in, bytes out. For client_stream.c.
 *
 *   tls_session_open > [ tls_session_feed | tls_session_handshake | read | write > tls_session_take ]* > tls_session_close
 *
 * After each call what tls_session_take() gives is to be sent, also after one that failed: an alert.
 */
#ifndef TRANSPORT_TLS_SESSION_H
#define TRANSPORT_TLS_SESSION_H

#include "sidecar/core/slice.h"
#include "transport/tls.h"

struct tls_session;

/* `host`: as connected to; checked against the certificate unless the settings have a server_name. */
enum err tls_session_open(struct tls_session **s, struct tls_client *c, uint64_t now_ms,
                          const char *host, struct why *w);
void tls_session_close(struct tls_session *s);

/* What came from the other side; copied. */
enum err tls_session_feed(struct tls_session *s, struct slice bytes);
/* ERR_OK: done; ERR_LATER: more has to come; ERR_DENIED: a certificate was refused, by us or by them;
 * ERR_CONNECT_FAILED: anything else. w says what. */
enum err tls_session_handshake(struct tls_session *s, struct why *w);
/* At most `size` bytes. ERR_LATER: more has to come; ERR_CLOSED: they have said their last word; ERR_DENIED: they
 * refuse us only now (TLS 1.3), ERR_RESET: malformed. */
enum err tls_session_read(struct tls_session *s, char *buffer, size_t size, size_t *got,
                          struct why *w);
enum err tls_session_write(struct tls_session *s, struct slice bytes);
/* Our last word. */
void tls_session_finish(struct tls_session *s);
/* At most `size` bytes of what is to be sent; 0: nothing more. */
size_t tls_session_take(struct tls_session *s, char *buffer, size_t size);

#endif
