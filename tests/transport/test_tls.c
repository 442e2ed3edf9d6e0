/* TLS to a real server: what is believed, what is refused and in which words, and bytes both ways. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "tests/lib/transport/loops.h"
#include "tests/lib/transport/peer.h"
#include "tests/lib/transport/tls_server.h"
#include "transport/client_stream.h"
#include "transport/listener.h"

static struct wire {
    struct loop loop;
    struct tls_server server;
    struct tls_settings settings;
    struct tls_client *tls;
    struct client_stream stream;
    struct text in;
    enum err result, end;
    bool told, ended, closed;
    size_t wanted;
} wire;

static void on_data(struct stream *s, struct slice bytes)
{
    (void)s;
    text_add(&wire.in, bytes);
}

static void on_ended(struct stream *s, enum err e)
{
    (void)s;
    assert_false(wire.ended);
    wire.ended = true;
    wire.end = e;
}

static void on_closed(struct stream *s)
{
    (void)s;
    wire.closed = true;
}

static const struct stream_events events = {on_data, NULL, on_ended, on_closed};

static void on_connected(struct client_stream *s, enum err e)
{
    (void)s;
    assert_false(wire.told);
    wire.told = true;
    wire.result = e;
}

static int test_setup(void **state)
{
    (void)state;
    wire = (struct wire){.settings = {.ca_file = tls_path("ca.pem")}};
    text_init(&wire.in, 16 * 1024 * 1024);
    assert_int_equal(loop_open(&wire.loop, 0), ERR_OK);
    assert_int_equal(client_stream_init(&wire.stream, &wire.loop, &events), ERR_OK);
    return 0;
}

static void close_stream(void)
{
    stream_close(&wire.stream.stream);
    loop_until(&wire.loop, &wire.closed);
}

static int test_teardown(void **state)
{
    (void)state;
    if (!wire.closed)
        close_stream();
    tls_client_close(wire.tls);
    tls_server_stop(&wire.server);
    text_fini(&wire.in);
    assert_int_equal(loop_close(&wire.loop), ERR_OK);
    return 0;
}

static void open_tls(void)
{
    struct why w;

    why_init(&w);
    if (!wire.tls && tls_client_open(&wire.tls, &wire.settings, &w))
        fail_msg("%s", w.text);
}

static enum err connect_to(const char *host, unsigned port)
{
    struct client_target to = {.host = slice_of(host), .port = port};

    open_tls();
    to.tls = wire.tls;
    assert_int_equal(client_stream_connect(&wire.stream, &to, on_connected), ERR_LATER);
    loop_until(&wire.loop, &wire.told);
    return wire.result;
}

static enum err connect_with(const char *certificate, const char *more)
{
    tls_server_start(&wire.server, certificate, more);
    return connect_to("localhost", wire.server.port);
}

/* Another stream, after the first has closed. */
static enum err connect_again(void)
{
    close_stream();
    wire.closed = wire.told = wire.ended = false;
    assert_int_equal(client_stream_init(&wire.stream, &wire.loop, &events), ERR_OK);
    return connect_to("localhost", wire.server.port);
}

static bool came(void *unused)
{
    (void)unused;
    return wire.in.size >= wire.wanted || wire.ended;
}

static void expect(const char *said, const char *answer)
{
    assert_int_equal(stream_write(&wire.stream.stream, slice_of(said)), ERR_OK);
    wire.wanted = strlen(answer);
    loop_until_true(&wire.loop, came, NULL);
    assert_string_equal(wire.in.base, answer);
    text_clear(&wire.in);
}

static void says(const char *words)
{
    if (!strstr(wire.stream.why.text, words))
        fail_msg("\"%s\" has no \"%s\"", wire.stream.why.text, words);
}

/* --- believed --- */

TEST(bytes_go_both_ways)
{
    assert_int_equal(connect_with("server", NULL), ERR_OK);
    expect("abc\n", "cba\n");
    expect("once more\n", "erom ecno\n");
}

