/* One request as a machine: no socket, no loop, a clock that stands still. */
#include "tests/lib/test.h"

#include <stdlib.h>

#include "sidecar/policy.h"

static char trail[512];
static struct clock now;
static struct exchange x;
static enum when lease_when, send_when, relay_when, reply_when, route_when;
static enum verdict admit_verdict, prepare_verdict, again_verdict;

static void note(const char *word)
{
    if (*trail)
        strcat(trail, " ");
    strcat(trail, word);
}

static enum when fake_route(struct exchange *e);

static enum when fake_lease(struct exchange *e)
{
    note("lease");
    if (lease_when == FAILED)
        e->error = ERR_CONNECT_FAILED;
    return lease_when;
}

static enum when fake_send(struct exchange *e)
{
    note("send");
    if (send_when == FAILED)
        e->error = ERR_STALE_CONNECTION;
    return send_when;
}

static enum when fake_relay(struct exchange *e)
{
    (void)e;
    note("relay");
    return relay_when;
}

static enum when fake_tunnel(struct exchange *e)
{
    (void)e;
    note("tunnel");
    return LATER;
}

static void fake_drop(struct exchange *e)
{
    (void)e;
    note("drop");
}

static enum when fake_reply(struct exchange *e)
{
    note("reply");
    note(err_code(e->error));
    return reply_when;
}

static void fake_break_off(struct exchange *e)
{
    (void)e;
    note("break_off");
}

static void fake_finished(struct exchange *e)
{
    (void)e;
    note("finished");
}

static const struct port_ops fake_port = {
    .route = fake_route,
    .lease = fake_lease,
    .send = fake_send,
    .relay = fake_relay,
    .tunnel = fake_tunnel,
    .drop = fake_drop,
    .reply = fake_reply,
    .break_off = fake_break_off,
    .finished = fake_finished,
};

static enum verdict policy_says(struct exchange *e, const char *word, enum verdict v)
{
    note(word);
    if (v == DENY)
        e->error = ERR_OVERLOADED;
    return v;
}

static enum verdict fake_admit(struct policy *p, struct exchange *e)
{
    (void)p;
    return policy_says(e, "admit", admit_verdict);
}

static void fake_settle(struct policy *p, struct exchange *e)
{
    (void)p;
    (void)e;
    note("settle");
}

static enum verdict fake_prepare(struct policy *p, struct exchange *e)
{
    (void)p;
    return policy_says(e, "prepare", prepare_verdict);
}

static void fake_outcome(struct policy *p, struct exchange *e)
{
    (void)p;
    (void)e;
    note("outcome");
}

static enum verdict fake_again(struct policy *p, struct exchange *e)
{
    (void)p;
    (void)e;
    note("again?");
    return again_verdict;
}

static const struct policy_ops fake_ops = {
    .name = "fake",
    .admit = fake_admit,
    .settle = fake_settle,
    .prepare = fake_prepare,
    .outcome = fake_outcome,
    .again = fake_again,
};

static struct policy fake_policy = {&fake_ops};
static const struct chain fake_chain = {.count = 1, .policies = {&fake_policy}};

static enum when fake_route(struct exchange *e)
{
    note("route");
    if (route_when == FAILED)
        e->error = ERR_NO_ROUTE;
    else
        e->chain = &fake_chain;
    return route_when;
}

static int test_setup(void **state)
{
    (void)state;
    *trail = '\0';
    clock_init(&now, 1000, NULL);
    x = (struct exchange){.port = &fake_port, .clock = &now};
    route_when = lease_when = NOW;
    send_when = relay_when = LATER;
    reply_when = NOW;
    admit_verdict = prepare_verdict = PASS;
    again_verdict = DENY;
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    return 0;
}

static void trail_is(const char *expected)
{
    assert_string_equal(trail, expected);
    *trail = '\0';
}

TEST(goes_all_the_way_at_once_with_a_pooled_connection)
{
    exchange_start(&x);
    assert_int_equal(x.state, SEND);
    trail_is("route admit prepare lease send");
    exchange_on(&x, EV_HEAD);
    exchange_on(&x, EV_DONE);
    trail_is("relay drop outcome settle finished");
}

TEST(waits_for_a_new_connection)
{
    lease_when = LATER;
    exchange_start(&x);
    assert_int_equal(x.state, LEASE);
    exchange_on(&x, EV_LEASED);
    assert_int_equal(x.state, SEND);
}

TEST(finishes_at_once_when_the_answer_went_out_at_once)
{
    relay_when = NOW;
    exchange_start(&x);
    exchange_on(&x, EV_HEAD);
    assert_int_equal(x.state, FINISH);
}

