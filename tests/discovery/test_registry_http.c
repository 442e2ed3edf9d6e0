/* Calls to the servers of a registry: which is asked, who is asked next, and what an answer means. */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "discovery/registry_http.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/transport/fake_app.h"
#include "tests/lib/transport/loops.h"

#define ANSWER(status, more, body)                                                       \
    "HTTP/1.1 " status "\r\n" more "Connection: close\r\nContent-Length: " body

static struct world {
    struct loop loop;
    struct registry registry;
    struct registry_environment environment;
    struct registry_http http;
    struct registry_call call;
    struct fake_app apps[2];
    char hosts[64];
    enum err result;
    bool open, told, closed;
} world;

static void on_answered(struct registry_call *c, enum err e)
{
    assert_ptr_equal(c, &world.call);
    assert_false(world.told);
    assert_false(registry_call_is_running(c));
    world.told = true;
    world.result = e;
}

static void on_closed(struct registry_http *h)
{
    (void)h;
    world.closed = true;
}

static int test_setup(void **state)
{
    (void)state;
    world = (struct world){.call = {.answered = on_answered}};
    assert_int_equal(loop_open(&world.loop, 0), ERR_OK);
    world.registry.loop = &world.loop;
    world.registry.environment = &world.environment;
    fake_app_open(&world.apps[0], &world.loop, NULL);
    fake_app_open(&world.apps[1], &world.loop, NULL);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    registry_call_fini(&world.call);
    if (world.open) {
        registry_http_close(&world.http, on_closed);
        loop_until(&world.loop, &world.closed);
    }
    fake_app_close(&world.apps[0]);
    fake_app_close(&world.apps[1]);
    assert_int_equal(loop_close(&world.loop), ERR_OK);
    return 0;
}

static enum err open_hosts(const char *hosts, struct why *w)
{
    enum err e;

    snprintf(world.hosts, sizeof(world.hosts), "%s", hosts);
    world.registry.url.hosts = slice_of(world.hosts);
    e = registry_http_open(&world.http, &world.registry, 8500, w);
    world.open = e == ERR_OK;
    return e;
}

/* With what the servers say to everybody; NULL: nothing. */
static void open_servers(const char *first, const char *second)
{
    char hosts[64];

    world.apps[0].answer = first;
    world.apps[1].answer = second;
    snprintf(hosts, sizeof(hosts), "127.0.0.1:%u,127.0.0.1:%u",
             address_port(&world.apps[0].address), address_port(&world.apps[1].address));
    assert_int_equal(open_hosts(hosts, NULL), ERR_OK);
}

static enum err wait_for_it(void)
{
    loop_until(&world.loop, &world.told);
    return world.result;
}

static enum err ask(void)
{
    world.told = false;
    world.call.http.timeout_ms = 3000;
    assert_int_equal(registry_call_start(&world.call, &world.http), ERR_LATER);
    assert_true(registry_call_is_running(&world.call));
    assert_false(world.told);
    return wait_for_it();
}

static void assert_says(const char *words)
{
    if (!strstr(world.call.http.why.text, words))
        fail_msg("\"%s\" has no \"%s\"", world.call.http.why.text, words);
}

static void assert_body(const char *body)
{
    assert_true(slice_is(text_slice(&world.call.http.body_in), body));
}

#define FINE ANSWER("200 OK", "", "4\r\n\r\nfine")
#define ILL ANSWER("503 Ill", "", "3\r\n\r\nill")

/* --- which server --- */

TEST(the_first_that_is_well_is_asked)
{
    open_servers(FINE, ILL);
    assert_int_equal(ask(), ERR_OK);
    assert_body("fine");
    assert_int_equal(ask(), ERR_OK);
    assert_int_equal(world.apps[0].connections, 2);
    assert_int_equal(world.apps[1].connections, 0);
}

