/* A ring has no server: with the seed away, `us` and `other` go on as members of each other and neither misses anything,
 * so there is no outage to be noticed and nothing that could be lost. What happens when the last other member goes is in
 * test_gossip.py. */
#include "tests/lib/discovery/served.h"

static const struct conformance gossip = {
    .name = "conformance: gossip",
    .ttl_ms = 600,
    SERVED,
};

int main(void)
{
    return served_conformance("gossip", &gossip);
}