TEST(answers_itself_when_nothing_matches_and_asks_no_policy)
{
    route_when = FAILED;
    exchange_start(&x);
    trail_is("route reply no_route drop finished");
}

TEST(a_denied_request_settles_nothing_that_did_not_admit)
{
    admit_verdict = DENY;
    exchange_start(&x);
    trail_is("route admit reply overloaded drop finished");
}

TEST(a_held_request_goes_on_where_it_held)
{
    admit_verdict = HOLD;
    exchange_start(&x);
    assert_int_equal(x.state, ADMIT);
    admit_verdict = PASS;
    exchange_on(&x, EV_RESUMED);
    trail_is("route admit admit prepare lease send");
}

TEST(a_held_request_settles_when_the_client_leaves)
{
    admit_verdict = HOLD;
    exchange_start(&x);
    exchange_on(&x, EV_GONE);
    assert_int_equal(x.error, ERR_CLIENT_GONE);
    trail_is("route admit drop settle finished");
}

TEST(an_attempt_without_an_instance_has_no_outcome)
{
    prepare_verdict = DENY;
    exchange_start(&x);
    trail_is("route admit prepare again? drop reply overloaded drop settle finished");
}

TEST(tries_elsewhere_when_it_could_not_connect)
{
    lease_when = FAILED;
    again_verdict = PASS;
    prepare_verdict = PASS;
    x.port = &fake_port;
    lease_when = LATER;
    exchange_start(&x);
    exchange_fail(&x, ERR_CONNECT_FAILED);
    trail_is("route admit prepare lease again? drop outcome prepare lease");
    assert_int_equal(x.attempts, 2);
}

TEST(backs_off_before_it_tries_again)
{
    again_verdict = HOLD;
    exchange_start(&x);
    exchange_fail(&x, ERR_UPSTREAM_RESET);
    assert_int_equal(x.state, JUDGE);
    exchange_on(&x, EV_RESUMED);
    trail_is("route admit prepare lease send again? drop outcome prepare lease send");
}

TEST(the_deadline_ends_a_back_off)
{
    again_verdict = HOLD;
    exchange_start(&x);
    exchange_fail(&x, ERR_UPSTREAM_RESET);
    *trail = '\0';
    exchange_fail(&x, ERR_DEADLINE);
    trail_is("reply deadline drop settle finished");
}

TEST(relays_the_last_unwell_answer_when_there_is_no_other_try)
{
    exchange_start(&x);
    *trail = '\0';
    x.error = ERR_UPSTREAM_STATUS;
    exchange_on(&x, EV_RETRYABLE);
    trail_is("again? relay");
    assert_int_equal(x.state, RELAY);
}

TEST(gives_up_an_unwell_answer_for_another_try)
{
    exchange_start(&x);
    again_verdict = PASS;
    *trail = '\0';
    exchange_on(&x, EV_RETRYABLE);
    trail_is("again? drop outcome prepare lease send");
}

TEST(an_answer_that_breaks_off_is_not_tried_again)
{
    again_verdict = PASS;
    exchange_start(&x);
    exchange_on(&x, EV_HEAD);
    *trail = '\0';
    exchange_fail(&x, ERR_TRUNCATED);
    trail_is("break_off drop outcome settle finished");
}

TEST(becomes_a_tunnel_after_a_101_only)
{
    exchange_start(&x);
    exchange_on(&x, EV_UPGRADED);
    assert_int_equal(x.state, TUNNEL);
    exchange_on(&x, EV_DONE);
    trail_is("route admit prepare lease send tunnel drop outcome settle finished");
}

TEST(a_client_that_leaves_ends_the_attempt)
{
    exchange_start(&x);
    *trail = '\0';
    exchange_on(&x, EV_GONE);
    trail_is("drop outcome settle finished");
}

/* ---- whatever comes in whatever order, it ends, once, and everything goes back ---- */

static unsigned finished_count, admitted, prepared;

static void counting_finished(struct exchange *e)
{
    (void)e;
    finished_count++;
}

static enum when random_when(void)
{
    return (enum when)(rand() % 3);
}

static enum verdict random_verdict(struct exchange *e)
{
    e->error = ERR_OVERLOADED;
    return (enum verdict)(rand() % 3);
}

static enum when random_route(struct exchange *e)
{
    e->error = ERR_NO_ROUTE;
    e->chain = &fake_chain;
    return rand() % 8 ? NOW : FAILED;
}

static enum when random_op(struct exchange *e)
{
    e->error = ERR_CONNECT_FAILED;
    return random_when();
}

static enum when random_send(struct exchange *e)
{
    e->error = ERR_STALE_CONNECTION;
    return rand() % 4 ? LATER : FAILED;
}

static void quiet(struct exchange *e)
{
    (void)e;
}

