/* Answers of our own making, as a client gets them. */
#include "tests/lib/test.h"

#include <jansson.h>
#include <stdlib.h>

#include "tests/lib/sidecar/scene.h"

static struct peer client;
static json_t *document;

static int test_setup(void **state)
{
    (void)state;
    document = NULL;
    scene_open("services: {users: {retries: {max: 0}}}");
    scene_list("users", NULL, 0);
    scene_client(&client);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    json_decref(document);
    peer_close(&client);
    scene_close();
    return 0;
}

static void ask(const char *request)
{
    peer_send(&client, request);
    peer_expect(&client, "\r\n\r\n");
}

/* The body, which is all that its length says. */
static const char *body(void)
{
    const char *length = strstr(client.in.base, "Content-Length: ");
    size_t head = (size_t)(strstr(client.in.base, "\r\n\r\n") - client.in.base) + 4;

    assert_non_null(length);
    peer_expect_bytes(&client, head + strtoul(length + 16, NULL, 10));
    assert_int_equal(client.in.size, head + strtoul(length + 16, NULL, 10));
    return client.in.base + head;
}

static const char *text_of(const char *key)
{
    if (!document)
        document = json_loads(body(), 0, NULL);
    assert_non_null(document);
    return json_string_value(json_object_get(document, key));
}

TEST(a_problem_says_what_why_and_for_whom)
{
    json_t *instances;

    ask("GET /users/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_true(peer_has(&client, "HTTP/1.1 503 Service Unavailable\r\n"
                                  "Content-Type: application/problem+json\r\n"));
    assert_true(peer_has(&client, "csidecar-error: no_instance\r\n"));
    assert_string_equal(text_of("type"), "about:blank");
    assert_string_equal(text_of("title"), "Service Unavailable");
    assert_string_equal(text_of("code"), "no_instance");
    assert_string_equal(text_of("service"), "users");
    instances = json_object_get(document, "instances");
    assert_int_equal(json_integer_value(json_object_get(instances, "known")), 0);
    assert_int_equal(json_integer_value(json_object_get(document, "status")), 503);
}

TEST(a_refusal_says_what_to_do)
{
    ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_non_null(strstr(text_of("hint"), "name the service first"));
    assert_null(text_of("service"));
}

TEST(a_host_that_is_no_service_is_told_of_egress)
{
    scene_list_unknown("nowhere.example");
    ask("GET http://nowhere.example/ HTTP/1.1\r\nHost: nowhere.example\r\n\r\n");
    assert_non_null(strstr(text_of("hint"), "egress: true"));
}

TEST(head_gets_the_length_and_no_body)
{
    ask("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    loop_settle(&scene.worker.loop);
    assert_true(peer_has(&client, "Content-Length: "));
    assert_false(peer_has(&client, "{"));
}

TEST(a_405_says_which_methods_there_are)
{
    ask("CONNECT users:80 HTTP/1.1\r\nHost: users:80\r\n\r\n");
    assert_true(peer_has(&client, "HTTP/1.1 405 "));
    assert_true(peer_has(&client, "Allow: GET, HEAD"));
    assert_true(peer_has(&client, "Connection: close\r\n"));
}

TEST(a_last_hop_answers_by_itself)
{
    ask("OPTIONS /users/x HTTP/1.1\r\nHost: localhost\r\nMax-Forwards: 0\r\n\r\n");
    assert_true(peer_has(&client, "HTTP/1.1 200 OK\r\nAllow: "));
}

TEST(our_own_health)
{
    ask("GET /_csidecar/health?x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_true(
        peer_has(&client, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"));
    assert_string_equal(text_of("status"), "ok");
}

TEST(our_own_list_of_a_service)
{
    struct site site;

    site_open(&site);
    scene_list("users", &site, 1);
    ask("GET /_csidecar/services/users HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_string_equal(text_of("name"), "users");
    assert_int_equal(json_array_size(json_object_get(document, "instances")), 1);
    site_close(&site);
}

TEST(what_is_not_there)
{
    ask("GET /_csidecar/services/never HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_true(peer_has(&client, "HTTP/1.1 404 Not Found\r\n"));
    assert_non_null(text_of("detail"));
}

TEST(the_connection_goes_on_after_a_problem)
{
    ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    body();
    peer_forget(&client);
    ask("GET /_csidecar/health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_true(peer_has(&client, "HTTP/1.1 200 OK\r\n"));
}

TEST(a_client_of_1_0_is_told_that_it_ends)
{
    ask("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n");
    assert_true(peer_has(&client, "Connection: close\r\n"));
    peer_expect_end(&client);
}

TESTS(RUN_WITH(a_problem_says_what_why_and_for_whom), RUN_WITH(a_refusal_says_what_to_do),
      RUN_WITH(a_host_that_is_no_service_is_told_of_egress),
      RUN_WITH(head_gets_the_length_and_no_body),
      RUN_WITH(a_405_says_which_methods_there_are),
      RUN_WITH(a_last_hop_answers_by_itself), RUN_WITH(our_own_health),
      RUN_WITH(our_own_list_of_a_service), RUN_WITH(what_is_not_there),
      RUN_WITH(the_connection_goes_on_after_a_problem),
      RUN_WITH(a_client_of_1_0_is_told_that_it_ends))