TEST(what_may_be_repeated_is_asked_of_the_next_and_the_next_call_begins_there)
{
    open_servers(ILL, FINE);
    world.call.may_repeat = true;
    assert_int_equal(ask(), ERR_OK);
    assert_body("fine");
    assert_int_equal(ask(), ERR_OK);
    assert_int_equal(world.apps[0].connections, 1);
    assert_int_equal(world.apps[1].connections, 2);
}

TEST(what_may_not_be_repeated_fails_and_the_next_call_goes_elsewhere)
{
    open_servers(ILL, FINE);
    assert_int_equal(ask(), ERR_UNAVAILABLE);
    assert_says("503 ill");
    assert_int_equal(world.apps[1].connections, 0);
    assert_int_equal(ask(), ERR_OK);
    assert_int_equal(world.apps[1].connections, 1);
}

TEST(who_cannot_be_reached_is_passed_over)
{
    open_servers(NULL, FINE);
    fake_app_gone(&world.apps[0]);
    world.call.may_repeat = true;
    assert_int_equal(ask(), ERR_OK);
    assert_body("fine");
}

TEST(each_is_asked_once_and_then_it_has_failed)
{
    open_servers(ILL, ILL);
    world.call.may_repeat = true;
    assert_int_equal(ask(), ERR_UNAVAILABLE);
    assert_int_equal(world.apps[0].connections, 1);
    assert_int_equal(world.apps[1].connections, 1);
}

TEST(what_belongs_to_one_is_asked_of_that_one)
{
    open_servers(ILL, FINE);
    assert_int_equal(registry_call_start_at(&world.call, &world.http, 1), ERR_LATER);
    assert_int_equal(wait_for_it(), ERR_OK);
    assert_int_equal(world.apps[0].connections, 0);
}

/* --- what an answer means --- */

static void assert_means(const char *answer, enum err expected, const char *words)
{
    open_servers(answer, NULL);
    assert_int_equal(ask(), expected);
    assert_says(words);
}

TEST(a_token_that_is_refused_is_named)
{
    assert_means(ANSWER("403 No", "", "11\r\n\r\nnot allowed"), ERR_DENIED,
                 "403 not allowed (registry.token, token_file, or the URL's user)");
}

TEST(one_that_comes_back_is_not_shown)
{
    world.environment.token = "s3cr3t";
    assert_means(ANSWER("403 No", "", "9\r\n\r\nno s3cr3t"), ERR_DENIED,
                 "403 no *** (registry.token");
}

TEST(nothing_there_is_not_found)
{
    assert_means(ANSWER("404 No", "", "0\r\n\r\n"), ERR_NOT_FOUND, ": 404");
}

TEST(too_many_requests_are_a_server_that_is_not_well)
{
    assert_means(ANSWER("429 No", "", "0\r\n\r\n"), ERR_UNAVAILABLE, ": 429");
}

TEST(any_other_refusal_is_not_supported)
{
    assert_means(ANSWER("400 No", "", "3\r\n\r\nbad"), ERR_UNSUPPORTED, ": 400 bad");
}

TEST(a_redirect_is_no_success_and_says_where_to)
{
    assert_means(ANSWER("302 Found", "Location: https://login.example/\r\n", "0\r\n\r\n"),
                 ERR_BAD_RESPONSE, "a redirect, 302 to https://login.example/");
}

TEST(control_characters_of_an_answer_do_not_get_into_the_log)
{
    assert_means(ANSWER("500 No", "", "9\r\n\r\nbad\x1b[31mx"), ERR_UNAVAILABLE,
                 ": 500 bad");
    assert_null(strchr(world.call.http.why.text, 0x1b));
}

TEST(an_answer_that_is_cut_short_is_a_server_that_is_not_well)
{
    open_servers(ANSWER("200 OK", "", "9\r\n\r\nabc"), FINE);
    world.call.http.timeout_ms = 100;
    world.call.may_repeat = true;
    world.told = false;
    assert_int_equal(registry_call_start(&world.call, &world.http), ERR_LATER);
    assert_int_equal(wait_for_it(), ERR_OK);
    assert_body("fine");
}

