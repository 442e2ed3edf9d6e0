#include "tests/lib/discovery/served.h"

static const struct conformance consul = {
    .name = "conformance: consul, the real one",
    .ttl_ms = 3000, /* it writes to a disk before the first look */
    .patience_ms = 15 * 1000,
    SERVED,
};

int main(void)
{
    return served_conformance("consul_live", &consul);
}
