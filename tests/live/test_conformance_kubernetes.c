#include "tests/lib/discovery/served.h"

/* What an account's token is too long for is a URL. */
static void set_up(struct loop *l, struct registry_environment *environment)
{
    served_set_up(l, environment);
    environment->token_file = "build/live/kubernetes.token";
}

static const struct conformance kubernetes = {
    .name = "conformance: kubernetes, the real one",
    .ttl_ms = 1000,
    .patience_ms = 15 * 1000,
    .set_up = set_up,
    .tear_down = served_tear_down,
    .url = served_url,
};

int main(void)
{
    return served_conformance("kubernetes_live", &kubernetes);
}
