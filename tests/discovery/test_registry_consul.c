/* The Consul registry against an agent that answers what the test says, and a clock that goes when the test says so. */
#include "tests/lib/test.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "discovery/consul_parts.h"
#include "sidecar/core/random.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/transport/peer.h"

enum { PEERS = 16 };

static struct loop loop;
static struct random random_state;
static struct registry_environment environment;
static struct registry *registry;
static int listening;
static struct peer peers[PEERS];
static unsigned peer_count;
static struct peer *asker; /* who asked last */
static bool closed;
static struct registry_watch watch;
static struct registry_lease lease;
static struct text trail; /* what the frame was told */

/* --- the frame --- */

static void on_deliver(struct registry_watch *w, const struct instance *instances,
                       uint32_t count, enum authority authority)
{
    (void)w;
    text_addf(&trail, "%s:", authority == LIST_SUSPECT ? "suspect" : "list");
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
    (void)why;
    text_addf(&trail, "names_failed:%s ", err_code(e));
    r->ops->unwatch_names(r);
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

static void assert_told(const char *expected)
{
    text_add(&trail, SLICE(""));
    assert_string_equal(trail.base ? trail.base : "", expected);
    text_clear(&trail);
}

/* --- the agent --- */

static void pass(uint64_t ms)
{
    clock_advance(&loop.clock, loop_now(&loop) + ms);
    loop_settle(&loop);
}

static void take_connections(void)
{
    int fd;

    while (peer_count < PEERS && (fd = accept(listening, NULL, NULL)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        peer_adopt(&peers[peer_count++], &loop, fd);
    }
}

static bool is_asked(void *question)
{
    take_connections();
    for (unsigned i = 0; i < peer_count; i++) {
        if (peers[i].fd < 0 || !peer_has(&peers[i], question) ||
            !peer_has(&peers[i], "\r\n\r\n"))
            continue;
        asker = &peers[i];
        return true;
    }
    return false;
}

static void until_asked(const char *question)
{
    loop_until_true(&loop, is_asked, (void *)(uintptr_t)question);
}

static void say(const char *status, const char *fields, const char *body)
{
    char head[512];

    snprintf(head, sizeof head, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n", status,
             fields, strlen(body));
    peer_forget(asker);
    peer_send(asker, head);
    peer_send(asker, body);
    for (unsigned i = 0; i < 3; i++)
        pass(1); /* an answer is told by a timer */
}

static void answer(unsigned index, const char *body)
{
    char fields[64];

    snprintf(fields, sizeof fields, "X-Consul-Index: %u\r\n", index);
    say("200 OK", fields, body);
}

static void hang_up(void)
{
    peer_reset(asker);
    asker->fd = -1;
    loop_settle(&loop);
}

#define ORDERS(id)                                                                       \
    "{\"Service\":{\"ID\":\"" id                                                         \
    "\",\"Service\":\"orders\",\"Address\":\"10.0.0.1\",\"Port\":80}}"
#define READ "GET /v1/health/service/orders?&stale HTTP"
#define READ_OF_LEADER "GET /v1/health/service/orders? HTTP"
#define BLOCKED_AT(index)                                                                \
    "GET /v1/health/service/orders?&stale&index=" index "&wait=20000ms HTTP"

/* --- life --- */

static int test_setup(void **state)
{
    struct address a;
    socklen_t size = sizeof a;
    char url[64];

    (void)state;
    assert_int_equal(loop_open(&loop, 4096), ERR_OK);
    random_init(&random_state, 1);
    text_init(&trail, 4096);
    peer_count = 0;
    closed = false;
    listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    address_from_ip(&a, SLICE("127.0.0.1"), 0);
    assert_int_equal(bind(listening, &a.any, address_size(&a)), 0);
    assert_int_equal(listen(listening, PEERS), 0);
    assert_int_equal(getsockname(listening, &a.any, &size), 0);
    snprintf(url, sizeof url, "consul://127.0.0.1:%u", address_port(&a));
    assert_int_equal(registry_open(&registry, slice_of(url), &loop, &random_state,
                                   &environment, &frame, NULL, NULL),
                     ERR_OK);
    return 0;
}

static void on_closed(struct registry *r)
{
    registry_free(r);
    closed = true;
}

static int test_teardown(void **state)
{
    (void)state;
    registry_close(registry, on_closed);
    while (!closed)
        pass(1);
    for (unsigned i = 0; i < peer_count; i++)
        if (peers[i].fd >= 0)
            peer_close(&peers[i]);
    close(listening);
    text_fini(&trail);
    assert_int_equal(loop_close(&loop), ERR_OK);
    return 0;
}

/* --- queries --- */

static void begin_watch(void)
{
    watch = (struct registry_watch){.service = "orders", .registry = registry};
    list_init(&watch.node);
    assert_int_equal(registry->ops->watch(registry, &watch), ERR_OK);
    until_asked(READ);
}

/* "a" is known as of index 7, and the next query is held back. */
static void begin_blocked(void)
{
    begin_watch();
    answer(7, "[" ORDERS("a") "]");
    assert_told("list:a ");
    until_asked(BLOCKED_AT("7"));
}

TEST(an_answer_is_waited_for_from_its_index_on)
{
    begin_blocked();
    answer(8, "[" ORDERS("a") "," ORDERS("b") "]");
    assert_told("add:b ");
    until_asked(BLOCKED_AT("8"));
    answer(9, "[" ORDERS("b") "]");
    assert_told("remove:a ");
}

TEST(the_same_index_is_no_news)
{
    begin_blocked();
    answer(7, "[ what is not even read ]");
    assert_told("");
    until_asked(BLOCKED_AT("7"));
}

TEST(an_index_that_went_back_is_asked_of_the_leader_who_may_know_better)
{
    begin_blocked();
    answer(5, "[]"); /* a server that lags */
    assert_told("");
    until_asked(READ_OF_LEADER);
    answer(9, "[" ORDERS("a") "," ORDERS("b") "]");
    assert_told("add:b ");
    until_asked(BLOCKED_AT("9"));
}

TEST(what_the_leader_has_lost_is_lost)
{
    begin_blocked();
    answer(5, "[]");
    until_asked(READ_OF_LEADER);
    answer(5, "[]");
    assert_told("failed:unavailable ");
}

TEST(an_answer_without_an_index_is_not_consuls)
{
    begin_watch();
    say("200 OK", "", "[]");
    assert_told("failed:bad_response ");
    begin_watch();
    answer(0, "[]");
    assert_told("failed:bad_response ");
}

TEST(an_answer_that_is_no_list_fails)
{
    begin_watch();
    answer(3, "{}");
    assert_told("failed:bad_response ");
}

TEST(a_connection_that_breaks_is_healed_in_silence_and_all_is_told_anew)
{
    begin_blocked();
    hang_up();
    pass(1);
    assert_told("");
    pass(200);
    until_asked(READ);
    answer(7, "[" ORDERS("b") "]"); /* the same index, of another life perhaps */
    assert_told("list:b ");
    until_asked(BLOCKED_AT("7"));
}

TEST(what_does_not_heal_is_said_within_seconds)
{
    begin_blocked();
    hang_up();
    close(listening);
    for (unsigned i = 0; i < 60 && !trail.size; i++)
        pass(100);
    assert_told("failed:unavailable ");
    listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

TEST(silence_is_asked_about_and_then_failure)
{
    begin_blocked();
    pass(3000);
    until_asked("GET /v1/status/leader");
    say("200 OK", "", "\"127.0.0.1:8300\"\n");
    assert_told("");
    pass(3000);
    until_asked("GET /v1/status/leader");
    pass(2900);
    assert_told("");
    pass(100);
    pass(1);
    assert_told("failed:timeout ");
}

TEST(without_a_leader_the_list_is_in_doubt_until_there_is_one)
{
    begin_blocked();
    pass(3000);
    until_asked("GET /v1/status/leader");
    say("200 OK", "", "\"\"");
    until_asked(READ);
    say("200 OK", "X-Consul-Index: 7\r\nX-Consul-KnownLeader: false\r\n", "[]");
    assert_told("suspect: ");
    pass(1000);
    until_asked(READ);
    say("200 OK", "X-Consul-Index: 7\r\nX-Consul-KnownLeader: true\r\n",
        "[" ORDERS("a") "]");
    assert_told("list:a ");
    until_asked(BLOCKED_AT("7"));
}

TEST(a_refusal_is_said_at_once)
{
    begin_blocked();
    say("403 Forbidden", "", "Permission denied");
    assert_told("failed:denied ");
}

TEST(a_list_that_acls_hide_is_a_refusal)
{
    begin_watch();
    say("200 OK", "X-Consul-Index: 7\r\nX-Consul-Results-Filtered-By-ACLs: true\r\n",
        "[]");
    assert_told("failed:denied ");
}

TEST(what_changes_without_pause_is_read_at_a_pace)
{
    char index[8];
    unsigned answers = 0;

    begin_watch();
    for (uint64_t begin = loop_now(&loop); loop_now(&loop) < begin + 1000; pass(1)) {
        if (!is_asked((void *)(uintptr_t) "GET /v1/health/service/orders"))
            continue;
        answers++;
        snprintf(index, sizeof index, "%u", answers);
        answer(answers, "[]");
    }
    assert_in_range(answers, 15, 30);
}

TEST(names_are_told_when_they_change)
{
    assert_int_equal(registry->ops->watch_names(registry), ERR_OK);
    until_asked("GET /v1/catalog/services?&stale HTTP");
    answer(7, "{\"orders\":[\"x\"],\"\\u0001\":[],\"_bad\":[]}");
    assert_told("names:1:orders ");
    until_asked("GET /v1/catalog/services?&stale&index=7");
    answer(8, "{\"orders\":[\"y\"]}"); /* another tag */
    assert_told("");
    until_asked("&index=8");
    answer(9, "{}");
    assert_told("names:0 ");
}

/* --- leases --- */

static void prepare(bool draining)
{
    lease = (struct registry_lease){
        .registry = registry,
        .registration = {.service = "orders",
                         .version = "1",
                         .id = "orders/1",
                         .draining = draining,
                         .ttl_ms = 30000,
                         .heartbeat_ms = 10000}
    };
    list_init(&lease.node);
    assert_int_equal(
        address_parse(&lease.registration.address, SLICE("10.0.0.1:80"), 0, NULL),
        ERR_OK);
}

static void put(void)
{
    assert_int_equal(registry->ops->put(registry, &lease), ERR_LATER);
}

static void good(void)
{
    say("200 OK", "", "");
}

static void is_put(void)
{
    prepare(false);
    put();
    until_asked("PUT /v1/agent/service/register?&replace-existing-checks=true");
    good();
    until_asked("PUT /v1/agent/check/pass/service%3Aorders%2F1?");
    good();
    assert_told("lease:ok ");
}

static void remove_it(void)
{
    assert_int_equal(registry->ops->remove(registry, &lease), ERR_LATER);
    until_asked("PUT /v1/agent/service/deregister/orders%2F1?");
    good();
    assert_told("lease:ok ");
}

TEST(a_put_registers_and_passes)
{
    is_put();
    remove_it();
}

/* replace-existing-checks would end the maintenance for a moment. */
TEST(who_drains_is_in_maintenance_and_stays_in_it)
{
    prepare(true);
    for (unsigned i = 0; i < 2; i++) {
        put();
        until_asked("PUT /v1/agent/service/register? HTTP");
        good();
        until_asked("PUT /v1/agent/service/maintenance/orders%2F1?&enable=true");
        good();
        until_asked("PUT /v1/agent/check/pass/");
        good();
        assert_told("lease:ok ");
    }
    remove_it();
}

TEST(an_agent_that_does_not_know_the_check_has_lost_the_record)
{
    static const char *const answers[][2] = {
        {"404 Not Found",             "Unknown check ID \"x\""                    },
        {"500 Internal Server Error", "CheckID \"x\" does not have associated TTL"},
    };

    for (unsigned i = 0; i < 2; i++) {
        is_put();
        assert_int_equal(registry->ops->renew(registry, &lease), ERR_LATER);
        until_asked("PUT /v1/agent/check/pass/");
        say(answers[i][0], "", answers[i][1]);
        assert_told("lease:not_found ");
        assert_null(lease.backend);
    }
}

TEST(a_renewal_that_fails_keeps_the_record)
{
    is_put();
    assert_int_equal(registry->ops->renew(registry, &lease), ERR_LATER);
    until_asked("PUT /v1/agent/check/pass/");
    say("500 Internal Server Error", "", "No cluster leader");
    assert_told("lease:unavailable ");
    assert_non_null(lease.backend);
    remove_it();
}

TEST(somebody_else_on_that_port_is_not_believed)
{
    prepare(false);
    put();
    until_asked("PUT /v1/agent/service/register");
    say("200 OK", "", "{}");
    assert_told("lease:bad_response ");
    assert_null(lease.backend);
}

TEST(what_consul_does_not_take_is_an_error)
{
    prepare(false);
    put();
    until_asked("PUT /v1/agent/service/register");
    say("400 Bad Request", "", "Invalid Service Meta");
    assert_told("lease:unsupported ");
}

TEST(removing_what_is_not_there_is_not_found)
{
    prepare(false);
    assert_int_equal(registry->ops->remove(registry, &lease), ERR_LATER);
    until_asked("PUT /v1/agent/service/deregister/");
    say("404 Not Found", "", "Unknown service ID \"x\"");
    assert_told("lease:not_found ");
    assert_null(lease.backend);
}

/* Until the frame is told; whatever is asked meanwhile is granted. */
static bool is_told(void *unused)
{
    (void)unused;
    pass(1);
    if (is_asked((void *)(uintptr_t) "PUT /v1/agent/"))
        good();
    return trail.size > 0;
}

/* Each allocation of a put fails in turn: an error that is told or returned, and no record that nobody knows of. */
TEST(memory_that_is_out_for_a_moment_is_an_error)
{
    unsigned failures = 0;
    bool refused = true;

    for (unsigned n = 1; refused && n < 100; n++) {
        enum err e;

        prepare(false);
        fault_heap_fail_at(n);
        e = registry->ops->put(registry, &lease);
        if (e == ERR_LATER)
            loop_until_true(&loop, is_told, NULL);
        refused = fault_heap_stop();
        failures += e != ERR_LATER || !slice_is(text_slice(&trail), "lease:ok ");
        text_clear(&trail);
        if (!lease.backend)
            continue;
        assert_int_equal(registry->ops->remove(registry, &lease), ERR_LATER);
        loop_until_true(&loop, is_told, NULL);
        text_clear(&trail);
    }
    assert_false(refused);
    assert_true(failures > 5);
}

TESTS(RUN_WITH(memory_that_is_out_for_a_moment_is_an_error),
      RUN_WITH(an_answer_is_waited_for_from_its_index_on),
      RUN_WITH(the_same_index_is_no_news),
      RUN_WITH(an_index_that_went_back_is_asked_of_the_leader_who_may_know_better),
      RUN_WITH(what_the_leader_has_lost_is_lost),
      RUN_WITH(an_answer_without_an_index_is_not_consuls),
      RUN_WITH(an_answer_that_is_no_list_fails),
      RUN_WITH(a_connection_that_breaks_is_healed_in_silence_and_all_is_told_anew),
      RUN_WITH(what_does_not_heal_is_said_within_seconds),
      RUN_WITH(silence_is_asked_about_and_then_failure),
      RUN_WITH(without_a_leader_the_list_is_in_doubt_until_there_is_one),
      RUN_WITH(a_refusal_is_said_at_once), RUN_WITH(a_list_that_acls_hide_is_a_refusal),
      RUN_WITH(what_changes_without_pause_is_read_at_a_pace),
      RUN_WITH(names_are_told_when_they_change), RUN_WITH(a_put_registers_and_passes),
      RUN_WITH(who_drains_is_in_maintenance_and_stays_in_it),
      RUN_WITH(an_agent_that_does_not_know_the_check_has_lost_the_record),
      RUN_WITH(a_renewal_that_fails_keeps_the_record),
      RUN_WITH(somebody_else_on_that_port_is_not_believed),
      RUN_WITH(what_consul_does_not_take_is_an_error),
      RUN_WITH(removing_what_is_not_there_is_not_found))
