#include "tests/lib/sidecar/bare_service.h"

#include <stdio.h>

#include "tests/lib/test.h"

struct bare_service bare;

void bare_open(void)
{
    bare = (struct bare_service){0};
    clock_init(&bare.now, 1000, NULL);
    random_init(&bare.dice, 7);
    bare_use("name: t\n");
}

void bare_close(void)
{
    service_drop(bare.service);
    settings_unref(bare.settings);
    bare = (struct bare_service){0};
}

void bare_use(const char *yaml)
{
    struct why why;

    why_init(&why);
    if (bare.service)
        service_drop(bare.service);
    settings_unref(bare.settings);
    if (settings_parse(&bare.settings, slice_of(yaml), "test.yaml", &why))
        fail_msg("%s", why.text);
    bare.service = service_make(SLICE("s"), bare.settings,
                                service_settings_of(bare.settings, SLICE("s")), 1,
                                &bare.now, &bare.dice);
    assert_non_null(bare.service);
}

static void update(unsigned count, const uint32_t *weights, bool known)
{
    struct instance instances[16] = {0};
    char ids[16][8];
    struct instance_list *l;

    for (unsigned i = 0; i < count; i++) {
        snprintf(ids[i], sizeof(ids[i]), "i%u", i);
        instances[i] = (struct instance){
            .id = ids[i], .version = "", .weight = weights ? weights[i] : 1};
        address_from_ip(&instances[i].address, SLICE("127.0.0.1"), 1000 + i);
    }
    l = instance_list_new("s", instances, count);
    l->known = known;
    l->answered = true;
    for (unsigned i = 0; i < count; i++)
        l->instances[i].index = i;
    l->places = count;
    service_update(bare.service, l);
    instance_list_unref(l);
}

void bare_list(unsigned count)
{
    update(count, NULL, true);
}

void bare_list_weighted(unsigned count, const uint32_t *weights)
{
    update(count, weights, true);
}

void bare_list_unknown(void)
{
    update(0, NULL, false);
}
