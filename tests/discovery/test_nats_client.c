#include "tests/lib/test.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "discovery/nats_client.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/transport/peer.h"

#define INFO "INFO {\"max_payload\":100}\r\n"

enum { SERVERS = 2 };

static struct loop loop;
static struct random random_state;
static struct nats_client *client;
static struct why why_last;
static enum err error_last;
static unsigned connected, lost, unreachable;
static bool closed;
static struct nats_login credentials;
static struct text heard;

/* The servers: they say what the test says. */
static int listening[SERVERS];
static unsigned ports[SERVERS];
static struct peer peer;
static bool has_peer;

/* --- events --- */

static void on_login(void *owner, struct nats_login *l)
{
    (void)owner;
    l->user = credentials.user;
    l->password = credentials.password;
    l->token = credentials.token;
}

static void on_connected(void *owner)
{
    (void)owner;
    connected++;
}

static void on_lost(void *owner, enum err e, const struct why *why)
{
    (void)owner;
    error_last = e;
    why_last = *why;
    lost++;
}

static void on_unreachable(void *owner, enum err e, const struct why *why)
{
    (void)owner;
    error_last = e;
    why_last = *why;
    unreachable++;
}

static void on_closed(void *owner)
{
    (void)owner;
    closed = true;
}

static const struct nats_client_events events = {.login = on_login,
                                                 .connected = on_connected,
                                                 .lost = on_lost,
                                                 .unreachable = on_unreachable,
                                                 .closed = on_closed};

/* --- the servers --- */

static void listen_at(unsigned at)
{
    struct address a;
    socklen_t size = sizeof a;

    assert_int_equal(address_from_ip(&a, SLICE("127.0.0.1"), ports[at]), ERR_OK);
    listening[at] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listening[at], SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    assert_int_equal(bind(listening[at], &a.any, address_size(&a)), 0);
    assert_int_equal(listen(listening[at], 8), 0);
    assert_int_equal(getsockname(listening[at], &a.any, &size), 0);
    ports[at] = address_port(&a);
}

static void go_away(unsigned at)
{
    close(listening[at]);
    listening[at] = -1;
}

static void hang_up(void)
{
    if (has_peer)
        peer_close(&peer);
    has_peer = false;
}

static bool accepts(void *at)
{
    int fd = accept(listening[*(unsigned *)at], NULL, NULL);

    has_peer = fd >= 0;
    if (!has_peer)
        return false;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    peer_adopt(&peer, &loop, fd);
    return true;
}

static void take_connection(unsigned at)
{
    hang_up();
    loop_until_true(&loop, accepts, &at);
}

static bool is_connected(void *unused)
{
    (void)unused;
    return nats_client_is_connected(client);
}

static void let_in(unsigned at)
{
    take_connection(at);
    peer_send(&peer, INFO);
    peer_expect(&peer, "}\r\nPING\r\n");
    peer_send(&peer, "PONG\r\n");
    loop_until_true(&loop, is_connected, NULL);
    peer_forget(&peer);
}

/* --- the client --- */

static void open_to(const char *servers)
{
    struct nats_client_settings s = {.loop = &loop,
                                     .random = &random_state,
                                     .servers = slice_of(servers),
                                     .name = "test",
                                     .payload_limit = 64,
                                     .events = &events};

    assert_int_equal(nats_client_open(&client, &s, &why_last), ERR_OK);
}

static void open_client(void)
{
    char servers[64];

    snprintf(servers, sizeof servers, "127.0.0.1:%u", ports[0]);
    open_to(servers);
}

static void open_cluster(void)
{
    char servers[64];

    snprintf(servers, sizeof servers, "127.0.0.1:%u,127.0.0.1:%u", ports[0], ports[1]);
    open_to(servers);
}

static bool has_lost(void *unused)
{
    (void)unused;
    return lost > 0;
}

static bool is_unreachable(void *unused)
{
    (void)unused;
    return unreachable > 0;
}

static void let_time_pass(uint64_t ms)
{
    clock_advance(&loop.clock, loop_now(&loop) + ms);
    loop_settle(&loop);
}