static const struct port_ops random_port = {
    .route = random_route,
    .lease = random_op,
    .send = random_send,
    .relay = random_op,
    .tunnel = random_op,
    .drop = quiet,
    .reply = random_op,
    .break_off = quiet,
    .finished = counting_finished,
};

static enum verdict counted(struct exchange *e, unsigned *count, bool *holding)
{
    enum verdict v = *holding ? PASS : random_verdict(e);

    if (v != DENY && !*holding)
        ++*count;
    *holding = v == HOLD;
    return v;
}

static bool admit_holds, prepare_holds;

static enum verdict random_admit(struct policy *p, struct exchange *e)
{
    (void)p;
    return counted(e, &admitted, &admit_holds);
}

static void random_settle(struct policy *p, struct exchange *e)
{
    (void)p;
    (void)e;
    admitted--;
}

static enum verdict random_prepare(struct policy *p, struct exchange *e)
{
    (void)p;
    return counted(e, &prepared, &prepare_holds);
}

static void random_outcome(struct policy *p, struct exchange *e)
{
    (void)p;
    (void)e;
    prepare_holds = false;
    prepared--;
}

static enum verdict random_again(struct policy *p, struct exchange *e)
{
    (void)p;
    return e->attempts > 5 ? DENY : (enum verdict)(rand() % 3);
}

static const struct policy_ops random_ops = {
    .name = "random",
    .admit = random_admit,
    .settle = random_settle,
    .prepare = random_prepare,
    .outcome = random_outcome,
    .again = random_again,
};

/* Events that may come in a state. */
static enum exchange_event random_event(enum exchange_state s)
{
    static const enum exchange_event may[][5] = {
        [ADMIT] = {EV_RESUMED, EV_FAILED,    EV_GONE,     EV_RESUMED, EV_RESUMED},
        [PICK] = {EV_RESUMED, EV_FAILED,    EV_GONE,     EV_RESUMED, EV_RESUMED},
        [LEASE] = {EV_LEASED,  EV_FAILED,    EV_GONE,     EV_LEASED,  EV_LEASED },
        [SEND] = {EV_HEAD,    EV_RETRYABLE, EV_UPGRADED, EV_FAILED,  EV_GONE   },
        [RELAY] = {EV_DONE,    EV_FAILED,    EV_GONE,     EV_DONE,    EV_DONE   },
        [TUNNEL] = {EV_DONE,    EV_FAILED,    EV_GONE,     EV_DONE,    EV_DONE   },
        [JUDGE] = {EV_RESUMED, EV_FAILED,    EV_GONE,     EV_RESUMED, EV_RESUMED},
        [REPLY] = {EV_DONE,    EV_FAILED,    EV_GONE,     EV_DONE,    EV_DONE   },
    };

    return may[s][rand() % 5];
}

TEST(ends_exactly_once_whatever_comes_and_gives_everything_back)
{
    fake_policy.ops = &random_ops;
    srand(42);
    for (int run = 0; run < 20000; run++) {
        x = (struct exchange){.port = &random_port, .clock = &now};
        finished_count = admitted = prepared = 0;
        admit_holds = prepare_holds = false;
        exchange_start(&x);
        for (int step = 0; step < 100 && !finished_count; step++)
            exchange_on(&x, random_event(x.state));
        assert_int_equal(finished_count, 1);
        assert_int_equal(admitted, 0);
        assert_int_equal(prepared, 0);
    }
    fake_policy.ops = &fake_ops;
}

TESTS(RUN_WITH(goes_all_the_way_at_once_with_a_pooled_connection),
      RUN_WITH(waits_for_a_new_connection),
      RUN_WITH(finishes_at_once_when_the_answer_went_out_at_once),
      RUN_WITH(answers_itself_when_nothing_matches_and_asks_no_policy),
      RUN_WITH(a_denied_request_settles_nothing_that_did_not_admit),
      RUN_WITH(a_held_request_goes_on_where_it_held),
      RUN_WITH(a_held_request_settles_when_the_client_leaves),
      RUN_WITH(an_attempt_without_an_instance_has_no_outcome),
      RUN_WITH(tries_elsewhere_when_it_could_not_connect),
      RUN_WITH(backs_off_before_it_tries_again), RUN_WITH(the_deadline_ends_a_back_off),
      RUN_WITH(relays_the_last_unwell_answer_when_there_is_no_other_try),
      RUN_WITH(gives_up_an_unwell_answer_for_another_try),
      RUN_WITH(an_answer_that_breaks_off_is_not_tried_again),
      RUN_WITH(becomes_a_tunnel_after_a_101_only),
      RUN_WITH(a_client_that_leaves_ends_the_attempt),
      RUN_WITH(ends_exactly_once_whatever_comes_and_gives_everything_back))
