/* Two registries on one loop that know each other only by multicast on lo, in a domain of their own; and a
 * stranger who says what he likes. Real time, but never slept for. */
#include "tests/lib/test.h"

#include <stdio.h>
#include <unistd.h>

#include "discovery/mdns_packet.h"
#include "discovery/mdns_publication.h"
#include "discovery/registry.h"
#include "sidecar/core/random.h"
#include "tests/lib/transport/loops.h"

static struct loop loop;
static struct random rng;
static struct registry_environment environment;
static struct registry *here, *there;
static struct registry_watch watch;
static struct registry_lease lease;
static char domain[16], url[128];

/* What the frame was told. */
static struct {
    bool delivered, added, removed, done, closed, named;
    unsigned adds;
    enum err result;
    enum authority authority;
    char id[INSTANCE_ID_LIMIT + 1], address[ADDRESS_TEXT], zone[32], names[128];
    uint32_t weight;
} told;

static void on_deliver(struct registry_watch *w, const struct instance *i, uint32_t count,
                       enum authority a)
{
    (void)w;
    (void)i;
    assert_int_equal(count, 0);
    told.authority = a;
    told.delivered = true;
}

static void on_add(struct registry_watch *w, const struct instance *i)
{
    const char *zone = instance_metadata(i, "zone");

    (void)w;
    snprintf(told.id, sizeof(told.id), "%s", i->id);
    snprintf(told.zone, sizeof(told.zone), "%s", zone ? zone : "");
    address_format(&i->address, told.address);
    told.weight = i->weight;
    told.adds++;
    told.added = true;
}

static void on_remove(struct registry_watch *w, const char *id)
{
    (void)w;
    assert_string_equal(id, told.id);
    told.removed = true;
}

static void on_names(struct registry *r, const char *const *names, uint32_t count)
{
    (void)r;
    told.names[0] = 0;
    for (uint32_t i = 0; i < count; i++)
        strcat(strcat(told.names, names[i]), " ");
    told.named = count > 0;
}

static void on_done(struct registry_lease *l, enum err e, const struct why *w)
{
    (void)l;
    (void)w;
    told.result = e;
    told.done = true;
}

static const struct registry_frame frame = {.deliver = on_deliver,
                                            .add = on_add,
                                            .remove = on_remove,
                                            .names = on_names,
                                            .lease_done = on_done};

static void on_closed(struct registry *r)
{
    (void)r;
    told.closed = true;
}

static struct registry *open_registry(const char *more)
{
    struct registry *r;
    struct why reason;

    snprintf(url, sizeof(url), "mdns://?interfaces=lo&domain=%s%s", domain, more);
    assert_int_equal(registry_open(&r, slice_of(url), &loop, &rng, &environment, &frame,
                                   NULL, &reason),
                     ERR_OK);
    return r;
}

static void close_registry(struct registry *r)
{
    told.closed = false;
    registry_close(r, on_closed);
    loop_until(&loop, &told.closed);
    registry_free(r);
}

static int test_setup(void **state)
{
    (void)state;
    memset(&told, 0, sizeof(told));
    random_init(&rng, 0);
    strcpy(domain, "test-");
    random_hex(domain + 5, 8);
    assert_int_equal(loop_open(&loop, 0), ERR_OK);
    here = open_registry("");
    there = open_registry("");
    watch = (struct registry_watch){.service = "greeter", .registry = here};
    lease = (struct registry_lease){
        .registry = there,
        .registration = {.service = "greeter",
                         .id = "greeter-1",
                         .version = "1",
                         .weight = 5,
                         .ttl_ms = 30000}
    };
    address_from_ip(&lease.registration.address, SLICE("127.0.0.1"), 9090);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    close_registry(here);
    close_registry(there);
    return (int)loop_close(&loop);
}

static void start_watch(void)
{
    assert_int_equal(here->ops->watch(here, &watch), ERR_OK);
}

static void put(void)
{
    told.done = false;
    assert_int_equal(there->ops->put(there, &lease), ERR_LATER);
    loop_until(&loop, &told.done);
}

