/* The vectors were written by hashicorp/memberlist v0.1.5. */
#include "tests/lib/test.h"

#include "discovery/gossip_stream.h"
#include "tests/lib/discovery/hex.h"

#define HEAD "0683a44a6f696ec3a54e6f64657301ac5573657253746174654c656e08"
#define ROW                                                                              \
    "87a441646472a47f000001ab496e6361726e6174696f6e01a44d657461c0a44e616d65a161a4506f72" \
    "74cd1f0aa5537461746500a356736ea6010504000000"
#define PUSH_PULL HEAD ROW "7b2278223a5b5d7d"
#define USER "0881aa557365724d73674c656e0568656c6c6f"

static struct gossip_crypt crypt;
static struct gossip_stream stream;
static struct gossip_heard heard;
static struct why why_not;

static int test_setup(void **state)
{
    (void)state;
    crypt = (struct gossip_crypt){0};
    gossip_stream_init(&stream, &crypt);
    why_init(&why_not);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    gossip_stream_fini(&stream);
    gossip_crypt_fini(&crypt);
    return 0;
}

/* A byte more each time: only the last one makes it whole. */
static void read_bytewise(struct slice all)
{
    for (size_t size = 0; size < all.size; size++)
        assert_int_equal(
            gossip_stream_read(&stream, slice_first(all, size), &heard, &why_not),
            ERR_LATER);
    assert_int_equal(gossip_stream_read(&stream, all, &heard, &why_not), ERR_OK);
}

static enum err read_all(struct slice all)
{
    return gossip_stream_read(&stream, all, &heard, &why_not);
}

static void is_the_push_pull(void)
{
    struct gossip_message row;

    assert_int_equal(heard.message.type, GOSSIP_PUSH_PULL);
    assert_true(heard.message.join);
    assert_true(slice_is(heard.user, "{\"x\":[]}"));
    assert_int_equal(gossip_row_read(&heard, &row), ERR_OK);
    assert_true(slice_is(row.node, "a"));
    assert_int_equal(row.port, 7946);
    assert_int_equal(gossip_row_read(&heard, &row), ERR_NOT_FOUND);
}

TEST(a_push_pull_is_whole_with_its_last_byte)
{
    read_bytewise(hex(PUSH_PULL));
    is_the_push_pull();
}

TEST(a_user_message_too)
{
    read_bytewise(hex(USER));
    assert_int_equal(heard.message.type, GOSSIP_USER);
    assert_true(slice_is(heard.user, "hello"));
}

TEST(pings_and_errors_are_read)
{
    read_bytewise(hex("0082a44e6f6465a162a55365714e6f01"));
    assert_int_equal(heard.message.type, GOSSIP_PING);
    gossip_stream_init(&stream, &crypt);
    read_bytewise(hex("0d81a54572726f72a4626f6f6d"));
    assert_true(slice_is(heard.message.payload, "boom"));
}

static void use_key(const char *key)
{
    assert_int_equal(gossip_crypt_init(&crypt, slice_of(key), &why_not), ERR_OK);
}

TEST(an_encrypted_one_is_decrypted_when_it_is_whole)
{
    struct text sealed;

    use_key("micro-gossip-key");
    text_init(&sealed, 4096);
    assert_int_equal(gossip_seal_stream(&crypt, &sealed, hex(PUSH_PULL)), ERR_OK);
    read_bytewise(text_slice(&sealed));
    is_the_push_pull();
    text_fini(&sealed);
}

TEST(a_key_that_does_not_fit_is_named)
{
    struct text sealed;

    use_key("micro-gossip-key");
    text_init(&sealed, 4096);
    assert_int_equal(gossip_seal_stream(&crypt, &sealed, hex(PUSH_PULL)), ERR_OK);
    use_key("another-key-of16");
    assert_int_equal(read_all(text_slice(&sealed)), ERR_DENIED);
    assert_non_null(strstr(why_not.text, "another key"));
    gossip_crypt_fini(&crypt);
    assert_int_equal(read_all(text_slice(&sealed)), ERR_DENIED);
    assert_non_null(strstr(why_not.text, "no key is set"));
    text_fini(&sealed);
}

TEST(with_a_key_nothing_in_the_clear_is_believed)
{
    use_key("micro-gossip-key");
    assert_int_equal(read_all(hex(PUSH_PULL)), ERR_DENIED);
    assert_non_null(strstr(why_not.text, "not encrypted"));
}

TEST(a_compressed_one_is_unpacked)
{
    /* compress("a" x 32): no message, but read to its end */
    struct slice all = hex("0982a4416c676f00a3427566ac00c3081c48b0a0c183040302");

    for (size_t size = 0; size < all.size; size++)
        assert_int_equal(read_all(slice_first(all, size)), ERR_LATER);
    assert_int_equal(read_all(all), ERR_BAD_RECORD);
}

TEST(what_promises_too_much_is_refused_at_once)
{
    assert_int_equal(read_all(hex("0681ac5573657253746174654c656ece7fffffff")),
                     ERR_TOO_LARGE);
    assert_int_equal(read_all(hex("0681a54e6f646573ce7fffffff")), ERR_TOO_LARGE);
    use_key("micro-gossip-key");
    assert_int_equal(read_all(hex("0affffffff")), ERR_TOO_LARGE);
}

TEST(what_is_something_else_is_refused)
{
    assert_int_equal(read_all(SLICE("GET / HTTP/1.1\r\n")), ERR_BAD_RECORD);
    assert_int_equal(read_all(hex("06ff")), ERR_BAD_RECORD);
    assert_int_equal(read_all(hex(HEAD "c1")), ERR_BAD_RECORD);
}

TESTS(RUN_WITH(a_push_pull_is_whole_with_its_last_byte), RUN_WITH(a_user_message_too),
      RUN_WITH(pings_and_errors_are_read),
      RUN_WITH(an_encrypted_one_is_decrypted_when_it_is_whole),
      RUN_WITH(a_key_that_does_not_fit_is_named),
      RUN_WITH(with_a_key_nothing_in_the_clear_is_believed),
      RUN_WITH(a_compressed_one_is_unpacked),
      RUN_WITH(what_promises_too_much_is_refused_at_once),
      RUN_WITH(what_is_something_else_is_refused))
