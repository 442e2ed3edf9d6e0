#include "tests/lib/test.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "discovery/registry.h"
#include "sidecar/core/random.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/transport/peer.h"

/* One server, that says what the test says, and a clock that goes when the test says so. */
static struct loop loop;
static struct random random_state;
static struct registry_environment environment;
static struct registry *registry;
static int listening;
static unsigned port;
static struct peer peer;
static bool has_peer, closed;
static struct registry_watch watch;
static struct registry_lease lease;
static struct text trail; /* what the frame was told */

/* --- the frame --- */

static void on_deliver(struct registry_watch *w, const struct instance *instances,
                       uint32_t count, enum authority authority)
{
    (void)w;
    (void)authority;
    text_addf(&trail, "list:");
    for (uint32_t i = 0; i < count; i++)
        text_addf(&trail, "%s%s", i ? "," : "", instances[i].id);
    text_addf(&trail, " ");
}

static void on_add(struct registry_watch *w, const struct instance *i)
{
    (void)w;
    text_addf(&trail, "add:%s ", i->id);
}

static void on_remove(struct registry_watch *w, const char *id)
{
    (void)w;
    text_addf(&trail, "remove:%s ", id);
}

static void on_failed(struct registry_watch *w, enum err e, const struct why *why)
{
    (void)why;
    text_addf(&trail, "failed:%s ", err_code(e));
    registry->ops->unwatch(registry, w);
}

static void on_names(struct registry *r, const char *const *names, uint32_t count)
{
    (void)r;
    text_addf(&trail, "names:%u%s%s ", count, count ? ":" : "", count ? names[0] : "");
}

static void on_names_failed(struct registry *r, enum err e, const struct why *why)
{
    (void)r;
    (void)why;
    text_addf(&trail, "names_failed:%s ", err_code(e));
}

static void on_lease_done(struct registry_lease *l, enum err e, const struct why *why)
{
    (void)l;
    (void)why;
    text_addf(&trail, "lease:%s ", err_code(e));
}

static const struct registry_frame frame = {.deliver = on_deliver,
                                            .add = on_add,
                                            .remove = on_remove,
                                            .failed = on_failed,
                                            .names = on_names,
                                            .names_failed = on_names_failed,
                                            .lease_done = on_lease_done};

/* --- steps --- */

static void on_closed(struct registry *r)
{
    registry_free(r);
    closed = true;
}

static void pass(uint64_t ms)
{
    clock_advance(&loop.clock, loop_now(&loop) + ms);
    loop_settle(&loop);
}

static bool comes(void *unused)
{
    int fd = accept(listening, NULL, NULL);

    (void)unused;
    if (fd < 0)
        return false;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    peer_adopt(&peer, &loop, fd);
    return true;
}

static void let_in(void)
{
    loop_until_true(&loop, comes, NULL);
    has_peer = true;
    peer_send(&peer, "INFO {}\r\n");
    peer_expect(&peer, "}\r\nPING\r\n");
    peer_forget(&peer);
    peer_send(&peer, "PONG\r\n");
    loop_settle(&loop);
}

static void hang_up(void)
{
    if (has_peer)
        peer_close(&peer);
    has_peer = false;
    loop_settle(&loop);
}

static void begin_watch(void)
{
    watch = (struct registry_watch){.service = "orders", .registry = registry};
    list_init(&watch.node);
    assert_int_equal(registry->ops->watch(registry, &watch), ERR_OK);
}

static void publish(unsigned sid, const char *payload)
{
    char head[64];

    snprintf(head, sizeof head, "MSG subject %u %zu\r\n", sid, strlen(payload));
    peer_send(&peer, head);
    peer_send(&peer, payload);
    peer_send(&peer, "\r\n");
    loop_settle(&loop);
}

#define RECORD(id)                                                                       \
    "{\"name\":\"orders\",\"nodes\":[{\"id\":\"" id                                      \
    "\",\"address\":\"127.0.0.1:1\",\"metadata\":{}}]}"

