/* The etcd registry against a gateway that answers what the test says, and when it says so. */
#include "tests/lib/test.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "discovery/etcd_parts.h"
#include "sidecar/core/base64.h"
#include "sidecar/core/random.h"
#include "tests/lib/transport/peer.h"

enum { PEERS = 24, WATCHES = 10 };

static struct loop loop;
static struct random random_state;
static struct registry_environment environment;
static struct registry *registry;
static int listening;
static struct peer peers[PEERS];
static unsigned peer_count;
static struct peer *asker, *stream; /* who asked last; the watch */
static bool closed;
static struct registry_watch watches[WATCHES];
static struct registry_lease leases[2];
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
    text_addf(&trail, "names:");
    for (uint32_t i = 0; i < count; i++)
        text_addf(&trail, "%s%s", i ? "," : "", names[i]);
    text_addf(&trail, " ");
}

static void on_names_failed(struct registry *r, enum err e, const struct why *why)
{
    (void)why;
    text_addf(&trail, "names_failed:%s ", err_code(e));
    r->ops->unwatch_names(r);
}

static void on_lease_done(struct registry_lease *l, enum err e, const struct why *why)
{
    (void)why;
    text_addf(&trail, "lease%d:%s ", (int)(l - leases), err_code(e));
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

/* --- the gateway --- */

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
    asker = NULL;
    for (unsigned i = 0; i < peer_count && !asker; i++)
        if (peers[i].fd >= 0 && peer_has(&peers[i], question))
            asker = &peers[i];
    return asker != NULL;
}

static void until_asked(const char *question)
{
    loop_until_true(&loop, is_asked, (void *)(uintptr_t)question);
}

static unsigned times_asked(const char *question)
{
    unsigned count = 0;

    loop_settle(&loop);
    take_connections();
    for (unsigned i = 0; i < peer_count; i++)
        count += peers[i].fd >= 0 && peer_has(&peers[i], question);
    return count;
}

static void say(const char *status, const char *body)
{
    char head[128];

    snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n", status,
             strlen(body));
    peer_forget(asker);
    peer_send(asker, head);
    peer_send(asker, body);
    for (unsigned i = 0; i < 3; i++)
        pass(1); /* an answer is told by a timer */
}

static void answer(const char *body)
{
    say("200 OK", body);
}

/* One line of the watch. */
static void tell(const char *result)
{
    char chunk[4096];

    snprintf(chunk, sizeof chunk, "%zx\r\n{\"result\":%s}\n\r\n", strlen(result) + 12,
             result);
    peer_send(stream, chunk);
    pass(1);
}

/* A key with its record, as of a revision at which it was made; `type` "DELETE" or "PUT". */
static const char *event(const char *service, const char *id, unsigned revision,
                         const char *type)
{
    static char out[2048];
    char value[256];
    struct text key, record;

    text_init(&key, 1024);
    text_init(&record, 1024);
    snprintf(value, sizeof value, "/micro/registry/%s/%s", service, id);
    base64_encode(&key, slice_of(value));
    snprintf(value, sizeof value,
             "{\"name\":\"%s\",\"nodes\":[{\"id\":\"%s\",\"address\":\"10.0.0.1:80\"}]}",
             service, id);
    base64_encode(&record, slice_of(value));
    snprintf(out, sizeof out,
             "{\"header\":{\"revision\":\"%u\"},\"events\":[{\"type\":\"%s\",\"kv\":{"
             "\"key\":\"%s\",\"value\":\"%s\",\"mod_revision\":\"%u\","
             "\"create_revision\":\"%u\"}}]}",
             revision, type, key.base, strcmp(type, "PUT") ? "" : record.base, revision,
             revision);
    text_fini(&key);
    text_fini(&record);
    return out;
}

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
    snprintf(url, sizeof url, "etcd://127.0.0.1:%u", address_port(&a));
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
    for (unsigned i = 0; i < WATCHES; i++)
        if (watches[i].backend)
            registry->ops->unwatch(registry, &watches[i]);
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

static void watch(unsigned at, const char *service)
{
    watches[at] = (struct registry_watch){.service = service, .registry = registry};
    list_init(&watches[at].node);
    assert_int_equal(registry->ops->watch(registry, &watches[at]), ERR_OK);
}

