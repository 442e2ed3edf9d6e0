#include "tests/lib/test.h"

#include "transport/websocket.h"

#define BYTES(literal)                                                                   \
    {                                                                                    \
        literal, sizeof(literal) - 1                                                     \
    }

static struct websocket_reader reader;
static struct text seen;

static enum err on_frame(struct websocket_reader *r, enum websocket_opcode opcode,
                         struct slice payload)
{
    (void)r;
    text_addf(&seen, "%d:%.*s ", opcode, (int)payload.size, payload.base);
    return ERR_OK;
}

static int test_setup(void **state)
{
    (void)state;
    reader = (struct websocket_reader){.frame = on_frame};
    text_init(&seen, 1024);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    websocket_reader_fini(&reader);
    text_fini(&seen);
    return 0;
}

/* RFC 6455 §1.3 */
TEST(the_accept_key_is_that_of_the_standard)
{
    char key[WEBSOCKET_ACCEPT];

    assert_string_equal(websocket_accept(key, SLICE("dGhlIHNhbXBsZSBub25jZQ==")),
                        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(a_key_of_any_length_is_taken)
{
    char key[WEBSOCKET_ACCEPT], longer[300];

    memset(longer, 'a', sizeof(longer));
    assert_int_equal(strlen(websocket_accept(key, slice_from(longer, sizeof(longer)))),
                     28);
    assert_int_equal(strlen(websocket_accept(key, (struct slice){NULL, 0})), 28);
}

/* §5.7 */
TEST(frames_are_written_as_in_the_standard)
{
    static char large[65536];
    struct text out;

    text_init(&out, 100 * 1000);
    websocket_write(&out, WEBSOCKET_TEXT, SLICE("Hello"));
    assert_memory_equal(out.base, "\x81\x05Hello", 7);
    text_clear(&out);
    websocket_write(&out, WEBSOCKET_BINARY, slice_from(large, 256));
    assert_memory_equal(out.base, "\x82\x7e\x01\x00", 4);
    text_clear(&out);
    websocket_write(&out, WEBSOCKET_BINARY, slice_from(large, 65536));
    assert_memory_equal(out.base, "\x82\x7f\0\0\0\0\0\x01\0\0", 10);
    text_fini(&out);
}

static const struct slice hello = BYTES("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"
                                        "\x89\x80\x00\x00\x00\x00");

TEST(masked_frames_are_read)
{
    assert_int_equal(websocket_feed(&reader, hello), ERR_OK);
    assert_string_equal(seen.base, "1:Hello 9: ");
}

TEST(frames_are_read_byte_by_byte)
{
    for (size_t i = 0; i < hello.size; i++)
        assert_int_equal(websocket_feed(&reader, slice_from(hello.base + i, 1)), ERR_OK);
    assert_string_equal(seen.base, "1:Hello 9: ");
}

TEST(what_no_client_may_send_is_refused)
{
    static const struct slice wrong[] = {
        BYTES("\x81\x05Hello"),            /* not masked */
        BYTES("\xc1\x80\0\0\0\0"),         /* a reserved bit */
        BYTES("\x09\x80\0\0\0\0"),         /* a ping in pieces */
        BYTES("\x89\xfe\x00\x80\0\0\0\0"), /* a ping of 128 bytes */
        BYTES("\x83\x80\0\0\0\0"),         /* an opcode that is none yet */
        BYTES("\x8b\x80\0\0\0\0"),         /* a control frame that is none yet */
        BYTES("\x88\x81\0\0\0\0\x03"),     /* half a reason to close */
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_int_equal(websocket_feed(&reader, wrong[i]), ERR_BAD_REQUEST);
        websocket_reader_fini(&reader);
        reader.kept = (struct text){0};
    }
    assert_int_equal(seen.size, 0);
}

TEST(a_length_past_the_limit_is_refused_at_its_head)
{
    assert_int_equal(
        websocket_feed(&reader,
                       SLICE("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0")),
        ERR_TOO_LARGE);
}

TESTS(RUN_WITH(the_accept_key_is_that_of_the_standard),
      RUN_WITH(a_key_of_any_length_is_taken),
      RUN_WITH(frames_are_written_as_in_the_standard), RUN_WITH(masked_frames_are_read),
      RUN_WITH(frames_are_read_byte_by_byte),
      RUN_WITH(what_no_client_may_send_is_refused),
      RUN_WITH(a_length_past_the_limit_is_refused_at_its_head))