/* In the order in which a watch subscribes. */
static void answer(const char *record)
{
    publish(1, record);
}

static void announce(const char *announcement)
{
    publish(2, announcement);
}

static void until_asked(void)
{
    peer_expect(&peer, "{\"Action\":\"get\",\"Service\":{\"name\":\"orders\"");
    peer_expect(&peer, "PING\r\n");
    peer_forget(&peer);
}

static void pong(void)
{
    peer_send(&peer, "PONG\r\n");
    loop_settle(&loop);
}

/* A round in which `record` answers, or nobody. */
static void round_with(const char *record)
{
    until_asked();
    pong();
    if (record)
        answer(record);
    pass(150);
}

static void assert_told(const char *expected)
{
    text_add(&trail, SLICE(""));
    assert_string_equal(trail.base ? trail.base : "", expected);
    text_clear(&trail);
}

static bool is_asked(void *unused)
{
    (void)unused;
    if (peer_has(&peer, "\"Action\":\"get\""))
        return true;
    if (peer_has(&peer, "PING\r\n")) {
        peer_forget(&peer);
        pong(); /* the watchdog's */
    }
    pass(100);
    return false;
}

static int test_setup(void **state)
{
    struct address a;
    socklen_t size = sizeof a;
    char url[64];

    (void)state;
    assert_int_equal(loop_open(&loop, 4096), ERR_OK);
    random_init(&random_state, 1);
    text_init(&trail, 4096);
    has_peer = closed = false;
    listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    address_from_ip(&a, SLICE("127.0.0.1"), 0);
    assert_int_equal(bind(listening, &a.any, address_size(&a)), 0);
    assert_int_equal(listen(listening, 8), 0);
    assert_int_equal(getsockname(listening, &a.any, &size), 0);
    port = address_port(&a);
    snprintf(url, sizeof url, "nats://127.0.0.1:%u", port);
    assert_int_equal(registry_open(&registry, slice_of(url), &loop, &random_state,
                                   &environment, &frame, NULL, NULL),
                     ERR_OK);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    registry_close(registry, on_closed);
    while (!closed)
        pass(1);
    hang_up();
    if (listening >= 0)
        close(listening);
    text_fini(&trail);
    assert_int_equal(loop_close(&loop), ERR_OK);
    return 0;
}

/* --- lists --- */

TEST(nothing_is_no_answer_before_the_server_has_passed_the_question_on)
{
    let_in();
    begin_watch();
    until_asked();
    pass(1000);
    assert_told("");
    pong();
    pass(149);
    assert_told("");
    pass(1);
    assert_told("list: ");
}

TEST(the_first_answer_counts_at_once)
{
    let_in();
    begin_watch();
    until_asked();
    answer(RECORD("a"));
    assert_told("add:a ");
    pong();
    answer(RECORD("b"));
    pass(150);
    assert_told("add:b list:a,b ");
}

TEST(a_cut_while_answers_come_is_no_empty_list)
{
    let_in();
    begin_watch();
    until_asked();
    pong();
    hang_up();
    pass(200);
    assert_told("");
    let_in();
    round_with(RECORD("a"));
    assert_told("add:a list:a ");
}

TEST(who_does_not_answer_three_times_is_gone)
{
    let_in();
    begin_watch();
    round_with(RECORD("a"));
    assert_told("add:a list:a ");
    for (unsigned i = 0; i < 2; i++) {
        loop_until_true(&loop, is_asked, NULL);
        round_with(NULL);
        assert_told("list:a ");
    }
    loop_until_true(&loop, is_asked, NULL);
    round_with(NULL);
    assert_told("list: ");
}

TEST(who_says_that_he_is_there_need_not_answer)
{
    let_in();
    begin_watch();
    round_with(RECORD("a"));
    assert_told("add:a list:a ");
    for (unsigned i = 0; i < 6; i++) {
        loop_until_true(&loop, is_asked, NULL);
        until_asked();
        pong();
        announce("{\"Action\":\"create\",\"Service\":" RECORD("a") "}");
        pass(150);
        assert_told("list:a ");
    }
}

