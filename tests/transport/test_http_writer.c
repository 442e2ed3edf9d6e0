#include "transport/http_writer.h"

#include "tests/lib/test.h"
#include "tests/lib/transport/fake_stream.h"

#define HEAD "HTTP/1.1 200 OK\r\n\r\n"

static struct fake_stream peer;
static struct http_cork cork;
static struct http_writer w;
static struct arena_pool pool;
static struct arena arena;
static struct head_text head;

static int test_setup(void **state)
{
    (void)state;
    fake_stream_init(&peer, NULL);
    writer_init(&w, &cork);
    arena_pool_init(&pool, 4);
    arena_init(&arena, &pool, ARENA_LIMIT);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    arena_pool_fini(&pool);
    fake_stream_fini(&peer);
    return 0;
}

static void start(enum http_framing framing, uint64_t length)
{
    writer_start(&w, &peer.stream, SLICE(HEAD), framing, length);
}

static void body(const char *text)
{
    assert_int_equal(writer_body(&w, slice_of(text)), ERR_OK);
}

static void end(const char *trailers)
{
    assert_int_equal(writer_end(&w, slice_of(trailers)), ERR_OK);
    assert_int_equal(writer_flush(&w), ERR_OK);
}

TEST(writes_nothing_before_the_flush)
{
    start(BODY_NONE, 0);
    assert_int_equal(peer.writes, 0);
    end("");
    assert_string_equal(fake_written(&peer), HEAD);
}

TEST(writes_head_and_body_at_once)
{
    start(BODY_LENGTH, 5);
    body("hello");
    end("");
    assert_string_equal(fake_written(&peer), HEAD "hello");
    assert_int_equal(peer.writes, 1);
}

