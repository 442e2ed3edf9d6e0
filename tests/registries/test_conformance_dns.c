#include "tests/lib/discovery/served.h"

static const struct conformance dns = {
    .name = "conformance: dns",
    .addresses_only = true,
    .patience_ms = 10 * 1000, /* three tries of a second, then the frame's pause */
    SERVED,
};

int main(void)
{
    return served_conformance("dns", &dns);
}
