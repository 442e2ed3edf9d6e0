#include "tests/lib/config/sample.h"

#include "tests/lib/test.h"

struct sample sample;
struct tree sample_tree;
struct why sample_why;
static struct memory memory;

static const char *const balancers[] = {"p2c", "round_robin", "random", NULL};
static const char *const drop_ins[] = {"dapr", "micro", NULL};

static enum err name_check(struct slice name, struct why *w)
{
    if (name.size && name.base[0] != '_')
        return ERR_OK;
    return why(w, ERR_BAD_VALUE, "must not begin with _");
}

/* clang-format off */
static const struct field retries[] = {
    COUNT   (struct sample_retries, max, "max", "2", 0, 10, "further attempts"),
    DURATION(struct sample_retries, backoff, "backoff", "25ms", 1, 60000, "before the first"),
    FIELDS_END,
};

static const struct field policy[] = {
    DURATION(struct sample_policy, timeout, "timeout", "15s", 0, 0, "overall"),
    GROUP   (struct sample_policy, retries, "retries", retries, "again"),
    CHOICE  (struct sample_policy, balancer, "balancer", "p2c", balancers, "picks"),
    FIELDS_END,
};

static const struct field instance[] = {
    TEXT    (struct sample_instance, address, "address", NULL, "where", .flags = FIELD_SHORT),
    COUNT   (struct sample_instance, weight, "weight", "1", 1, 100, "share"),
    PAIRS   (struct sample_instance, metadata, "metadata", "of it"),
    FIELDS_END,
};

static const struct field service[] = {
    INLINE  (struct sample_service, policy, policy),
    LIST    (struct sample_service, instances, "instances", struct sample_instance, instance, "known"),
    FIELDS_END,
};

const struct field sample_fields[] = {
    TEXT    (struct sample, name, "name", NULL, "of the | service", .check = name_check),
    BOOL    (struct sample, egress, "egress", "no", "all may pass"),
    COUNT   (struct sample, workers, "workers", "1", 1, 64, "threads", .flags = FIELD_START_ONLY),
    SIZE    (struct sample, head, "max_head", "64KiB", 1024, 1 << 20, "of a head"),
    PERCENT (struct sample, budget, "budget", "20%", "of requests"),
    TEXT    (struct sample, token, "token", NULL, "a secret", .flags = FIELD_SECRET),
    TEXTS   (struct sample, listen, "listen", "127.0.0.1:1, [::1]:1", "where", .flags = FIELD_START_ONLY),
    TEXTS   (struct sample, urls, "urls", "local", "registries", .flags = FIELD_URL),
    TEXTS   (struct sample, compat, "compat", NULL, "drop-ins", .choices = drop_ins),
    PAIRS   (struct sample, metadata, "metadata", "free", .flags = FIELD_START_ONLY),
    GROUP   (struct sample, defaults, "defaults", policy, "for all"),
    MAP     (struct sample, services, "services", struct sample_service, name, service, "for one", .inherits = "defaults", .check = name_check),
    TEXT    (struct sample, config, "config", NULL, "the file", .flags = FIELD_NOT_IN_FILE),
    FIELDS_END,
};
/* clang-format on */

void sample_forget(void)
{
    tree_free(&sample_tree);
    memory_free(&memory);
    memset(&sample, 0, sizeof(sample));
    why_init(&sample_why);
}

enum err sample_decode_tree(void)
{
    enum err e =
        settings_decode(sample_fields, sample_tree.root, &sample, &memory, &sample_why);

    if (e)
        memset(&sample, 0, sizeof(sample));
    return e;
}

enum err sample_decode(const char *yaml)
{
    enum err e;

    sample_forget();
    e = tree_parse(&sample_tree, slice_of(yaml), "t.yaml", &sample_why);
    return e ? e : sample_decode_tree();
}

struct sample_service *sample_service(unsigned index)
{
    assert_in_range(index, 0, sample.services.count - 1);
    return (struct sample_service *)sample.services.base + index;
}

void sample_refuses(const char *yaml, const char *reason)
{
    assert_int_not_equal(sample_decode(yaml), ERR_OK);
    assert_string_equal(sample_why.text, reason);
}

int sample_setup(void **state)
{
    (void)state;
    sample_forget();
    return 0;
}

int sample_teardown(void **state)
{
    (void)state;
    sample_forget();
    return 0;
}
