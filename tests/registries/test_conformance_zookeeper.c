#include "tests/lib/discovery/served.h"

static const struct conformance zookeeper = {
    .name = "conformance: zookeeper",
    .ttl_ms = 2000,
    .patience_ms = 15 * 1000,
    SERVED,
};

int main(void)
{
    return served_conformance("zookeeper", &zookeeper);
}
