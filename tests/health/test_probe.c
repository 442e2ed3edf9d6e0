#include "health/probe.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/fault_heap.h"
#include "tests/lib/test.h"
#include "tests/lib/transport/fake_app.h"
#include "tests/lib/transport/loops.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static struct loop loop;
static struct random dice;
static struct fake_app app;
static struct probe *probe;
static struct probe_settings settings;
static unsigned changes;
static enum probe_state state;
static char reason[1024];
static bool is_closed;
static bool in_call;
static unsigned moves;
static struct address moved_to;

static void on_changed(struct probe *p, enum probe_state s, const struct why *why)
{
    (void)p;
    assert_false(in_call);
    changes++;
    state = s;
    snprintf(reason, sizeof(reason), "%s", why->text);
}

static void on_closed(struct probe *p)
{
    probe_free(p);
    is_closed = true;
}

static void on_moved(struct probe *p)
{
    assert_false(in_call);
    moved_to = *probe_address(p);
    moves++;
}

static const struct probe_events events = {
    .changed = on_changed, .moved = on_moved, .closed = on_closed};

static int test_setup(void **test)
{
    (void)test;
    loop_open(&loop, 0);
    random_init(&dice, 3);
    probe = NULL;
    changes = moves = 0;
    state = PROBE_UNKNOWN;
    is_closed = false;
    settings = (struct probe_settings){
        .kind = PROBE_HTTP,
        .path = "/healthz",
        .path_is_default = true,
        .first_interval_ms = 100,
        .interval_ms = 5000,
        .jitter = 10,
        .timeout_ms = 1000,
        .fall = 3,
        .rise = 1,
    };
    fake_app_open(&app, &loop, OK);
    return 0;
}

/* A process that is killed takes real time to go. */
static void close_probe(void)
{
    probe_close(probe);
    assert_false(is_closed);
    for (int i = 0; i < 5000 && !is_closed; i++) {
        loop_passes(&loop, 1);
        if (!is_closed && settings.kind == PROBE_EXEC)
            usleep(1000);
    }
    assert_true(is_closed);
    probe = NULL;
}

static int test_teardown(void **test)
{
    (void)test;
    if (probe)
        close_probe();
    fake_app_close(&app);
    assert_int_equal(loop_close(&loop), ERR_OK);
    return 0;
}

static void open_at(const struct address *addresses, unsigned count)
{
    assert_int_equal(
        probe_open(&probe, &loop, &dice, &settings, addresses, count, &events, NULL),
        ERR_OK);
}

static void open_probe(void)
{
    open_at(&app.address, 1);
}

static struct probe_report report(void)
{
    struct probe_report r;

    probe_report(probe, &r);
    return r;
}

static void answers(const char *answer)
{
    app.answer = answer;
    open_probe();
    loop_passes(&loop, 10);
}

/* ---- what passes ---- */

TEST(a_200_passes_and_is_told_later)
{
    in_call = true;
    open_probe();
    in_call = false;
    assert_int_equal(report().state, PROBE_UNKNOWN);
    loop_passes(&loop, 10);
    assert_int_equal(state, PROBE_UP);
    assert_int_equal(report().result, CHECK_PASSED);
    assert_int_equal(report().status, 200);
}

