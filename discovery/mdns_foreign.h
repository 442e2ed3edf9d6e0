/* mdns_foreign.h - services that others than go-micro announce: DNS-SD (RFC 6763; Bonjour, Avahi) and Dapr. Read only.
 *
 *   dns-sd   My\032Shop._http._tcp.local.   an instance is called so, its type is asked for; its TXT has key=value pairs
 *   dapr     10.0.0.5:4711.orders.local.    the app's id is asked for; nothing else is said of it
 *
 * DNS-SD has names of instances alone, one for each in the whole network; several of one service are told apart by what is
 * behind it: "orders", "orders (2)", "orders #3", "orders on host". So the service is what stands before that.
 */
#ifndef DISCOVERY_MDNS_FOREIGN_H
#define DISCOVERY_MDNS_FOREIGN_H

#include "discovery/mdns_packet.h"
#include "discovery/registry.h"

enum mdns_flavor { MDNS_MICRO, MDNS_DNS_SD, MDNS_DAPR };

/* A label's bytes, without escapes; ERR_BAD_RECORD when it is more than one label. */
enum err mdns_label(char out[MDNS_LABEL_LIMIT + 1], struct slice text);
/* The service of an instance called so; false when none can be made of it. */
bool mdns_service_of_label(char out[MDNS_LABEL_LIMIT + 1], const char *label);
/* Metadata and version from a TXT's data (RFC 6763 §6), in `m`. What has no "=" is passed over. */
enum err mdns_txt_pairs(struct instance *i, struct slice data, struct memory *m);

#endif
