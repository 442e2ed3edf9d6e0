#include "tests/lib/test.h"

#include "discovery/nats_protocol.h"
#include "tests/lib/fault_heap.h"

enum { LIMIT = 64 };

static struct nats_parser parser;
static struct text trail; /* what was read, one word a message */
static size_t piece;      /* bytes fed at once */

static int test_setup(void **state)
{
    (void)state;
    nats_parser_init(&parser, LIMIT);
    text_init(&trail, 64 * 1024);
    piece = SIZE_MAX;
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    nats_parser_fini(&parser);
    text_fini(&trail);
    return 0;
}

static void add(struct slice s)
{
    text_add(&trail, SLICE("|"));
    text_add(&trail, s);
}

static void write_down(const struct nats_operation *op)
{
    static const char *const names[] = {"INFO", "MSG", "HMSG", "PING",
                                        "PONG", "OK",  "ERR"};
    const struct nats_message *m = &op->message;

    text_addf(&trail, "%s", names[op->kind]);
    if (op->kind == NATS_INFO || op->kind == NATS_ERR)
        add(op->text);
    if (op->kind == NATS_MSG || op->kind == NATS_HMSG) {
        add(m->subject);
        text_addf(&trail, "|%u", (unsigned)m->sid);
        add(m->reply);
        add(m->headers);
        add(m->payload);
        text_addf(&trail, "|%zu%s", m->size, m->is_cut ? "|cut" : "");
    }
    text_add(&trail, SLICE("\n"));
}

static enum err feed(struct slice all)
{
    struct nats_operation op;
    enum err e = ERR_LATER;

    while (all.size > 0 && e == ERR_LATER) {
        struct slice bytes = slice_first(all, piece);

        all = slice_after(all, bytes.size);
        while ((e = nats_parse(&parser, &bytes, &op)) == ERR_OK)
            write_down(&op);
    }
    return e;
}

static void assert_read(struct slice bytes, const char *expected)
{
    assert_int_equal(feed(bytes), ERR_LATER);
    text_add(&trail, SLICE(""));
    assert_string_equal(trail.base ? trail.base : "", expected);
}

static const char everything[] = "INFO {\"max_payload\":1}\r\n"
                                 "PING\r\n"
                                 "PONG\r\n"
                                 "+OK\r\n"
                                 "-ERR 'Stale Connection'\r\n"
                                 "MSG a.b 7 5\r\nhello\r\n"
                                 "MSG a.b 7 _INBOX.x 2\r\n\r\n\r\n"
                                 "MSG a 1 0\r\n\r\n"
                                 "HMSG a 2 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"
                                 "HMSG a 2 r 12 12\r\nNATS/1.0\r\n\r\n\r\n";
static const char as_read[] = "INFO|{\"max_payload\":1}\n"
                              "PING\nPONG\nOK\n"
                              "ERR|Stale Connection\n"
                              "MSG|a.b|7|||hello|5\n"
                              "MSG|a.b|7|_INBOX.x||\r\n|2\n"
                              "MSG|a|1||||0\n"
                              "HMSG|a|2||NATS/1.0\r\n\r\n|hi|14\n"
                              "HMSG|a|2|r|NATS/1.0\r\n\r\n||12\n";

TEST(reads_all_a_server_may_say)
{
    assert_read(slice_of(everything), as_read);
}

TEST(reads_the_same_from_pieces_of_any_size)
{
    for (piece = 1; piece < sizeof everything; piece++) {
        text_clear(&trail);
        assert_read(slice_of(everything), as_read);
    }
}

TEST(verbs_are_of_any_case_and_blanks_of_any_number)
{
    assert_read(SLICE("ping \r\nmsg  a \t 1   2 \r\nxy\r\npOnG\r\n"),
                "PING\nMSG|a|1|||xy|2\nPONG\n");
}

TEST(what_is_too_large_is_cut_and_the_next_is_read)
{
    static const char large[] =
        "MSG a 1 70\r\n"
        "1234567890123456789012345678901234567890123456789012345678901234567890\r\n"
        "PING\r\n";

    for (piece = 1; piece < sizeof large; piece++) {
        text_clear(&trail);
        assert_read(slice_of(large), "MSG|a|1||||70|cut\nPING\n");
    }
}