static void close_client(void)
{
    if (!client)
        return;
    nats_client_close(client);
    while (!closed)
        let_time_pass(1); /* the clock may be ahead of the loop */
    client = NULL;
}

static void on_message(struct nats_subscription *s, const struct nats_message *m)
{
    text_addf(&heard, "%s:", s->subject);
    text_add(&heard, m->payload);
    text_addf(&heard, "%s ", m->is_cut ? "(cut)" : "");
}

static bool has_heard(void *text)
{
    return heard.base && strstr(heard.base, text);
}

static void until_heard(const char *text)
{
    loop_until_true(&loop, has_heard, (void *)(uintptr_t)text);
}

static void on_flushed(struct nats_flush *f, enum err e, const struct why *why)
{
    (void)f;
    (void)why;
    text_addf(&heard, "flushed:%s ", err_code(e));
}

static struct nats_subscription subscription, other;
static struct nats_flush flush;

static int test_setup(void **state)
{
    (void)state;
    assert_int_equal(loop_open(&loop, 4096), ERR_OK);
    random_init(&random_state, 1);
    client = NULL;
    connected = lost = unreachable = 0;
    closed = has_peer = false;
    credentials = (struct nats_login){.name = NULL};
    text_init(&heard, 64 * 1024);
    subscription = (struct nats_subscription){.subject = "a", .message = on_message};
    other = (struct nats_subscription){.subject = "b", .message = on_message};
    flush = (struct nats_flush){.done = on_flushed};
    for (unsigned i = 0; i < SERVERS; i++) {
        ports[i] = 0;
        listen_at(i);
    }
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    close_client();
    hang_up();
    for (unsigned i = 0; i < SERVERS; i++)
        if (listening[i] >= 0)
            go_away(i);
    text_fini(&heard);
    assert_int_equal(loop_close(&loop), ERR_OK);
    return 0;
}

/* --- hello --- */

TEST(says_hello_only_after_the_server_has)
{
    open_client();
    take_connection(0);
    loop_settle(&loop);
    assert_false(peer_has(&peer, "C"));
    peer_send(&peer, INFO);
    peer_expect(&peer, "CONNECT {\"verbose\":false");
    peer_expect(&peer, "}\r\nPING\r\n");
    assert_false(nats_client_is_connected(client));
    peer_send(&peer, "PING\r\nPONG\r\n");
    peer_expect(&peer, "PONG\r\n");
    loop_until_true(&loop, is_connected, NULL);
    assert_int_equal(connected, 1);
}

TEST(shows_its_credentials)
{
    credentials = (struct nats_login){.user = "me", .password = "secret"};
    open_client();
    take_connection(0);
    peer_send(&peer, INFO);
    peer_expect(&peer, "\"user\":\"me\",\"pass\":\"secret\"");
}

TEST(says_that_credentials_were_refused)
{
    open_client();
    take_connection(0);
    peer_send(&peer, INFO "-ERR 'Authorization Violation'\r\n");
    loop_until_true(&loop, is_unreachable, NULL);
    assert_int_equal(error_last, ERR_DENIED);
    assert_non_null(strstr(why_last.text, "Authorization Violation"));
}

TEST(a_refusal_is_told_though_another_server_is_away)
{
    open_cluster();
    go_away(1);
    take_connection(0);
    peer_send(&peer, INFO "-ERR 'Authorization Violation'\r\n");
    loop_until_true(&loop, is_unreachable, NULL);
    assert_int_equal(error_last, ERR_DENIED);
}

TEST(who_speaks_something_else_is_left)
{
    open_client();
    take_connection(0);
    peer_send(&peer, "HTTP/1.1 400 Bad Request\r\n\r\n");
    loop_until_true(&loop, is_unreachable, NULL);
    assert_int_equal(error_last, ERR_BAD_RESPONSE);
    peer_expect_end(&peer);
}

