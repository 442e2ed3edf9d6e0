#include "tests/lib/discovery/served.h"

static const struct conformance kubernetes = {
    .name = "conformance: kubernetes",
    .ttl_ms = 1000,
    .patience_ms = 10 * 1000,
    SERVED,
};

int main(void)
{
    return served_conformance("kubernetes", &kubernetes);
}
