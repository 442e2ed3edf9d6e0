#include "tests/lib/discovery/served.h"

static const struct conformance etcd = {
    .name = "conformance: etcd",
    .ttl_ms = 2000, /* the least it grants */
    .patience_ms = 10 * 1000,
    SERVED,
};

int main(void)
{
    return served_conformance("etcd", &etcd);
}
