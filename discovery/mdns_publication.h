/* mdns_publication.h - one instance that we publish, and all packets about it. Pure: no
 * socket, no clock.
 *
 * go-micro takes only the last instance of a packet, so each has packets of its own: a
 * question that several publications can answer gets an answer from each. Names, for
 * instance `id` of service `greeter`:
 *
 *     greeter.micro.                 PTR -> the instance     what a client asks for
 *     <id>.greeter.micro.            SRV, A or AAAA, TXT     announced, and taken back
 * with TTL 0 greeter._services.micro.       SRV 9999, A 0.0.0.0, empty TXT: how go-micro
 * lists services _services.micro.               PTR -> the list entry
 *     _services._dns-sd._udp.micro.  PTR -> greeter.micro.   (RFC 6763 §9)
 */
#ifndef DISCOVERY_MDNS_PUBLICATION_H
#define DISCOVERY_MDNS_PUBLICATION_H

#include "discovery/mdns_packet.h"
#include "discovery/registry.h"

enum { MDNS_TTL_LIMIT = 120 }; /* seconds: what go-micro publishes */

enum mdns_message { MDNS_PROBE, MDNS_ANNOUNCEMENT, MDNS_GOODBYE };

/* Owns what it points to. */
struct mdns_publication {
    char *service, *instance, *entry, *list, *types, *host; /* names, as above */
    char *txt;
    uint8_t ip[16];
    unsigned ip_size;
    unsigned port;
    uint32_t ttl; /* seconds */
};

/* From what is to be registered. The TTL is the lease's, in whole seconds, at most
 * MDNS_TTL_LIMIT. ERR_BAD_VALUE when it cannot be a name or has no IP address,
 * ERR_TOO_LARGE for too much metadata. */
enum err mdns_publication_init(struct mdns_publication *p, const struct registration *r,
                               const char *domain, struct why *w);
void mdns_publication_fini(struct mdns_publication *p);

enum err mdns_publication_write(const struct mdns_publication *p,
                                enum mdns_message message, uint16_t id, void *buffer,
                                size_t size, struct slice *packet);
/* The answer to a question, which it repeats (else go-micro throws it away);
 * ERR_NOT_FOUND: not ours. */
enum err mdns_publication_answer(const struct mdns_publication *p,
                                 const struct mdns_entry *question, uint16_t id,
                                 void *buffer, size_t size, struct slice *packet);
/* Does this record of a query say that the asker knows our answer (RFC 6762 §7.1)? */
bool mdns_publication_is_known(const struct mdns_publication *p,
                               const struct mdns_entry *answer);

#endif