TEST(who_has_left_is_not_believed_when_he_answers_but_when_he_comes_back)
{
    let_in();
    begin_watch();
    round_with(RECORD("a"));
    announce("{\"Action\":\"delete\",\"Service\":" RECORD("a") "}");
    assert_told("add:a list:a remove:a ");
    answer(RECORD("a"));
    assert_told("");
    announce("{\"Action\":\"create\",\"Service\":" RECORD("a") "}");
    assert_told("add:a ");
}

TEST(a_short_outage_changes_nothing_and_a_long_one_is_a_failure)
{
    let_in();
    begin_watch();
    round_with(RECORD("a"));
    assert_told("add:a list:a ");
    hang_up();
    pass(2400);
    assert_told("");
    pass(200);
    assert_told("failed:unavailable ");
}

TEST(who_is_late_after_an_outage_is_not_gone)
{
    let_in();
    begin_watch();
    round_with(RECORD("a"));
    assert_told("add:a list:a ");
    hang_up();
    let_in();
    for (unsigned i = 0; i < 4; i++) {
        round_with(NULL);
        assert_told("list:a ");
        loop_until_true(&loop, is_asked, NULL);
    }
}

TEST(a_question_that_is_not_permitted_is_a_refusal)
{
    let_in();
    begin_watch();
    until_asked();
    peer_send(&peer, "-ERR 'Permissions Violation for Publish to "
                     "\"micro.registry.nats.query\"'\r\nPONG\r\n");
    loop_settle(&loop);
    assert_told("failed:denied ");
}

/* --- records --- */

static void begin_put(void)
{
    lease = (struct registry_lease){
        .registry = registry,
        .registration = {
                         .service = "orders", .id = "a", .ttl_ms = 3000, .heartbeat_ms = 1000}
    };
    list_init(&lease.node);
    address_from_ip(&lease.registration.address, SLICE("127.0.0.1"), 1);
    assert_int_equal(registry->ops->put(registry, &lease), ERR_LATER);
    peer_expect(&peer, "{\"Action\":\"create\"");
    peer_expect(&peer, "PING\r\n");
}

static void question(const char *reply)
{
    char all[256];
    static const char list[] = "{\"Action\":\"list\",\"Service\":null}";

    snprintf(all, sizeof all, "MSG q 1 %s %zu\r\n%s\r\n", reply, sizeof list - 1, list);
    peer_forget(&peer);
    peer_send(&peer, all);
    loop_settle(&loop);
}

TEST(a_record_is_put_when_the_server_has_it_and_answered_for_until_its_time_is_over)
{
    let_in();
    begin_put();
    assert_told("");
    pong();
    assert_told("lease:ok ");
    question("inbox");
    assert_true(peer_has(&peer, "PUB inbox "));
    pass(3000);
    peer_expect(&peer, "{\"Action\":\"delete\"");
    question("inbox");
    assert_false(peer_has(&peer, "PUB inbox "));
}

TEST(where_strangers_want_an_answer_does_not_harm_the_lease)
{
    let_in();
    begin_put();
    pong();
    question("secret");
    assert_int_equal(registry->ops->renew(registry, &lease), ERR_LATER);
    peer_send(&peer,
              "-ERR 'Permissions Violation for Publish to \"secret\"'\r\nPONG\r\n");
    loop_settle(&loop);
    assert_told("lease:ok lease:ok ");
}

TEST(a_subject_we_may_not_listen_to_refuses_the_lease)
{
    let_in();
    begin_put();
    peer_send(&peer, "-ERR 'Permissions Violation for Subscription to "
                     "\"micro.registry.nats.query\"'\r\nPONG\r\n");
    loop_settle(&loop);
    assert_told("lease:denied ");
}

TEST(what_waits_for_a_connection_is_told_after_some_patience)
{
    close(listening);
    listening = -1;
    begin_watch();
    while (!trail.base)
        uv_run(&loop.uv, UV_RUN_ONCE);
    assert_told("failed:unavailable ");
}

