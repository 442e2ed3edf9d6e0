/* A stranger's bytes on the ring's port. The first one says what the others are: a datagram, a connection (cut in two at
 * the second byte: what was read then is not read again), a sealed one, or an application's: an Update, a state.
 * Whatever it is, it is read to an end or refused; and what was believed of members is written and read again. */
#include <stdint.h>
#include <stdlib.h>

#include "discovery/gossip_lzw.h"
#include "discovery/gossip_members.h"
#include "discovery/gossip_stream.h"
#include "discovery/gossip_user_state.h"
#include "discovery/micro_update.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool true_claim)
{
    if (!true_claim)
        abort();
}

static void on_changed(struct gossip_members *m, struct gossip_member *who,
                       enum gossip_state before)
{
    (void)before;
    must(gossip_members_find(m, slice_of(who->name)) == who);
}

static const struct gossip_members_events events = {.changed = on_changed};
static struct gossip_members ring;
static struct clock now;
static struct random numbers;

static void ring_open(void)
{
    struct address a;

    clock_init(&now, 1000, NULL);
    random_init(&numbers, 1);
    address_from_ip(&a, SLICE("10.0.0.1"), 7946);
    ring = (struct gossip_members){.clock = &now, .random = &numbers, .events = &events};
    must(!gossip_members_init(&ring, SLICE("us"), &a));
}

/* All that is to be told is read again. */
static void news_survive(void)
{
    struct gossip_compound c;
    struct slice rest;

    gossip_compound_init(&c);
    gossip_members_news(&ring, &c);
    rest = text_slice(&c.bodies);
    for (unsigned i = 0; i < c.count; i++) {
        struct gossip_message m;

        must(gossip_message_read(&m, &rest) == ERR_OK);
    }
    must(rest.size == 0);
    gossip_compound_fini(&c);
}

static void on_message(void *owner, const struct gossip_message *m)
{
    (void)owner;
    if (m->type == GOSSIP_ALIVE || m->type == GOSSIP_SUSPECT || m->type == GOSSIP_DEAD)
        (void)gossip_members_hear(&ring, m);
}

static void read_datagram(struct slice s)
{
    (void)gossip_packet_read(s, on_message, NULL);
    news_survive();
    clock_advance(&now, clock_now(&now) + 5000);
}

static void merge(struct gossip_heard *heard)
{
    struct gossip_message row;
    unsigned count = 0;

    while (gossip_row_read(heard, &row) == ERR_OK) {
        (void)gossip_members_merge(&ring, &row);
        count++;
    }
    must(count == heard->message.nodes);
    news_survive();
}

static void read_connection(struct slice s, const struct gossip_crypt *crypt)
{
    size_t cut = s.size ? (unsigned char)s.base[0] : 0;
    struct gossip_stream stream;
    struct gossip_heard heard;
    enum err e;

    s = slice_after(s, 1);
    gossip_stream_init(&stream, crypt);
    e = gossip_stream_read(&stream, slice_first(s, cut), &heard, NULL);
    if (e == ERR_LATER)
        e = gossip_stream_read(&stream, s, &heard, NULL);
    if (!e)
        merge(&heard);
    gossip_stream_fini(&stream);
}

static void read_sealed(struct slice s)
{
    struct gossip_crypt crypt;
    struct text sealed, plain;

    must(!gossip_crypt_init(&crypt, SLICE("micro-gossip-key"), NULL));
    text_init(&sealed, 1 << 20);
    text_init(&plain, 1 << 20);
    (void)gossip_unseal(&crypt, &plain, s, (struct slice){NULL, 0});
    text_add(&sealed, SLICE("\xff")); /* no cut */
    if (!gossip_seal_stream(&crypt, &sealed, s))
        read_connection(text_slice(&sealed), &crypt);
    text_fini(&sealed);
    text_fini(&plain);
}

static void read_update(struct slice s)
{
    struct memory memory = {.limit = 4 << 20};
    struct micro_update u, again;
    struct text out;

    text_init(&out, 4 << 20);
    if (!micro_update_read(&u, s, &memory, NULL) && !micro_update_write(&out, &u)) {
        must(!micro_update_read(&again, text_slice(&out), &memory, NULL));
        must(slice_equals(u.service, again.service) && u.expires_ns == again.expires_ns);
    }
    text_fini(&out);
    memory_free(&memory);
}

static void read_state(struct slice s)
{
    struct slice service;

    while (gossip_user_state_next(&s, &service) == ERR_OK) {
        json_t *root = micro_json_load(service, NULL);

        (void)gossip_lease_read(root);
        json_decref(root);
    }
}

static void read_packed(struct slice s)
{
    struct text out;

    text_init(&out, 100 * 1000);
    (void)gossip_lzw_unpack(&out, s);
    must(out.size <= out.limit);
    text_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct gossip_crypt none;
    struct slice s = slice_after((struct slice){(const char *)data, size}, 1);
    char kind = size ? (char)data[0] : 0;

    ring_open();
    if (kind == 'd')
        read_datagram(s);
    else if (kind == 'c')
        read_connection(s, &none);
    else if (kind == 's')
        read_sealed(s);
    else if (kind == 'u')
        read_update(s);
    else if (kind == 'j')
        read_state(s);
    else if (kind == 'z')
        read_packed(s);
    gossip_members_fini(&ring);
    return 0;
}
