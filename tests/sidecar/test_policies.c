/* The real chain of a bare.service, with a port that only writes down, and a virtual clock. */
#include "tests/lib/test.h"

#include "sidecar/balancer.h"
#include "tests/lib/sidecar/bare_service.h"
#include "tests/lib/virtual_time.h"

static char trail[1024];

struct request {
    struct exchange x;
    bool finished;
};

static void note(const char *word)
{
    if (*trail && strlen(trail) + strlen(word) + 2 < sizeof(trail))
        strcat(trail, " ");
    if (strlen(trail) + strlen(word) + 1 < sizeof(trail))
        strcat(trail, word);
}

static enum when port_route(struct exchange *x)
{
    x->service = bare.service;
    x->chain = &bare.service->policies.chain;
    x->timeout_ms = bare.service->policy->timeout;
    x->retries_left = bare.service->policy->retries.max;
    return NOW;
}

static enum when port_lease(struct exchange *x)
{
    (void)x;
    note("lease");
    return LATER;
}

static enum when port_send(struct exchange *x)
{
    x->sent = true;
    note("send");
    return LATER;
}

static enum when port_relay(struct exchange *x)
{
    x->error = ERR_OK;
    note("relay");
    return LATER;
}

static void port_drop(struct exchange *x)
{
    (void)x;
}

static enum when port_reply(struct exchange *x)
{
    note(err_code(x->error));
    return NOW;
}

static void port_break_off(struct exchange *x)
{
    (void)x;
    note("break_off");
}

static void port_finished(struct exchange *x)
{
    container_of(x, struct request, x)->finished = true;
}

static const struct port_ops port = {
    .route = port_route,
    .lease = port_lease,
    .send = port_send,
    .relay = port_relay,
    .tunnel = port_relay,
    .drop = port_drop,
    .reply = port_reply,
    .break_off = port_break_off,
    .finished = port_finished,
};

static int test_setup(void **state)
{
    (void)state;
    *trail = '\0';
    bare_open();
    bare_list(2);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    assert_int_equal(bare.service->policies.limit.in_flight, 0);
    assert_int_equal(bare.service->policies.limit.waiting, 0);
    bare_close();
    return 0;
}

static void start(struct request *r, bool idempotent)
{
    *r = (struct request){
        .x = {.port = &port, .clock = &bare.now, .idempotent = idempotent}
    };
    exchange_start(&r->x);
}

static void to_send(struct request *r, bool idempotent)
{
    start(r, idempotent);
    exchange_on(&r->x, EV_LEASED);
}

/* The instance has said that it is unwell, and when it will be well. */
static void to_unwell(struct request *r, uint64_t retry_after_ms)
{
    to_send(r, true);
    r->x.retry_after_ms = retry_after_ms;
    r->x.error = ERR_UPSTREAM_STATUS;
    exchange_on(&r->x, EV_RETRYABLE);
}

static void answer(struct request *r)
{
    exchange_on(&r->x, EV_HEAD);
    exchange_on(&r->x, EV_DONE);
}

static void trail_is(const char *expected)
{
    assert_string_equal(trail, expected);
    *trail = '\0';
}

/* ---- deadline ---- */

TEST(the_deadline_answers_after_its_time)
{
    struct request r;

    to_send(&r, false);
    time_passes(&bare.now, 14999);
    assert_false(r.finished);
    time_passes(&bare.now, 1);
    assert_true(r.finished);
    trail_is("lease send deadline");
}

TEST(a_body_that_moves_puts_the_deadline_off)
{
    struct request r;

    to_send(&r, false);
    time_passes(&bare.now, 10000);
    exchange_progress(&r.x);
    time_passes(&bare.now, 14999);
    assert_false(r.finished);
    time_passes(&bare.now, 1);
    assert_true(r.finished);
}

TEST(the_deadline_ends_with_the_final_head)
{
    struct request r;

    to_send(&r, false);
    exchange_on(&r.x, EV_HEAD);
    time_passes(&bare.now, 100000);
    assert_false(r.finished);
    exchange_on(&r.x, EV_DONE);
    assert_true(r.finished);
}

/* ---- retries ---- */

TEST(what_was_never_sent_goes_elsewhere_at_once_whatever_the_method)
{
    struct request r;

    start(&r, false);
    exchange_fail(&r.x, ERR_CONNECT_FAILED);
    trail_is("lease lease");
    exchange_on(&r.x, EV_LEASED);
    answer(&r);
    assert_int_equal(r.x.attempts, 2);
}

