#include "tests/discovery/conformance.h"

static void set_up(struct loop *l, struct registry_environment *environment)
{
    (void)l;
    (void)environment;
}

static void tear_down(void)
{
}

static const char *url(void)
{
    return "static:";
}

static const struct conformance static_ = {
    .name = "conformance: static",
    .set_up = set_up,
    .tear_down = tear_down,
    .url = url,
};

int main(void)
{
    return conformance_run(&static_);
}
