#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "discovery/mdns_packet.h"
#include "sidecar/core/random.h"
#include "sidecar/core/text.h"
#include "tests/discovery/conformance.h"

/* On lo, in a domain of its own: nobody else hears it, and it hears nobody. */
static char address[64], domain[16];

static void set_up(struct loop *l, struct registry_environment *environment)
{
    char unique[9];

    (void)l;
    (void)environment;
    random_hex(unique, 8);
    snprintf(domain, sizeof domain, "test-%s", unique);
    snprintf(address, sizeof address, "mdns://?interfaces=lo&domain=%s", domain);
}

static void tear_down(void)
{
}

static const char *url(void)
{
    return address;
}

static void shout(struct slice packet)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct in_addr lo = {htonl(INADDR_LOOPBACK)};
    struct address group;

    address_from_ip(&group, SLICE("224.0.0.251"), MDNS_PORT);
    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &lo, sizeof lo);
    assert_int_equal(
        sendto(fd, packet.base, packet.size, 0, &group.any, address_size(&group)),
        packet.size);
    close(fd);
}

/* All of an announcement, of which each part may be wrong. */
static void announce(const char *service, const char *id, const char *ip, unsigned port,
                     struct slice txt)
{
    static char buffer[MDNS_PACKET_LIMIT];
    char name[512];
    struct mdns_writer w;
    struct slice packet;

    snprintf(name, sizeof name, "%s.%s.%s.", id, service, domain);
    mdns_write_header(&w, buffer, sizeof buffer, 0, MDNS_RESPONSE);
    mdns_write_srv(&w, slice_of(name), 120, port, SLICE("host."));
    mdns_write_ip(&w, SLICE("host."), 120, slice_from(ip, 4));
    mdns_write_txt(&w, slice_of(name), 120, txt);
    assert_int_equal(mdns_written(&w, &packet), ERR_OK);
    shout(packet);
}

static void announce_json(const char *service, const char *id, const char *ip,
                          unsigned port, struct slice json)
{
    uLongf size = compressBound(json.size);
    uint8_t *deflated = malloc(size);
    struct text hex;

    text_init(&hex, 60 * 1024);
    assert_int_equal(compress(deflated, &size, (const uint8_t *)json.base, json.size),
                     Z_OK);
    for (uLongf i = 0; i < size; i++)
        text_addf(&hex, "%02x", deflated[i]);
    announce(service, id, ip, port, text_slice(&hex));
    text_fini(&hex);
    free(deflated);
}

static void bomb(const char *service)
{
    size_t size = 8 * 1024 * 1024;
    char *blanks = malloc(size);

    memset(blanks, ' ', size);
    announce_json(service, "bomb", "\x7f\0\0\1", 80, slice_from(blanks, size));
    free(blanks);
}

static void nest(const char *service)
{
    char *deep = malloc(100 * 1000);

    memset(deep, '[', 100 * 1000);
    announce_json(service, "deep", "\x7f\0\0\1", 80, slice_from(deep, 100 * 1000));
    free(deep);
}

static bool odd_record(unsigned n, const char *service)
{
    switch (n) {
    case 0:
        bomb(service);
        return true;
    case 1:
        nest(service);
        return true;
    case 2:
        announce(service, "empty", "\x7f\0\0\1", 80, SLICE(""));
        return true;
    case 3:
        announce(service, "text", "\x7f\0\0\1", 80, SLICE("path=/"));
        return true;
    case 4:
        announce(service, "cut", "\x7f\0\0\1", 80, SLICE("789c00"));
        return true;
    default:
        return false;
    }
}

static bool odd_packet(unsigned n)
{
    static const struct slice packets[] = {
        {"",                                                            0 },
        {"x",                                                           1 },
        {"\0\0\x84\0\0\0\xff\xff\0\0\0\0",                              12},
        {"\0\0\x84\0\0\0\0\1\0\0\0\0\xc0\x0c\0\x21\0\1\0\0\0\x78\0\0",  24},
        {"\0\0\x84\0\0\0\0\1\0\0\0\0\1a\0\0\x21\0\1\0\0\0\x78\xff\xff", 25},
        {"\0\0\0\0\0\1\0\0\0\0\0\0\x3f",                                13},
    };

    if (n >= sizeof packets / sizeof *packets)
        return false;
    shout(packets[n]);
    return true;
}

static bool be_hostile(unsigned n, const char *service)
{
    static const struct {
        const char *id, *ip;
        unsigned port;
        const char *json;
    } records[] = {
        {"a", "\x7f\0\0\1", 80, "{"                                                     },
        {"a", "\x7f\0\0\1", 80, "[]"                                                    },
        {"a", "\x7f\0\0\1", 80, "{}"                                                    },
        {"a", "\x7f\0\0\1", 80, "{\"Service\":7}"                                       },
        {"a", "\x7f\0\0\1", 80, "{\"Service\":\"another\"}"                             },
        {"a", "\x7f\0\0\1", 80, "{\"Service\":\"%s\",\"Metadata\":{\"a\":1}}"           },
        {"a", "\x7f\0\0\1", 80, "{\"Service\":\"%s\",\"Metadata\":{\"\":\"b\"}}"        },
        {"a", "\x7f\0\0\1", 80, "{\"Service\":\"%s\",\"Metadata\":{\"a\\r\\nb\":\"c\"}}"},
        {"a", "\x7f\0\0\1", 80, "{\"Service\":\"%s\",\"Version\":\"\\u0000\"}"          },
        {"a", "\x7f\0\0\1", 80, "{\"Service\":\"%s\",\"Version\":\"a\\nb\"}"            },
        {"a", "\x7f\0\0\1", 0,  "{\"Service\":\"%s\"}"                                  },
        {"a", "\0\0\0\0",   80, "{\"Service\":\"%s\"}"                                  },
        {"a", "\xe0\0\0\1", 80, "{\"Service\":\"%s\"}"                                  },
    };
    enum { RECORDS = sizeof records / sizeof *records };
    char json[256];

    if (n >= RECORDS)
        return odd_packet(n - RECORDS) || odd_record(n - RECORDS - 6, service);
    snprintf(json, sizeof json, records[n].json, service);
    announce_json(service, records[n].id, records[n].ip, records[n].port, slice_of(json));
    return true;
}

static const struct conformance mdns = {
    .name = "conformance: mdns",
    .set_up = set_up,
    .tear_down = tear_down,
    .url = url,
    .ttl_ms = 1000,
    .be_hostile = be_hostile,
};

int main(void)
{
    return conformance_run(&mdns);
}
