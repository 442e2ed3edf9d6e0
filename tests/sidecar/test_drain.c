#include "sidecar/drain.h"

#include <stdio.h>

#include "tests/lib/test.h"
#include "tests/lib/virtual_time.h"

/* A process that writes down what a drain asks of it, as "word@ms". */
static struct clock now;
static struct drain drain;
static char said[256];
static bool has_child;
static unsigned busy;
static bool child_dies_at_once;
static bool deregisters_at_once;

static void say(const char *word)
{
    size_t size = strlen(said);

    snprintf(said + size, sizeof(said) - size, "%s%s@%llu", size ? " " : "", word,
             (unsigned long long)clock_now(&now) - 1000);
}

static void on_deregister(void *owner, uint64_t within_ms)
{
    assert_ptr_equal(owner, &drain);
    assert_int_equal(within_ms, 2000);
    say("deregister");
    if (deregisters_at_once)
        drain_deregistered(&drain);
}

static bool on_has_child(void *owner)
{
    (void)owner;
    return has_child;
}

static void on_stop_child(void *owner, bool kill)
{
    (void)owner;
    say(kill ? "kill" : "stop");
    if (!child_dies_at_once)
        return;
    has_child = false;
    drain_child_gone(&drain);
}

static void on_finish(void *owner)
{
    (void)owner;
    say("finish");
}

static unsigned on_busy(void *owner)
{
    (void)owner;
    return busy;
}

static void on_done(void *owner)
{
    (void)owner;
    say("done");
}

static const struct drain_ops ops = {
    .deregister = on_deregister,
    .has_child = on_has_child,
    .stop_child = on_stop_child,
    .finish = on_finish,
    .busy = on_busy,
    .done = on_done,
};

static int test_setup(void **state)
{
    (void)state;
    clock_init(&now, 1000, NULL);
    drain_init(&drain, &now, &ops, &drain);
    said[0] = '\0';
    has_child = child_dies_at_once = deregisters_at_once = false;
    busy = 0;
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    time_passes(&now, 60 * 1000);
    assert_int_equal(clock_next(&now), UINT64_MAX); /* no timer is left */
    return 0;
}

static void start(void)
{
    drain_start(&drain, 2000, 6000);
}

static void child_goes(void)
{
    has_child = false;
    drain_child_gone(&drain);
}

TEST(without_a_child_it_deregisters_settles_finishes)
{
    start();
    assert_int_equal(drain.state, DRAIN_DEREGISTERING);
    time_passes(&now, 50);
    drain_deregistered(&drain);
    assert_int_equal(drain.state, DRAIN_SETTLING);
    time_passes(&now, 10000);
    assert_string_equal(said, "deregister@0 finish@2050 done@2050");
    assert_int_equal(drain.state, DRAIN_DONE);
}

TEST(the_child_is_stopped_after_the_settle_time)
{
    has_child = true;
    start();
    drain_deregistered(&drain);
    time_passes(&now, 2300);
    assert_int_equal(drain.state, DRAIN_STOPPING_CHILD);
    child_goes();
    assert_string_equal(said, "deregister@0 stop@2000 finish@2300 done@2300");
}

TEST(without_settle_time_all_goes_on_at_once)
{
    deregisters_at_once = true;
    drain_start(&drain, 0, 6000);
    time_passes(&now, 1);
    assert_string_equal(said, "deregister@0 finish@1 done@1");
}

TEST(a_registry_that_does_not_answer_is_waited_for_2_seconds)
{
    start();
    time_passes(&now, 1999);
    assert_int_equal(drain.state, DRAIN_DEREGISTERING);
    time_passes(&now, 1);
    assert_int_equal(drain.state, DRAIN_SETTLING);
    drain_deregistered(&drain); /* late: nothing new */
    time_passes(&now, 5000);
    assert_string_equal(said, "deregister@0 finish@4000 done@4000");
}

TEST(a_child_that_ignores_its_signal_is_killed_when_finish_has_passed)
{
    has_child = true;
    start();
    drain_deregistered(&drain);
    time_passes(&now, 8100);
    assert_string_equal(said, "deregister@0 stop@2000 kill@8000");
    child_goes();
    assert_string_equal(said, "deregister@0 stop@2000 kill@8000 finish@8100 done@8100");
}

TEST(a_child_that_cannot_even_be_killed_is_given_up)
{
    has_child = true;
    start();
    drain_deregistered(&drain);
    time_passes(&now, 60000);
    assert_string_equal(said, "deregister@0 stop@2000 kill@8000 done@8500");
}

TEST(requests_under_way_may_end)
{
    busy = 2;
    start();
    drain_deregistered(&drain);
    time_passes(&now, 5000);
    assert_int_equal(drain.state, DRAIN_FINISHING);
    busy = 0;
    time_passes(&now, 10);
    assert_string_equal(said, "deregister@0 finish@2000 done@5010");
}

TEST(requests_that_do_not_end_are_cut)
{
    busy = 1;
    start();
    drain_deregistered(&drain);
    time_passes(&now, 60000);
    assert_string_equal(said, "deregister@0 finish@2000 done@8000");
}