/* Heartbeats as the frame sends them. */
static void live_for(uint64_t ms)
{
    uint64_t beat = 0;

    for (uint64_t end = loop_now(&loop) + ms; loop_now(&loop) < end;) {
        if (loop_now(&loop) >= beat) {
            assert_int_equal(there->ops->renew(there, &lease), ERR_LATER);
            beat = loop_now(&loop) + lease.registration.ttl_ms / 3;
        }
        uv_run(&loop.uv, UV_RUN_ONCE);
    }
}

TEST(finds_what_another_published_before)
{
    put();
    start_watch();
    loop_until(&loop, &told.added);
    assert_string_equal(told.id, "greeter-1");
    assert_string_equal(told.address, "127.0.0.1:9090");
    assert_int_equal(told.weight, 5);
}

TEST(hears_the_announcement_of_who_comes_later)
{
    start_watch();
    loop_until(&loop, &told.delivered);
    put();
    loop_until(&loop, &told.added);
    assert_string_equal(told.id, "greeter-1");
}

TEST(says_nothing_is_there_and_is_not_sure_after_one_question)
{
    start_watch();
    loop_until(&loop, &told.delivered);
    assert_int_equal(told.authority, LIST_SUSPECT);
}

TEST(hears_the_goodbye)
{
    put();
    start_watch();
    loop_until(&loop, &told.added);
    told.done = false;
    assert_int_equal(there->ops->remove(there, &lease), ERR_LATER);
    loop_until(&loop, &told.removed);
    loop_until(&loop, &told.done);
    assert_null(lease.backend);
    assert_int_equal(there->ops->renew(there, &lease), ERR_NOT_FOUND);
}

TEST(who_dies_without_a_goodbye_is_gone_after_its_ttl)
{
    uint64_t began;

    lease.registration.ttl_ms = 2000;
    put();
    start_watch();
    loop_until(&loop, &told.added);
    began = loop_now(&loop);
    close_registry(there);
    loop_until(&loop, &told.removed);
    assert_in_range(loop_now(&loop) - began, 500, 2500);
    there = open_registry("");
}

TEST(who_lives_on_outlives_its_ttl)
{
    lease.registration.ttl_ms = 1000;
    put();
    start_watch();
    live_for(2500);
    assert_true(told.added);
    assert_false(told.removed);
    assert_int_equal(told.adds, 1);
}

static bool is_sure(void *unused)
{
    (void)unused;
    return told.delivered && told.authority == LIST_CONFIRMED;
}

TEST(who_comes_late_is_looked_after_at_once)
{
    start_watch();
    loop_until_true(&loop, is_sure, NULL);
    lease.registration.ttl_ms = 1000;
    put();
    loop_until(&loop, &told.added);
    live_for(1500);
    assert_false(told.removed);
}

TEST(a_change_is_announced)
{
    struct pair zone = {"zone", "eu-1"};

    put();
    start_watch();
    loop_until(&loop, &told.added);
    told.added = false;
    lease.registration.metadata = (struct pairs){&zone, 1};
    put();
    loop_until(&loop, &told.added);
    assert_string_equal(told.zone, "eu-1");
}

TEST(lists_the_names_of_services)
{
    put();
    assert_int_equal(here->ops->watch_names(here), ERR_OK);
    loop_until(&loop, &told.named);
    assert_string_equal(told.names, "greeter ");
    here->ops->unwatch_names(here);
}

TEST(renews_what_it_holds)
{
    put();
    told.done = false;
    assert_int_equal(there->ops->renew(there, &lease), ERR_LATER);
    loop_until(&loop, &told.done);
    assert_int_equal(told.result, ERR_OK);
}

TEST(what_nobody_renews_lapses_with_a_goodbye)
{
    lease.registration.ttl_ms = 1000;
    put();
    start_watch();
    loop_until(&loop, &told.removed);
    assert_int_equal(there->ops->renew(there, &lease), ERR_NOT_FOUND);
}

TEST(what_cannot_be_published_is_refused_with_a_reason)
{
    lease.registration.id = "not a name";
    put();
    assert_int_equal(told.result, ERR_BAD_VALUE);
    assert_null(lease.backend);
}

TEST(another_domain_is_another_world)
{
    start_watch();
    close_registry(there);
    domain[5] ^= 1;
    there = open_registry("");
    put();
    loop_until(&loop, &told.delivered);
    assert_false(told.added);
}

