/* A worker with real sockets: what only shows when everything works together. */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "sidecar/downstream.h"
#include "sidecar/worker_letters.h"
#include "tests/lib/sidecar/scene.h"

static struct site site, other;
static struct peer client, server;

static int test_setup(void **state)
{
    (void)state;
    scene_open("services: {users: {retries: {backoff: 0s}}}");
    site_open(&site);
    site_open(&other);
    scene_list("users", &site, 1);
    scene_client(&client);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    peer_close(&client);
    scene_close();
    site_close(&site);
    site_close(&other);
    return 0;
}

static struct downstream *downstream(void)
{
    assert_false(list_empty(&scene.worker.downstreams));
    return container_of(scene.worker.downstreams.next, struct downstream, all);
}

/* All at once, without a turn of the loop. */
static void send_now(struct peer *p, const char *text)
{
    assert_int_equal(send(p->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void get(const char *fields)
{
    char text[512];

    snprintf(text, sizeof(text), "GET /users/x HTTP/1.1\r\nHost: localhost\r\n%s\r\n",
             fields);
    peer_send(&client, text);
}

static void answer(struct peer *p, const char *text)
{
    peer_expect(p, "\r\n\r\n");
    peer_forget(p);
    peer_send(p, text);
}

static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/* An idle connection of the pool, whose other end is `server`. */
static void warm_up(void)
{
    get("");
    site_accept(&site, &server);
    answer(&server, ok);
    peer_expect(&client, "\r\n\r\nok");
    peer_forget(&client);
    scene_expect_idle();
}

static char *repeated(const char *text, unsigned count)
{
    size_t size = strlen(text);
    char *all = malloc(size * count + 1);

    for (unsigned i = 0; i < count; i++)
        memcpy(all + i * size, text, size);
    all[size * count] = '\0';
    return all;
}

TEST(forwards_and_answers)
{
    get("");
    site_accept(&site, &server);
    peer_expect(&server, "GET /x HTTP/1.1\r\nHost: 127.0.0.1:");
    answer(&server, ok);
    peer_expect(&client, "csidecar-instance: users-0\r\n");
    scene_expect_idle();
    peer_close(&server);
}

TEST(resets_a_client_of_1_0_when_the_answer_is_cut)
{
    peer_send(&client, "GET /users/x HTTP/1.0\r\nHost: localhost\r\n\r\n");
    site_accept(&site, &server);
    answer(&server, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
    peer_expect(&client, "hel");
    peer_close(&server);
    peer_expect_end(&client);
    assert_true(client.reset);
}

TEST(ends_a_cut_answer_of_1_1_without_its_end)
{
    get("");
    site_accept(&site, &server);
    answer(&server, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
    peer_expect(&client, "hel");
    peer_close(&server);
    peer_expect_end(&client);
    assert_false(peer_has(&client, "0\r\n\r\n"));
}

/* The worker hears of the request before it hears of the reset. */
static void expect_fresh_connection(const char *request, const char *body)
{
    warm_up();
    send_now(&client, request);
    peer_reset(&server);
    site_accept(&site, &server);
    peer_expect(&server, body);
    peer_send(&server, ok);
    peer_expect(&client, "\r\n\r\nok");
    peer_close(&server);
}

TEST(takes_a_fresh_connection_when_the_pooled_one_was_reset)
{
    expect_fresh_connection("GET /users/x HTTP/1.1\r\nHost: localhost\r\n\r\n",
                            "\r\n\r\n");
}

TEST(sends_a_body_again_of_which_not_a_byte_left)
{
    expect_fresh_connection("POST /users/x HTTP/1.1\r\nHost: localhost\r\n"
                            "Content-Length: 5\r\n\r\nhello",
                            "\r\n\r\nhello");
}

TEST(sends_chunks_again_of_which_not_a_byte_left)
{
    expect_fresh_connection("POST /users/x HTTP/1.1\r\nHost: localhost\r\n"
                            "Transfer-Encoding: chunked\r\n\r\n"
                            "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
                            "hello");
}

/* Both pooled connections are dead: the second one is found out while the first's failure is dealt with. */
TEST(takes_another_when_two_pooled_ones_were_reset)
{
    struct peer second, third, client2;

    scene_client(&client2);
    get("");
    site_accept(&site, &server);
    peer_send(&client2, "GET /users/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    site_accept(&site, &second);
    answer(&server, ok);
    answer(&second, ok);
    peer_expect(&client, "\r\n\r\nok");
    peer_expect(&client2, "\r\n\r\nok");
    peer_forget(&client);
    send_now(&client, "PUT /users/x HTTP/1.1\r\nHost: localhost\r\n"
                      "Content-Length: 5\r\n\r\nhello");
    peer_reset(&server);
    peer_reset(&second);
    site_accept(&site, &third);
    peer_expect(&third, "\r\n\r\nhello");
    peer_send(&third, ok);
    peer_expect(&client, "\r\n\r\nok");
    peer_close(&third);
    peer_close(&client2);
}

/* One of the two is alive: the whole request, with its body, must go there at once. */
TEST(sends_the_whole_request_by_the_next_pooled_connection)
{
    struct peer second, client2;

    scene_client(&client2);
    get("");
    site_accept(&site, &server);
    peer_send(&client2, "GET /users/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    site_accept(&site, &second);
    answer(&second, ok);
    peer_expect(&client2, "\r\n\r\nok");
    answer(&server, ok);
    peer_expect(&client, "\r\n\r\nok");
    peer_forget(&client);
    send_now(&client, "PUT /users/x HTTP/1.1\r\nHost: localhost\r\n"
                      "Content-Length: 5\r\n\r\nhello");
    peer_reset(&server); /* the warmest */
    peer_expect(&second, "\r\n\r\nhello");
    peer_send(&second, ok);
    peer_expect(&client, "\r\n\r\nok");
    peer_close(&second);
    peer_close(&client2);
}

TEST(does_not_read_on_when_pipelined_answers_pile_up)
{
    char *flood = repeated("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 20000);
    size_t size = strlen(flood), sent = 0;
    ssize_t n;

    peer_close(&client);
    scene_slow_client(&client);
    for (int turn = 0; turn < 300 && sent < size; turn++) {
        n = send(client.fd, flood + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        sent += n > 0 ? (size_t)n : 0;
        loop_settle(&scene.worker.loop);
        assert_true(stream_queued(&downstream()->socket.stream) < 1024 * 1024);
        assert_true(queue_size(&downstream()->tail) < 1024 * 1024);
    }
    free(flood);
}

TEST(answers_all_of_a_flood_to_a_client_that_reads)
{
    char *flood = repeated("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 4000);

    peer_send(&client, flood);
    peer_send(&client, "GET /users/last HTTP/1.1\r\nHost: localhost\r\n\r\n");
    while (!site_is_called(&site)) {
        loop_settle(&scene.worker.loop);
        (void)peer_has(&client, "?");
    }
    site_accept(&site, &server);
    answer(&server, ok);
    peer_expect(&client, "\r\n\r\nok");
    peer_close(&server);
    free(flood);
}

TEST(bounds_what_is_pipelined_behind_a_request_under_way)
{
    char *flood = repeated("GET /users/x HTTP/1.1\r\nHost: localhost\r\n\r\n", 40000);
    size_t size = strlen(flood), sent = 0;

    get("");
    site_accept(&site, &server);
    for (int turn = 0; turn < 100; turn++) {
        ssize_t n =
            send(client.fd, flood + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

        sent += n > 0 ? (size_t)n : 0;
        loop_settle(&scene.worker.loop);
        assert_true(queue_size(&downstream()->tail) < 512 * 1024);
    }
    peer_close(&server);
    free(flood);
}

TEST(reads_on_in_a_tunnel_after_much_came_before_the_101)
{
    char *much = repeated("0123456789abcdef", 20 * 1024);

    get("Connection: Upgrade\r\nUpgrade: websocket\r\n");
    site_accept(&site, &server);
    send(client.fd, much, strlen(much), MSG_NOSIGNAL | MSG_DONTWAIT);
    loop_settle(&scene.worker.loop);
    answer(&server, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                    "Upgrade: websocket\r\n\r\n");
    peer_expect(&client, "101 Switching Protocols");
    peer_expect(&server, "0123456789abcdef");
    peer_send(&client, "and this");
    peer_expect(&server, "and this");
    peer_close(&server);
    free(much);
}

TESTS(RUN_WITH(forwards_and_answers),
      RUN_WITH(resets_a_client_of_1_0_when_the_answer_is_cut),
      RUN_WITH(ends_a_cut_answer_of_1_1_without_its_end),
      RUN_WITH(takes_a_fresh_connection_when_the_pooled_one_was_reset),
      RUN_WITH(sends_a_body_again_of_which_not_a_byte_left),
      RUN_WITH(sends_chunks_again_of_which_not_a_byte_left),
      RUN_WITH(takes_another_when_two_pooled_ones_were_reset),
      RUN_WITH(sends_the_whole_request_by_the_next_pooled_connection),
      RUN_WITH(does_not_read_on_when_pipelined_answers_pile_up),
      RUN_WITH(answers_all_of_a_flood_to_a_client_that_reads),
      RUN_WITH(bounds_what_is_pipelined_behind_a_request_under_way),
      RUN_WITH(reads_on_in_a_tunnel_after_much_came_before_the_101))
