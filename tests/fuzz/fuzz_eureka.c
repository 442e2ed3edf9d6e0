/* What a Eureka server answers, in pieces: read to an end or refused, the same whatever the pieces are; each instance in
 * it is read, counted, and good when it is taken. The first byte is the size of the pieces. */
#include <stdint.h>
#include <stdlib.h>

#include "discovery/eureka_answer.h"
#include "discovery/eureka_table.h"

enum { SIZE_LIMIT = 64 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct eureka_table table;
static uint32_t digest;

static void take_instance(const struct eureka_record *r)
{
    struct memory memory = {0};
    struct instance i;

    if (!eureka_record_instance(r, &i, &memory, NULL) && instance_check(&i, NULL))
        abort();
    memory_free(&memory);
}

static void on_record(struct eureka_answer *a, struct slice json)
{
    struct eureka_record r = {0};

    (void)a;
    digest = digest * 31 + (uint32_t)json.size;
    if (json.base && !eureka_record_load(&r, json, NULL)) {
        if (eureka_table_take(&table, &r))
            abort();
        take_instance(&r);
    }
    eureka_record_fini(&r);
}

static enum err read_all(struct slice all, size_t piece)
{
    struct eureka_answer a;
    char hash[EUREKA_TOKEN];
    enum err e = ERR_OK;

    digest = 0;
    eureka_answer_init(&a, NULL, on_record);
    while (all.size > 0 && !e) {
        e = eureka_answer_feed(&a, slice_first(all, piece));
        all = slice_after(all, piece);
    }
    if (!e)
        e = eureka_answer_end(&a);
    eureka_table_hash(&table, hash);
    digest = digest * 31 + hash_bytes(slice_of(hash));
    digest = digest * 31 + hash_bytes(slice_of(a.hash)) + (uint32_t)a.version;
    eureka_answer_fini(&a);
    eureka_table_fini(&table);
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice s = {(const char *)data, size};
    enum err whole;
    uint32_t digest_whole;

    if (size < 2 || size > SIZE_LIMIT)
        return 0;
    whole = read_all(slice_after(s, 1), SIZE_MAX);
    digest_whole = digest;
    if (read_all(slice_after(s, 1), 1 + data[0] % 64) != whole || digest != digest_whole)
        abort();
    return 0;
}
