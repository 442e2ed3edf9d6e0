/* Answers of Consul's one after the other (a zero byte ends each): cut and read to an end or refused, and nobody is told to
 * have gone who was not told to be there. */
#include <stdint.h>
#include <stdlib.h>

#include "discovery/consul_parts.h"
#include "sidecar/core/log.h"

enum { TOLD_LIMIT = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct told {
    char *ids[TOLD_LIMIT];
    unsigned count;
} told;

static unsigned find(const char *id)
{
    unsigned at = 0;

    while (at < told.count && strcmp(told.ids[at], id) != 0)
        at++;
    return at;
}

static void forget(unsigned at)
{
    free(told.ids[at]);
    told.ids[at] = told.ids[--told.count];
}

static void take_change(const struct consul_change *change)
{
    struct why w;

    for (uint32_t i = 0; i < change->gone_count; i++) {
        unsigned at = find(change->gone[i]);

        if (at == told.count)
            abort();
        forget(at);
    }
    for (uint32_t i = 0; i < change->added_count; i++) {
        why_init(&w);
        if (instance_check(&change->added[i], &w))
            abort();
        if (find(change->added[i].id) == told.count && told.count < TOLD_LIMIT)
            told.ids[told.count++] = slice_dup(slice_of(change->added[i].id));
    }
}

static void read_names(struct slice body)
{
    struct slice rest, key;

    if (consul_open(&rest, body, '{'))
        while (!consul_next_key(&rest, &key))
            if (key.base < body.base || key.base + key.size > body.base + body.size)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct loop loop = {.clock = {.now = 1}};
    static struct consul consul = {.base = {.loop = &loop}};
    struct slice rest = {(const char *)data, size};
    struct consul_known known = {0};
    struct consul_change change;

    log_setup(LOG_ERROR, LOG_TEXT, 2);
    while (rest.base && rest.size < 64 * 1024) {
        struct slice body = slice_first(rest, slice_find(rest, 0));

        rest =
            body.size < rest.size ? slice_after(rest, body.size + 1) : (struct slice){0};
        read_names(body);
        if (!consul_known_take(&known, &change, body, "a", &consul))
            take_change(&change);
        else
            while (told.count > 0)
                forget(0);
        consul_change_fini(&change);
    }
    while (told.count > 0)
        forget(0);
    consul_known_fini(&known);
    return 0;
}