TEST(an_address_that_stands_in_the_certificate_is_believed)
{
    tls_server_start(&wire.server, "server", NULL);
    assert_int_equal(connect_to("127.0.0.1", wire.server.port), ERR_OK);
}

TEST(another_name_may_be_expected)
{
    wire.settings.server_name = "other.example";
    assert_int_equal(connect_with("other", NULL), ERR_OK);
}

TEST(a_client_certificate_is_shown)
{
    wire.settings.cert_file = tls_path("client.pem");
    wire.settings.key_file = tls_path("client.key");
    assert_int_equal(connect_with("server", "-Verify 1 -verify_return_error"), ERR_OK);
    expect("abc\n", "cba\n");
}

TEST(tls_1_2_is_fine)
{
    assert_int_equal(connect_with("server", "-tls1_2"), ERR_OK);
    expect("abc\n", "cba\n");
}

/* --- refused --- */

TEST(a_wrong_name_is_refused)
{
    assert_int_equal(connect_with("other", NULL), ERR_DENIED);
    says("127.0.0.1:");
    says("its certificate is not for localhost");
}

TEST(a_wrong_address_is_refused)
{
    tls_server_start(&wire.server, "other", NULL);
    assert_int_equal(connect_to("127.0.0.1", wire.server.port), ERR_DENIED);
    says("its certificate is not for 127.0.0.1");
}

/* An empty name would have meant that any certificate will do. */
TEST(an_empty_server_name_is_as_none)
{
    wire.settings.server_name = "";
    assert_int_equal(connect_with("other", NULL), ERR_DENIED);
    says("its certificate is not for localhost");
}

/* RFC 6066 §3: the name is sent, and looked for, without the root's dot. */
TEST(a_dot_behind_the_name_is_no_part_of_it)
{
    wire.settings.server_name = "other.example.";
    assert_int_equal(connect_with("other", NULL), ERR_OK);
}

TEST(an_expired_certificate_is_refused)
{
    assert_int_equal(connect_with("expired", NULL), ERR_DENIED);
    says("certificate has expired");
}

TEST(an_unknown_authority_is_refused)
{
    wire.settings.ca_file = tls_path("rogue.pem");
    assert_int_equal(connect_with("server", NULL), ERR_DENIED);
    says("unknown authority");
    says("registry.tls.ca_file");
}

TEST(the_systems_authorities_do_not_know_ours)
{
    wire.settings.ca_file = NULL;
    assert_int_equal(connect_with("server", NULL), ERR_DENIED);
    says("unknown authority");
}

TEST(a_certificate_that_signed_itself_is_refused)
{
    assert_int_equal(connect_with("rogue", NULL), ERR_DENIED);
    says("unknown authority");
}

TEST(a_client_without_a_certificate_is_told_so)
{
    assert_int_equal(connect_with("server", "-tls1_2 -Verify 1 -verify_return_error"),
                     ERR_DENIED);
    says("it refuses us");
    says("registry.tls.cert_file");
}

/* TLS 1.3 says so only after the handshake. */
TEST(a_client_without_a_certificate_is_told_so_late)
{
    assert_int_equal(connect_with("server", "-Verify 1 -verify_return_error"), ERR_OK);
    loop_until(&wire.loop, &wire.ended);
    assert_int_equal(wire.end, ERR_DENIED);
    says("it refuses us");
}

TEST(an_old_version_is_refused)
{
    assert_int_equal(connect_with("server", "-tls1_1 -cipher DEFAULT@SECLEVEL=0"),
                     ERR_CONNECT_FAILED);
    says("TLS: ");
}

static const char *open_failure(void)
{
    static struct why w;

    why_init(&w);
    assert_int_equal(tls_client_open(&wire.tls, &wire.settings, &w), ERR_BAD_CONFIG);
    return w.text;
}

