/* How a reader takes its bytes: limits, pieces, pauses, memory. */
#include "tests/lib/fault_heap.h"
#include "tests/lib/test.h"
#include "tests/lib/transport/http_expect.h"

static struct http_record r;
static struct text wire;

static int test_setup(void **state)
{
    (void)state;
    record_init(&r, HTTP_REQUESTS);
    text_init(&wire, 1 << 20);
    text_add(&wire, SLICE("GET /"));
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    record_fini(&r);
    text_fini(&wire);
    return 0;
}

static void fill(char c, size_t count)
{
    for (size_t i = 0; i < count; i++)
        text_add(&wire, slice_from(&c, 1));
}

static void fill_fields(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        text_addf(&wire, "X-%u: y\r\n", i);
}

static void expect_err(size_t step, enum err e)
{
    assert_string_equal(err_code(record_feed(&r, text_slice(&wire), step)), err_code(e));
}

/* The last byte of the target is the limit's. */
static void make_target(size_t size)
{
    fill('a', size - 1);
    text_add(&wire, SLICE(" HTTP/1.1\r\nHost: a\r\n\r\n"));
}

TEST(takes_a_target_of_32_kib)
{
    make_target(HTTP_TARGET_LIMIT);
    expect_err(0, ERR_OK);
    expect_err(1000, ERR_OK);
    assert_int_equal(r.ends, 2);
}

TEST(refuses_a_longer_target)
{
    make_target(HTTP_TARGET_LIMIT + 1);
    expect_err(0, ERR_TARGET_TOO_LONG);
}

TEST(refuses_a_longer_target_in_pieces_as_soon_as_it_is_too_long)
{
    fill('a', HTTP_TARGET_LIMIT - 1);
    expect_err(1000, ERR_OK);
    assert_int_equal(record_feed(&r, SLICE("a"), 0), ERR_TARGET_TOO_LONG);
}

/* A head of `size` bytes in all. */
static void make_head(size_t size)
{
    text_add(&wire, SLICE(" HTTP/1.1\r\nHost: a\r\nX: "));
    fill('y', size - wire.size - 4);
    text_add(&wire, SLICE("\r\n\r\n"));
}

TEST(takes_a_head_of_64_kib)
{
    make_head(HTTP_HEAD_LIMIT);
    assert_int_equal(wire.size, HTTP_HEAD_LIMIT);
    expect_err(0, ERR_OK);
    expect_err(777, ERR_OK);
    assert_int_equal(r.ends, 2);
}

TEST(refuses_a_longer_head)
{
    make_head(HTTP_HEAD_LIMIT + 1);
    expect_err(0, ERR_HEAD_TOO_LARGE);
}

TEST(refuses_a_longer_head_in_pieces)
{
    make_head(HTTP_HEAD_LIMIT + 1);
    expect_err(1, ERR_HEAD_TOO_LARGE);
}

TEST(refuses_an_endless_head_without_holding_it)
{
    make_head(500000);
    expect_err(65536, ERR_HEAD_TOO_LARGE);
    assert_null(r.reader.partial);
}

TEST(calls_a_head_that_is_too_large_a_bad_response)
{
    struct text t;

    text_init(&t, 1 << 20);
    text_add(&t, SLICE("HTTP/1.1 200 OK\r\nX: "));
    for (unsigned i = 0; i < 8000; i++)
        text_add(&t, SLICE("123456789"));
    expect_error(HTTP_RESPONSES, text_slice(&t), ERR_BAD_RESPONSE);
    text_fini(&t);
}

TEST(takes_a_hundred_fields)
{
    text_add(&wire, SLICE(" HTTP/1.1\r\nHost: a\r\n"));
    fill_fields(99);
    text_add(&wire, SLICE("\r\n"));
    expect_err(0, ERR_OK);
    expect_err(3, ERR_OK);
    assert_int_equal(r.last.count, 100);
}

TEST(refuses_more_than_a_hundred_fields)
{
    text_add(&wire, SLICE(" HTTP/1.1\r\nHost: a\r\n"));
    fill_fields(100);
    expect_error(HTTP_REQUESTS, text_slice(&wire), ERR_HEAD_TOO_LARGE);
}

static void make_trailers(void)
{
    text_clear(&wire);
    text_add(
        &wire,
        SLICE("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"));
}

TEST(takes_a_hundred_trailers)
{
    make_trailers();
    fill_fields(100);
    text_add(&wire, SLICE("\r\n"));
    expect_err(0, ERR_OK);
    expect_err(5, ERR_OK);
    assert_int_equal(r.ends, 2);
}

TEST(refuses_more_than_a_hundred_trailers)
{
    make_trailers();
    fill_fields(101);
    expect_error(HTTP_REQUESTS, text_slice(&wire), ERR_HEAD_TOO_LARGE);
}

TEST(refuses_trailers_of_more_than_64_kib)
{
    make_trailers();
    text_add(&wire, SLICE("X: "));
    fill('y', HTTP_HEAD_LIMIT);
    expect_error(HTTP_REQUESTS, text_slice(&wire), ERR_HEAD_TOO_LARGE);
}

