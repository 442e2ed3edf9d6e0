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
    peer_expect(&server, "GET /x HTTP/1.1\r\nHost: 127.");
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

/* The other idle one may be alive, but might be closed just now as well. */
TEST(sends_the_whole_request_again_on_a_new_connection)
{
    struct peer second, third, client2;

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
    site_accept(&site, &third);
    peer_expect(&third, "\r\n\r\nhello");
    peer_send(&third, ok);
    peer_expect(&client, "\r\n\r\nok");
    peer_close(&second);
    peer_close(&third);
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
        assert_true(downstream_tail_size(downstream()) < 1024 * 1024);
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
        assert_true(downstream_tail_size(downstream()) < 512 * 1024);
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

TEST(goes_on_with_the_old_settings_gone)
{
    get("");
    site_accept(&site, &server);
    peer_expect(&server, "\r\n\r\n");
    scene_configure("services: {users: {timeout: 1s, host: service}}");
    answer(&server, ok);
    peer_expect(&client, "\r\n\r\nok");
    get("");
    peer_expect(&server, "Host: users\r\n");
    peer_send(&server, ok);
    scene_expect_idle();
    peer_close(&server);
}

TEST(finishes_with_an_instance_that_has_left_the_list)
{
    get("");
    site_accept(&site, &server);
    peer_expect(&server, "\r\n\r\n");
    scene_list("users", &other, 1);
    answer(&server, ok);
    peer_expect(&client, "\r\n\r\nok");
    peer_expect_end(&server);
    peer_close(&server);
}

TEST(closes_the_pool_of_an_instance_that_has_left)
{
    warm_up();
    scene_list("users", &other, 1);
    peer_expect_end(&server);
    peer_close(&server);
}

TEST(waits_for_the_first_list)
{
    peer_send(&client, "GET /late/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    loop_settle(&scene.worker.loop);
    assert_true(scene.wants > 0);
    scene_list("late", &site, 1);
    site_accept(&site, &server);
    answer(&server, ok);
    peer_expect(&client, "\r\n\r\nok");
    peer_close(&server);
}

TEST(says_503_when_no_list_comes_and_404_when_nobody_knows_it)
{
    peer_send(&client, "GET /late/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    loop_settle(&scene.worker.loop);
    scene_wait(2001);
    peer_expect(&client, "csidecar-error: registry_unavailable");
    peer_send(&client, "GET /never/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    loop_settle(&scene.worker.loop);
    scene_list_unknown("never");
    peer_expect(&client, "csidecar-error: no_such_service");
}

/* The list ends the wait of the first; its client's next request then finds all places of names taken. */
TEST(survives_that_a_name_is_forgotten_while_its_list_arrives)
{
    peer_send(&client, "GET /late/x HTTP/1.1\r\nHost: localhost\r\n\r\n"
                       "GET /more/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    loop_settle(&scene.worker.loop);
    scene.worker.unlisted_count += 4096;
    scene_list_unknown("late");
    scene.worker.unlisted_count -= 4096;
    peer_expect(&client, "csidecar-error: no_such_service");
    peer_expect(&client, "csidecar-error: overloaded");
}

TEST(forgets_the_names_that_nobody_used_for_longest)
{
    char name[32];
    enum err e;

    for (unsigned i = 0; i < 10000; i++) {
        snprintf(name, sizeof(name), "made-up-%u", i);
        assert_non_null(worker_service(&scene.worker, slice_of(name), &e));
    }
    assert_true(scene.worker.services.count <= 4097);
    assert_null(map_get(&scene.worker.services, SLICE("made-up-0")));
    assert_non_null(map_get(&scene.worker.services, SLICE("made-up-9999")));
    assert_non_null(map_get(&scene.worker.services, SLICE("users")));
}

TEST(is_closed_in_the_middle_of_everything)
{
    struct peer late, second;

    scene_client(&late);
    scene_client(&second);
    get("");
    site_accept(&site, &server);
    peer_send(&late, "GET /late/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    peer_send(&second, "POST /users/x HTTP/1.1\r\nHost: localhost\r\n"
                       "Content-Length: 100000\r\n\r\nhello");
    loop_settle(&scene.worker.loop);
    answer(&server, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    peer_expect(&client, "half");
    peer_close(&late);
    peer_close(&second);
    peer_close(&server);
}

TEST(drains_after_the_answers_under_way)
{
    struct peer idle;

    scene_client(&idle);
    get("");
    site_accept(&site, &server);
    peer_expect(&server, "\r\n\r\n");
    worker_take_drain(&scene.worker, true);
    peer_expect_end(&idle);
    answer(&server, ok);
    peer_expect(&client, "Connection: close\r\n");
    peer_expect(&client, "\r\n\r\nok");
    peer_expect_end(&client);
    peer_close(&idle);
    peer_close(&server);
}

TEST(frees_the_attempt_of_a_client_that_leaves)
{
    get("");
    site_accept(&site, &server);
    peer_expect(&server, "\r\n\r\n");
    peer_reset(&client);
    scene_expect_idle();
    peer_expect_end(&server);
    scene_client(&client);
    peer_close(&server);
}

TEST(says_close_with_a_refusal_that_came_before_the_body)
{
    peer_send(&client, "POST /users/x HTTP/1.1\r\nHost: localhost\r\n"
                       "Content-Length: 100000\r\n\r\nhello");
    site_accept(&site, &server);
    peer_expect(&server, "hello");
    peer_send(&server, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
    peer_expect(&client, "Connection: close\r\n");
    peer_expect(&client, "\r\n\r\nbig");
    peer_expect_end(&server);
    peer_expect_end(&client);
    peer_close(&server);
}

TEST(takes_an_answer_of_one_who_reads_no_more)
{
    char *much = repeated("0123456789abcdef", 64 * 1024);

    peer_send(&client, "POST /users/x HTTP/1.1\r\nHost: localhost\r\n"
                       "Content-Length: 104857600\r\n\r\n");
    site_accept(&site, &server);
    peer_expect(&server, "\r\n\r\n");
    peer_send(&server, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
    peer_send(&client, much);
    peer_expect(&client, "\r\n\r\nbig");
    peer_close(&server);
    free(much);
}

TEST(replays_chunks_and_trailers_to_the_next_instance)
{
    struct site both[] = {site, other};
    struct peer second;

    scene_list("users", both, 2);
    peer_send(&client, "PUT /users/x HTTP/1.1\r\nHost: localhost\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    while (!site_is_called(&site) && !site_is_called(&other))
        loop_settle(&scene.worker.loop);
    site_accept(site_is_called(&site) ? &both[0] : &both[1], &server);
    peer_expect(&server, "hello");
    peer_send(&client, "0\r\nChecksum: 1\r\n\r\n");
    peer_expect(&server, "Checksum: 1\r\n");
    peer_close(&server);
    while (!site_is_called(&site) && !site_is_called(&other))
        loop_settle(&scene.worker.loop);
    site_accept(site_is_called(&site) ? &both[0] : &both[1], &second);
    peer_expect(&second, "5\r\nhello\r\n0\r\nChecksum: 1\r\n\r\n");
    peer_send(&second, ok);
    peer_expect(&client, "csidecar-attempts: 2\r\n");
    peer_close(&second);
}

TEST(never_sends_a_post_twice)
{
    warm_up();
    peer_send(&client, "POST /users/x HTTP/1.1\r\nHost: localhost\r\n"
                       "Content-Length: 5\r\n\r\nhello");
    peer_expect(&server, "hello");
    peer_close(&server);
    peer_expect(&client, "csidecar-error: upstream_reset");
    assert_false(site_is_called(&site));
}

TEST(expects_nothing_again_after_a_100_was_passed_on)
{
    struct peer second;

    peer_send(&client, "PUT /users/x HTTP/1.1\r\nHost: localhost\r\n"
                       "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    site_accept(&site, &server);
    peer_expect(&server, "Expect: 100-continue\r\n");
    peer_send(&server, "HTTP/1.1 100 Continue\r\n\r\n");
    peer_expect(&client, "100 Continue");
    peer_reset(&server);
    site_accept(&site, &second);
    peer_expect(&second, "\r\n\r\n");
    assert_false(peer_has(&second, "Expect"));
    peer_send(&client, "hello");
    peer_expect(&second, "hello");
    peer_send(&second, ok);
    peer_expect(&client, "\r\n\r\nok");
    peer_close(&second);
}

/* As much as the kernel takes of the rest. */
static void push(int fd, const char *much, size_t size, size_t *sent)
{
    ssize_t n = send(fd, much + *sent, size - *sent, MSG_NOSIGNAL | MSG_DONTWAIT);

    *sent += n > 0 ? (size_t)n : 0;
    loop_settle(&scene.worker.loop);
}

/* 20 s in which the instance takes a little of the body now and then. */
TEST(pauses_the_deadline_while_an_instance_takes_the_body)
{
    char *much = repeated("0123456789abcdef", 1024 * 1024); /* 16 MiB */
    size_t size = strlen(much), sent = 0;
    char head[128], buffer[65536];

    snprintf(head, sizeof(head),
             "POST /users/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n",
             size);
    peer_send(&client, head);
    site_accept(&site, &server);
    for (int turn = 0; turn < 50 && sent < size; turn++)
        push(client.fd, much, size, &sent);
    for (int second = 0; second < 40; second++) {
        for (int part = 0; part < 4; part++) {
            push(client.fd, much, size, &sent);
            assert_true(recv(server.fd, buffer, sizeof(buffer), 0) > 0);
        }
        scene_wait(500);
    }
    assert_false(peer_has(&client, "504"));
    scene_wait(15000);
    scene_wait(15000);
    peer_expect(&client, "csidecar-error: deadline");
    peer_close(&server);
    free(much);
}

TEST(does_not_count_the_time_in_which_it_kept_the_client_from_sending)
{
    char *much = repeated("0123456789abcdef", 1024 * 1024);
    size_t size = strlen(much), sent = 0;

    scene_configure("services: {users: {timeout: 1h}}");
    peer_send(&client, "POST /users/x HTTP/1.1\r\nHost: localhost\r\n"
                       "Content-Length: 104857600\r\n\r\n");
    site_accept(&site, &server);
    for (int turn = 0; turn < 50 && sent < size; turn++) {
        ssize_t n =
            send(client.fd, much + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

        sent += n > 0 ? (size_t)n : 0;
        loop_settle(&scene.worker.loop);
    }
    assert_true(downstream()->call->down_paused);
    scene_wait(29000);
    peer_expect_bytes(&server, 8 * 1024 * 1024); /* the client may send again */
    scene_wait(2000);
    assert_false(peer_has(&client, "408"));
    scene_wait(31000);
    scene_wait(31000);
    peer_expect(&client, "csidecar-error: request_timeout");
    peer_close(&server);
    free(much);
}

TEST(sends_what_a_tunnel_still_holds_when_both_have_ended)
{
    char *much = repeated("0123456789abcdef", 512 * 1024); /* 8 MiB */
    size_t size = strlen(much), sent = 0;

    get("Connection: Upgrade\r\nUpgrade: websocket\r\n");
    site_accept(&site, &server);
    answer(&server, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                    "Upgrade: websocket\r\n\r\n");
    peer_finish(&server);
    peer_expect_end(&client);
    for (int turn = 0; turn < 100 && sent < size; turn++) {
        ssize_t n =
            send(client.fd, much + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

        sent += n > 0 ? (size_t)n : 0;
        loop_settle(&scene.worker.loop);
    }
    peer_finish(&client);
    loop_settle(&scene.worker.loop);
    peer_expect_bytes(&server, sent);
    peer_expect_end(&server);
    assert_false(server.reset);
    peer_close(&server);
    free(much);
}

TEST(tells_the_others_who_was_ejected)
{
    struct site both[] = {site, other};
    struct service *s;
    enum err e;

    scene_list("users", both, 2);
    s = worker_service(&scene.worker, SLICE("users"), &e);
    service_eject(s, SLICE("users-0"));
    assert_int_equal(service_ejected(s), 1);
    service_eject(s, SLICE("users-1"));
    assert_int_equal(service_ejected(s), 1); /* never the last one */
    scene_wait(30001);
    assert_int_equal(service_ejected(s), 0);
}

TEST(lets_those_who_wait_go_when_the_limit_is_raised)
{
    struct peer second, third, a, b;

    scene_configure("services: {users: {limits: {in_flight: 1}}}");
    scene_client(&second);
    scene_client(&third);
    get("");
    site_accept(&site, &server);
    peer_send(&second, "GET /users/2 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    peer_send(&third, "GET /users/3 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    loop_settle(&scene.worker.loop);
    assert_false(site_is_called(&site));
    scene_configure("services: {users: {limits: {in_flight: 9}}}");
    site_accept(&site, &a);
    site_accept(&site, &b);
    peer_close(&second);
    peer_close(&third);
    peer_close(&a);
    peer_close(&b);
    peer_close(&server);
}

TEST(serves_an_ingress)
{
    struct peer outside;

    scene_ingress(&site);
    peer_connect(&outside, &scene.worker.loop, &scene.ingress);
    peer_send(&outside,
              "GET /x?y HTTP/1.1\r\nHost: example.com\r\nOrigin: http://evil\r\n\r\n");
    site_accept(&site, &server);
    peer_expect(&server, "GET /x?y HTTP/1.1\r\nHost: example.com\r\n");
    assert_int_equal(worker_busy_inbound(&scene.worker), 1);
    answer(&server, ok);
    peer_expect(&outside, "\r\n\r\nok");
    peer_close(&outside);
    peer_close(&server);
}

TEST(answers_what_was_whole_when_the_client_ended_in_the_middle_of_a_head)
{
    get("");
    peer_send(&client, "GET /users/y HT");
    peer_finish(&client);
    site_accept(&site, &server);
    answer(&server, ok);
    peer_expect(&client, "\r\n\r\nok");
    peer_expect(&client, "HTTP/1.1 400");
    peer_expect_end(&client);
    peer_close(&server);
}

TEST(answers_all_that_was_pipelined_before_the_clients_end)
{
    char *flood = repeated("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 9000);

    peer_send(&client, flood); /* the answers are 4 MB */
    peer_send(&client, "GET /_csidecar/health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    peer_finish(&client);
    peer_expect(&client, "\"status\":\"ok\"");
    peer_expect_end(&client);
    free(flood);
}

TEST(drains_a_client_that_sent_an_empty_line_after_its_request)
{
    warm_up();
    peer_send(&client, "\r\n");
    loop_settle(&scene.worker.loop);
    worker_take_drain(&scene.worker, false);
    peer_expect_end(&client);
    peer_close(&server);
}

TEST(lets_a_slow_reader_that_ended_its_half_read_on)
{
    char *much = repeated("0123456789abcdef", 512 * 1024); /* 8 MiB */
    size_t size = strlen(much), sent = 0;
    char head[128];

    peer_close(&client);
    scene_slow_client(&client);
    get("");
    peer_finish(&client);
    site_accept(&site, &server);
    snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size);
    answer(&server, head);
    for (int turn = 0; turn < 50; turn++) {
        ssize_t n =
            send(server.fd, much + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

        sent += n > 0 ? (size_t)n : 0;
        loop_settle(&scene.worker.loop);
    }
    assert_true(downstream()->call->up_paused);
    scene_wait(1001);
    scene_wait(1001);
    scene_wait(1001);
    assert_int_equal(scene.worker.downstream_count, 1);
    peer_expect_bytes(&client, sent);
    peer_close(&server);
    free(much);
}

TEST(lets_one_go_that_ended_and_wants_nothing)
{
    get("");
    site_accept(&site, &server);
    answer(&server,
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    peer_expect(&client, "hello");
    peer_finish(&client);
    loop_settle(&scene.worker.loop);
    scene_wait(1001);
    scene_wait(1001);
    peer_expect_end(&server);
    peer_close(&server);
}

TESTS(RUN_WITH(forwards_and_answers),
      RUN_WITH(resets_a_client_of_1_0_when_the_answer_is_cut),
      RUN_WITH(ends_a_cut_answer_of_1_1_without_its_end),
      RUN_WITH(takes_a_fresh_connection_when_the_pooled_one_was_reset),
      RUN_WITH(sends_a_body_again_of_which_not_a_byte_left),
      RUN_WITH(sends_chunks_again_of_which_not_a_byte_left),
      RUN_WITH(takes_another_when_two_pooled_ones_were_reset),
      RUN_WITH(sends_the_whole_request_again_on_a_new_connection),
      RUN_WITH(does_not_read_on_when_pipelined_answers_pile_up),
      RUN_WITH(answers_all_of_a_flood_to_a_client_that_reads),
      RUN_WITH(bounds_what_is_pipelined_behind_a_request_under_way),
      RUN_WITH(reads_on_in_a_tunnel_after_much_came_before_the_101),
      RUN_WITH(goes_on_with_the_old_settings_gone),
      RUN_WITH(finishes_with_an_instance_that_has_left_the_list),
      RUN_WITH(closes_the_pool_of_an_instance_that_has_left),
      RUN_WITH(waits_for_the_first_list),
      RUN_WITH(says_503_when_no_list_comes_and_404_when_nobody_knows_it),
      RUN_WITH(survives_that_a_name_is_forgotten_while_its_list_arrives),
      RUN_WITH(forgets_the_names_that_nobody_used_for_longest),
      RUN_WITH(is_closed_in_the_middle_of_everything),
      RUN_WITH(drains_after_the_answers_under_way),
      RUN_WITH(frees_the_attempt_of_a_client_that_leaves),
      RUN_WITH(says_close_with_a_refusal_that_came_before_the_body),
      RUN_WITH(takes_an_answer_of_one_who_reads_no_more),
      RUN_WITH(replays_chunks_and_trailers_to_the_next_instance),
      RUN_WITH(never_sends_a_post_twice),
      RUN_WITH(expects_nothing_again_after_a_100_was_passed_on),
      RUN_WITH(pauses_the_deadline_while_an_instance_takes_the_body),
      RUN_WITH(does_not_count_the_time_in_which_it_kept_the_client_from_sending),
      RUN_WITH(sends_what_a_tunnel_still_holds_when_both_have_ended),
      RUN_WITH(tells_the_others_who_was_ejected),
      RUN_WITH(lets_those_who_wait_go_when_the_limit_is_raised),
      RUN_WITH(serves_an_ingress),
      RUN_WITH(answers_what_was_whole_when_the_client_ended_in_the_middle_of_a_head),
      RUN_WITH(answers_all_that_was_pipelined_before_the_clients_end),
      RUN_WITH(drains_a_client_that_sent_an_empty_line_after_its_request),
      RUN_WITH(lets_a_slow_reader_that_ended_its_half_read_on),
      RUN_WITH(lets_one_go_that_ended_and_wants_nothing))
