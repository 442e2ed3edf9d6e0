/* Words of a server, before they are shown. */
#include "discovery/registry_options.h"
#include "tests/lib/test.h"

static struct registry_environment environment;
static struct registry registry = {.environment = &environment};

static void at(const char *url, const char *token)
{
    environment.token = token;
    assert_int_equal(registry_url_parse(&registry.url, slice_of(url), NULL), ERR_OK);
}

static bool gives_away(const char *words)
{
    return registry_gives_away(&registry, slice_of(words));
}

TEST(a_password_of_the_url_is_found_plain_and_as_http_basic)
{
    at("etcd://Aladdin:opensesame@h", NULL);
    assert_true(gives_away("no such user: Aladdin/opensesame"));
    assert_true(gives_away("bad: Basic QWxhZGRpbjpvcGVuc2VzYW1l"));
    assert_false(gives_away("no such user: Aladdin"));
    assert_false(gives_away(""));
}

TEST(so_are_a_token_and_the_options_that_are_secrets)
{
    at("consul://h?token=s3cr3t&dc=eu", "another");
    assert_true(gives_away("ACL not found: s3cr3t"));
    assert_true(gives_away("ACL not found: another"));
    assert_false(gives_away("no datacenter eu"));
    at("gossip://h?key=a%2Bb%2Bc%2Bd", NULL);
    assert_true(gives_away("not a+b+c+d"));
}

TEST(what_is_too_short_for_a_secret_is_not_looked_for)
{
    at("etcd://me:abc@h", NULL);
    assert_false(gives_away("the abc of it"));
}

TEST(an_option_is_found_by_its_whole_name_and_decoded)
{
    char value[sizeof(registry.url.storage)];

    at("consul://h?key_files=/no&key_file=/etc/a%20b.pem&flag", NULL);
    assert_true(registry_option(&registry.url, "key_file", value));
    assert_string_equal(value, "/etc/a b.pem");
    assert_true(registry_option(&registry.url, "flag", value));
    assert_string_equal(value, "");
    assert_false(registry_option(&registry.url, "key", value));
}

TESTS(RUN(a_password_of_the_url_is_found_plain_and_as_http_basic),
      RUN(so_are_a_token_and_the_options_that_are_secrets),
      RUN(what_is_too_short_for_a_secret_is_not_looked_for),
      RUN(an_option_is_found_by_its_whole_name_and_decoded))