TEST(refuses_chunk_extensions_of_more_than_4_kib_a_message)
{
    make_trailers();
    wire.size -= 3; /* without the last chunk */
    for (unsigned i = 0; i < 500; i++)
        text_add(&wire, SLICE("1;a=bcdefg\r\nx\r\n"));
    expect_error(HTTP_REQUESTS, text_slice(&wire), ERR_BAD_REQUEST);
}

TEST(refuses_one_long_chunk_extension)
{
    make_trailers();
    wire.size -= 2; /* the line goes on */
    text_add(&wire, SLICE(";a="));
    fill('b', 5000);
    expect_error(HTTP_REQUESTS, text_slice(&wire), ERR_BAD_REQUEST);
}

TEST(reads_a_64_kib_head_byte_by_byte_in_linear_time)
{
    make_head(HTTP_HEAD_LIMIT);
    for (unsigned i = 0; i < 20; i++)
        expect_err(1, ERR_OK);
    assert_int_equal(r.ends, 20);
}

TEST(holds_no_memory_between_messages)
{
    record_feed(&r, SLICE("GET / HTTP/1.1\r\nHo"), 0);
    assert_non_null(r.reader.partial);
    record_feed(&r, SLICE("st: a\r\n\r\n"), 0);
    assert_null(r.reader.partial);
}

