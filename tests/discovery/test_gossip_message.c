/* The vectors were written by hashicorp/memberlist v0.1.5. */
#include "tests/lib/test.h"

#include "discovery/gossip_message.h"
#include "tests/lib/discovery/hex.h"

static struct text out;

static int test_setup(void **state)
{
    (void)state;
    text_init(&out, 4096);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    text_fini(&out);
    return 0;
}

#define PING "0082a44e6f6465ac6d6963726f2d686f73742d31a55365714e6f01"
#define ALIVE                                                                            \
    "0486a441646472a47f000001ab496e6361726e6174696f6e01a44d657461c0a44e6f6465a161a4506f" \
    "7274cd1f0aa356736ea6010504000000"

static struct gossip_message read_whole(const char *digits)
{
    struct gossip_message m;
    struct slice rest = hex(digits);

    assert_int_equal(gossip_message_read(&m, &rest), ERR_OK);
    assert_int_equal(rest.size, 0);
    return m;
}

/* Read, and written again, byte for byte. */
static struct gossip_message survives(const char *digits)
{
    struct gossip_message m = read_whole(digits);

    text_clear(&out);
    gossip_message_write(&out, &m);
    assert_hex(text_slice(&out), digits);
    return m;
}

TEST(reads_and_writes_pings_acks_and_nacks)
{
    struct gossip_message m = survives(PING);

    assert_int_equal(m.type, GOSSIP_PING);
    assert_int_equal(m.sequence, 1);
    assert_true(slice_is(m.node, "micro-host-1"));
    assert_int_equal(survives("0082a44e6f6465a0a55365714e6fce00011170").sequence, 70000);
    assert_int_equal(survives("0282a75061796c6f6164c0a55365714e6f01").sequence, 1);
    assert_int_equal(survives("0b81a55365714e6f09").sequence, 9);
}

TEST(reads_and_writes_what_is_asked_of_helpers)
{
    struct gossip_message m =
        survives("0185a44e61636bc3a44e6f6465a162a4506f7274cd1f0aa55365714e6f02a6546172"
                 "676574a47f000001");

    assert_true(m.nack);
    assert_int_equal(m.port, 7946);
    assert_hex(m.address, "7f000001");
}

TEST(reads_and_writes_what_is_said_of_members)
{
    struct gossip_message m = survives(ALIVE);

    assert_true(slice_is(m.node, "a"));
    assert_hex(m.versions, "010504000000");
    assert_null(m.meta.base);
    m = survives("0383a446726f6da161ab496e6361726e6174696f6e01a44e6f6465a162");
    assert_true(slice_is(m.from, "a") && slice_is(m.node, "b"));
    m = survives("0583a446726f6da0ab496e6361726e6174696f6e01a44e6f6465a162");
    assert_int_equal(m.from.size, 0);
}

TEST(reads_and_writes_an_error)
{
    assert_true(slice_is(survives("0d81a54572726f72a4626f6f6d").payload, "boom"));
}

TEST(long_names_have_a_size_of_two_bytes)
{
    struct gossip_message m = {.type = GOSSIP_PING};
    char name[300];

    memset(name, 'n', sizeof name);
    m.node = slice_from(name, 45);
    gossip_message_write(&out, &m);
    assert_hex(slice_first(text_slice(&out), 10), "0082a44e6f6465da002d");
}

/* Later memberlists write str8 and bin. */
TEST(reads_the_new_forms_of_texts_and_bytes)
{
    struct gossip_message m = read_whole("0482d9044e6f6465d90161a441646472c4047f000001");

    assert_true(slice_is(m.node, "a"));
    assert_hex(m.address, "7f000001");
    m = read_whole("0482 c5000441646472c6000000047f000001 a44e6f6465da000161");
    assert_true(slice_is(m.node, "a"));
}

TEST(integers_may_be_written_in_any_width)
{
    assert_int_equal(read_whole("0b81a55365714e6fcc09").sequence, 9);
    assert_int_equal(read_whole("0b81a55365714e6fcf0000000000000009").sequence, 9);
    assert_int_equal(read_whole("0b81a55365714e6fd30000000000000009").sequence, 9);
    assert_int_equal(read_whole("0b81a55365714e6fd009").sequence, 9);
}

