/* ZooKeeper's frames: as its own clients write them, and what no server says. */
#include "tests/lib/test.h"

#include "discovery/zookeeper_message.h"

#define BYTES(literal) slice_from(literal, sizeof(literal) - 1)

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

static void is_written(struct slice expected)
{
    assert_int_equal(out.size, expected.size);
    assert_memory_equal(out.base, expected.base, expected.size);
}

TEST(a_greeting_asks_for_a_session)
{
    struct zookeeper_session s = {.timeout_ms = 6000};

    zookeeper_write_connect(&out, &s);
    is_written(
        BYTES("\0\0\0\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x17\x70\0\0\0\0\0\0\0\0\0\0\0\x10"
              "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
}

TEST(a_ping_and_a_goodbye_are_headers_alone)
{
    zookeeper_write_request(&out, ZOOKEEPER_XID_PING, ZOOKEEPER_PING, SLICE(""));
    is_written(BYTES("\0\0\0\x08\xff\xff\xff\xfe\0\0\0\x0b"));
    text_clear(&out);
    zookeeper_write_request(&out, 8, ZOOKEEPER_CLOSE, SLICE(""));
    is_written(BYTES("\0\0\0\x08\0\0\0\x08\xff\xff\xff\xf5"));
}

TEST(a_create_has_path_data_rights_and_flags)
{
    struct text payload;

    text_init(&payload, 256);
    zookeeper_write_buffer(&payload, SLICE("/micro-registry"));
    zookeeper_write_buffer(&payload, SLICE(""));
    zookeeper_write_acl(&payload, ZOOKEEPER_OPEN);
    zookeeper_write_int(&payload, 0);
    zookeeper_write_request(&out, 1, ZOOKEEPER_CREATE, text_slice(&payload));
    is_written(BYTES(
        "\0\0\0\x3e\0\0\0\1\0\0\0\1\0\0\0\x0f/micro-registry\0\0\0\0\0\0\0\1\0\0\0\x1f"
        "\0\0\0\x05world\0\0\0\x06"
        "anyone\0\0\0\0"));
    text_fini(&payload);
}

TEST(a_greeting_is_answered)
{
    struct zookeeper_session s = {0};

    assert_int_equal(
        zookeeper_read_connect(BYTES("\0\0\0\0\0\0\x17\x70\0\0\0\0\0\0\0\x4d\0\0\0\x10"
                                     "0123456789abcdef\0"),
                               &s),
        ERR_OK);
    assert_int_equal(s.timeout_ms, 6000);
    assert_int_equal(s.id, 77);
    assert_memory_equal(s.password, "0123456789abcdef", 16);
}

TEST(a_session_that_has_expired_has_no_timeout)
{
    struct zookeeper_session s = {.id = 77};

    assert_int_equal(
        zookeeper_read_connect(BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x4d\0\0\0\0\0"), &s),
        ERR_OK);
    assert_int_equal(s.id, 0);
}

TEST(frames_are_found_when_they_are_whole)
{
    struct slice frame, all = BYTES("\0\0\0\x04"
                                    "abcd\0\0");

    for (size_t size = 0; size < 8; size++)
        assert_int_equal(zookeeper_frame(slice_first(all, size), &frame), ERR_LATER);
    assert_int_equal(zookeeper_frame(all, &frame), ERR_OK);
    assert_true(slice_is(frame, "abcd"));
}

TEST(lengths_that_cannot_be_are_refused)
{
    struct slice frame;

    assert_int_equal(zookeeper_frame(BYTES("\xff\xff\xff\xff"), &frame), ERR_BAD_RECORD);
    assert_int_equal(zookeeper_frame(BYTES("\0\0\0\0"), &frame), ERR_BAD_RECORD);
    assert_int_equal(zookeeper_frame(BYTES("HTTP"), &frame), ERR_BAD_RECORD);
}

TEST(a_reader_fails_for_good_at_the_end_of_its_frame)
{
    struct zookeeper_reader r = {.rest = BYTES("\0\0\0\x05"
                                               "abc")};

    assert_int_equal(zookeeper_read_buffer(&r).size, 0);
    assert_true(r.failed);
    assert_int_equal(zookeeper_read_int(&r), 0);
    assert_int_equal(zookeeper_read_long(&r), 0);
}

TEST(no_buffer_is_an_empty_one)
{
    struct zookeeper_reader r = {.rest = BYTES("\xff\xff\xff\xff\0\0\0\x01x")};

    assert_int_equal(zookeeper_read_buffer(&r).size, 0);
    assert_true(slice_is(zookeeper_read_buffer(&r), "x"));
    assert_false(r.failed);
}

TESTS(RUN_WITH(a_greeting_asks_for_a_session),
      RUN_WITH(a_ping_and_a_goodbye_are_headers_alone),
      RUN_WITH(a_create_has_path_data_rights_and_flags), RUN_WITH(a_greeting_is_answered),
      RUN_WITH(a_session_that_has_expired_has_no_timeout),
      RUN_WITH(frames_are_found_when_they_are_whole),
      RUN_WITH(lengths_that_cannot_be_are_refused),
      RUN_WITH(a_reader_fails_for_good_at_the_end_of_its_frame),
      RUN_WITH(no_buffer_is_an_empty_one))