TEST(needs_no_memory_for_a_head_in_one_piece)
{
    size_t used;

    fault_heap_fail_at(0);
    r.answer = ERR_CANCELLED;
    reader_feed(&r.reader, SLICE("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), &used, NULL);
    assert_null(r.reader.partial);
}

TEST(says_so_when_there_is_no_memory_for_pieces)
{
    size_t used;
    enum err e;

    fault_heap_fail_at(1);
    e = reader_feed(&r.reader, SLICE("GET / HTTP/1.1\r\nHo"), &used, NULL);
    assert_true(fault_heap_stop());
    assert_int_equal(e, ERR_NO_MEMORY);
    assert_int_equal(reader_feed(&r.reader, SLICE("s"), &used, NULL), ERR_NO_MEMORY);
}

TEST(calls_it_out_of_memory_on_the_upstream_side_too)
{
    struct http_record up;
    size_t used;

    record_init(&up, HTTP_RESPONSES);
    fault_heap_fail_at(1);
    assert_int_equal(reader_feed(&up.reader, SLICE("HTTP/1.1 2"), &used, NULL),
                     ERR_NO_MEMORY);
    fault_heap_stop();
    record_fini(&up);
}

TEST(frees_what_it_held_when_growing_fails)
{
    size_t used;

    make_head(4000);
    reader_feed(&r.reader, slice_first(text_slice(&wire), 900), &used, NULL);
    fault_heap_fail_at(1);
    assert_int_equal(
        reader_feed(&r.reader, slice_from(wire.base + 900, 2000), &used, NULL),
        ERR_NO_MEMORY);
    fault_heap_stop();
    assert_null(r.reader.partial);
}

TEST(stops_after_each_message)
{
    struct slice two =
        SLICE("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    size_t used;

    assert_int_equal(reader_feed(&r.reader, two, &used, NULL), ERR_OK);
    assert_int_equal(used, two.size / 2);
    assert_int_equal(r.ends, 1);
    assert_false(reader_in_message(&r.reader));
}

TEST(stops_after_a_head_that_says_later_and_ends_at_the_next_feeding)
{
    struct slice one = SLICE("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
    size_t used;

    r.answer = ERR_LATER;
    assert_int_equal(reader_feed(&r.reader, one, &used, NULL), ERR_OK);
    assert_int_equal(used, one.size);
    assert_int_equal(r.ends, 0);
    assert_int_equal(reader_feed(&r.reader, SLICE(""), &used, NULL), ERR_OK);
    assert_int_equal(r.ends, 1);
}

TEST(stops_before_the_body_when_the_head_says_later)
{
    struct slice one = SLICE("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    size_t used;

    r.answer = ERR_LATER;
    reader_feed(&r.reader, one, &used, NULL);
    assert_int_equal(used, one.size - 2);
    reader_feed(&r.reader, slice_after(one, used), &used, NULL);
    assert_int_equal(used, 2);
    assert_int_equal(r.ends, 1);
}

TEST(hands_on_the_error_of_a_callback_for_good)
{
    size_t used;

    r.answer = ERR_OVERLOADED;
    assert_int_equal(record_feed(&r, SLICE("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 7),
                     ERR_OVERLOADED);
    assert_int_equal(reader_feed(&r.reader, SLICE("G"), &used, NULL), ERR_OVERLOADED);
    assert_int_equal(used, 0);
    assert_int_equal(reader_finish(&r.reader), ERR_OVERLOADED);
}

TEST(is_in_a_message_from_its_first_byte_on)
{
    assert_false(reader_in_message(&r.reader));
    record_feed(&r, SLICE("\r\n"), 0);
    assert_false(reader_in_message(&r.reader));
    record_feed(&r, SLICE("G"), 0);
    assert_true(reader_in_message(&r.reader));
}

TEST(ends_cleanly_between_messages)
{
    assert_int_equal(reader_finish(&r.reader), ERR_OK);
    record_feed(&r, SLICE("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
    assert_int_equal(reader_finish(&r.reader), ERR_OK);
    assert_int_equal(r.ends, 1);
}

TEST(calls_a_request_that_breaks_off_a_bad_one)
{
    record_feed(&r, SLICE("GET / HTTP/1.1\r\n"), 0);
    assert_int_equal(reader_finish(&r.reader), ERR_BAD_REQUEST);
    assert_null(r.reader.partial);
}

/* clang-format off */
static const char *const samples[] = {
    "GET /a?b=c HTTP/1.1\r\nHost: a\r\nUser-Agent: x/1 (y)\r\nAccept: */*\r\nCookie: a=b; c=d\r\n\r\n",
    "\r\nGET / HTTP/1.0\r\n\r\n\r\nGET / HTTP/1.0\r\nX:\r\nY: \t\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\nhello world",
    "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b\\\"\"\r\nhello\r\n1 ;c\r\n!\r\n0\r\nX: y\r\nZ:\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nxGET / HTTP/1.1\r\nHost: b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade, x\r\nUpgrade: websocket\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\nCONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    /* and some that are refused */
    "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: b\r\n\r\n",
    "BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
};
/* clang-format on */

static void compare(const char *sample, const char *text, enum err e,
                    struct http_record *cut, enum err cut_e)
{
    if (cut_e != e || strcmp(record_text(cut), text) != 0)
        print_error("of %s\n", sample);
    assert_string_equal(record_text(cut), text);
    assert_int_equal(cut_e, e);
    record_fini(cut);
}

TEST(says_the_same_wherever_the_bytes_are_cut_in_two)
{
    for (unsigned i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        struct slice bytes = slice_of(samples[i]);
        struct http_record whole, cut;
        enum err e;

        record_init(&whole, HTTP_REQUESTS);
        e = record_feed(&whole, bytes, 0);
        for (size_t at = 0; at <= bytes.size; at++) {
            record_init(&cut, HTTP_REQUESTS);
            compare(samples[i], record_text(&whole), e, &cut,
                    record_feed_cut(&cut, bytes, at));
        }
        record_fini(&whole);
    }
}

TEST(says_the_same_in_pieces_of_any_size)
{
    for (unsigned i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        struct slice bytes = slice_of(samples[i]);
        struct http_record whole, cut;
        enum err e;

        record_init(&whole, HTTP_REQUESTS);
        e = record_feed(&whole, bytes, 0);
        for (size_t step = 1; step < bytes.size; step++) {
            record_init(&cut, HTTP_REQUESTS);
            compare(samples[i], record_text(&whole), e, &cut,
                    record_feed(&cut, bytes, step));
        }
        record_fini(&whole);
    }
}

TESTS(RUN_WITH(takes_a_target_of_32_kib), RUN_WITH(refuses_a_longer_target),
      RUN_WITH(refuses_a_longer_target_in_pieces_as_soon_as_it_is_too_long),
      RUN_WITH(takes_a_head_of_64_kib), RUN_WITH(refuses_a_longer_head),
      RUN_WITH(refuses_a_longer_head_in_pieces),
      RUN_WITH(refuses_an_endless_head_without_holding_it),
      RUN_WITH(calls_a_head_that_is_too_large_a_bad_response),
      RUN_WITH(takes_a_hundred_fields), RUN_WITH(refuses_more_than_a_hundred_fields),
      RUN_WITH(takes_a_hundred_trailers), RUN_WITH(refuses_more_than_a_hundred_trailers),
      RUN_WITH(refuses_trailers_of_more_than_64_kib),
      RUN_WITH(refuses_chunk_extensions_of_more_than_4_kib_a_message),
      RUN_WITH(refuses_one_long_chunk_extension),
      RUN_WITH(reads_a_64_kib_head_byte_by_byte_in_linear_time),
      RUN_WITH(holds_no_memory_between_messages),
      RUN_WITH(needs_no_memory_for_a_head_in_one_piece),
      RUN_WITH(says_so_when_there_is_no_memory_for_pieces),
      RUN_WITH(calls_it_out_of_memory_on_the_upstream_side_too),
      RUN_WITH(frees_what_it_held_when_growing_fails), RUN_WITH(stops_after_each_message),
      RUN_WITH(stops_after_a_head_that_says_later_and_ends_at_the_next_feeding),
      RUN_WITH(stops_before_the_body_when_the_head_says_later),
      RUN_WITH(hands_on_the_error_of_a_callback_for_good),
      RUN_WITH(is_in_a_message_from_its_first_byte_on),
      RUN_WITH(ends_cleanly_between_messages),
      RUN_WITH(calls_a_request_that_breaks_off_a_bad_one),
      RUN_WITH(says_the_same_wherever_the_bytes_are_cut_in_two),
      RUN_WITH(says_the_same_in_pieces_of_any_size))