TEST(files_that_cannot_be_used_are_refused_at_once)
{
    wire.settings.ca_file = "/no/such.pem";
    assert_non_null(strstr(open_failure(), "ca_file: /no/such.pem can't be used"));
    wire.settings.ca_file = tls_path("ca.pem");
    wire.settings.cert_file = tls_path("client.pem");
    assert_non_null(strstr(open_failure(), "belong together"));
    wire.settings.key_file = tls_path("server.key");
    assert_non_null(strstr(open_failure(), "server.key"));
    wire.settings.cert_file = tls_path("server.key");
    assert_non_null(strstr(open_failure(), "cert_file: "));
}

/* --- peers that are not what they should be --- */

static unsigned listen_plain(int *fd)
{
    struct address a;

    assert_int_equal(address_parse(&a, SLICE("127.0.0.1:0"), 0, NULL), ERR_OK);
    assert_int_equal(listener_bind(&a, false, fd, NULL), ERR_OK);
    return address_port(&a);
}

static void begin_with_plain(int *fd, struct peer *p)
{
    unsigned port = listen_plain(fd);
    struct client_target to = {.host = SLICE("127.0.0.1"), .port = port};

    open_tls();
    to.tls = wire.tls;
    assert_int_equal(client_stream_connect(&wire.stream, &to, on_connected), ERR_LATER);
    loop_settle(&wire.loop);
    peer_adopt(p, &wire.loop, accept(*fd, NULL, NULL));
    peer_expect_bytes(p, 100);
}

TEST(who_does_not_speak_tls_is_refused)
{
    struct peer p;
    int fd;

    begin_with_plain(&fd, &p);
    peer_send(&p, "HTTP/1.1 400 Bad Request\r\n\r\n");
    loop_until(&wire.loop, &wire.told);
    assert_int_equal(wire.result, ERR_CONNECT_FAILED);
    says("wrong version number");
    peer_close(&p);
    close(fd);
}

TEST(who_closes_in_the_handshake_is_named)
{
    struct peer p;
    int fd;

    begin_with_plain(&fd, &p);
    peer_close(&p);
    loop_until(&wire.loop, &wire.told);
    assert_int_equal(wire.result, ERR_CONNECT_FAILED);
    says("handshake");
    close(fd);
}

TEST(it_may_be_closed_in_the_middle_of_the_handshake)
{
    struct peer p;
    int fd;

    begin_with_plain(&fd, &p);
    close_stream();
    assert_false(wire.told);
    peer_close(&p);
    close(fd);
}

TEST(an_end_without_a_last_word_is_a_reset)
{
    assert_int_equal(connect_with("server", NULL), ERR_OK);
    expect("abc\n", "cba\n");
    tls_server_stop(&wire.server);
    loop_until(&wire.loop, &wire.ended);
    assert_int_equal(wire.end, ERR_RESET);
}

/* --- much --- */

TEST(megabytes_go_both_ways)
{
    static char line[1000];
    enum { LINES = 4000 };

    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\n';
    assert_int_equal(connect_with("server", NULL), ERR_OK);
    for (int i = 0; i < LINES; i++)
        assert_int_equal(
            stream_write(&wire.stream.stream, slice_from(line, sizeof(line))), ERR_OK);
    wire.wanted = LINES * sizeof(line);
    loop_until_true(&wire.loop, came, NULL);
    assert_int_equal(wire.in.size, wire.wanted);
}

TEST(nothing_comes_while_reading_is_off)
{
    assert_int_equal(connect_with("server", NULL), ERR_OK);
    stream_read(&wire.stream.stream, false);
    assert_int_equal(stream_write(&wire.stream.stream, SLICE("abc\n")), ERR_OK);
    usleep(50 * 1000);
    loop_settle(&wire.loop);
    assert_int_equal(wire.in.size, 0);
    stream_read(&wire.stream.stream, true);
    wire.wanted = 4;
    loop_until_true(&wire.loop, came, NULL);
    assert_int_equal(wire.in.size, 4);
}

/* --- renewed files --- */