TEST(who_speaks_before_his_turn_is_left)
{
    open_client();
    take_connection(0);
    peer_send(&peer, "PONG\r\n");
    loop_until_true(&loop, is_unreachable, NULL);
    assert_int_equal(error_last, ERR_BAD_RESPONSE);
}

TEST(who_says_nothing_is_left_in_time)
{
    open_client();
    take_connection(0);
    let_time_pass(3000);
    assert_int_equal(unreachable, 1);
    assert_int_equal(error_last, ERR_TIMEOUT);
    peer_expect_end(&peer);
}

TEST(nobody_there_is_told_after_all_were_tried)
{
    go_away(0);
    go_away(1);
    open_cluster();
    loop_until_true(&loop, is_unreachable, NULL);
    assert_int_equal(error_last, ERR_UNAVAILABLE);
    assert_int_equal(unreachable, 1);
}

/* --- messages --- */

TEST(hears_what_it_subscribed_and_no_more)
{
    open_client();
    let_in(0);
    nats_client_subscribe(client, &subscription);
    nats_client_subscribe(client, &other);
    peer_expect(&peer, "SUB a 1\r\nSUB b 2\r\n");
    nats_client_unsubscribe(client, &other);
    peer_expect(&peer, "UNSUB 2\r\n");
    peer_send(&peer, "MSG b 2 2\r\nno\r\nMSG x 9 2\r\nno\r\nMSG a 1 3\r\nyes\r\n");
    until_heard("a:yes ");
    assert_string_equal(heard.base, "a:yes ");
}

TEST(a_message_too_large_comes_cut)
{
    static char large[200];

    memset(large, 'x', sizeof large - 1);
    open_client();
    nats_client_subscribe(client, &subscription);
    let_in(0);
    peer_send(&peer, "MSG a 1 199\r\n");
    peer_send(&peer, large);
    peer_send(&peer, "\r\nMSG a 1 2\r\nhi\r\n");
    until_heard("a:(cut) a:hi ");
}

TEST(publishes_what_the_server_takes)
{
    char large[101] = "";

    open_client();
    assert_int_equal(nats_client_publish(client, SLICE("a"), SLICE(""), SLICE("x")),
                     ERR_UNAVAILABLE);
    let_in(0);
    assert_int_equal(nats_client_publish(client, SLICE("a"), SLICE("r"), SLICE("x")),
                     ERR_OK);
    peer_expect(&peer, "PUB a r 1\r\nx\r\n");
    assert_int_equal(nats_client_publish(client, SLICE("a"), SLICE(""),
                                         slice_from(large, sizeof large)),
                     ERR_TOO_LARGE);
}

TEST(what_waits_to_be_sent_is_bounded)
{
    static const char payload[100] = "";
    unsigned count = 0;

    open_client();
    let_in(0);
    while (nats_client_publish(client, SLICE("a"), SLICE(""),
                               slice_from(payload, sizeof payload)) == ERR_OK)
        assert_true(++count < 1000 * 1000);
    assert_int_equal(nats_client_publish(client, SLICE("a"), SLICE(""), SLICE("x")),
                     ERR_OVERLOADED);
}

TEST(a_flush_is_done_when_its_pong_has_come)
{
    open_client();
    let_in(0);
    assert_int_equal(nats_client_flush(client, &flush), ERR_LATER);
    peer_expect(&peer, "PING\r\n");
    loop_settle(&loop);
    assert_null(heard.base);
    peer_send(&peer, "PONG\r\n");
    until_heard("flushed:ok ");
}

TEST(a_flush_says_that_something_was_not_permitted)
{
    open_client();
    let_in(0);
    nats_client_subscribe(client, &subscription);
    nats_client_flush(client, &flush);
    peer_send(&peer,
              "-ERR 'Permissions Violation for Subscription to \"a\"'\r\nPONG\r\n");
    until_heard("flushed:denied ");
    assert_true(subscription.is_refused);
    assert_true(nats_client_is_connected(client));
}

