#include "tests/lib/test.h"

#include "tests/lib/discovery/catalog_world.h"

static struct registry_url url;
static struct why reason;

static void parse(const char *text)
{
    assert_int_equal(registry_url_parse(&url, slice_of(text), &reason), ERR_OK);
}

static void assert_slice(struct slice s, const char *text)
{
    assert_int_equal(s.size, strlen(text));
    assert_memory_equal(s.base ? s.base : "", text, s.size);
}

TEST(takes_a_bare_scheme)
{
    parse("local");
    assert_slice(url.scheme, "local");
    assert_slice(url.path, "");
    assert_string_equal(url.text, "local");
    parse("local:");
    assert_string_equal(url.text, "local");
    parse("mdns://");
    assert_string_equal(url.text, "mdns");
}

TEST(takes_hosts_path_and_query)
{
    parse("etcd://a:2379,b:2379/prefix/x?dc=eu&tls=true");
    assert_slice(url.scheme, "etcd");
    assert_slice(url.hosts, "a:2379,b:2379");
    assert_slice(url.path, "/prefix/x");
    assert_slice(url.query, "dc=eu&tls=true");
    assert_string_equal(url.text, "etcd://a:2379,b:2379/prefix/x?dc=eu&tls=true");
}

TEST(takes_files_with_and_without_slashes)
{
    parse("file:/etc/services.yaml");
    assert_slice(url.path, "/etc/services.yaml");
    parse("file:///etc/services.yaml");
    assert_slice(url.path, "/etc/services.yaml");
    parse("file:services.yaml");
    assert_slice(url.path, "services.yaml");
}

TEST(shows_no_secrets)
{
    parse("consul://bob:p@ss@host:8500?token=abc&dc=eu");
    assert_slice(url.user, "bob");
    assert_slice(url.password, "p@ss");
    assert_slice(url.hosts, "host:8500");
    assert_string_equal(url.text, "consul://bob:***@host:8500?token=***&dc=eu");
}

TEST(reads_escapes_in_users_and_passwords)
{
    parse("etcd://bo%62%40eu:p%3As%2f%25@host:2379/x%20y");
    assert_slice(url.user, "bob@eu");
    assert_slice(url.password, "p:s/%");
    assert_slice(url.hosts, "host:2379");
    assert_slice(url.path, "/x%20y");
    assert_string_equal(url.text, "etcd://bo%62%40eu:***@host:2379/x%20y");
}

TEST(leaves_what_is_no_escape_as_it_stands)
{
    parse("etcd://bob:100%@host");
    assert_slice(url.password, "100%");
    parse("etcd://bob:a%zz%00@host");
    assert_slice(url.password, "a%zz%00");
    parse("etcd://bob:%41%zz%41@host");
    assert_slice(url.password, "%41%zz%41");
}

static void assert_refused(const char *text)
{
    assert_int_equal(registry_url_parse(&url, slice_of(text), &reason), ERR_BAD_VALUE);
}

TEST(refuses_what_is_no_url)
{
    char long_url[700] = "file:/";

    memset(long_url + 6, 'a', 600);
    assert_refused("");
    assert_refused("  ");
    assert_refused("://host");
    assert_refused("/etc/services.yaml");
    assert_refused("Consul://x");
    assert_refused("file:/a\nb");
    assert_refused(long_url);
}

TEST(an_unknown_registry_names_the_nearest)
{
    world_begin();
    assert_int_equal(world_try_open("statik:", NULL), ERR_BAD_VALUE);
    assert_string_equal(world.why.text,
                        "unknown registry \"statik\" (did you mean \"static\"?)");
    world_passes(5);
}

TEST(a_registry_that_cannot_be_opened_closes_those_before_it)
{
    world_begin();
    assert_int_equal(world_try_open("memory:a", "static:what", NULL), ERR_BAD_VALUE);
    assert_int_equal(memory_server("a")->opened, 1);
    world_passes(5);
    assert_int_equal(memory_server("a")->closed, 1);
    memory_reset();
}

TEST(options_are_refused_where_there_are_none)
{
    world_begin();
    assert_int_equal(world_try_open("static:?a=b", NULL), ERR_BAD_VALUE);
    assert_string_equal(world.why.text,
                        "registry static?a=b: it takes no options of its own after '?'");
    world_passes(5);
}

TEST(takes_tls_behind_the_scheme)
{
    struct registry_url u;

    assert_int_equal(registry_url_parse(&u, SLICE("consul+https://a:8501"), NULL),
                     ERR_OK);
    assert_true(slice_is(u.scheme, "consul"));
    assert_true(u.is_tls);
    assert_string_equal(u.text, "consul+tls://a:8501");
    assert_int_equal(registry_url_parse(&u, SLICE("consul+http://a"), NULL), ERR_OK);
    assert_false(u.is_tls);
    assert_int_equal(registry_url_parse(&u, SLICE("consul+ssh://a"), NULL),
                     ERR_BAD_VALUE);
}

TEST(tls_is_refused_where_there_is_none)
{
    world_begin();
    assert_int_equal(world_try_open("static+tls:", NULL), ERR_BAD_VALUE);
    assert_string_equal(world.why.text,
                        "registry static+tls: it can't be reached by TLS");
    world_passes(5);
}

TEST(lists_its_schemes)
{
    const char *const *schemes = registry_schemes();
    bool found = false;

    for (; *schemes; schemes++)
        found = found || strcmp(*schemes, "static") == 0;
    assert_true(found);
}

TESTS(RUN(takes_a_bare_scheme), RUN(takes_hosts_path_and_query),
      RUN(takes_files_with_and_without_slashes), RUN(shows_no_secrets),
      RUN(reads_escapes_in_users_and_passwords),
      RUN(leaves_what_is_no_escape_as_it_stands), RUN(refuses_what_is_no_url),
      RUN(an_unknown_registry_names_the_nearest),
      RUN(a_registry_that_cannot_be_opened_closes_those_before_it),
      RUN(options_are_refused_where_there_are_none), RUN(takes_tls_behind_the_scheme),
      RUN(tls_is_refused_where_there_is_none), RUN(lists_its_schemes))
