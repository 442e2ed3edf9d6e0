/* tls_client.h - between tls_client.c and tls_session.c, and nobody else. */
#ifndef TRANSPORT_TLS_CLIENT_H
#define TRANSPORT_TLS_CLIENT_H

#include <sys/stat.h>

#include "sidecar/core/slice.h"
#include "transport/openssl.h"
#include "transport/tls.h"

/* For one more session: of the files as they are now, or were when they were last good. */
SSL_CTX *tls_client_context(struct tls_client *c, uint64_t now_ms);
/* NULL: the host's own. */
const char *tls_client_server_name(const struct tls_client *c);

#endif