TEST(a_cancelled_flush_is_silent_and_the_next_gets_its_own_pong)
{
    struct nats_flush next = {.done = on_flushed};

    open_client();
    let_in(0);
    nats_client_flush(client, &flush);
    nats_client_flush(client, &next);
    nats_flush_cancel(&flush);
    peer_send(&peer, "PONG\r\n");
    loop_settle(&loop);
    assert_null(heard.base);
    peer_send(&peer, "PONG\r\nPONG\r\n");
    until_heard("flushed:ok ");
    assert_string_equal(heard.base, "flushed:ok ");
}

/* --- loss --- */

TEST(a_loss_ends_flushes_and_the_next_connection_has_all_subscriptions)
{
    open_client();
    nats_client_subscribe(client, &subscription);
    let_in(0);
    nats_client_flush(client, &flush);
    hang_up();
    loop_until_true(&loop, has_lost, NULL);
    assert_string_equal(heard.base, "flushed:unavailable ");
    let_in(0);
    nats_client_flush(client, &flush);
    peer_expect(&peer, "PING\r\n");
    assert_int_equal(connected, 2);
}

TEST(goes_to_the_next_server)
{
    open_cluster();
    nats_client_subscribe(client, &subscription);
    let_in(0);
    go_away(0);
    hang_up();
    take_connection(1);
    peer_send(&peer, INFO "PONG\r\n");
    peer_expect(&peer, "SUB a 1\r\n");
    assert_true(nats_client_is_connected(client));
}

TEST(goes_to_a_server_it_was_told_of)
{
    char info[128];

    open_client();
    take_connection(0);
    snprintf(info, sizeof info, "INFO {\"connect_urls\":[\"127.0.0.1:%u\"]}\r\nPONG\r\n",
             ports[1]);
    peer_send(&peer, info);
    loop_until_true(&loop, is_connected, NULL);
    go_away(0);
    hang_up();
    let_in(1);
}

TEST(leaves_a_server_that_is_about_to_stop)
{
    open_cluster();
    let_in(0);
    peer_send(&peer, "INFO {\"ldm\":true}\r\n");
    loop_until_true(&loop, has_lost, NULL);
    let_in(1);
}

TEST(leaves_a_server_that_went_silent_within_five_seconds)
{
    open_client();
    let_in(0);
    for (unsigned ms = 0; ms < 4800; ms += 1200) {
        assert_int_equal(lost, 0);
        let_time_pass(1200);
    }
    assert_int_equal(lost, 1);
    assert_non_null(strstr(why_last.text, "silent"));
}

TEST(does_not_blame_the_server_for_our_own_sleep)
{
    open_client();
    let_in(0);
    let_time_pass(60 * 1000);
    peer_expect(&peer, "PING\r\n");
    peer_send(&peer, "PONG\r\n");
    loop_settle(&loop);
    let_time_pass(60 * 1000);
    assert_int_equal(lost, 0);
}

TEST(says_what_the_server_said_when_it_went)
{
    open_client();
    let_in(0);
    peer_send(&peer, "-ERR 'Stale Connection'\r\n");
    loop_until_true(&loop, has_lost, NULL);
    assert_int_equal(error_last, ERR_UNAVAILABLE);
    assert_non_null(strstr(why_last.text, "Stale Connection"));
}

TEST(rests_between_rounds_in_vain)
{
    go_away(0);
    open_client();
    loop_until_true(&loop, is_unreachable, NULL);
    loop_settle(&loop);
    assert_int_equal(unreachable, 1);
    let_time_pass(130);
    while (unreachable < 2)
        uv_run(&loop.uv, UV_RUN_ONCE);
    loop_settle(&loop);
    assert_int_equal(unreachable, 2);
}

/* --- the end --- */

TEST(may_be_closed_at_any_time)
{
    open_client();
    close_client();
    closed = false;
    open_client();
    take_connection(0);
    close_client();
    closed = false;
    open_client();
    let_in(0);
    nats_client_subscribe(client, &subscription);
    nats_client_flush(client, &flush);
    close_client();
    assert_null(heard.base);
}

static void on_message_close(struct nats_subscription *s, const struct nats_message *m)
{
    (void)s;
    (void)m;
    nats_client_close(client);
}