TEST(a_payload_of_exactly_the_limit_is_whole)
{
    assert_read(
        SLICE("MSG a 1 64\r\n1234567890123456789012345678901234567890123456789012345"
              "678901234\r\n"),
        "MSG|a|1|||"
        "1234567890123456789012345678901234567890123456789012345678901234|64\n");
}

TEST(what_is_no_line_of_nats_is_refused)
{
    static const char *const wrong[] = {
        "HTTP/1.1 400 Bad Request\r\n",
        "\r\n",
        "PING\n",
        "\n",
        "PING x\r\n",
        "+OK x\r\n",
        "MSG\r\n",
        "MSG a\r\n",
        "MSG a 1\r\n",
        "MSG a b 1\r\n",
        "MSG a 1 -1\r\n",
        "MSG a 1 +1\r\n",
        "MSG a 1 0x10\r\n",
        "MSG a 1 r 1 1\r\n",
        "MSG a 1 r s t u v 1\r\n",
        "MSG a 99999999999999999999 1\r\n",
        "MSG a 1 99999999999999999999\r\n",
        "HMSG a 1 5\r\n",
        "HMSG a 1 6 5\r\n",
        "HMSG a 1 x 5\r\n",
        "HMSG a 1 r 1 2 3\r\n",
        "MSG a 1 2\r\nabc\r\n",
        "MSG a 1 2\r\nab\n\n",
        "MSG a 1 2\r\nab\r\r",
        "\x16\x03\x01\x02\r\n",
        "SUB a 1\r\n",
        "INFO{}\r\n",
    };

    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        nats_parser_fini(&parser);
        nats_parser_init(&parser, LIMIT);
        if (feed(slice_of(wrong[i])) != ERR_BAD_RECORD)
            fail_msg("taken: %s", wrong[i]);
    }
}

TEST(a_payload_nobody_may_send_is_refused)
{
    assert_int_equal(feed(SLICE("MSG a 1 67108865\r\n")), ERR_TOO_LARGE);
}

TEST(a_line_without_an_end_is_refused_before_it_fills_the_memory)
{
    static char line[NATS_LINE_LIMIT + 2];

    memset(line, 'x', sizeof line);
    piece = 100;
    assert_int_equal(feed(slice_from(line, sizeof line)), ERR_TOO_LARGE);
}

TEST(an_info_may_be_longer_but_not_without_end)
{
    static char line[NATS_INFO_LIMIT + 1];

    memset(line, 'x', sizeof line);
    memcpy(line, "INFO ", 5);
    assert_int_equal(feed(slice_from(line, NATS_INFO_LIMIT - 1)), ERR_LATER);
    assert_int_equal(feed(SLICE("xx")), ERR_TOO_LARGE);
}

TEST(a_long_line_that_is_no_info_is_refused_though_it_came_at_once)
{
    static char line[NATS_LINE_LIMIT + 16];

    memset(line, 'x', sizeof line);
    memcpy(line, "MSG ", 4);
    memcpy(line + sizeof line - 6, " 1 0\r\n", 6);
    assert_int_equal(feed(slice_from(line, sizeof line)), ERR_TOO_LARGE);
}

static bool read_in_pieces(void)
{
    struct nats_parser p;
    struct nats_operation op;
    enum err e = ERR_LATER;

    nats_parser_init(&p, LIMIT);
    for (const char *at = "MSG a 1 5\r\nhello\r\n"; *at && e == ERR_LATER; at++) {
        struct slice bytes = slice_from(at, 1);

        e = nats_parse(&p, &bytes, &op);
    }
    nats_parser_fini(&p);
    assert_true(e == ERR_OK || e == ERR_NO_MEMORY);
    return e == ERR_OK;
}

TEST(says_that_memory_is_out)
{
    assert_true(fault_heap_each(read_in_pieces) >= 2);
}

TEST(reads_what_a_server_says_of_itself)
{
    struct nats_info i;

    assert_int_equal(
        nats_info_read(&i,
                       SLICE("{\"max_payload\":1048576,\"auth_required\":true,"
                             "\"tls_required\":true,\"ldm\":true,\"connect_urls\":"
                             "[\"10.0.0.1:4222\",7,\"[::1]:4222\"]}"),
                       NULL),
        ERR_OK);
    assert_int_equal(i.max_payload, 1048576);
    assert_true(i.auth_required && i.tls_required && i.lame_duck && !i.tls_available);
    assert_int_equal(i.url_count, 2);
    assert_string_equal(i.urls[1], "[::1]:4222");
}

