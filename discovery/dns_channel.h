/* dns_channel.h - between dns_channel.c and dns_lookup.c, and nobody else. */
#ifndef DISCOVERY_DNS_CHANNEL_H
#define DISCOVERY_DNS_CHANNEL_H

#include <ares.h>

#include "discovery/dns_lookup.h"
#include "sidecar/core/list.h"

struct dns {
    struct loop *loop;
    ares_channel channel; /* NULL once it closes */
    struct list sockets;
    struct timer timer; /* c-ares's; then of the end */
    unsigned handles;   /* sockets not yet closed, and the end */
    bool closing;
    void (*closed)(void *owner);
    void *owner;
};

/* After each question: time may have to be kept. */
void dns_wait(struct dns *d);

#endif
