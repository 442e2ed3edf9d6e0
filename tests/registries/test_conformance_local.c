/* As the one among the unit tests, against a folder that Python takes away and brings back. */
#include "tests/lib/discovery/served.h"

static const struct conformance local = {.name = "conformance: local, served", SERVED};

int main(void)
{
    return served_conformance("local", &local);
}