TEST(a_redirect_passes)
{
    answers("HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(state, PROBE_UP);
}

TEST(a_body_without_end_does_not_matter)
{
    answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    assert_int_equal(state, PROBE_UP);
}

TEST(a_500_fails_with_its_status)
{
    answers("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(report().state, PROBE_UNKNOWN);
    assert_int_equal(report().result, CHECK_STATUS);
    assert_int_equal(report().status, 500);
    assert_string_equal(report().reason, "GET /healthz: status 500");
}

TEST(a_404_of_the_default_path_falls_back_to_tcp)
{
    answers("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(state, PROBE_UP);
    assert_true(report().fell_back_to_tcp);
    app.answer = NULL; /* connecting is enough from here on */
    loop_passes(&loop, 20 * 1000);
    assert_int_equal(state, PROBE_UP);
    assert_in_range(app.connections, 4, 6);
}

TEST(a_404_of_a_configured_path_fails)
{
    settings.path_is_default = false;
    answers("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(report().result, CHECK_STATUS);
    assert_false(report().fell_back_to_tcp);
}

TEST(what_is_no_http_fails)
{
    answers("220 smtp.example ESMTP\r\n");
    assert_int_equal(report().result, CHECK_MALFORMED);
}

TEST(silence_fails_at_the_timeout)
{
    answers(NULL);
    loop_passes(&loop, 980);
    assert_int_equal(report().result, CHECK_NONE);
    loop_passes(&loop, 20);
    assert_int_equal(report().result, CHECK_TIMED_OUT);
    assert_in_range(report().took_ms, 990, 1010);
}

TEST(silence_is_enough_for_a_tcp_check)
{
    settings.kind = PROBE_TCP;
    answers(NULL);
    assert_int_equal(state, PROBE_UP);
}

TEST(a_refused_tcp_check_names_the_address)
{
    char want[256], text[ADDRESS_TEXT];

    settings.kind = PROBE_TCP;
    fake_app_gone(&app);
    open_probe();
    loop_passes(&loop, 10);
    snprintf(want, sizeof(want), "connecting to %s: connection refused",
             address_format(&app.address, text));
    assert_int_equal(report().result, CHECK_REFUSED);
    assert_string_equal(report().reason, want);
}

TEST(no_check_is_always_well)
{
    settings.kind = PROBE_NONE;
    fake_app_gone(&app);
    open_probe();
    loop_passes(&loop, 10);
    assert_int_equal(state, PROBE_UP);
}

/* ---- when ---- */

TEST(is_down_after_so_many_failures)
{
    fake_app_gone(&app);
    open_probe();
    loop_passes(&loop, 290); /* at 0 and 100 */
    assert_int_equal(changes, 0);
    loop_passes(&loop, 20); /* at 300 */
    assert_int_equal(state, PROBE_DOWN);
    assert_int_equal(changes, 1);
}

TEST(the_first_checks_come_fast_and_back_off)
{
    app.answer = "HTTP/1.1 503 Not Yet\r\nContent-Length: 0\r\n\r\n";
    open_probe();
    loop_passes(&loop, 3400); /* 0, 100, 300, 700, 1500, 3100 */
    assert_int_equal(app.connections, 6);
    loop_passes(&loop, 3200); /* 6300 */
    assert_int_equal(app.connections, 7);
    loop_passes(&loop, 10000); /* and every 5 s */
    assert_int_equal(app.connections, 9);
}

TEST(a_slow_start_needs_no_second_pass)
{
    fake_app_gone(&app);
    open_probe();
    loop_passes(&loop, 1000);
    assert_int_equal(state, PROBE_DOWN);
    fake_app_back(&app);
    loop_passes(&loop, 600);
    assert_int_equal(state, PROBE_UP);
    assert_int_equal(app.connections, 1);
}

TEST(up_it_is_checked_every_interval)
{
    open_probe();
    loop_passes(&loop, 100 * 1000);
    assert_in_range(app.connections, 19, 23);
    assert_int_equal(changes, 1);
}

TEST(one_failure_of_three_changes_nothing)
{
    open_probe();
    loop_passes(&loop, 10);
    fake_app_gone(&app);
    loop_passes(&loop, 2 * 5500);
    fake_app_back(&app);
    loop_passes(&loop, 5500);
    assert_int_equal(changes, 1);
    assert_int_equal(report().failures, 0);
    assert_int_equal(report().history & 1, 1);
}

TEST(after_a_failure_one_more_pass_is_needed)
{
    open_probe();
    loop_passes(&loop, 10);
    fake_app_gone(&app);
    loop_passes(&loop, 3 * 5500);
    assert_int_equal(state, PROBE_DOWN);
    fake_app_back(&app);
    probe_check_now(probe);
    loop_passes(&loop, 10);
    assert_int_equal(report().passes, 1);
    assert_int_equal(state, PROBE_DOWN);
    loop_passes(&loop, 5500);
    assert_int_equal(state, PROBE_UP);
}

TEST(looks_for_the_path_again_after_it_was_down)
{
    answers("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    assert_true(report().fell_back_to_tcp);
    probe_fail_now(probe, "gone");
    app.answer = OK;
    loop_passes(&loop, 20 * 1000);
    assert_int_equal(state, PROBE_UP);
    assert_int_equal(report().status, 200);
    assert_false(report().fell_back_to_tcp);
}

TEST(tries_the_second_address_in_the_same_check_and_keeps_it)
{
    struct address both[2] = {app.address, app.address};

    both[0].v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    open_at(both, 2);
    assert_true(address_equals(probe_address(probe), &both[0]));
    loop_passes(&loop, 10);
    assert_int_equal(state, PROBE_UP);
    assert_true(address_equals(probe_address(probe), &both[1]));
    assert_int_equal(report().failures, 0);
    assert_int_equal(moves, 1);
    assert_true(address_equals(&moved_to, &both[1]));
}

TEST(where_all_refuse_the_first_is_named_and_asked_first_again)
{
    struct address both[2] = {app.address, app.address};
    char first[ADDRESS_TEXT];

    both[0].v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    both[1].v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 2);
    open_at(both, 2);
    loop_passes(&loop, 10);
    assert_non_null(strstr(report().reason, address_format(&both[0], first)));
    assert_true(address_equals(probe_address(probe), &both[0]));
}

TEST(what_is_known_to_be_gone_is_down_at_once)
{
    open_probe();
    loop_passes(&loop, 10);
    in_call = true;
    probe_fail_now(probe, "it exited");
    in_call = false;
    assert_int_equal(report().state, PROBE_DOWN);
    loop_passes(&loop, 1);
    assert_int_equal(state, PROBE_DOWN);
    assert_string_equal(reason, "it exited");
}

TEST(a_check_under_way_does_not_bring_it_back)
{
    app.answer = NULL;
    open_probe();
    loop_passes(&loop, 10);
    probe_fail_now(probe, "it exited");
    loop_passes(&loop, 10);
    assert_int_equal(report().state, PROBE_DOWN);
    assert_string_equal(report().reason, "it exited");
}

TEST(closes_in_the_middle_of_a_check)
{
    app.answer = NULL;
    open_probe();
    loop_passes(&loop, 10);
    close_probe();
    assert_int_equal(changes, 0);
}

TEST(no_memory_is_an_error_value)
{
    fault_heap_fail_at(1);
    assert_int_equal(
        probe_open(&probe, &loop, &dice, &settings, &app.address, 1, &events, NULL),
        ERR_NO_MEMORY);
    fault_heap_stop();
    probe = NULL;
}

/* ---- commands: processes take real time ---- */

static const char *words[4];

static bool was_checked(void *unused)
{
    (void)unused;
    return report().result != CHECK_NONE;
}

static void runs(const char *script)
{
    words[0] = "sh";
    words[1] = "-c";
    words[2] = script;
    settings.kind = PROBE_EXEC;
    settings.command = (struct texts){words, 3};
    open_probe();
    loop_until_true(&loop, was_checked, NULL);
}

TEST(a_command_that_exits_with_0_passes)
{
    runs("exit 0");
    assert_int_equal(report().state, PROBE_UP);
}

TEST(another_exit_status_fails)
{
    runs("exit 3");
    assert_int_equal(report().result, CHECK_EXIT);
    assert_int_equal(report().status, 3);
    assert_string_equal(report().reason, "sh: exit status 3");
}

TEST(a_command_killed_by_a_signal_fails)
{
    runs("kill -9 $$");
    assert_int_equal(report().result, CHECK_EXIT);
    assert_string_equal(report().reason, "sh was killed by signal 9");
}

TEST(a_command_that_is_not_there_fails)
{
    static const char *none[] = {"/no/such/command"};

    settings.kind = PROBE_EXEC;
    settings.command = (struct texts){none, 1};
    open_probe();
    loop_until_true(&loop, was_checked, NULL);
    assert_int_equal(report().result, CHECK_FAILED);
    assert_non_null(strstr(report().reason, "no such file"));
}

static bool is_gone(void *pid)
{
    return kill(*(int *)pid, 0) != 0;
}

TEST(a_slow_command_is_killed_with_all_it_started)
{
    char file[] = "/tmp/test_probe.XXXXXX", script[128];
    int fd = mkstemp(file), grandchild = 0;
    FILE *in = fdopen(fd, "r");

    settings.timeout_ms = 200;
    snprintf(script, sizeof(script), "sleep 60 & echo $! > %s; wait", file);
    runs(script);
    assert_int_equal(report().result, CHECK_TIMED_OUT);
    assert_int_equal(fscanf(in, "%d", &grandchild), 1);
    loop_until_true(&loop, is_gone, &grandchild);
    fclose(in);
    unlink(file);
}

static bool has_process(void *pid)
{
    return (*(int *)pid = probe_process(probe)) != 0;
}

TEST(says_which_process_it_waits_for_and_kills_it_when_closed)
{
    static const char *sleeps[] = {"sleep", "60"};
    int pid;

    settings.kind = PROBE_EXEC;
    settings.command = (struct texts){sleeps, 2};
    open_probe();
    loop_until_true(&loop, has_process, &pid);
    assert_int_equal(kill(pid, 0), 0);
    probe_close(probe);
    loop_until(&loop, &is_closed);
    assert_int_not_equal(kill(pid, 0), 0);
    probe = NULL;
}

TEST(results_and_states_have_names)
{
    assert_string_equal(probe_result_name(CHECK_TIMED_OUT), "timed_out");
    assert_string_equal(probe_state_name(PROBE_DOWN), "down");
}

TESTS(RUN_WITH(a_200_passes_and_is_told_later), RUN_WITH(a_redirect_passes),
      RUN_WITH(a_body_without_end_does_not_matter), RUN_WITH(a_500_fails_with_its_status),
      RUN_WITH(a_404_of_the_default_path_falls_back_to_tcp),
      RUN_WITH(a_404_of_a_configured_path_fails), RUN_WITH(what_is_no_http_fails),
      RUN_WITH(silence_fails_at_the_timeout), RUN_WITH(silence_is_enough_for_a_tcp_check),
      RUN_WITH(a_refused_tcp_check_names_the_address), RUN_WITH(no_check_is_always_well),
      RUN_WITH(is_down_after_so_many_failures),
      RUN_WITH(the_first_checks_come_fast_and_back_off),
      RUN_WITH(a_slow_start_needs_no_second_pass),
      RUN_WITH(up_it_is_checked_every_interval),
      RUN_WITH(one_failure_of_three_changes_nothing),
      RUN_WITH(after_a_failure_one_more_pass_is_needed),
      RUN_WITH(looks_for_the_path_again_after_it_was_down),
      RUN_WITH(tries_the_second_address_in_the_same_check_and_keeps_it),
      RUN_WITH(where_all_refuse_the_first_is_named_and_asked_first_again),
      RUN_WITH(what_is_known_to_be_gone_is_down_at_once),
      RUN_WITH(a_check_under_way_does_not_bring_it_back),
      RUN_WITH(closes_in_the_middle_of_a_check), RUN_WITH(no_memory_is_an_error_value),
      RUN_WITH(a_command_that_exits_with_0_passes), RUN_WITH(another_exit_status_fails),
      RUN_WITH(a_command_killed_by_a_signal_fails),
      RUN_WITH(a_command_that_is_not_there_fails),
      RUN_WITH(a_slow_command_is_killed_with_all_it_started),
      RUN_WITH(says_which_process_it_waits_for_and_kills_it_when_closed),
      RUN(results_and_states_have_names))
