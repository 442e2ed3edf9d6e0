/* The vectors were written by hashicorp/memberlist v0.1.5 and Go's compress/lzw. */
#include "tests/lib/test.h"

#include "discovery/gossip_lzw.h"
#include "discovery/gossip_packet.h"
#include "tests/lib/discovery/hex.h"

static struct text heard, out;

static int test_setup(void **state)
{
    (void)state;
    text_init(&heard, 64 * 1024);
    text_init(&out, 64 * 1024);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    text_fini(&heard);
    text_fini(&out);
    return 0;
}

static void on_message(void *owner, const struct gossip_message *m)
{
    (void)owner;
    text_addf(&heard, "%d:%.*s ", m->type, (int)m->node.size,
              m->node.base ? m->node.base : "");
}

static const char *read_packet(struct slice packet)
{
    text_clear(&heard);
    return gossip_packet_read(packet, on_message, NULL) ? "refused"
           : heard.base                                 ? heard.base
                                                        : "";
}

#define PING "0082a44e6f6465a162a55365714e6f01"
#define SUSPECT "0383a446726f6da161ab496e6361726e6174696f6e01a44e6f6465a162"
#define COMPOUND "07020010001d" PING SUSPECT

TEST(reads_one_message)
{
    assert_string_equal(read_packet(hex(PING)), "0:b ");
}

TEST(reads_several_in_one)
{
    assert_string_equal(read_packet(hex(COMPOUND)), "0:b 3:b ");
}

TEST(believes_a_checksum_that_is_right)
{
    assert_string_equal(read_packet(hex("0c04c039bb" PING)), "0:b ");
    assert_string_equal(read_packet(hex("0c04c039bc" PING)), "refused");
    assert_string_equal(read_packet(hex("0c04c0")), "refused");
}

TEST(those_before_a_bad_one_are_heard)
{
    assert_string_equal(read_packet(hex("0702001000ff" PING)), "refused");
    assert_string_equal(heard.base, "0:b ");
}

TEST(refuses_what_is_nothing)
{
    assert_string_equal(read_packet(hex("")), "refused");
    assert_string_equal(read_packet(hex("07")), "refused");
    assert_string_equal(read_packet(hex("0700")), "refused");
    assert_string_equal(read_packet(hex("07ff0001")), "refused");
    assert_string_equal(read_packet(hex("0683a44a6f696ec3")), "refused");
}

TEST(nothing_is_nested_for_ever)
{
    assert_string_equal(read_packet(hex("07010014 07010010" PING)), "0:b ");
    assert_string_equal(
        read_packet(hex("07010020 0701001c 07010018 07010014 07010010" PING)), "refused");
}

/* --- compression --- */

static const char *unpack(struct slice packed)
{
    text_clear(&out);
    return gossip_lzw_unpack(&out, packed) ? "refused" : out.base;
}

