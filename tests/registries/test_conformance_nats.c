#include "tests/lib/discovery/served.h"

static const struct conformance nats = {.name = "conformance: nats", SERVED};

int main(void)
{
    return served_conformance("nats", &nats);
}
