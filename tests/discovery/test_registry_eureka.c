/* What is asked of a Eureka server, in which order, and what is made of its answers. The server is a script: what the real
 * one answers to the same is for tests/registries. */
#include "tests/lib/test.h"

#include <stdio.h>
#include <unistd.h>

#include "discovery/instance_set.h"
#include "discovery/registry.h"
#include "sidecar/core/random.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/transport/loops.h"
#include "transport/http_server.h"
#include "transport/listener.h"

/* The server: for each request the first rule that fits answers, else 404. */
struct rule {
    const char *request; /* "GET /eureka/apps/delta" */
    unsigned status;
    const char *body;
};

static struct loop loop;
static struct random random_state;
static struct registry_environment environment;
static struct http_server server;
static struct address address;
static bool server_is_closed;
static struct rule rules[8];
static char trail
    [4096]; /* "POST /apps/orders, PUT /apps/orders/orders-1, " without numbers in queries */
static unsigned requests;

static void note(const char *request)
{
    size_t size = strlen(trail);
    const char *dirty = strstr(request, "lastDirtyTimestamp");

    snprintf(trail + size, sizeof trail - size, "%.*s, ",
             dirty ? (int)(dirty - request) - 1 : (int)strlen(request), request);
}

static void handle(struct http_server *s, struct http_request *q)
{
    char request[512];
    struct slice method = q->head.method_text;
    struct slice target = slice_after(q->head.target, 7);

    (void)s;
    requests++;
    snprintf(request, sizeof request, "%.*s %.*s", (int)method.size, method.base,
             (int)target.size, target.base);
    note(request);
    for (struct rule *r = rules; r->request; r++)
        if (strncmp(request, r->request, strlen(r->request)) == 0) {
            server_respond(q, r->status, SLICE("application/json"), SLICE(""),
                           slice_of(r->body));
            return;
        }
    server_respond(q, 404, SLICE("application/json"), SLICE(""), SLICE(""));
}

static void on_server_closed(struct http_server *s)
{
    (void)s;
    server_is_closed = true;
}

static void open_server(void)
{
    int fd;

    server = (struct http_server){.handle = handle};
    server_is_closed = false;
    assert_int_equal(server_open(&server, &loop), ERR_OK);
    assert_int_equal(address_parse(&address, SLICE("127.0.0.1:0"), 0, NULL), ERR_OK);
    assert_int_equal(listener_bind(&address, false, &fd, NULL), ERR_OK);
    assert_int_equal(server_listen(&server, fd, NULL), ERR_OK);
}

#define ANSWERS(...)                                                                     \
    do {                                                                                 \
        const struct rule new_rules[] = {__VA_ARGS__};                                   \
                                                                                         \
        memset(rules, 0, sizeof rules);                                                  \
        memcpy(rules, new_rules, sizeof new_rules);                                      \
    } while (0)

/* The frame. */

static struct registry *registry;
static struct registry_watch watch;
static struct registry_lease lease;
static struct instance_set seen;
static bool is_watching, told, failed, is_done, is_closed;
static enum err result;
static char reason[sizeof(struct why)];

static void frame_deliver(struct registry_watch *w, const struct instance *instances,
                          uint32_t count, enum authority authority)
{
    bool ignored = false;

    (void)w;
    (void)authority;
    instance_set_replace(&seen, instances, count, NULL, &ignored);
    told = true;
}

static void frame_add(struct registry_watch *w, const struct instance *i)
{
    bool ignored = false;

    (void)w;
    instance_set_put(&seen, i, &ignored);
}

static void frame_remove(struct registry_watch *w, const char *id)
{
    (void)w;
    instance_set_remove(&seen, id);
}

static void frame_failed(struct registry_watch *w, enum err e, const struct why *why)
{
    result = e;
    snprintf(reason, sizeof reason, "%s", why ? why->text : "");
    registry->ops->unwatch(registry, w);
    is_watching = false;
    failed = true;
}

static void frame_lease_done(struct registry_lease *l, enum err e, const struct why *why)
{
    (void)l;
    (void)why;
    result = e;
    is_done = true;
}

static const struct registry_frame frame = {
    .deliver = frame_deliver,
    .add = frame_add,
    .remove = frame_remove,
    .failed = frame_failed,
    .lease_done = frame_lease_done,
};

static void on_registry_closed(struct registry *r)
{
    registry_free(r);
    is_closed = true;
}

static void open_registry(const char *options)
{
    char url[256];
    struct why w;

    snprintf(url, sizeof url, "eureka://127.0.0.1:%u/eureka?poll=100ms%s",
             address_port(&address), options);
    why_init(&w);
    if (registry_open(&registry, slice_of(url), &loop, &random_state, &environment,
                      &frame, NULL, &w))
        fail_msg("%s", w.text);
}

