#include "tests/lib/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/discovery/conformance.h"
#include "tests/lib/discovery/local_world.h"

static void set_up(struct loop *l, struct registry_environment *environment)
{
    (void)l;
    environment->runtime_dir = local_world_begin();
}

static const char *url(void)
{
    return "local";
}

static void lose_all(void)
{
    local_world_run("rm -rf registry");
}

/* Away is a folder we may not enter, which root may: so it is something else in its place. */
static void go_away(void)
{
    local_world_run("mv registry away && touch registry");
}

static void come_back(void)
{
    local_world_run("rm registry && mv away registry");
}

static bool be_hostile(unsigned n, const char *service)
{
    static const char good[] = "\"ttl_ms\":60000,\"address\":\"127.0.0.1:1\"";
    static char deep[40000];
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "null",
        "{}",
        "{\"ttl_ms\":60000}",
        "{\"ttl_ms\":60000,\"address\":7}",
        "{\"ttl_ms\":60000,\"address\":\"nowhere\"}",
        "{\"ttl_ms\":60000,\"address\":\"0.0.0.0:80\"}",
        "{\"ttl_ms\":\"soon\",\"address\":\"127.0.0.1:1\"}",
        "{\"ttl_ms\":-1,\"address\":\"127.0.0.1:1\"}",
        "{%s,\"id\":\"a\\r\\nb\"}",
        "{%s,\"id\":\"a\\u0000b\"}",
        "{%s,\"id\":\"\xff\xfe\"}",
        "{%s,\"id\":[]}",
        "{%s,\"id\":\"a\",\"id\":\"b\"}",
        "{%s,\"weight\":0}",
        "{%s,\"weight\":-1}",
        "{%s,\"weight\":1e300}",
        "{%s,\"metadata\":[1,2]}",
        "{%s,\"metadata\":{\"a\":{\"b\":1}}}",
        "{%s,\"metadata\":{\"\":\"x\"}}",
    };
    enum { TEXTS = sizeof texts / sizeof *texts };
    char text[4096];

    if (n < TEXTS) {
        snprintf(text, sizeof text, texts[n], good);
        local_world_write(service, n, slice_of(text));
        return true;
    }
    if (n == TEXTS) {
        memset(deep, '[', sizeof deep);
        local_world_write(service, n, slice_from(deep, sizeof deep));
        return true;
    }
    return local_world_odd(service, n - TEXTS - 1);
}

static const struct conformance local = {
    .name = "conformance: local",
    .set_up = set_up,
    .tear_down = local_world_end,
    .url = url,
    .go_away = go_away,
    .come_back = come_back,
    .lose_all = lose_all,
    .be_hostile = be_hostile,
};

int main(void)
{
    return conformance_run(&local);
}
