/* go-micro's records from strangers, in the clear or deflated; and what etcd's gateway wraps them in: read to an end or
 * refused, and what was read is good. The first byte chooses. */
#include <stdlib.h>

#include "discovery/etcd_message.h"
#include "discovery/micro_service.h"
#include "discovery/micro_zlib.h"

enum { LIMIT = 64 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void service_survives(struct slice json)
{
    struct micro_service s, again;
    struct text out;

    if (micro_service_read(&s, json, NULL))
        return;
    text_init(&out, 16 * LIMIT);
    for (uint32_t i = 0; i < s.count; i++) {
        if (instance_check(&s.instances[i], NULL))
            abort();
        text_clear(&out);
        if (micro_service_write_instance(&out, "s", &s.instances[i]) ||
            micro_service_read(&again, text_slice(&out), NULL))
            continue;
        if (again.count != 1 || strcmp(again.instances[0].id, s.instances[i].id) != 0)
            abort();
        micro_service_fini(&again);
    }
    text_fini(&out);
    micro_service_fini(&s);
}

static void inflating_survives(struct slice hex)
{
    struct text out;

    text_init(&out, LIMIT);
    if (micro_inflate(&out, hex, LIMIT / 2, NULL) == ERR_OK && out.size > LIMIT / 2)
        abort();
    text_fini(&out);
}

static void etcd_survives(struct slice json)
{
    json_t *root = json_loadb(json.base, json.size, 0, NULL);
    struct etcd_entry entry;
    struct text bytes;

    text_init(&bytes, LIMIT);
    (void)etcd_error_of(json);
    (void)etcd_number(root, "TTL");
    if (!etcd_entry_read(&entry, root, &bytes) && entry.key.size == 0)
        abort();
    (void)etcd_event_read(&entry, root, &bytes);
    text_fini(&bytes);
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice s = {(const char *)data + 1, size - 1};

    if (size < 1)
        return 0;
    switch (data[0] % 3) {
    case 0:
        service_survives(s);
        break;
    case 1:
        inflating_survives(s);
        break;
    default:
        etcd_survives(s);
        break;
    }
    return 0;
}