TEST(one_clock_for_the_child_and_the_requests)
{
    has_child = true;
    busy = 1;
    start();
    drain_deregistered(&drain);
    time_passes(&now, 6000);
    child_goes();
    time_passes(&now, 60000);
    assert_string_equal(said, "deregister@0 stop@2000 finish@6000 done@8000");
}

TEST(a_child_that_exits_while_we_deregister_leaves_nothing_to_settle)
{
    has_child = true;
    start();
    time_passes(&now, 100);
    child_goes();
    assert_string_equal(said, "deregister@0"); /* the records must go all the same */
    time_passes(&now, 100);
    drain_deregistered(&drain);
    assert_string_equal(said, "deregister@0 finish@200 done@200");
}

TEST(a_child_that_exits_and_a_registry_that_does_not_answer)
{
    has_child = true;
    start();
    child_goes();
    time_passes(&now, 60000);
    assert_string_equal(said, "deregister@0 finish@2000 done@2000");
}

TEST(a_child_that_exits_in_the_settle_time_ends_it_early)
{
    has_child = true;
    start();
    drain_deregistered(&drain);
    time_passes(&now, 500);
    child_goes();
    assert_string_equal(said, "deregister@0 finish@500 done@500");
}

TEST(a_child_that_dies_inside_the_call_is_no_surprise)
{
    has_child = child_dies_at_once = deregisters_at_once = true;
    drain_start(&drain, 0, 6000);
    time_passes(&now, 60000);
    assert_string_equal(said, "deregister@0 stop@1 finish@1 done@1");
}

TEST(starting_again_changes_nothing)
{
    start();
    drain_deregistered(&drain);
    time_passes(&now, 1000);
    drain_start(&drain, 60000, 60000);
    time_passes(&now, 10000);
    drain_start(&drain, 0, 0);
    assert_string_equal(said, "deregister@0 finish@2000 done@2000");
}

TEST(a_second_signal_ends_it_at_once_wherever_it_is)
{
    has_child = true;
    start();
    time_passes(&now, 100);
    drain_now(&drain);
    assert_string_equal(said, "deregister@0 kill@100 done@100");
    drain_now(&drain);
    drain_deregistered(&drain);
    child_goes();
    time_passes(&now, 60000);
    assert_string_equal(said, "deregister@0 kill@100 done@100");
}

TEST(a_second_signal_cuts_requests)
{
    busy = 1;
    start();
    drain_deregistered(&drain);
    time_passes(&now, 3000);
    drain_now(&drain);
    assert_string_equal(said, "deregister@0 finish@2000 done@3000");
}

TEST(ending_at_once_needs_no_start)
{
    drain_now(&drain);
    assert_string_equal(said, "done@0");
    start();
    assert_string_equal(said, "done@0");
}

TEST(a_child_that_dies_by_the_kill_of_a_second_signal_is_done_once)
{
    has_child = true;
    start();
    child_dies_at_once = true;
    drain_now(&drain);
    time_passes(&now, 60000);
    assert_non_null(strstr(said, "kill@0"));
    assert_ptr_equal(strstr(said, "done"), strrchr(said, 'd'));
}

TEST(events_before_a_start_mean_nothing)
{
    drain_deregistered(&drain);
    drain_child_gone(&drain);
    time_passes(&now, 60000);
    assert_string_equal(said, "");
    assert_false(drain_is_on(&drain));
}

TEST(states_have_names)
{
    assert_string_equal(drain_state_name(DRAIN_STOPPING_CHILD), "stopping_child");
}

TESTS(RUN_WITH(without_a_child_it_deregisters_settles_finishes),
      RUN_WITH(the_child_is_stopped_after_the_settle_time),
      RUN_WITH(without_settle_time_all_goes_on_at_once),
      RUN_WITH(a_registry_that_does_not_answer_is_waited_for_2_seconds),
      RUN_WITH(a_child_that_ignores_its_signal_is_killed_when_finish_has_passed),
      RUN_WITH(a_child_that_cannot_even_be_killed_is_given_up),
      RUN_WITH(requests_under_way_may_end), RUN_WITH(requests_that_do_not_end_are_cut),
      RUN_WITH(one_clock_for_the_child_and_the_requests),
      RUN_WITH(a_child_that_exits_while_we_deregister_leaves_nothing_to_settle),
      RUN_WITH(a_child_that_exits_and_a_registry_that_does_not_answer),
      RUN_WITH(a_child_that_exits_in_the_settle_time_ends_it_early),
      RUN_WITH(a_child_that_dies_inside_the_call_is_no_surprise),
      RUN_WITH(starting_again_changes_nothing),
      RUN_WITH(a_second_signal_ends_it_at_once_wherever_it_is),
      RUN_WITH(a_second_signal_cuts_requests), RUN_WITH(ending_at_once_needs_no_start),
      RUN_WITH(a_child_that_dies_by_the_kill_of_a_second_signal_is_done_once),
      RUN_WITH(events_before_a_start_mean_nothing), RUN(states_have_names))