static int test_setup(void **state)
{
    (void)state;
    assert_int_equal(loop_open(&loop, 0), ERR_OK);
    random_init(&random_state, 1);
    open_server();
    instance_set_init(&seen, NULL);
    ANSWERS({NULL, 0, NULL});
    is_watching = told = failed = is_done = is_closed = false;
    lease = (struct registry_lease){
        .node = {NULL, NULL}
    };
    trail[0] = 0;
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    if (is_watching)
        registry->ops->unwatch(registry, &watch);
    registry_close(registry, on_registry_closed);
    loop_until(&loop, &is_closed);
    server_close(&server, 0, on_server_closed);
    loop_until(&loop, &server_is_closed);
    instance_set_fini(&seen);
    assert_int_equal(loop_close(&loop), ERR_OK);
    return 0;
}

/* --- leases --- */

static struct registration *orders(const char *at)
{
    struct registration *r = &lease.registration;

    *r = (struct registration){.service = "orders",
                               .version = "1.2.0",
                               .id = "orders-1",
                               .weight = 1,
                               .ttl_ms = 30 * 1000,
                               .heartbeat_ms = 10 * 1000};
    assert_int_equal(address_parse(&r->address, slice_of(at), 0, NULL), ERR_OK);
    lease.registry = registry;
    return r;
}

static enum err operate(enum err (*op)(struct registry *, struct registry_lease *))
{
    trail[0] = 0;
    is_done = false;
    assert_int_equal(op(registry, &lease), ERR_LATER);
    loop_until(&loop, &is_done);
    return result;
}

#define ALL_WELL                                                                         \
    {"POST", 204, ""}, {"PUT", 200, ""},                                                 \
    {                                                                                    \
        "DELETE", 200, ""                                                                \
    }

TEST(a_record_is_put_and_renewed_at_once)
{
    open_registry("");
    orders("10.0.0.5:5001");
    ANSWERS(ALL_WELL);
    assert_int_equal(operate(registry->ops->put), ERR_OK);
    assert_string_equal(trail,
                        "POST /apps/orders, PUT /apps/orders/orders-1?status=UP, ");
    assert_int_equal(operate(registry->ops->renew), ERR_OK);
    assert_string_equal(trail, "PUT /apps/orders/orders-1?status=UP, ");
    assert_int_equal(operate(registry->ops->remove), ERR_OK);
}

TEST(draining_is_said_by_the_status_and_taken_back_by_it)
{
    open_registry("");
    ANSWERS(ALL_WELL);
    orders("10.0.0.5:5001")->draining = true;
    assert_int_equal(operate(registry->ops->put), ERR_OK);
    assert_string_equal(trail, "POST /apps/orders, "
                               "PUT /apps/orders/orders-1/status?value=OUT_OF_SERVICE, "
                               "PUT /apps/orders/orders-1?status=OUT_OF_SERVICE, ");
    lease.registration.draining = false;
    assert_int_equal(operate(registry->ops->put), ERR_OK);
    assert_string_equal(trail, "POST /apps/orders, "
                               "DELETE /apps/orders/orders-1/status?value=UP, "
                               "PUT /apps/orders/orders-1?status=UP, ");
    assert_int_equal(operate(registry->ops->remove), ERR_OK);
}

TEST(a_record_whose_id_has_its_address_moves_with_it)
{
    open_registry("&flavor=micro");
    orders("10.0.0.5:1");
    ANSWERS(ALL_WELL);
    assert_int_equal(operate(registry->ops->put), ERR_OK);
    address_set_port(&lease.registration.address, 2);
    assert_int_equal(operate(registry->ops->put), ERR_OK);
    assert_string_equal(trail, "DELETE /apps/orders/10.0.0.5:1:orders-1, "
                               "POST /apps/orders, "
                               "PUT /apps/orders/10.0.0.5:2:orders-1?status=UP, ");
    assert_int_equal(operate(registry->ops->remove), ERR_OK);
}

TEST(one_of_two_records_that_is_lost_has_both_put_again)
{
    open_registry("&flavor=both");
    orders("10.0.0.5:1");
    ANSWERS(ALL_WELL);
    assert_int_equal(operate(registry->ops->put), ERR_OK);
    ANSWERS({"PUT /apps/orders/orders-1", 200, ""});
    assert_int_equal(operate(registry->ops->renew), ERR_NOT_FOUND);
}

TEST(what_was_put_by_nobody_here_is_looked_up_to_be_removed)
{
    open_registry("");
    orders("10.0.0.5:1");
    ANSWERS({"GET /apps/orders", 200,
             "{\"application\":{\"name\":\"ORDERS\",\"instance\":[{\"instanceId\":"
             "\"h:9:orders-1\",\"app\":\"ORDERS\",\"metadata\":{\"instanceId\":"
             "\"orders-1\",\"metadata\":\"{}\"}}]}}"},
            {"DELETE /apps/orders/h:9:orders-1", 200, ""});
    assert_int_equal(operate(registry->ops->remove), ERR_OK);
    assert_string_equal(trail, "DELETE /apps/orders/orders-1, GET /apps/orders, "
                               "DELETE /apps/orders/h:9:orders-1, ");
}

