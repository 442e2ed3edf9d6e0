/* address.h - where to connect or listen: an IPv4 or IPv6 address with a port, or a Unix
 * path.
 *
 * Forms: "127.0.0.1:8081", "[::1]:8081", "localhost:80" (loopback names only: both
 * families are never looked up), "unix:/run/csidecar.sock". Host names that need a
 * resolver are not addresses: resolve.h turns them into some.
 */
#ifndef TRANSPORT_ADDRESS_H
#define TRANSPORT_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/un.h>

#include "sidecar/core/err.h"
#include "sidecar/core/slice.h"
#include "sidecar/core/why.h"

enum { ADDRESS_TEXT = 128 };

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un path;
    };
};

/* "host:port" or "unix:/path". A missing port takes `default_port`; 0: a port must be
 * given. */
enum err address_parse(struct address *a, struct slice text, unsigned default_port,
                       struct why *w);
/* From a bare IP literal (brackets allowed round IPv6) and a port. */
enum err address_from_ip(struct address *a, struct slice ip, unsigned port);
/* As address_parse() would take it; zero-terminated; returns `out`. */
char *address_format(const struct address *a, char out[ADDRESS_TEXT]);
/* The IP alone, no brackets, no port ("" for a path). */
char *address_ip(const struct address *a, char out[ADDRESS_TEXT]);
unsigned address_port(const struct address *a); /* 0 for a path */
void address_set_port(struct address *a, unsigned port);
bool address_is_loopback(const struct address *a); /* a Unix path is, too */
bool address_is_any(const struct address *a);      /* 0.0.0.0 or [::] */
bool address_is_path(const struct address *a);
bool address_equals(const struct address *a, const struct address *b);
socklen_t address_size(const struct address *a);

#endif