TEST(may_be_closed_by_who_hears_a_message)
{
    open_client();
    subscription.message = on_message_close;
    nats_client_subscribe(client, &subscription);
    let_in(0);
    peer_send(&peer, "MSG a 1 0\r\n\r\nMSG a 1 0\r\n\r\nPONG\r\n");
    loop_until(&loop, &closed);
    client = NULL;
}

TEST(a_list_of_servers_that_is_none_is_refused)
{
    static const char *const wrong[] = {"a:0",  "a:70000", "a:x",   ":1",
                                        "a,,b", "[::1",    "[::1]x"};
    struct nats_client_settings s = {
        .loop = &loop, .random = &random_state, .events = &events};

    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        s.servers = slice_of(wrong[i]);
        if (nats_client_open(&client, &s, &why_last) != ERR_BAD_VALUE)
            fail_msg("taken: %s", wrong[i]);
    }
    client = NULL;
}

/* Whoever comes is let in, as often as it takes. */
static bool is_let_in(void *unused)
{
    static const char hello[] = INFO "PONG\r\n";
    int fd = accept(listening[0], NULL, NULL);

    if (fd >= 0) {
        hang_up();
        peer_adopt(&peer, &loop, fd);
        has_peer = true;
        assert_int_equal(send(fd, hello, sizeof hello - 1, 0), sizeof hello - 1);
    }
    return is_connected(unused);
}

static bool connects_with_little_memory(void)
{
    char servers[64];
    struct nats_client_settings s = {
        .loop = &loop, .random = &random_state, .payload_limit = 64, .events = &events};

    unreachable = 0;
    closed = false;
    client = NULL;
    snprintf(servers, sizeof servers, "127.0.0.1:%u", ports[0]);
    s.servers = slice_of(servers);
    if (nats_client_open(&client, &s, NULL))
        return false;
    loop_until_true(&loop, is_let_in, NULL);
    close_client();
    return unreachable == 0;
}

TEST(gets_over_a_moment_without_memory)
{
    assert_true(fault_heap_each_tolerated(connects_with_little_memory) > 2);
}

TESTS(RUN_WITH(says_hello_only_after_the_server_has), RUN_WITH(shows_its_credentials),
      RUN_WITH(says_that_credentials_were_refused),
      RUN_WITH(a_refusal_is_told_though_another_server_is_away),
      RUN_WITH(who_speaks_something_else_is_left),
      RUN_WITH(who_speaks_before_his_turn_is_left),
      RUN_WITH(who_says_nothing_is_left_in_time),
      RUN_WITH(nobody_there_is_told_after_all_were_tried),
      RUN_WITH(hears_what_it_subscribed_and_no_more),
      RUN_WITH(a_message_too_large_comes_cut), RUN_WITH(publishes_what_the_server_takes),
      RUN_WITH(what_waits_to_be_sent_is_bounded),
      RUN_WITH(a_flush_is_done_when_its_pong_has_come),
      RUN_WITH(a_flush_says_that_something_was_not_permitted),
      RUN_WITH(a_cancelled_flush_is_silent_and_the_next_gets_its_own_pong),
      RUN_WITH(a_loss_ends_flushes_and_the_next_connection_has_all_subscriptions),
      RUN_WITH(goes_to_the_next_server), RUN_WITH(goes_to_a_server_it_was_told_of),
      RUN_WITH(leaves_a_server_that_is_about_to_stop),
      RUN_WITH(leaves_a_server_that_went_silent_within_five_seconds),
      RUN_WITH(does_not_blame_the_server_for_our_own_sleep),
      RUN_WITH(says_what_the_server_said_when_it_went),
      RUN_WITH(rests_between_rounds_in_vain), RUN_WITH(may_be_closed_at_any_time),
      RUN_WITH(may_be_closed_by_who_hears_a_message),
      RUN_WITH(a_list_of_servers_that_is_none_is_refused),
      RUN_WITH(gets_over_a_moment_without_memory))