/* --- the end --- */

TEST(cancelled_it_is_told_once_later_and_nobody_else_is_asked)
{
    open_servers(NULL, FINE);
    world.call.may_repeat = true;
    assert_int_equal(registry_call_start(&world.call, &world.http), ERR_LATER);
    registry_call_cancel(&world.call);
    assert_false(world.told);
    registry_call_cancel(&world.call);
    assert_int_equal(wait_for_it(), ERR_CANCELLED);
    registry_call_cancel(&world.call);
    loop_settle(&world.loop);
    assert_int_equal(world.apps[1].connections, 0);
}

static bool answer_has_come(void *unused)
{
    (void)unused;
    return world.call.http.status != 0;
}

TEST(cancelled_after_its_answer_has_come_it_is_cancelled_all_the_same)
{
    open_servers(FINE, FINE);
    assert_int_equal(registry_call_start(&world.call, &world.http), ERR_LATER);
    loop_until_true(&world.loop, answer_has_come, NULL);
    if (world.told)
        return; /* both in one turn */
    registry_call_cancel(&world.call);
    assert_int_equal(wait_for_it(), ERR_CANCELLED);
}

TEST(a_mistake_in_the_url_is_said_at_once)
{
    struct why w;

    why_init(&w);
    assert_int_equal(open_hosts("a:b", &w), ERR_BAD_VALUE);
    assert_string_equal(w.text, "\"a:b\" is no HOST:PORT");
}

TEST(a_file_of_tls_that_cannot_be_used_is_said_at_once)
{
    struct why w;

    why_init(&w);
    world.registry.url.is_tls = true;
    world.registry.tls.ca_file = "/nowhere.pem";
    assert_int_equal(open_hosts("a", &w), ERR_BAD_CONFIG);
    assert_non_null(strstr(w.text, "/nowhere.pem"));
}

static bool opens(void)
{
    struct registry_http h;

    if (registry_http_open(&h, &world.registry, 8500, NULL))
        return false;
    world.closed = false;
    registry_http_close(&h, on_closed);
    loop_until(&world.loop, &world.closed);
    return true;
}

TEST(without_memory_it_does_not_open_and_leaks_nothing)
{
    world.registry.url.hosts = SLICE("127.0.0.1");
    assert_in_range(fault_heap_each(opens), 1, 10);
}

TESTS(RUN_WITH(the_first_that_is_well_is_asked),
      RUN_WITH(what_may_be_repeated_is_asked_of_the_next_and_the_next_call_begins_there),
      RUN_WITH(what_may_not_be_repeated_fails_and_the_next_call_goes_elsewhere),
      RUN_WITH(who_cannot_be_reached_is_passed_over),
      RUN_WITH(each_is_asked_once_and_then_it_has_failed),
      RUN_WITH(what_belongs_to_one_is_asked_of_that_one),
      RUN_WITH(a_token_that_is_refused_is_named),
      RUN_WITH(one_that_comes_back_is_not_shown), RUN_WITH(nothing_there_is_not_found),
      RUN_WITH(too_many_requests_are_a_server_that_is_not_well),
      RUN_WITH(any_other_refusal_is_not_supported),
      RUN_WITH(a_redirect_is_no_success_and_says_where_to),
      RUN_WITH(control_characters_of_an_answer_do_not_get_into_the_log),
      RUN_WITH(an_answer_that_is_cut_short_is_a_server_that_is_not_well),
      RUN_WITH(cancelled_it_is_told_once_later_and_nobody_else_is_asked),
      RUN_WITH(cancelled_after_its_answer_has_come_it_is_cancelled_all_the_same),
      RUN_WITH(a_mistake_in_the_url_is_said_at_once),
      RUN_WITH(a_file_of_tls_that_cannot_be_used_is_said_at_once),
      RUN_WITH(without_memory_it_does_not_open_and_leaks_nothing))
