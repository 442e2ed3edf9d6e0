#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "discovery/service_file.h"

static struct service_file file;
static struct why reason;
static char path[64];

static enum err read_text(const char *text)
{
    FILE *f;
    enum err e;

    snprintf(path, sizeof path, "/tmp/csidecar-services-%d", getpid());
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    e = service_file_read(&file, path, &reason);
    unlink(path);
    return e;
}

static const struct file_service *orders(void)
{
    const struct file_service *s = service_file_find(&file, "orders");

    assert_non_null(s);
    return s;
}

TEST(takes_addresses_and_maps)
{
    assert_int_equal(read_text("orders:\n"
                               "  - 127.0.0.1:5001\n"
                               "  - {address: '[::1]:5002', id: two, weight: 2,\n"
                               "     version: '1.4', metadata: {zone: eu-1}}\n"
                               "cart: []\n"),
                     ERR_OK);
    assert_int_equal(orders()->count, 2);
    assert_string_equal(orders()->instances[0].id, "127.0.0.1:5001");
    assert_int_equal(orders()->instances[0].weight, 1);
    assert_string_equal(orders()->instances[1].id, "two");
    assert_int_equal(orders()->instances[1].weight, 2);
    assert_string_equal(instance_metadata(&orders()->instances[1], "zone"), "eu-1");
    assert_int_equal(service_file_find(&file, "cart")->count, 0);
    assert_null(service_file_find(&file, "nobody"));
    service_file_free(&file);
}

TEST(takes_json)
{
    assert_int_equal(
        read_text("{\"orders\": [\"127.0.0.1:1\", {\"address\": \"127.0.0.1:2\"}]}"),
        ERR_OK);
    assert_int_equal(orders()->count, 2);
    service_file_free(&file);
}

TEST(takes_no_services)
{
    assert_int_equal(read_text("{}\n"), ERR_OK);
    assert_int_equal(file.count, 0);
    service_file_free(&file);
}

static void assert_refused(const char *text, const char *expected)
{
    char whole[256];

    assert_int_not_equal(read_text(text), ERR_OK);
    snprintf(whole, sizeof whole, "%s:%s", path, expected);
    assert_string_equal(reason.text, whole);
    assert_null(file.services);
}

TEST(says_where_it_is_wrong)
{
    assert_refused("", "1:1: the file is empty (no services are {})");
    assert_refused("[]", "1:1: expected a map of services to instances");
    assert_refused("orders: x\n", "1:9: expected a list of instances");
    assert_refused("orders:\n  - nowhere\n", "2:5: \"nowhere\" has no port (host:port)");
    assert_refused("_a: []\n", "1:1: \"_a\" is no name of a service");
    assert_refused("orders:\n  - {id: x}\n", "2:5: an instance needs an address");
    assert_refused("orders: [[]]\n", "1:10: an instance must be \"host:port\" or a map");
    assert_refused("orders: ['127.0.0.1:1', '127.0.0.1:1']\n",
                   "1:25: there is another instance \"127.0.0.1:1\"");
    assert_refused("orders: ['0.0.0.0:1']\n", "1:10: the address is that of no host");
    assert_refused("orders: [{address: '127.0.0.1:1', wieght: 2}]\n",
                   "1:35: wieght: unknown key (did you mean \"weight\"?)");
    assert_refused("orders: [{address: '127.0.0.1:1', id: \"a\\nb\"}]\n",
                   "1:39: id: must have no control characters, not \"a\\nb\"");
}

TEST(refuses_what_is_half_written)
{
    assert_int_not_equal(read_text("orders: ['127.0.0.1:1',"), ERR_OK);
    assert_int_not_equal(read_text("{\"orders\": [\"127.0.0.1:1\"]"), ERR_OK);
    assert_int_not_equal(read_text("orders:\n  - {address: '127.0.0.1"), ERR_OK);
}

TEST(says_when_the_file_is_missing)
{
    assert_int_not_equal(service_file_read(&file, "/nowhere/x.yaml", &reason), ERR_OK);
    assert_string_equal(reason.text,
                        "/nowhere/x.yaml: cannot be opened: No such file or directory");
}

TESTS(RUN(takes_addresses_and_maps), RUN(takes_json), RUN(takes_no_services),
      RUN(says_where_it_is_wrong), RUN(refuses_what_is_half_written),
      RUN(says_when_the_file_is_missing))