TEST(what_was_sent_is_not_repeated_unless_idempotent)
{
    struct request r;

    to_send(&r, false);
    exchange_fail(&r.x, ERR_UPSTREAM_RESET);
    trail_is("lease send upstream_reset");
    assert_string_equal(r.x.retry_reason, "not_idempotent");
}

TEST(what_is_idempotent_is_repeated_after_a_back_off)
{
    struct request r;

    to_send(&r, true);
    exchange_fail(&r.x, ERR_UPSTREAM_RESET);
    time_passes(&bare.now, 26);
    trail_is("lease send lease");
    exchange_on(&r.x, EV_GONE);
}

TEST(a_malformed_answer_is_never_asked_for_again)
{
    struct request r;

    to_send(&r, true);
    exchange_fail(&r.x, ERR_BAD_RESPONSE);
    trail_is("lease send bad_response");
}

TEST(retries_are_counted)
{
    struct request r;

    start(&r, true);
    for (int i = 0; i < 3; i++) {
        assert_false(r.finished);
        exchange_fail(&r.x, ERR_CONNECT_FAILED);
        time_passes(&bare.now, 300);
    }
    assert_true(r.finished);
    assert_string_equal(r.x.retry_reason, "retries_used_up");
    assert_int_equal(r.x.attempts, 3);
}

TEST(a_body_that_was_not_kept_is_not_sent_again)
{
    struct request r;

    to_send(&r, true);
    r.x.body_lost = true;
    exchange_fail(&r.x, ERR_UPSTREAM_RESET);
    assert_string_equal(r.x.retry_reason, "body_not_kept");
}

TEST(a_pinned_instance_has_no_second)
{
    struct request r;

    r = (struct request){
        .x = {.port = &port, .clock = &bare.now, .pinned = SLICE("i1")}
    };
    exchange_start(&r.x);
    assert_string_equal(r.x.instance->id, "i1");
    exchange_fail(&r.x, ERR_CONNECT_FAILED);
    assert_string_equal(r.x.retry_reason, "pinned");
}

TEST(retry_after_is_waited_for)
{
    struct request r;

    to_unwell(&r, 2000);
    time_passes(&bare.now, 1999);
    trail_is("lease send");
    time_passes(&bare.now, 1);
    trail_is("lease");
    exchange_on(&r.x, EV_GONE);
}

TEST(a_retry_after_beyond_the_deadline_is_relayed)
{
    struct request r;

    to_unwell(&r, 20000);
    trail_is("lease send relay");
    assert_string_equal(r.x.retry_reason, "deadline");
    exchange_on(&r.x, EV_DONE);
}

TEST(the_budget_keeps_retries_to_a_fifth_of_the_requests)
{
    unsigned attempts = 0;

    bare_use(
        "name: t\ndefaults: { outlier: { failures: 0 }, retries: { budget_min: 0 } }\n");
    bare_list(2);
    for (int i = 0; i < 1000; i++) {
        struct request r;

        start(&r, true);
        while (!r.finished) {
            exchange_fail(&r.x, ERR_CONNECT_FAILED);
            time_passes(&bare.now, 251);
        }
        attempts += r.x.attempts;
    }
    assert_in_range(attempts, 1150, 1215);
    assert_true(bare.service->stats.retries_denied_budget > 500);
}

/* ---- one attempt's time ---- */

TEST(a_slow_attempt_gives_way_while_another_is_possible)
{
    struct request r;

    to_send(&r, true);
    time_passes(&bare.now, 5000 + 26);
    trail_is("lease send lease");
    exchange_on(&r.x, EV_GONE);
}

TEST(a_slow_attempt_that_may_not_be_repeated_has_all_the_time_left)
{
    struct request r;

    to_send(&r, false);
    time_passes(&bare.now, 14000);
    assert_false(r.finished);
    trail_is("lease send");
    answer(&r);
}

/* ---- limits ---- */

TEST(so_many_at_once_so_many_behind_them_and_no_more)
{
    struct request r[3];

    bare_use("name: t\ndefaults: { limits: { in_flight: 1, waiting: 1 } }\n");
    bare_list(1);
    to_send(&r[0], true);
    start(&r[1], true);
    start(&r[2], true);
    trail_is("lease send overloaded");
    assert_true(r[2].finished);
    answer(&r[0]);
    time_passes(&bare.now, 1);
    trail_is("relay lease");
    exchange_on(&r[1].x, EV_GONE);
}

TEST(one_that_waits_may_leave)
{
    struct request r[2];

    bare_use("name: t\ndefaults: { limits: { in_flight: 1, waiting: 1 } }\n");
    bare_list(1);
    to_send(&r[0], true);
    start(&r[1], true);
    exchange_on(&r[1].x, EV_GONE);
    answer(&r[0]);
    assert_int_equal(bare.service->policies.limit.waiting, 0);
}