TEST(refused_credentials_are_said_so)
{
    open_registry("");
    orders("10.0.0.5:1");
    ANSWERS({"POST", 401, "who are you?"});
    assert_int_equal(operate(registry->ops->put), ERR_DENIED);
}

/* --- watches --- */

#define INSTANCE(id, more)                                                               \
    "{\"instanceId\":\"" id "\",\"app\":\"ORDERS\",\"ipAddr\":\"10.0.0.5\","             \
    "\"status\":\"UP\",\"port\":5001" more "}"
#define APP(instances)                                                                   \
    "{\"application\":{\"name\":\"ORDERS\",\"instance\":[" instances "]}}"
#define ALL(version, hash, instances)                                                    \
    "{\"applications\":{\"versions__delta\":\"" version "\",\"apps__hashcode\":\"" hash  \
    "\",\"application\":[{\"name\":\"ORDERS\","                                          \
    "\"instance\":[" instances "]}]}}"

static void watch_orders(void)
{
    watch = (struct registry_watch){.service = "orders", .registry = registry};
    list_init(&watch.node);
    assert_int_equal(registry->ops->watch(registry, &watch), ERR_OK);
    is_watching = true;
}

static bool has_one(void *unused)
{
    (void)unused;
    return instance_set_count(&seen) == 1;
}

static bool has_two(void *unused)
{
    (void)unused;
    return instance_set_count(&seen) == 2;
}

static bool has_none(void *unused)
{
    (void)unused;
    return instance_set_count(&seen) == 0;
}

static void until(bool (*happened)(void *))
{
    loop_until_true(&loop, happened, NULL);
}

TEST(a_service_that_went_with_a_word_is_gone)
{
    open_registry("");
    ANSWERS({"GET /apps/ORDERS", 200, APP(INSTANCE("a", ""))});
    watch_orders();
    until(has_one);
    ANSWERS({"GET /apps/delta", 200,
             ALL("1", "", INSTANCE("a", ",\"actionType\":\"DELETED\""))});
    until(has_none);
    assert_false(failed);
}

TEST(a_service_that_went_without_a_word_is_kept)
{
    open_registry("");
    ANSWERS({"GET /apps/ORDERS", 200, APP(INSTANCE("a", ""))});
    watch_orders();
    until(has_one);
    ANSWERS({"GET /apps/delta", 200, ALL("1", "", "")});
    loop_until(&loop, &failed);
    assert_non_null(strstr(reason, "lost its memory"));
    assert_true(has_one(NULL));
}

TEST(a_path_where_nothing_is_known_is_no_empty_registry)
{
    open_registry("");
    watch_orders();
    loop_until(&loop, &failed);
    assert_false(told);
    assert_non_null(strstr(reason, "no Eureka at /eureka"));
}

TEST(an_unknown_service_is_empty_where_there_is_a_eureka)
{
    open_registry("");
    ANSWERS({"GET /apps/delta", 200, ALL("1", "", "")});
    watch_orders();
    loop_until(&loop, &told);
    assert_true(has_none(NULL));
    assert_string_equal(trail, "GET /apps/ORDERS, GET /apps/delta, ");
}

TEST(rubbish_is_a_failure_and_never_a_list)
{
    open_registry("");
    ANSWERS({"GET", 200, "{\"hello\":1}"});
    watch_orders();
    loop_until(&loop, &failed);
    assert_int_equal(result, ERR_BAD_RESPONSE);
    assert_false(told);
}

TEST(one_refused_poll_is_borne_and_two_are_not)
{
    open_registry("");
    ANSWERS({"GET /apps/ORDERS", 200, APP(INSTANCE("a", ""))});
    watch_orders();
    until(has_one);
    ANSWERS({"GET /apps/ORDERS", 503, "busy"});
    requests = 0;
    loop_until(&loop, &failed);
    assert_int_equal(requests, 2);
    assert_non_null(strstr(reason, "busy"));
}

TEST(deltas_add_and_remove)
{
    open_registry("&fetch=delta");
    ANSWERS({"GET /apps/delta", 200, ALL("1", "UP_1_", "")},
            {"GET /apps", 200, ALL("1", "UP_1_", INSTANCE("a", ""))});
    watch_orders();
    until(has_one);
    ANSWERS({"GET /apps/delta", 200, ALL("2", "UP_2_", INSTANCE("b", ""))});
    until(has_two);
    ANSWERS({"GET /apps/delta", 200,
             ALL("3", "UP_1_", INSTANCE("b", ",\"actionType\":\"DELETED\""))});
    until(has_one);
    assert_null(strstr(trail + 10, "GET /apps, "));
}

