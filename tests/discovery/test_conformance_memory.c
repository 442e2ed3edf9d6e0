#include "tests/discovery/conformance.h"
#include "tests/lib/discovery/registry_memory.h"

static void set_up(struct loop *l, struct registry_environment *environment)
{
    (void)l;
    memory_reset();
    environment->backends = memory_backends;
}

static const char *url(void)
{
    return "memory:a";
}

static void go_away(void)
{
    memory_break(memory_server("a"));
}

static void come_back(void)
{
    memory_server("a")->away = false;
}

static void lose_all(void)
{
    memory_forget(memory_server("a"));
}

static const struct conformance memory = {
    .name = "conformance: memory",
    .set_up = set_up,
    .tear_down = memory_reset,
    .url = url,
    .go_away = go_away,
    .come_back = come_back,
    .lose_all = lose_all,
};

int main(void)
{
    return conformance_run(&memory);
}
