/* Spring Cloud's server, each service looked at by itself, every 100 ms. */
#include "tests/lib/discovery/served.h"

#include <stdio.h>

static const char *url(void)
{
    static char text[512];
    const char *served = served_url();

    snprintf(text, sizeof text, "%.*s?poll=100ms&timeout=2s", (int)strcspn(served, "?"),
             served);
    return text;
}

static const struct conformance eureka = {.name = "conformance: eureka",
                                          .set_up = served_set_up,
                                          .tear_down = served_tear_down,
                                          .url = url,
                                          .ttl_ms = 2000,
                                          .patience_ms = 20 * 1000};

int main(void)
{
    return served_conformance("eureka", &eureka);
}
