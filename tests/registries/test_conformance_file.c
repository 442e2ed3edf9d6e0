/* `file` has an adapter of its own among the unit tests; this one shows that a served one works. */
#include "tests/lib/discovery/served.h"

static const struct conformance file = {.name = "conformance: file, served", SERVED};

int main(void)
{
    return served_conformance("file", &file);
}
