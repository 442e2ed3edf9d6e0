/* The line of each request. */
#include "tests/lib/test.h"

#include <jansson.h>
#include <stdio.h>

#include "tests/lib/sidecar/scene.h"

static struct site site;
static struct peer client, server;

static void open_as(const char *yaml)
{
    scene_open(yaml);
    site_open(&site);
    scene_list("users", &site, 1);
    scene_client(&client);
}

static int test_teardown(void **state)
{
    (void)state;
    peer_close(&client);
    scene_close();
    site_close(&site);
    return 0;
}

static int test_setup(void **state)
{
    (void)state;
    open_as("log: {format: text}");
    return 0;
}

static void call(const char *request, const char *answer)
{
    peer_send(&client, request);
    site_accept(&site, &server);
    peer_expect(&server, "\r\n\r\n");
    peer_send(&server, answer);
    peer_expect(&client, "\r\n\r\n");
    scene_expect_idle();
    peer_close(&server);
}

static const char get[] =
    "GET /users/x?y=1 HTTP/1.1\r\nHost: localhost\r\n"
    "traceparent: 00-0123456789abcdef0123456789abcdef-0123456789abcdef-01\r\n\r\n";
static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

TEST(a_line_says_who_what_where_and_how_much)
{
    call(get, ok);
    assert_non_null(strstr(scene_log(), " ACCESS local GET /x?y=1 200 service=users "
                                        "instance=users-0 attempts=1 in=0 out=2 ms="));
    assert_non_null(strstr(scene_log(), " trace=0123456789abcdef0123456789abcdef\n"));
}

TEST(bytes_of_a_body_are_counted)
{
    call("POST /users/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
         ok);
    assert_non_null(strstr(scene_log(), " in=5 out=2 "));
}

TEST(a_failure_has_its_code_and_why_it_was_not_tried_again)
{
    peer_send(&client,
              "POST /users/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    site_accept(&site, &server);
    peer_expect(&server, "\r\n\r\n");
    peer_close(&server);
    peer_expect(&client, "HTTP/1.1 502");
    assert_non_null(strstr(scene_log(), " 502 service=users instance=users-0 "));
    assert_non_null(strstr(scene_log(), " error=upstream_reset retry=not_idempotent\n"));
}

TEST(a_refused_head_has_a_line_too)
{
    peer_send(&client, "GET /users/x HTTP/1.1\r\nBad : x\r\n\r\n");
    peer_expect(&client, "HTTP/1.1 400");
    assert_non_null(strstr(scene_log(), " 400 service=- instance=- attempts=0 "));
    assert_non_null(strstr(scene_log(), " error=bad_request\n"));
}

TEST(a_client_that_left_is_a_499)
{
    peer_send(&client, get);
    site_accept(&site, &server);
    peer_expect(&server, "\r\n\r\n");
    peer_reset(&client);
    scene_expect_idle();
    assert_non_null(strstr(scene_log(), " 499 service=users "));
    assert_non_null(strstr(scene_log(), " error=client_gone\n"));
    peer_close(&server);
    scene_client(&client);
}

TEST(a_target_cannot_write_lines_of_its_own)
{
    peer_send(&client, "GET /%0a\"\\'?<>=x HTTP/1.1\r\nHost: evil\r\n\r\n");
    peer_expect(&client, "HTTP/1.1 421");
    assert_ptr_equal(strchr(scene_log(), '\n'), strrchr(scene_log(), '\n'));
}

TEST(a_trace_that_is_none_is_not_written)
{
    call("GET /users/x HTTP/1.1\r\nHost: localhost\r\ntraceparent: 00-a\r\n"
         "Authorization: Bearer 0123456789abcdef0123456789abcdef\r\n\r\n",
         ok);
    assert_non_null(strstr(scene_log(), " trace=-\n"));
    assert_ptr_equal(strchr(scene_log(), '\n'), strrchr(scene_log(), '\n'));
    assert_null(strstr(scene_log(), "Bearer"));
}

TEST(a_long_target_is_cut)
{
    char request[4000];

    snprintf(request, sizeof(request), "GET /%03000d HTTP/1.1\r\nHost: evil\r\n\r\n", 0);
    peer_send(&client, request);
    peer_expect(&client, "HTTP/1.1 421");
    assert_true(strlen(scene_log()) < 1000);
    assert_non_null(strstr(scene_log(), "error=misdirected\n"));
}

TEST(json_is_json)
{
    json_t *line;

    test_teardown(NULL);
    open_as("log: {format: json}");
    call(get, ok);
    line = json_loads(scene_log(), 0, NULL);
    assert_non_null(line);
    assert_string_equal(json_string_value(json_object_get(line, "event")), "access");
    assert_string_equal(json_string_value(json_object_get(line, "target")), "/x?y=1");
    assert_int_equal(json_integer_value(json_object_get(line, "status")), 200);
    assert_null(json_object_get(line, "error"));
    json_decref(line);
}

TEST(lines_come_after_a_moment_without_being_asked_for)
{
    call(get, ok);
    scene_wait(51);
    assert_int_equal(scene.worker.access_log.lines.size, 0);
    assert_non_null(strstr(scene_log(), "ACCESS"));
}

TEST(nothing_is_written_when_it_is_off)
{
    scene_configure("log: {access: false}");
    call(get, ok);
    assert_string_equal(scene_log(), "");
}

TEST(a_line_without_memory_is_counted_and_not_written_by_half)
{
    scene.worker.access_log.lines.limit = 100;
    call(get, ok);
    assert_int_equal(scene.worker.access_log.dropped, 1);
    assert_string_equal(scene_log(), "");
}

TESTS(RUN_WITH(a_line_says_who_what_where_and_how_much),
      RUN_WITH(bytes_of_a_body_are_counted),
      RUN_WITH(a_failure_has_its_code_and_why_it_was_not_tried_again),
      RUN_WITH(a_refused_head_has_a_line_too), RUN_WITH(a_client_that_left_is_a_499),
      RUN_WITH(a_target_cannot_write_lines_of_its_own),
      RUN_WITH(a_trace_that_is_none_is_not_written), RUN_WITH(a_long_target_is_cut),
      RUN_WITH(json_is_json), RUN_WITH(lines_come_after_a_moment_without_being_asked_for),
      RUN_WITH(nothing_is_written_when_it_is_off),
      RUN_WITH(a_line_without_memory_is_counted_and_not_written_by_half))