/* It is known which gateway this is, and the watch is live as of revision 5. */
static void open_stream(void)
{
    until_asked("GET /version");
    answer("{\"etcdserver\":\"3.4.23\"}");
    until_asked("/v3/kv/range");
    answer("{\"header\":{\"revision\":\"5\"}}");
    until_asked("/v3/watch");
    stream = asker;
    peer_forget(stream);
    peer_send(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    tell("{\"header\":{\"revision\":\"5\"},\"created\":true}");
}

/* --- services --- */

/* The answer was made at revision 5, and comes late. */
static void read_while(const char *told)
{
    watch(0, "orders");
    open_stream();
    until_asked("/v3/kv/range");
    tell(told);
    assert_told("");
    answer("{\"header\":{\"revision\":\"5\"}}");
}

TEST(what_is_put_while_the_service_is_read_is_not_lost)
{
    read_while(event("orders", "a", 6, "PUT"));
    assert_told("list: add:a ");
    tell(event("orders", "b", 7, "PUT"));
    assert_told("add:b ");
}

TEST(what_is_deleted_while_the_service_is_read_goes)
{
    read_while(event("orders", "a", 6, "DELETE"));
    assert_told("list: remove:a ");
}

TEST(what_the_reading_has_seen_is_not_told_again)
{
    read_while(event("orders", "a", 5, "PUT"));
    assert_told("list: ");
}

TEST(what_another_service_is_told_while_this_one_is_read_is_nothing_to_it)
{
    read_while(event("cart", "a", 6, "PUT"));
    assert_told("list: ");
}

/* --- names --- */

TEST(a_name_that_comes_while_the_names_are_read_is_not_lost)
{
    assert_int_equal(registry->ops->watch_names(registry), ERR_OK);
    open_stream();
    until_asked("/v3/kv/range");
    tell(event("orders", "a", 6, "PUT"));
    answer("{\"header\":{\"revision\":\"5\"}}");
    assert_told("names: ");
    until_asked(
        "range_end"); /* once more: the names, and not whether the cluster is there */
    registry->ops->unwatch_names(registry);
}

/* --- the session --- */

/* A gateway in front of etcd is restarted: all that is asked meanwhile is 404. */
TEST(many_refusals_at_once_ask_once_which_gateway_it_is)
{
    static const char *const names[WATCHES] = {"s0", "s1", "s2", "s3", "s4",
                                               "s5", "s6", "s7", "s8", "s9"};

    for (unsigned i = 0; i < WATCHES; i++)
        watch(i, names[i]);
    open_stream();
    for (unsigned i = 0; i < 2; i++) {
        until_asked("/v3/kv/range");
        say("404 Not Found", "");
    }
    assert_told("failed:not_found failed:not_found ");
    assert_int_equal(times_asked("GET /version"), 1);
    until_asked("GET /version");
    answer("{\"etcdserver\":\"3.4.23\"}");
    assert_int_equal(times_asked("/v3/kv/range"), 8);
}

/* --- leases --- */

static void prepare(unsigned at, const char *id)
{
    leases[at] = (struct registry_lease){
        .registry = registry,
        .registration = {.service = "orders", .version = "1", .id = id, .ttl_ms = 30000}
    };
    list_init(&leases[at].node);
    address_from_ip(&leases[at].registration.address, SLICE("10.0.0.1"), 80);
}

static void put(unsigned at)
{
    assert_int_equal(registry->ops->put(registry, &leases[at]), ERR_LATER);
}

/* The lease is lost while its renewal is under way: a record under none would stay for ever. */
TEST(a_record_is_never_put_without_a_lease)
{
    struct peer *keeper;

    prepare(0, "a");
    prepare(1, "b");
    put(0);
    until_asked("GET /version");
    answer("{\"etcdserver\":\"3.4.23\"}");
    until_asked("/v3/lease/grant");
    answer("{\"ID\":\"77\"}");
    until_asked("/v3/kv/put");
    answer("{}");
    assert_told("lease0:ok ");
    assert_int_equal(registry->ops->renew(registry, &leases[0]), ERR_LATER);
    until_asked("/v3/lease/keepalive");
    keeper = asker;
    put(1);
    until_asked("/v3/kv/put");
    say("404 Not Found", "{\"message\":\"etcdserver: requested lease not found\"}");
    asker = keeper;
    answer("{\"result\":{\"ID\":\"77\",\"TTL\":\"30\"}}");
    assert_told("lease0:not_found lease1:not_found ");
    assert_int_equal(times_asked("/v3/kv/"), 0);
}

TESTS(RUN_WITH(what_is_put_while_the_service_is_read_is_not_lost),
      RUN_WITH(what_is_deleted_while_the_service_is_read_goes),
      RUN_WITH(what_the_reading_has_seen_is_not_told_again),
      RUN_WITH(what_another_service_is_told_while_this_one_is_read_is_nothing_to_it),
      RUN_WITH(a_name_that_comes_while_the_names_are_read_is_not_lost),
      RUN_WITH(many_refusals_at_once_ask_once_which_gateway_it_is),
      RUN_WITH(a_record_is_never_put_without_a_lease))