TEST(an_info_that_is_none_is_refused_and_odd_members_are_passed_over)
{
    struct nats_info i;

    assert_int_equal(nats_info_read(&i, SLICE("[]"), NULL), ERR_BAD_RESPONSE);
    assert_int_equal(nats_info_read(&i, SLICE(""), NULL), ERR_BAD_RESPONSE);
    assert_int_equal(nats_info_read(&i, SLICE("{\"max_payload\":"), NULL),
                     ERR_BAD_RESPONSE);
    assert_int_equal(
        nats_info_read(&i, SLICE("{\"max_payload\":-1,\"connect_urls\":{},\"ldm\":1}"),
                       NULL),
        ERR_OK);
    assert_int_equal(i.max_payload, 1024 * 1024);
    assert_int_equal(i.url_count, 0);
    assert_false(i.lame_duck);
}

static void assert_written(const char *expected)
{
    assert_string_equal(trail.base, expected);
    text_clear(&trail);
}

TEST(writes_lines_as_the_protocol_has_them)
{
    nats_write_pub(&trail, SLICE("a.b"), SLICE("_INBOX.x"), 5);
    assert_written("PUB a.b _INBOX.x 5\r\n");
    nats_write_pub(&trail, SLICE("a.b"), (struct slice){0}, 0);
    assert_written("PUB a.b 0\r\n");
    nats_write_sub(&trail, "a.>", 12);
    assert_written("SUB a.> 12\r\n");
    nats_write_unsub(&trail, 12);
    assert_written("UNSUB 12\r\n");
}

TEST(says_who_it_is_and_no_quote_of_a_password_gets_out)
{
    struct nats_login l = {
        .user = "me", .password = "a\"}\r\nPUB x", .tls_required = true};

    nats_write_connect(&trail, &l);
    assert_non_null(strstr(trail.base,
                           "\"tls_required\":true,\"user\":\"me\",\"pass\":\"a\\\"}"
                           "\\r\\nPUB x\"}\r\n"));
    assert_null(strstr(trail.base, "auth_token"));
}

TEST(knows_a_subject_when_it_sees_one)
{
    static const char *const good[] = {"a", "micro.registry.nats.query", "_INBOX.x-1"};
    static const char *const bad[] = {"",    ".",         "a.",  ".a", "a..b",
                                      "a b", "a\r\nPING", "a.*", ">"};

    for (unsigned i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(nats_subject_is_valid(slice_of(good[i]), false));
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(nats_subject_is_valid(slice_of(bad[i]), false));
    assert_true(nats_subject_is_valid(SLICE("a.*.>"), true));
    assert_false(nats_subject_is_valid(SLICE("a.>.b"), true));
}

TESTS(RUN_WITH(reads_all_a_server_may_say),
      RUN_WITH(reads_the_same_from_pieces_of_any_size),
      RUN_WITH(verbs_are_of_any_case_and_blanks_of_any_number),
      RUN_WITH(what_is_too_large_is_cut_and_the_next_is_read),
      RUN_WITH(a_payload_of_exactly_the_limit_is_whole),
      RUN_WITH(what_is_no_line_of_nats_is_refused),
      RUN_WITH(a_payload_nobody_may_send_is_refused),
      RUN_WITH(a_line_without_an_end_is_refused_before_it_fills_the_memory),
      RUN_WITH(an_info_may_be_longer_but_not_without_end),
      RUN_WITH(a_long_line_that_is_no_info_is_refused_though_it_came_at_once),
      RUN_WITH(says_that_memory_is_out), RUN(reads_what_a_server_says_of_itself),
      RUN(an_info_that_is_none_is_refused_and_odd_members_are_passed_over),
      RUN_WITH(writes_lines_as_the_protocol_has_them),
      RUN_WITH(says_who_it_is_and_no_quote_of_a_password_gets_out),
      RUN(knows_a_subject_when_it_sees_one))