TEST(what_it_does_not_know_is_skipped)
{
    struct gossip_message m =
        read_whole("0b83 a3416464 93 c0 82a161c3a162cb0000000000000000 d40102 "
                   "a55365714e6f09 a15a c2");

    assert_int_equal(m.sequence, 9);
}

TEST(what_ends_early_may_go_on)
{
    struct slice all = hex(ALIVE);

    for (size_t size = 0; size < all.size; size++) {
        struct slice part = slice_first(all, size);
        struct gossip_message m;

        assert_int_equal(gossip_message_read(&m, &part), ERR_LATER);
    }
}

static void is_refused(const char *digits)
{
    struct slice rest = hex(digits);
    struct gossip_message m;

    assert_int_equal(gossip_message_read(&m, &rest), ERR_BAD_RECORD);
}

TEST(what_is_something_else_is_refused)
{
    is_refused("63");                                 /* no such type */
    is_refused("0e80");                               /* ours alone */
    is_refused("00a0");                               /* no map */
    is_refused("00c1");                               /* no msgpack */
    is_refused("0b81a55365714e6fff");                 /* a negative number */
    is_refused("0b81a55365714e6fd0ff");               /* another */
    is_refused("0b81a55365714e6fcf0000000100000000"); /* too big a one */
    is_refused("0b81a55365714e6fa161");               /* a text for a number */
    is_refused("0081a44e6f646507");                   /* a number for a text */
    is_refused("00dfffffffff");                       /* very many pairs */
    is_refused("008107 07");                          /* a key that is no text */
    is_refused("0081a158 919191919191919191919191");  /* deep */
}

TEST(what_is_too_big_to_be_true_costs_nothing)
{
    struct slice rest = hex("0081a44e6f6465dbffffffff");
    struct gossip_message m;

    assert_int_equal(gossip_message_read(&m, &rest), ERR_LATER);
    rest = hex("0081a158ddffffffff");
    assert_int_equal(gossip_message_read(&m, &rest), ERR_LATER);
}

TEST(a_user_message_is_all_that_follows)
{
    assert_true(slice_is(survives("0868656c6c6f").payload, "hello"));
}

TEST(addresses_are_ipv4_or_ipv6_and_somebodys)
{
    struct address a;
    char text[ADDRESS_TEXT];

    assert_int_equal(gossip_address_read(&a, hex("0a000005"), 7946), ERR_OK);
    assert_string_equal(address_format(&a, text), "10.0.0.5:7946");
    assert_hex(gossip_address_bytes(&a), "0a000005");
    assert_int_equal(
        gossip_address_read(&a, hex("00000000000000000000ffff0a000005"), 7946), ERR_OK);
    assert_string_equal(address_format(&a, text), "10.0.0.5:7946");
    assert_int_equal(
        gossip_address_read(&a, hex("00000000000000000000000000000001"), 7946), ERR_OK);
    assert_string_equal(address_format(&a, text), "[::1]:7946");
    assert_int_equal(gossip_address_read(&a, hex("0a000005"), 0), ERR_BAD_RECORD);
    assert_int_equal(gossip_address_read(&a, hex("0a000005"), 65536), ERR_BAD_RECORD);
    assert_int_equal(gossip_address_read(&a, hex("00000000"), 1), ERR_BAD_RECORD);
    assert_int_equal(gossip_address_read(&a, hex("e00000fb"), 1), ERR_BAD_RECORD);
    assert_int_equal(gossip_address_read(&a, hex("0a0000"), 1), ERR_BAD_RECORD);
}

TESTS(RUN_WITH(reads_and_writes_pings_acks_and_nacks),
      RUN_WITH(reads_and_writes_what_is_asked_of_helpers),
      RUN_WITH(reads_and_writes_what_is_said_of_members),
      RUN_WITH(reads_and_writes_an_error), RUN_WITH(long_names_have_a_size_of_two_bytes),
      RUN_WITH(reads_the_new_forms_of_texts_and_bytes),
      RUN_WITH(integers_may_be_written_in_any_width),
      RUN_WITH(what_it_does_not_know_is_skipped), RUN_WITH(what_ends_early_may_go_on),
      RUN_WITH(what_is_something_else_is_refused),
      RUN_WITH(what_is_too_big_to_be_true_costs_nothing),
      RUN_WITH(a_user_message_is_all_that_follows),
      RUN_WITH(addresses_are_ipv4_or_ipv6_and_somebodys))
