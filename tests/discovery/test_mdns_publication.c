/* What is said of an instance that we publish: go-micro's names, one packet each. */
#include "tests/lib/test.h"

#include <stdio.h>

#include "discovery/mdns_publication.h"
#include "tests/lib/fault_heap.h"

static struct mdns_publication publication;
static struct registration registration;
static struct why reason;
static char buffer[8192];
static struct slice packet;
static struct mdns_entry entry;

static int test_setup(void **state)
{
    (void)state;
    registration = (struct registration){.service = "greeter",
                                         .version = "1.0",
                                         .id = "greeter-1",
                                         .weight = 1,
                                         .ttl_ms = 30000};
    address_from_ip(&registration.address, SLICE("10.0.0.5"), 9090);
    return (int)mdns_publication_init(&publication, &registration, "micro", &reason);
}

static int test_teardown(void **state)
{
    (void)state;
    mdns_publication_fini(&publication);
    return 0;
}

static enum err ask(const char *name, enum mdns_type type)
{
    struct mdns_entry question = {.type = type, .class = 1};

    question.name.size =
        (size_t)snprintf(question.name.text, sizeof(question.name.text), "%s", name);
    return mdns_publication_answer(&publication, &question, 7, buffer, sizeof(buffer),
                                   &packet);
}

static struct mdns_header header(void)
{
    struct mdns_reader r;
    struct mdns_header h;

    assert_int_equal(mdns_read_header(&r, packet, &h), ERR_OK);
    return h;
}

static bool answer_has(enum mdns_type type, const char *name)
{
    return mdns_find(packet, type, slice_of(name), &entry) == ERR_OK;
}

TEST(answers_for_its_service_with_all_that_go_micro_needs_and_the_question)
{
    assert_int_equal(ask("greeter.micro.", MDNS_PTR), ERR_OK);
    assert_int_equal(header().id, 7);
    assert_int_equal(header().flags, 0x8400);
    assert_int_equal(header().counts[MDNS_QUESTIONS], 1);
    assert_int_equal(header().counts[MDNS_ANSWERS], 4);
    assert_true(answer_has(MDNS_PTR, "greeter.micro."));
    assert_true(slice_is(slice_from(entry.target.text, entry.target.size),
                         "greeter-1.greeter.micro."));
    assert_true(answer_has(MDNS_TXT, "greeter-1.greeter.micro."));
    assert_true(answer_has(MDNS_SRV, "greeter-1.greeter.micro."));
    assert_int_equal(entry.port, 9090);
    assert_int_equal(entry.ttl, 30);
}

TEST(its_txt_comes_last_for_go_micro_keeps_the_last_entry)
{
    struct mdns_reader r;
    struct mdns_header h;

    assert_int_equal(ask("greeter.micro.", MDNS_PTR), ERR_OK);
    (void)mdns_read_header(&r, packet, &h);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(mdns_read(&r, &entry), ERR_OK);
    assert_int_equal(entry.type, MDNS_TXT);
}

TEST(answers_for_itself_without_a_pointer)
{
    assert_int_equal(ask("greeter-1.greeter.micro.", MDNS_ANY), ERR_OK);
    assert_int_equal(header().counts[MDNS_ANSWERS], 3);
    assert_int_equal(ask("greeter-1.greeter.micro.", MDNS_SRV), ERR_OK);
}

TEST(its_list_entry_has_a_port_an_address_and_an_empty_txt)
{
    assert_int_equal(ask("_services.micro.", MDNS_PTR), ERR_OK);
    assert_true(answer_has(MDNS_SRV, "greeter._services.micro."));
    assert_int_equal(entry.port, 9999);
    assert_true(answer_has(MDNS_A, publication.host));
    assert_memory_equal(entry.data.base, "\0\0\0\0", 4);
    assert_true(answer_has(MDNS_TXT, "greeter._services.micro."));
    assert_int_equal(entry.data.size, 0);
}

TEST(lists_its_type_for_browsers_of_services)
{
    assert_int_equal(ask("_services._dns-sd._udp.micro.", MDNS_PTR), ERR_OK);
    assert_true(answer_has(MDNS_PTR, "_services._dns-sd._udp.micro."));
    assert_true(
        slice_is(slice_from(entry.target.text, entry.target.size), "greeter.micro."));
}

TEST(does_not_answer_for_others)
{
    const char *const others[] = {"other.micro.",   "Greeter.micro.",
                                  "greeter.local.", "greeter-2.greeter.micro.",
                                  "micro.",         "."};

    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        assert_int_equal(ask(others[i], MDNS_ANY), ERR_NOT_FOUND);
    assert_int_equal(ask("greeter.micro.", MDNS_A), ERR_NOT_FOUND);
}

