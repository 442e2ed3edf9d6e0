/* Lines of a watch of EndpointSlices and pods, one after the other: read to an end or refused; what is taken is a good
 * instance, and a record that we are merged into has us once, and not at all when we are taken out. */
#include <stdint.h>
#include <stdlib.h>

#include "discovery/kubernetes_message.h"

enum { MERGED_LIMIT = 256 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_all(const struct micro_service *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (instance_check(&s->instances[i], NULL))
            abort();
}

static void read_slice(const json_t *object)
{
    struct micro_service s;
    struct why w;

    why_init(&w);
    if (kubernetes_slice_read(&s, object, NULL, &w))
        return;
    check_all(&s);
    micro_service_fini(&s);
}

static void merge(const char *there)
{
    static const char own[] =
        "{\"name\":\"a\",\"version\":\"\",\"nodes\":[{\"id\":\"us\","
        "\"address\":\"10.0.0.1:1\"}]}";
    struct kubernetes_ours ours = {.id = "us", .record = slice_of(own)};
    struct text merged, rest;

    (void)address_parse(&ours.address, SLICE("10.0.0.1:1"), 0, NULL);
    text_init(&merged, MERGED_LIMIT);
    text_init(&rest, MERGED_LIMIT);
    if (!kubernetes_merge(&merged, there, &ours, NULL)) {
        if (!kubernetes_has_ours(merged.base, &ours))
            abort();
        ours.record = (struct slice){0};
        if (kubernetes_merge(&rest, merged.base, &ours, NULL) == ERR_OK && rest.size) {
            ours.record = slice_of(own);
            if (kubernetes_has_ours(rest.base, &ours))
                abort();
        }
    }
    text_fini(&merged);
    text_fini(&rest);
}

static void read_pod(json_t *object)
{
    json_t *annotations =
        json_object_get(json_object_get(object, "metadata"), "annotations");
    const char *key;
    json_t *value;

    (void)kubernetes_pod_is_there(object);
    json_object_foreach(annotations, key, value)
    {
        if (kubernetes_is_record(key))
            merge(json_string_value(value));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_from((const char *)data, size);

    while (rest.size > 0 && rest.size < 64 * 1024) {
        struct slice line = slice_next(&rest, '\n');
        json_t *root = json_loadb(line.base ? line.base : "", line.size, 0, NULL);
        const json_t *object;

        if (kubernetes_event_read(root, &object) != KUBERNETES_NO_EVENT) {
            read_slice(object);
            read_pod((json_t *)(uintptr_t)object);
        }
        json_decref(root);
    }
    return 0;
}