TEST(names_come_from_everybody_and_go_when_the_last_has_left)
{
    let_in();
    assert_int_equal(registry->ops->watch_names(registry), ERR_OK);
    peer_expect(&peer, "{\"Action\":\"list\",\"Service\":null}");
    peer_expect(&peer, "PING\r\n");
    peer_forget(&peer);
    pong();
    answer(RECORD("a"));
    pass(150);
    assert_told("names:1:orders ");
    announce("{\"Action\":\"delete\",\"Service\":" RECORD("a") "}");
    loop_until_true(&loop, is_asked, NULL);
    round_with(NULL);
    assert_told("names:0 ");
}

/* --- memory --- */

static void answer_with_id(unsigned id)
{
    char record[256];

    snprintf(record, sizeof record,
             "{\"name\":\"orders\",\"nodes\":[{\"id\":\"%u\",\"address\":\"127.0.0.1:1\","
             "\"metadata\":{\"zone\":\"eu\"}}]}",
             id);
    answer(record);
}

TEST(an_answer_lost_for_want_of_memory_is_heard_in_the_next_round)
{
    bool was_refused = true;
    unsigned n;

    let_in();
    begin_watch();
    until_asked();
    answer_with_id(0); /* without a line in memory the connection would go */
    for (n = 1; was_refused; n++) {
        fault_heap_fail_at(n);
        answer_with_id(n);
        was_refused = fault_heap_stop();
    }
    assert_true(n > 3);
    pong();
    for (unsigned i = 0; i < n; i++)
        answer_with_id(i);
    text_clear(&trail);
    pass(150);
    assert_non_null(strstr(trail.base, "list:"));
    for (const char *at = trail.base; (at = strchr(at, ',')); at++)
        n--;
    assert_int_equal(n, 1);
}

static enum err put_once(void)
{
    enum err e;

    address_from_ip(&lease.registration.address, SLICE("127.0.0.1"), 1);
    e = registry->ops->put(registry, &lease);
    if (e == ERR_LATER) {
        pass(0);
        pong();
    }
    return e;
}

TEST(a_record_not_put_for_want_of_memory_is_put_the_next_time)
{
    bool was_refused = true;
    unsigned n;

    let_in();
    begin_put();
    pong();
    text_clear(&trail);
    for (n = 1; was_refused; n++) {
        fault_heap_fail_at(n);
        put_once();
        was_refused = fault_heap_stop();
    }
    assert_true(n > 2);
    text_clear(&trail);
    assert_int_equal(put_once(), ERR_LATER);
    assert_told("lease:ok ");
}

TESTS(RUN_WITH(nothing_is_no_answer_before_the_server_has_passed_the_question_on),
      RUN_WITH(the_first_answer_counts_at_once),
      RUN_WITH(a_cut_while_answers_come_is_no_empty_list),
      RUN_WITH(who_does_not_answer_three_times_is_gone),
      RUN_WITH(who_says_that_he_is_there_need_not_answer),
      RUN_WITH(who_has_left_is_not_believed_when_he_answers_but_when_he_comes_back),
      RUN_WITH(a_short_outage_changes_nothing_and_a_long_one_is_a_failure),
      RUN_WITH(who_is_late_after_an_outage_is_not_gone),
      RUN_WITH(a_question_that_is_not_permitted_is_a_refusal),
      RUN_WITH(
          a_record_is_put_when_the_server_has_it_and_answered_for_until_its_time_is_over),
      RUN_WITH(where_strangers_want_an_answer_does_not_harm_the_lease),
      RUN_WITH(a_subject_we_may_not_listen_to_refuses_the_lease),
      RUN_WITH(what_waits_for_a_connection_is_told_after_some_patience),
      RUN_WITH(names_come_from_everybody_and_go_when_the_last_has_left),
      RUN_WITH(an_answer_lost_for_want_of_memory_is_heard_in_the_next_round),
      RUN_WITH(a_record_not_put_for_want_of_memory_is_put_the_next_time))