TEST(one_that_waits_has_a_deadline_too)
{
    struct request r[2];

    bare_use(
        "name: t\ndefaults: { timeout: 1s, limits: { in_flight: 1, waiting: 1 } }\n");
    bare_list(1);
    to_send(&r[0], true);
    exchange_on(&r[0].x, EV_HEAD);
    start(&r[1], true);
    time_passes(&bare.now, 1000);
    assert_true(r[1].finished);
    assert_int_equal(r[1].x.error, ERR_DEADLINE);
    exchange_on(&r[0].x, EV_DONE);
}

/* ---- balance ---- */

TEST(a_service_nobody_heard_of_yet_is_waited_for)
{
    struct request r;

    bare_use("name: t\n");
    start(&r, true);
    trail_is("");
    bare_list(1);
    trail_is("lease");
    exchange_on(&r.x, EV_GONE);
}

TEST(a_service_nobody_knows_is_no_service)
{
    struct request r;

    bare_use("name: t\n");
    start(&r, true);
    bare_list_unknown();
    trail_is("no_such_service");
    assert_true(r.finished);
}

TEST(a_registry_that_says_nothing_is_not_waited_for_long)
{
    struct request r;

    bare_use("name: t\n");
    start(&r, true);
    time_passes(&bare.now, 2000);
    trail_is("registry_unavailable");
}

TEST(a_known_service_without_instances_is_unavailable)
{
    struct request r;

    bare_list(0);
    start(&r, true);
    trail_is("no_instance");
}

TEST(an_instance_that_fails_again_and_again_is_ejected)
{
    struct request r;

    bare_use("name: t\ndefaults: { retries: { max: 0 } }\n");
    bare_list(2);
    for (int i = 0; i < 20; i++) {
        start(&r, true);
        if (strcmp(r.x.instance->id, "i0") == 0)
            exchange_fail(&r.x, ERR_CONNECT_FAILED);
        else
            exchange_on(&r.x, EV_GONE);
    }
    assert_int_equal(service_peek(bare.service, 0)->outlier.state, OUTLIER_OPEN);
    assert_int_equal(bare.service->ejected, 1);
}

TEST(the_last_instance_is_never_ejected)
{
    struct request r;

    bare_use("name: t\ndefaults: { retries: { max: 0 } }\n");
    bare_list(1);
    for (int i = 0; i < 20; i++) {
        start(&r, true);
        exchange_fail(&r.x, ERR_CONNECT_FAILED);
    }
    assert_int_equal(service_peek(bare.service, 0)->outlier.state, OUTLIER_CLOSED);
}

TEST(our_own_refusals_and_the_clients_leaving_blame_nobody)
{
    struct request r;

    for (int i = 0; i < 50; i++) {
        start(&r, true);
        exchange_on(&r.x, EV_GONE);
    }
    assert_int_equal(bare.service->ejected, 0);
    assert_int_equal(service_peek(bare.service, 0)->in_flight, 0);
}

static void eject_first(void)
{
    struct request r;

    for (int i = 0; i < 20; i++) {
        start(&r, true);
        if (strcmp(r.x.instance->id, "i0") == 0)
            exchange_fail(&r.x, ERR_CONNECT_FAILED);
        else
            exchange_on(&r.x, EV_GONE);
    }
    assert_int_equal(service_ejected(bare.service), 1);
}

/* How many of so many requests go to the first instance, each ended by its client. */
static unsigned picks_of_first(unsigned requests)
{
    struct request r;
    unsigned count = 0;

    while (requests-- > 0) {
        start(&r, true);
        count += strcmp(r.x.instance->id, "i0") == 0;
        exchange_on(&r.x, EV_GONE);
    }
    return count;
}

TEST(a_probe_whose_client_left_makes_room_for_the_next)
{
    bare_use("name: t\ndefaults: { retries: { max: 0 }, balancer: round_robin }\n");
    bare_list(2);
    eject_first();
    assert_int_equal(picks_of_first(10), 0);
    time_passes(&bare.now, 30001);
    assert_int_equal(picks_of_first(10), 5);
}

TEST(one_probe_at_a_time)
{
    struct request a, b, c;

    bare_use("name: t\ndefaults: { retries: { max: 0 }, balancer: round_robin }\n");
    bare_list(2);
    eject_first();
    time_passes(&bare.now, 30001);
    to_send(&a, true);
    to_send(&b, true);
    to_send(&c, true);
    assert_int_equal(service_peek(bare.service, 0)->in_flight, 1);
    answer(&a);
    answer(&b);
    answer(&c);
    assert_int_equal(service_peek(bare.service, 0)->outlier.state, OUTLIER_CLOSED);
}