TEST(an_announcement_is_the_instance_alone_and_a_goodbye_the_same_with_ttl_0)
{
    assert_int_equal(mdns_publication_write(&publication, MDNS_ANNOUNCEMENT, 0, buffer,
                                            sizeof(buffer), &packet),
                     0);
    assert_memory_equal(packet.base, "\0\0\x80\0\0\0\0\3\0\0\0\0", 12);
    assert_int_equal(mdns_publication_write(&publication, MDNS_GOODBYE, 0, buffer,
                                            sizeof(buffer), &packet),
                     0);
    assert_true(answer_has(MDNS_TXT, "greeter-1.greeter.micro."));
    assert_int_equal(entry.ttl, 0);
}

TEST(a_probe_asks_for_its_name_and_says_what_will_be)
{
    assert_int_equal(mdns_publication_write(&publication, MDNS_PROBE, 9, buffer,
                                            sizeof(buffer), &packet),
                     0);
    assert_memory_equal(packet.base, "\0\x09\0\0\0\1\0\0\0\2\0\0", 12);
}

TEST(the_ttl_is_that_of_the_lease_up_to_go_micros)
{
    const uint64_t leases[] = {1, 1500, 30000, 600000}, seconds[] = {1, 2, 30, 120};

    for (size_t i = 0; i < 4; i++) {
        mdns_publication_fini(&publication);
        registration.ttl_ms = leases[i];
        assert_int_equal(
            mdns_publication_init(&publication, &registration, "micro", &reason), ERR_OK);
        assert_int_equal(publication.ttl, seconds[i]);
    }
}

TEST(an_ipv6_instance_has_an_aaaa)
{
    mdns_publication_fini(&publication);
    address_from_ip(&registration.address, SLICE("2001:db8::1"), 80);
    assert_int_equal(mdns_publication_init(&publication, &registration, "micro", &reason),
                     ERR_OK);
    assert_int_equal(ask("greeter.micro.", MDNS_PTR), ERR_OK);
    assert_true(answer_has(MDNS_AAAA, publication.host));
    assert_false(answer_has(MDNS_A, publication.host));
}

TEST(says_why_it_cannot_publish)
{
    const char *const ids[] = {
        "", "a b", "a..b",
        "0123456789012345678901234567890123456789012345678901234567890123"};

    for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
        mdns_publication_fini(&publication);
        why_init(&reason);
        registration.id = ids[i];
        assert_int_equal(
            mdns_publication_init(&publication, &registration, "micro", &reason),
            ERR_BAD_VALUE);
        assert_non_null(strstr(reason.text, "mDNS"));
    }
}

TEST(does_not_publish_an_address_nobody_can_reach)
{
    mdns_publication_fini(&publication);
    address_from_ip(&registration.address, SLICE("0.0.0.0"), 80);
    assert_int_equal(mdns_publication_init(&publication, &registration, "micro", &reason),
                     ERR_BAD_VALUE);
}

TEST(knows_when_the_asker_knows_the_answer)
{
    struct mdns_writer w;
    struct mdns_reader r;
    struct mdns_header h;

    for (uint32_t ttl = 14; ttl <= 15; ttl++) {
        mdns_write_header(&w, buffer, sizeof(buffer), 0, 0);
        mdns_write_ptr(&w, SLICE("greeter.micro."), ttl,
                       SLICE("greeter-1.greeter.micro."));
        (void)mdns_written(&w, &packet);
        (void)mdns_read_header(&r, packet, &h);
        assert_int_equal(mdns_read(&r, &entry), ERR_OK);
        assert_int_equal(mdns_publication_is_known(&publication, &entry), ttl == 15);
    }
}

static bool made_again(void)
{
    mdns_publication_fini(&publication);
    return mdns_publication_init(&publication, &registration, "micro", &reason) == ERR_OK;
}

TEST(no_memory_is_an_answer)
{
    assert_in_range(fault_heap_each(made_again), 5, 100);
}

TESTS(RUN_WITH(no_memory_is_an_answer),
      RUN_WITH(answers_for_its_service_with_all_that_go_micro_needs_and_the_question),
      RUN_WITH(its_txt_comes_last_for_go_micro_keeps_the_last_entry),
      RUN_WITH(answers_for_itself_without_a_pointer),
      RUN_WITH(its_list_entry_has_a_port_an_address_and_an_empty_txt),
      RUN_WITH(lists_its_type_for_browsers_of_services),
      RUN_WITH(does_not_answer_for_others),
      RUN_WITH(an_announcement_is_the_instance_alone_and_a_goodbye_the_same_with_ttl_0),
      RUN_WITH(a_probe_asks_for_its_name_and_says_what_will_be),
      RUN_WITH(the_ttl_is_that_of_the_lease_up_to_go_micros),
      RUN_WITH(an_ipv6_instance_has_an_aaaa), RUN_WITH(says_why_it_cannot_publish),
      RUN_WITH(does_not_publish_an_address_nobody_can_reach),
      RUN_WITH(knows_when_the_asker_knows_the_answer))