static enum err open_wrong(const char *options)
{
    struct registry *r = NULL;
    struct why reason;
    char text[128];

    snprintf(text, sizeof(text), "mdns://?%s", options);
    return registry_open(&r, slice_of(text), &loop, &rng, &environment, &frame, NULL,
                         &reason);
}

TEST(refuses_wrong_options)
{
    assert_int_not_equal(open_wrong("sources=home"), ERR_OK);
    assert_int_not_equal(open_wrong("domain=a..b"), ERR_OK);
    assert_int_not_equal(open_wrong("interface=lo"), ERR_OK);
}

/* A stranger on this host: he sends to `here`'s port 5353 by multicast. */
static void shout(struct slice packet)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct in_addr lo = {htonl(INADDR_LOOPBACK)};
    struct address group;

    address_from_ip(&group, SLICE("224.0.0.251"), MDNS_PORT);
    assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &lo, sizeof(lo)), 0);
    assert_int_equal(
        sendto(fd, packet.base, packet.size, 0, &group.any, address_size(&group)),
        packet.size);
    close(fd);
}

static void shout_announcement(const char *ip, const char *service)
{
    struct registration r = lease.registration;
    struct mdns_publication p;
    struct slice packet;
    char buffer[4096];

    r.service = service;
    address_from_ip(&r.address, slice_of(ip), 9090);
    assert_int_equal(mdns_publication_init(&p, &r, domain, NULL), ERR_OK);
    assert_int_equal(
        mdns_publication_write(&p, MDNS_ANNOUNCEMENT, 0, buffer, sizeof(buffer), &packet),
        ERR_OK);
    shout(packet);
    mdns_publication_fini(&p);
}

/* What is heard after it was heard before: messages on lo keep their order. */
static void expect_only_the_last(void)
{
    told.added = false;
    shout_announcement("127.0.0.1", "greeter");
    loop_until(&loop, &told.added);
    assert_int_equal(told.adds, 1);
    assert_string_equal(told.address, "127.0.0.1:9090");
}

TEST(believes_no_address_that_cannot_be_one)
{
    start_watch();
    loop_until(&loop, &told.delivered);
    shout_announcement("224.0.0.1", "greeter");
    shout_announcement("fe80::1", "greeter");
    shout_announcement("255.255.255.255", "greeter");
    expect_only_the_last();
}

TEST(lives_through_noise)
{
    char noise[512];

    start_watch();
    loop_until(&loop, &told.delivered);
    for (unsigned i = 0; i < 200; i++) {
        for (size_t at = 0; at < sizeof(noise); at++)
            noise[at] = (char)random_next(&rng);
        if (i % 2)
            memcpy(noise, "\0\0\x84\0\0\1\0\4\0\0\0\0", 12);
        shout(slice_from(noise, random_below(&rng, sizeof(noise))));
    }
    expect_only_the_last();
}

TEST(nobody_is_believed_who_is_not_among_the_sources)
{
    close_registry(here);
    here = open_registry("&sources=192.0.2.0/24");
    watch.registry = here;
    put();
    start_watch();
    loop_until(&loop, &told.delivered);
    assert_false(told.added);
}

TESTS(RUN_WITH(finds_what_another_published_before),
      RUN_WITH(hears_the_announcement_of_who_comes_later),
      RUN_WITH(says_nothing_is_there_and_is_not_sure_after_one_question),
      RUN_WITH(hears_the_goodbye),
      RUN_WITH(who_dies_without_a_goodbye_is_gone_after_its_ttl),
      RUN_WITH(who_lives_on_outlives_its_ttl),
      RUN_WITH(who_comes_late_is_looked_after_at_once), RUN_WITH(a_change_is_announced),
      RUN_WITH(lists_the_names_of_services), RUN_WITH(renews_what_it_holds),
      RUN_WITH(what_nobody_renews_lapses_with_a_goodbye),
      RUN_WITH(what_cannot_be_published_is_refused_with_a_reason),
      RUN_WITH(another_domain_is_another_world), RUN_WITH(refuses_wrong_options),
      RUN_WITH(believes_no_address_that_cannot_be_one), RUN_WITH(lives_through_noise),
      RUN_WITH(nobody_is_believed_who_is_not_among_the_sources))