TEST(unpacks_what_go_packed)
{
    assert_string_equal(unpack(hex("00c3081c48b0a0c183040302")),
                        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    assert_string_equal(unpack(hex("00c388114870a0c180")), "abababababab");
    assert_string_equal(unpack(hex("00c388114870a0")), "refused"); /* it has no end */
}

TEST(a_compressed_packet_is_one)
{
    /* compress("a" x 32): no message, but unpacked */
    assert_string_equal(
        read_packet(hex("0982a4416c676f00a3427566ac00c3081c48b0a0c183040302")),
        "refused");
    assert_string_equal(read_packet(hex("0982a4416c676f01a3427566a161")), "refused");
}

TEST(refuses_codes_that_are_not_there_yet)
{
    assert_string_equal(unpack(hex("ffff")), "refused");
    assert_string_equal(unpack(hex("")), "refused");
    assert_string_equal(unpack(hex("6106")), "refused");
}

/* As Go packs: all codes in use, then all forgotten (compress/lzw/writer.go). The table is searched, not hashed. */
struct packer {
    uint32_t bits;
    unsigned bit_count, width, high;
    unsigned prefix[4096];
    unsigned char suffix[4096];
};

static void emit(struct packer *p, unsigned code)
{
    p->bits |= code << p->bit_count;
    for (p->bit_count += p->width; p->bit_count >= 8; p->bit_count -= 8) {
        text_add(&heard, slice_from((char[]){(char)p->bits}, 1));
        p->bits >>= 8;
    }
}

static unsigned find(const struct packer *p, unsigned prefix, unsigned char suffix)
{
    for (unsigned code = 258; code <= p->high; code++)
        if (p->prefix[code] == prefix && p->suffix[code] == suffix)
            return code;
    return 0;
}

static void learn(struct packer *p, unsigned prefix, unsigned char suffix)
{
    if (++p->high == 1u << p->width)
        p->width++;
    if (p->high == 4095) {
        p->width = 12;
        emit(p, 256);
        p->width = 9;
        p->high = 257;
        return;
    }
    p->prefix[p->high] = prefix;
    p->suffix[p->high] = suffix;
}

static void pack(struct slice s)
{
    static struct packer p;
    unsigned code = (unsigned char)s.base[0], longer;

    p = (struct packer){.width = 9, .high = 257};
    emit(&p, 256);
    for (size_t i = 1; i < s.size; i++) {
        unsigned char next = (unsigned char)s.base[i];

        longer = find(&p, code, next);
        if (!longer) {
            emit(&p, code);
            learn(&p, code, next);
        }
        code = longer ? longer : next;
    }
    emit(&p, code);
    if (++p.high == 1u << p.width)
        p.width++;
    emit(&p, 257);
    emit(&p, 0);
}

TEST(unpacks_past_the_last_code)
{
    static char noise[16000];
    uint32_t x = 1;

    for (size_t i = 0; i < sizeof noise; i++) {
        x = x * 1664525 + 1013904223;
        noise[i] = (char)(x >> 24 & 15);
    }
    pack(slice_from(noise, sizeof noise));
    assert_int_equal(gossip_lzw_unpack(&out, text_slice(&heard)), ERR_OK);
    assert_true(slice_equals(text_slice(&out), slice_from(noise, sizeof noise)));
}

TEST(a_bomb_costs_no_more_than_the_limit)
{
    static char zeros[64 * 1024];

    pack(slice_from(zeros, sizeof zeros));
    text_fini(&out);
    text_init(&out, 1000);
    assert_int_equal(gossip_lzw_unpack(&out, text_slice(&heard)), ERR_TOO_LARGE);
    assert_true(out.size <= 1000);
}

/* --- writing --- */

static const struct gossip_message ping = {
    .type = GOSSIP_PING, .node = {"b", 1},
         .sequence = 1
};
static const struct gossip_message suspect = {
    .type = GOSSIP_SUSPECT, .node = {"b", 1},
         .from = {"a", 1},
         .incarnation = 1
};

TEST(writes_what_memberlist_writes)
{
    struct gossip_compound c;

    gossip_compound_init(&c);
    assert_true(gossip_compound_add(&c, &ping));
    gossip_compound_write(&out, &c, true);
    assert_hex(text_slice(&out), "0c04c039bb" PING);
    assert_true(gossip_compound_add(&c, &suspect));
    text_clear(&out);
    gossip_compound_write(&out, &c, false);
    assert_hex(text_slice(&out), COMPOUND);
    gossip_compound_fini(&c);
}

TEST(no_datagram_is_longer_than_it_may_be)
{
    struct gossip_compound c;
    unsigned count = 0;

    gossip_compound_init(&c);
    while (gossip_compound_add(&c, &suspect))
        count++;
    gossip_compound_write(&out, &c, true);
    assert_true(count > 30 && out.size <= GOSSIP_PACKET_LIMIT);
    read_packet(text_slice(&out));
    assert_int_equal(heard.size, count * strlen("3:b "));
    gossip_compound_fini(&c);
}

TESTS(RUN_WITH(reads_one_message), RUN_WITH(reads_several_in_one),
      RUN_WITH(believes_a_checksum_that_is_right),
      RUN_WITH(those_before_a_bad_one_are_heard), RUN_WITH(refuses_what_is_nothing),
      RUN_WITH(nothing_is_nested_for_ever), RUN_WITH(unpacks_what_go_packed),
      RUN_WITH(a_compressed_packet_is_one),
      RUN_WITH(refuses_codes_that_are_not_there_yet),
      RUN_WITH(unpacks_past_the_last_code), RUN_WITH(a_bomb_costs_no_more_than_the_limit),
      RUN_WITH(writes_what_memberlist_writes),
      RUN_WITH(no_datagram_is_longer_than_it_may_be))
