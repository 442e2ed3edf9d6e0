/* A ring of two csidecars, encrypted, without anybody else: `us` is the seed of `other`, and its own. With memberlist's
 * own members the suite runs in tests/registries. */
#include "tests/lib/test.h"

#include <stdio.h>

#include "tests/discovery/conformance.h"
#include "tests/lib/discovery/free_port.h"

static unsigned port, opened;

static void set_up(struct loop *l, struct registry_environment *environment)
{
    (void)l;
    environment->token = "micro-gossip-key";
    port = free_port();
    opened = 0;
}

static void tear_down(void)
{
}

static const char *url(void)
{
    static char text[128];

    snprintf(text, sizeof text, "gossip://127.0.0.1:%u?bind=127.0.0.1:%u", port,
             opened++ ? 0 : port);
    return text;
}

static const struct conformance gossip = {
    .name = "conformance: gossip, two csidecars",
    .ttl_ms = 600,
    .set_up = set_up,
    .tear_down = tear_down,
    .url = url,
};

int main(void)
{
    return conformance_run(&gossip);
}