TEST(writes_a_head_of_several_slices_at_once)
{
    const struct slice parts[] = {SLICE("GET / HTTP/1.1\r\n"), SLICE("Host: a\r\n"),
                                  SLICE("\r\n")};

    writer_start_slices(&w, &peer.stream, parts, 3, BODY_NONE, 0);
    end("");
    assert_string_equal(fake_written(&peer), "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(peer.writes, 1);
}

TEST(flushes_nothing_when_there_is_nothing)
{
    start(BODY_NONE, 0);
    end("");
    assert_int_equal(writer_flush(&w), ERR_OK);
    assert_int_equal(peer.writes, 1);
}

TEST(refuses_more_than_the_length)
{
    start(BODY_LENGTH, 5);
    body("hell");
    assert_int_equal(writer_body(&w, SLICE("o!")), ERR_IO);
}

TEST(refuses_to_end_before_the_length)
{
    start(BODY_LENGTH, 5);
    body("hell");
    assert_int_equal(writer_end(&w, SLICE("")), ERR_IO);
}

TEST(takes_a_length_of_nought)
{
    start(BODY_LENGTH, 0);
    assert_int_equal(writer_body(&w, SLICE("")), ERR_OK);
    assert_int_equal(writer_body(&w, SLICE("x")), ERR_IO);
    end("");
}

TEST(refuses_a_body_where_there_is_none)
{
    start(BODY_NONE, 0);
    assert_int_equal(writer_body(&w, SLICE("x")), ERR_IO);
}

TEST(writes_a_body_to_the_end_as_it_is)
{
    start(BODY_TO_END, 0);
    body("a");
    body("b");
    end("");
    assert_string_equal(fake_written(&peer), HEAD "ab");
}

TEST(frames_chunks)
{
    start(BODY_CHUNKED, 0);
    body("hello");
    end("");
    assert_string_equal(fake_written(&peer), HEAD "5\r\nhello\r\n0\r\n\r\n");
    assert_int_equal(peer.writes, 1);
}

TEST(frames_an_empty_chunked_body)
{
    start(BODY_CHUNKED, 0);
    body("");
    end("");
    assert_string_equal(fake_written(&peer), HEAD "0\r\n\r\n");
}

TEST(frames_several_chunks_in_one_cork)
{
    start(BODY_CHUNKED, 0);
    body("a");
    body("0123456789abcdef");
    body("c");
    end("");
    assert_string_equal(fake_written(&peer),
                        HEAD "1\r\na\r\n10\r\n0123456789abcdef\r\n1\r\nc\r\n0\r\n\r\n");
    assert_int_equal(peer.writes, 1);
}

TEST(completes_each_chunk_that_it_flushes)
{
    start(BODY_CHUNKED, 0);
    body("a");
    writer_flush(&w);
    assert_string_equal(fake_written(&peer), HEAD "1\r\na\r\n");
    body("b");
    end("");
    assert_string_equal(fake_written(&peer), HEAD "1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
}

TEST(writes_the_size_of_big_chunks)
{
    static char big[0xabcde];
    struct slice s = {big, sizeof(big)};

    memset(big, 'x', sizeof(big));
    start(BODY_CHUNKED, 0);
    assert_int_equal(writer_body(&w, s), ERR_OK);
    writer_flush(&w);
    assert_memory_equal(fake_written(&peer) + strlen(HEAD), "abcde\r\nxxx", 10);
    assert_int_equal(peer.out.size, strlen(HEAD) + 7 + sizeof(big) + 2);
}

TEST(writes_trailers_after_the_last_chunk)
{
    start(BODY_CHUNKED, 0);
    body("a");
    end("X: y\r\nZ: 1\r\n");
    assert_string_equal(fake_written(&peer), HEAD "1\r\na\r\n0\r\nX: y\r\nZ: 1\r\n\r\n");
}

TEST(writes_trailers_without_a_body)
{
    start(BODY_CHUNKED, 0);
    end("X: y\r\n");
    assert_string_equal(fake_written(&peer), HEAD "0\r\nX: y\r\n\r\n");
}

/* More chunks than there are places: the bytes are the same, in a few writes. */
TEST(flushes_by_itself_when_its_places_are_full)
{
    struct text expected;

    text_init(&expected, 1 << 16);
    text_add(&expected, SLICE(HEAD));
    start(BODY_CHUNKED, 0);
    for (unsigned i = 0; i < 100; i++) {
        body("abc");
        text_add(&expected, SLICE("3\r\nabc\r\n"));
    }
    end("X: y\r\n");
    text_add(&expected, SLICE("0\r\nX: y\r\n\r\n"));
    assert_string_equal(fake_written(&peer), expected.base);
    assert_in_range(peer.writes, 5, 20);
    text_fini(&expected);
}

TEST(gathers_many_pieces_of_a_length_body)
{
    start(BODY_LENGTH, 200);
    for (unsigned i = 0; i < 100; i++)
        body("ab");
    end("");
    assert_int_equal(peer.out.size, strlen(HEAD) + 200);
    assert_in_range(peer.writes, 5, 10);
}

TEST(counts_what_it_gave_to_the_stream)
{
    start(BODY_CHUNKED, 0);
    body("hello");
    end("");
    assert_int_equal(w.written, peer.out.size);
}

TEST(says_what_the_kernel_took_of_the_first_flush)
{
    peer.room = 7;
    start(BODY_LENGTH, 5);
    writer_flush(&w);
    body("hello");
    end("");
    assert_int_equal(w.sent_first, 7);
}

TEST(says_that_nothing_was_sent_when_the_first_flush_fails)
{
    peer.refuse = ERR_RESET;
    start(BODY_NONE, 0);
    assert_int_equal(writer_flush(&w), ERR_RESET);
    assert_int_equal(w.sent_first, 0);
    assert_int_equal(w.written, 0);
}

TEST(says_what_was_sent_before_the_first_flush_failed)
{
    peer.refuse = ERR_RESET;
    peer.sent_then = 3;
    start(BODY_NONE, 0);
    assert_int_equal(writer_flush(&w), ERR_RESET);
    assert_int_equal(w.sent_first, 3);
}

TEST(hands_on_a_failure_in_the_middle)
{
    enum err e = ERR_OK;

    start(BODY_CHUNKED, 0);
    peer.refuse = ERR_IO;
    for (unsigned i = 0; i < 20 && !e; i++)
        e = writer_body(&w, SLICE("abc"));
    assert_int_equal(e, ERR_IO);
}

TEST(a_cork_taken_by_another_writer_gives_nothing_away)
{
    struct fake_stream other_peer;
    struct http_writer other;

    fake_stream_init(&other_peer, NULL);
    writer_init(&other, &cork);
    start(BODY_CHUNKED, 0);
    body("one");
    writer_start(&other, &other_peer.stream, SLICE("other"), BODY_NONE, 0);
    assert_int_equal(writer_end(&w, SLICE("")), ERR_IO);
    assert_int_equal(writer_body(&w, SLICE("two")), ERR_IO);
    assert_int_equal(writer_flush(&w), ERR_IO);
    assert_int_equal(writer_flush(&other), ERR_OK);
    assert_string_equal(fake_written(&other_peer), "other");
    assert_int_equal(peer.writes, 0);
    fake_stream_fini(&other_peer);
}

TEST(what_a_writer_left_in_the_cork_is_not_the_next_ones)
{
    struct fake_stream gone;

    fake_stream_init(&gone, NULL);
    writer_start(&w, &gone.stream, SLICE("never flushed"), BODY_NONE, 0);
    writer_init(&w, &cork);
    assert_int_equal(writer_flush(&w), ERR_OK);
    start(BODY_NONE, 0);
    end("");
    assert_string_equal(fake_written(&peer), HEAD);
    assert_int_equal(gone.writes, 0);
    fake_stream_fini(&gone);
}

TEST(starts_anew_for_each_message)
{
    start(BODY_LENGTH, 5);
    body("he");
    start(BODY_NONE, 0);
    end("");
    assert_string_equal(fake_written(&peer), HEAD);
    assert_int_equal(w.remaining, 0);
}

TEST(renders_a_head_in_one_pass)
{
    struct slice s;

    head_text_init(&head, &arena, 256);
    head_text_add(&head, SLICE("HTTP/1.1 "));
    head_text_number(&head, 200);
    head_text_add(&head, SLICE(" OK\r\n"));
    head_text_field(&head, SLICE("A"), SLICE("b"));
    head_text_field(&head, SLICE("Empty"), SLICE(""));
    s = head_text_done(&head);
    assert_true(slice_is(s, "HTTP/1.1 200 OK\r\nA: b\r\nEmpty: \r\n"));
}

TEST(renders_numbers_of_any_size)
{
    head_text_init(&head, &arena, 8);
    head_text_number(&head, 0);
    head_text_add(&head, SLICE(" "));
    head_text_number(&head, UINT64_MAX);
    assert_true(slice_is(head_text_done(&head), "0 18446744073709551615"));
}

TEST(grows_when_the_guess_was_too_small)
{
    head_text_init(&head, &arena, 4);
    for (unsigned i = 0; i < 1000; i++)
        head_text_field(&head, SLICE("Name"), SLICE("value"));
    assert_int_equal(head_text_done(&head).size, 1000 * 13);
    assert_false(head.failed);
}

TEST(gives_back_what_it_did_not_use)
{
    struct slice s;
    char *next;

    head_text_init(&head, &arena, 1024);
    head_text_add(&head, SLICE("0123456789abcdef"));
    s = head_text_done(&head);
    next = arena_take(&arena, 16);
#ifndef ARENA_EMULATE
    assert_true(next < s.base + 64);
#endif
    assert_non_null(next);
    assert_int_equal(s.size, 16);
}

TEST(fails_for_good_past_the_arenas_limit)
{
    struct arena small;

    arena_init(&small, &pool, 8192);
    head_text_init(&head, &small, 64);
    for (unsigned i = 0; i < 1000; i++)
        head_text_field(&head, SLICE("Name"), SLICE("a value of some length"));
    assert_true(head.failed);
    assert_null(head_text_done(&head).base);
    arena_fini(&small);
}

TESTS(RUN_WITH(a_cork_taken_by_another_writer_gives_nothing_away),
      RUN_WITH(what_a_writer_left_in_the_cork_is_not_the_next_ones),
      RUN_WITH(writes_nothing_before_the_flush), RUN_WITH(writes_head_and_body_at_once),
      RUN_WITH(writes_a_head_of_several_slices_at_once),
      RUN_WITH(flushes_nothing_when_there_is_nothing),
      RUN_WITH(refuses_more_than_the_length), RUN_WITH(refuses_to_end_before_the_length),
      RUN_WITH(takes_a_length_of_nought), RUN_WITH(refuses_a_body_where_there_is_none),
      RUN_WITH(writes_a_body_to_the_end_as_it_is), RUN_WITH(frames_chunks),
      RUN_WITH(frames_an_empty_chunked_body), RUN_WITH(frames_several_chunks_in_one_cork),
      RUN_WITH(completes_each_chunk_that_it_flushes),
      RUN_WITH(writes_the_size_of_big_chunks),
      RUN_WITH(writes_trailers_after_the_last_chunk),
      RUN_WITH(writes_trailers_without_a_body),
      RUN_WITH(flushes_by_itself_when_its_places_are_full),
      RUN_WITH(gathers_many_pieces_of_a_length_body),
      RUN_WITH(counts_what_it_gave_to_the_stream),
      RUN_WITH(says_what_the_kernel_took_of_the_first_flush),
      RUN_WITH(says_that_nothing_was_sent_when_the_first_flush_fails),
      RUN_WITH(says_what_was_sent_before_the_first_flush_failed),
      RUN_WITH(hands_on_a_failure_in_the_middle), RUN_WITH(starts_anew_for_each_message),
      RUN_WITH(renders_a_head_in_one_pass), RUN_WITH(renders_numbers_of_any_size),
      RUN_WITH(grows_when_the_guess_was_too_small),
      RUN_WITH(gives_back_what_it_did_not_use),
      RUN_WITH(fails_for_good_past_the_arenas_limit))
