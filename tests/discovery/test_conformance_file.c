#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "discovery/instance_set.h"
#include "tests/discovery/conformance.h"

enum { SERVICES = 4 };

static char folder[64], path[128], url_text[160];
static struct {
    char name[64];
    bool is_there;
    struct instance_set instances;
} services[SERVICES];

static void write_instance(FILE *f, const struct instance *i)
{
    char address[ADDRESS_TEXT];

    fprintf(f, "  - {id: %s, address: \"%s\", version: \"%s\", weight: %u, metadata: {",
            i->id, address_format(&i->address, address), i->version, i->weight);
    for (unsigned at = 0; at < i->metadata.count; at++)
        fprintf(f, "%s: %s", i->metadata.items[at].key, i->metadata.items[at].value);
    fprintf(f, "}}\n");
}

/* Beside it, then renamed. */
static void write_all(void)
{
    char temporary[192];
    FILE *f;

    snprintf(temporary, sizeof temporary, "%s.new", path);
    f = fopen(temporary, "w");
    assert_non_null(f);
    fputs("nobodys-service: []\n", f);
    for (int i = 0; i < SERVICES; i++) {
        if (!services[i].is_there)
            continue;
        fprintf(f, "%s:\n", services[i].name);
        list_each(at, after, &services[i].instances.held)
            write_instance(f, instance_held(at));
    }
    fclose(f);
    assert_int_equal(rename(temporary, path), 0);
}

static void set_up(struct loop *l, struct registry_environment *environment)
{
    (void)l;
    (void)environment;
    snprintf(folder, sizeof folder, "/tmp/csidecar-file-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/services.yaml", folder);
    for (int i = 0; i < SERVICES; i++) {
        services[i].name[0] = 0;
        services[i].is_there = false;
        instance_set_init(&services[i].instances, NULL);
    }
    write_all();
}

static void tear_down(void)
{
    char command[128];

    for (int i = 0; i < SERVICES; i++)
        instance_set_fini(&services[i].instances);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

static const char *url(void)
{
    snprintf(url_text, sizeof url_text, "file:%s", path);
    return url_text;
}

static void publish(const char *service, const struct instance *instances, uint32_t count)
{
    bool ignored = false;
    int at = 0;

    while (services[at].name[0] && strcmp(services[at].name, service) != 0)
        at++;
    snprintf(services[at].name, sizeof services[at].name, "%s", service);
    services[at].is_there = count > 0;
    instance_set_replace(&services[at].instances, instances, count, NULL, &ignored);
    write_all();
}

static void go_away(void)
{
    assert_int_equal(unlink(path), 0);
}

static const struct conformance file = {
    .name = "conformance: file",
    .set_up = set_up,
    .tear_down = tear_down,
    .url = url,
    .publish = publish,
    .go_away = go_away,
    .come_back = write_all,
};

int main(void)
{
    return conformance_run(&file);
}
