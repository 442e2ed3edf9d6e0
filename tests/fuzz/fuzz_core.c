/* Texts of any bytes: JSON and log lines stay well-formed, units read back as written. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "sidecar/core/log.h"
#include "sidecar/core/log_json.h"
#include "sidecar/core/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool true_claim)
{
    if (!true_claim)
        abort();
}

static void must_parse(const char *base, size_t size)
{
    json_t *parsed = json_loadb(base, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

    must(parsed);
    json_decref(parsed);
}

static void json_strings(struct slice s)
{
    struct text t;

    text_init(&t, 1 << 20);
    text_add_json(&t, s);
    must(!t.failed);
    must_parse(t.base, t.size);
    text_fini(&t);
}

static void log_members(struct slice s, size_t room)
{
    char out[1024] = "{\"event\":\"x\"";
    size_t used = strlen(out);

    used += log_json_members(out + used, room % (sizeof(out) - used - 1), s);
    out[used++] = '}';
    must_parse(out, used);
}

static void quotes(struct slice s, size_t room)
{
    char out[256];
    size_t size = 1 + room % (sizeof(out) - 1);

    log_quote(out, size, s);
    must(strlen(out) < size);
    must(strspn(out, "\n\r\t\x01\x1b") == 0);
}

static void units(struct slice s)
{
    uint64_t value, again;
    char out[24];

    if (duration_parse(s, &value) == ERR_OK)
        must(duration_parse(slice_of(duration_format(out, value)), &again) == ERR_OK &&
             again == value);
    if (size_parse(s, &value) == ERR_OK)
        must(size_parse(slice_of(size_format(out, value)), &again) == ERR_OK &&
             again == value);
}

static void lists(struct slice s)
{
    struct slice rest = {s.base ? s.base : "", s.size};

    for (size_t items = 0; rest.base; items++) {
        must(items <= s.size);
        slice_next(&rest, ',');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice s = {(const char *)data, size};
    size_t room = size ? data[0] * 4u : 0;

    json_strings(s);
    log_members(s, room);
    quotes(s, room);
    units(s);
    lists(s);
    return 0;
}