static void time_passes(void)
{
    wire.loop.clock.now += 1500; /* files are looked at once a second */
}

TEST(a_renewed_authority_is_believed_without_a_restart)
{
    tls_replace("mine.pem", "rogue.pem");
    wire.settings.ca_file = tls_path("mine.pem");
    assert_int_equal(connect_with("server", NULL), ERR_DENIED);
    tls_replace("mine.pem", "ca.pem");
    time_passes();
    assert_int_equal(connect_again(), ERR_OK);
}

TEST(a_broken_file_leaves_the_old_one_in_use)
{
    tls_replace("mine.pem", "ca.pem");
    wire.settings.ca_file = tls_path("mine.pem");
    assert_int_equal(connect_with("server", NULL), ERR_OK);
    tls_replace("mine.pem", "ca.key");
    time_passes();
    assert_int_equal(connect_again(), ERR_OK);
}

/* As rsync -t or an unpacked archive writes it, over the old one; and as it is for one that becomes readable only later:
 * neither its size nor the time of its content say that anything is new. */
TEST(a_file_that_keeps_its_time_and_size_is_looked_at_again_all_the_same)
{
    char command[512];

    tls_replace("mine.pem", "rogue.pem");
    wire.settings.ca_file = tls_path("mine.pem");
    snprintf(command, sizeof(command),
             "cd $(dirname %s) && cp -p mine.pem was && truncate -s 4096 mine.pem && "
             "touch -r was mine.pem",
             wire.settings.ca_file);
    assert_int_equal(system(command), 0);
    assert_int_equal(connect_with("server", NULL), ERR_DENIED);
    snprintf(command, sizeof(command),
             "cd $(dirname %s) && cat ca.pem > mine.pem && truncate -s 4096 mine.pem && "
             "touch -r was mine.pem",
             wire.settings.ca_file);
    assert_int_equal(system(command), 0);
    time_passes();
    assert_int_equal(connect_again(), ERR_OK);
}

static int make(void **state)
{
    (void)state;
    tls_certificates_make();
    return 0;
}

static int clean(void **state)
{
    (void)state;
    tls_certificates_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_WITH(bytes_go_both_ways),
        RUN_WITH(an_address_that_stands_in_the_certificate_is_believed),
        RUN_WITH(another_name_may_be_expected),
        RUN_WITH(a_client_certificate_is_shown),
        RUN_WITH(tls_1_2_is_fine),
        RUN_WITH(a_wrong_name_is_refused),
        RUN_WITH(a_wrong_address_is_refused),
        RUN_WITH(an_empty_server_name_is_as_none),
        RUN_WITH(a_dot_behind_the_name_is_no_part_of_it),
        RUN_WITH(an_expired_certificate_is_refused),
        RUN_WITH(an_unknown_authority_is_refused),
        RUN_WITH(the_systems_authorities_do_not_know_ours),
        RUN_WITH(a_certificate_that_signed_itself_is_refused),
        RUN_WITH(a_client_without_a_certificate_is_told_so),
        RUN_WITH(a_client_without_a_certificate_is_told_so_late),
        RUN_WITH(an_old_version_is_refused),
        RUN_WITH(files_that_cannot_be_used_are_refused_at_once),
        RUN_WITH(who_does_not_speak_tls_is_refused),
        RUN_WITH(who_closes_in_the_handshake_is_named),
        RUN_WITH(it_may_be_closed_in_the_middle_of_the_handshake),
        RUN_WITH(an_end_without_a_last_word_is_a_reset),
        RUN_WITH(megabytes_go_both_ways),
        RUN_WITH(nothing_comes_while_reading_is_off),
        RUN_WITH(a_renewed_authority_is_believed_without_a_restart),
        RUN_WITH(a_broken_file_leaves_the_old_one_in_use),
        RUN_WITH(a_file_that_keeps_its_time_and_size_is_looked_at_again_all_the_same),
    };

    return cmocka_run_group_tests(tests, make, clean);
}
