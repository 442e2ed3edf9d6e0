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

static void shows(const char *words, const char *as)
{
    char out[64];
    struct slice shown = registry_hide(&registry, slice_of(words), out, sizeof(out));

    assert_true(slice_is(shown, as));
}

TEST(a_password_of_the_url_is_hidden_plain_and_as_http_basic)
{
    at("etcd://Aladdin:opensesame@h", NULL);
    shows("no such user: Aladdin/opensesame!", "no such user: Aladdin/***!");
    shows("bad: Basic QWxhZGRpbjpvcGVuc2VzYW1l", "bad: Basic ***");
    shows("opensesame opensesame", "*** ***");
    shows("no such user: Aladdin", "no such user: Aladdin");
    shows("", "");
}

TEST(so_are_a_token_and_the_options_that_are_secrets)
{
    at("consul://h?token=s3cr3t&dc=euro", "another");
    shows("ACL not found: s3cr3t", "ACL not found: ***");
    shows("ACL not found: another", "ACL not found: ***");
    shows("no datacenter euro", "no datacenter euro");
    at("gossip://h?key=a%2Bb%2Bc%2Bd", NULL);
    shows("not a+b+c+d", "not ***");
}

TEST(what_is_too_short_for_a_secret_is_not_looked_for)
{
    at("etcd://me:abc@h", NULL);
    shows("the abc of it", "the abc of it");
}

TEST(long_words_are_cut)
{
    char out[8];

    at("etcd://h", NULL);
    assert_true(
        slice_is(registry_hide(&registry, SLICE("more than eight"), out, sizeof(out)),
                 "more tha"));
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

TESTS(RUN(a_password_of_the_url_is_hidden_plain_and_as_http_basic),
      RUN(so_are_a_token_and_the_options_that_are_secrets),
      RUN(what_is_too_short_for_a_secret_is_not_looked_for), RUN(long_words_are_cut),
      RUN(an_option_is_found_by_its_whole_name_and_decoded))
