/* tls_server.h - certificates of all kinds, and a real TLS server to show them: `openssl s_server`.
 *
 * It answers each line with the same line reversed. Certificates stand in a folder of the test's own: tls_path("ca.pem").
 *
 *   ca.pem         an authority           rogue.pem, rogue.key   another one, which nobody believes
 *   server.pem     of ca, for localhost and 127.0.0.1
 *   other.pem      of ca, for other.example      expired.pem     of ca, and too old
 *   client.pem     of ca, for clients
 *   each with its .key
 */
#ifndef TESTS_LIB_TRANSPORT_TLS_SERVER_H
#define TESTS_LIB_TRANSPORT_TLS_SERVER_H

#include <sys/types.h>

struct tls_server {
    pid_t pid;
    unsigned port;
};

/* Makes the folder and all certificates: once, before the first test. */
void tls_certificates_make(void);
void tls_certificates_remove(void);
const char *tls_path(const char *name);
/* A file of the folder takes another's place, as a renewal does it. */
void tls_replace(const char *name, const char *by);

/* Shows that certificate; `more`: further words of s_server, or NULL. */
void tls_server_start(struct tls_server *s, const char *certificate, const char *more);
void tls_server_stop(struct tls_server *s);

#endif