TEST(a_sum_that_does_not_come_out_has_all_asked_again)
{
    open_registry("&fetch=delta");
    ANSWERS({"GET /apps/delta", 200, ALL("1", "UP_2_", "")},
            {"GET /apps", 200, ALL("1", "UP_1_", INSTANCE("a", ""))});
    watch_orders();
    until(has_one);
    ANSWERS(
        {"GET /apps/delta", 200, ALL("1", "UP_2_", "")},
        {"GET /apps", 200, ALL("1", "UP_2_", INSTANCE("a", "") "," INSTANCE("b", ""))});
    until(has_two);
}

TEST(a_server_that_counts_from_one_again_has_all_asked_again)
{
    open_registry("&fetch=delta");
    ANSWERS({"GET /apps/delta", 200, ALL("7", "UP_2_", INSTANCE("b", ""))},
            {"GET /apps", 200, ALL("1", "UP_1_", INSTANCE("a", ""))});
    watch_orders();
    until(has_two);
    ANSWERS(
        {"GET /apps/delta", 200, ALL("1", "UP_2_", "")},
        {"GET /apps", 200, ALL("1", "UP_2_", INSTANCE("c", "") "," INSTANCE("d", ""))});
    trail[0] = 0;
    loop_until_true(&loop, has_two, NULL);
    while (!strstr(trail, "GET /apps, "))
        uv_run(&loop.uv, UV_RUN_ONCE);
}

TEST(where_deltas_are_switched_off_all_is_asked)
{
    open_registry("&fetch=delta");
    ANSWERS({"GET /apps/delta", 403, ""},
            {"GET /apps", 200, ALL("1", "UP_1_", INSTANCE("a", ""))});
    watch_orders();
    until(has_one);
    ANSWERS(
        {"GET /apps/delta", 403, ""},
        {"GET /apps", 200, ALL("1", "UP_2_", INSTANCE("a", "") "," INSTANCE("b", ""))});
    until(has_two);
    assert_false(failed);
}

/* --- memory --- */

static bool is_answered(void *unused)
{
    (void)unused;
    return told || failed;
}

/* Ours may run out of it, or the server that stands in for another process; then it is a failure like any other. */
static bool watches_and_puts(void)
{
    enum err e;

    told = failed = is_done = false;
    e = registry->ops->watch(registry, &watch);
    is_watching = !e;
    if (!e)
        until(is_answered);
    if (is_watching)
        registry->ops->unwatch(registry, &watch);
    is_watching = false;
    lease.backend = NULL;
    e = registry->ops->put(registry, &lease);
    if (e == ERR_LATER) {
        loop_until(&loop, &is_done);
        e = result;
    }
    if (!e) {
        is_done = false;
        if (registry->ops->remove(registry, &lease) == ERR_LATER)
            loop_until(&loop, &is_done);
    }
    return told && !e;
}

TEST(memory_that_runs_out_is_a_failure_and_no_more)
{
    open_registry("&timeout=500ms");
    orders("10.0.0.5:1");
    ANSWERS({"GET /apps/ORDERS", 200, APP(INSTANCE("a", ""))}, ALL_WELL);
    watch = (struct registry_watch){.service = "orders", .registry = registry};
    list_init(&watch.node);
    fault_heap_each_tolerated(watches_and_puts);
}

TESTS(RUN_WITH(a_record_is_put_and_renewed_at_once),
      RUN_WITH(draining_is_said_by_the_status_and_taken_back_by_it),
      RUN_WITH(a_record_whose_id_has_its_address_moves_with_it),
      RUN_WITH(one_of_two_records_that_is_lost_has_both_put_again),
      RUN_WITH(what_was_put_by_nobody_here_is_looked_up_to_be_removed),
      RUN_WITH(refused_credentials_are_said_so),
      RUN_WITH(a_service_that_went_with_a_word_is_gone),
      RUN_WITH(a_service_that_went_without_a_word_is_kept),
      RUN_WITH(a_path_where_nothing_is_known_is_no_empty_registry),
      RUN_WITH(an_unknown_service_is_empty_where_there_is_a_eureka),
      RUN_WITH(rubbish_is_a_failure_and_never_a_list),
      RUN_WITH(one_refused_poll_is_borne_and_two_are_not),
      RUN_WITH(deltas_add_and_remove),
      RUN_WITH(a_sum_that_does_not_come_out_has_all_asked_again),
      RUN_WITH(a_server_that_counts_from_one_again_has_all_asked_again),
      RUN_WITH(where_deltas_are_switched_off_all_is_asked),
      RUN_WITH(memory_that_runs_out_is_a_failure_and_no_more))