TEST(the_count_of_the_ejected_ends_with_their_rest)
{
    bare_use("name: t\ndefaults: { retries: { max: 0 } }\n");
    bare_list(2);
    eject_first();
    time_passes(&bare.now, 30001);
    assert_int_equal(service_ejected(bare.service), 0);
}

TEST(a_list_without_the_ejected_one_counts_none)
{
    bare_use("name: t\ndefaults: { retries: { max: 0 } }\n");
    bare_list(2);
    eject_first();
    bare_list(0);
    assert_int_equal(service_ejected(bare.service), 0);
}

TEST(turned_off_nobody_rests_on)
{
    struct settings *off;
    struct why why;

    bare_use("name: t\ndefaults: { retries: { max: 0 }, balancer: round_robin }\n");
    bare_list(2);
    eject_first();
    why_init(&why);
    assert_int_equal(settings_parse(&off,
                                    SLICE("name: t\ndefaults: { balancer: round_robin, "
                                          "outlier: { failures: 0 } }\n"),
                                    "test.yaml", &why),
                     ERR_OK);
    service_configure(bare.service, off, service_settings_of(off, SLICE("s")), 1);
    settings_unref(off);
    assert_int_equal(picks_of_first(10), 5);
}

TEST(a_raised_limit_lets_those_who_wait_go)
{
    struct request a, b, c;
    struct settings *wider;
    struct why why;

    bare_use("name: t\ndefaults: { limits: { in_flight: 1 } }\n");
    bare_list(2);
    start(&a, true);
    start(&b, true);
    start(&c, true);
    trail_is("lease");
    why_init(&why);
    assert_int_equal(settings_parse(&wider, SLICE("name: t\n"), "test.yaml", &why),
                     ERR_OK);
    service_configure(bare.service, wider, service_settings_of(wider, SLICE("s")), 1);
    settings_unref(wider);
    time_passes(&bare.now, 1);
    trail_is("lease lease");
    exchange_on(&a.x, EV_GONE);
    exchange_on(&b.x, EV_GONE);
    exchange_on(&c.x, EV_GONE);
}

TESTS(RUN_WITH(the_deadline_answers_after_its_time),
      RUN_WITH(a_body_that_moves_puts_the_deadline_off),
      RUN_WITH(the_deadline_ends_with_the_final_head),
      RUN_WITH(what_was_never_sent_goes_elsewhere_at_once_whatever_the_method),
      RUN_WITH(what_was_sent_is_not_repeated_unless_idempotent),
      RUN_WITH(what_is_idempotent_is_repeated_after_a_back_off),
      RUN_WITH(a_malformed_answer_is_never_asked_for_again),
      RUN_WITH(retries_are_counted), RUN_WITH(a_body_that_was_not_kept_is_not_sent_again),
      RUN_WITH(a_pinned_instance_has_no_second), RUN_WITH(retry_after_is_waited_for),
      RUN_WITH(a_retry_after_beyond_the_deadline_is_relayed),
      RUN_WITH(the_budget_keeps_retries_to_a_fifth_of_the_requests),
      RUN_WITH(a_slow_attempt_gives_way_while_another_is_possible),
      RUN_WITH(a_slow_attempt_that_may_not_be_repeated_has_all_the_time_left),
      RUN_WITH(so_many_at_once_so_many_behind_them_and_no_more),
      RUN_WITH(one_that_waits_may_leave), RUN_WITH(one_that_waits_has_a_deadline_too),
      RUN_WITH(a_service_nobody_heard_of_yet_is_waited_for),
      RUN_WITH(a_service_nobody_knows_is_no_service),
      RUN_WITH(a_registry_that_says_nothing_is_not_waited_for_long),
      RUN_WITH(a_known_service_without_instances_is_unavailable),
      RUN_WITH(an_instance_that_fails_again_and_again_is_ejected),
      RUN_WITH(the_last_instance_is_never_ejected),
      RUN_WITH(our_own_refusals_and_the_clients_leaving_blame_nobody),
      RUN_WITH(a_probe_whose_client_left_makes_room_for_the_next),
      RUN_WITH(one_probe_at_a_time),
      RUN_WITH(the_count_of_the_ejected_ends_with_their_rest),
      RUN_WITH(a_list_without_the_ejected_one_counts_none),
      RUN_WITH(turned_off_nobody_rests_on),
      RUN_WITH(a_raised_limit_lets_those_who_wait_go))
