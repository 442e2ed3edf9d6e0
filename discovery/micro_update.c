#include "discovery/micro_update.h"

#include <stdio.h>

#include "discovery/micro_update.pb-c.h"

#define CONTENT_TYPE "Content-Type"
#define JSON "application/json"
#define MEMBER "Csidecar-Member"
#define TTL "Csidecar-TTL" /* milliseconds */

enum { TYPE_SERVICE = 1 };

/* --- protobuf-c asks us for memory, so that it is bounded and goes at once --- */

static void *take(void *memory, size_t size)
{
    return memory_take(memory, size ? size : 1);
}

static void keep(void *memory, void *pointer)
{
    (void)memory;
    (void)pointer;
}

static struct slice pair(const Micro__Update *u, const char *key)
{
    for (size_t i = 0; i < u->n_metadata; i++)
        if (u->metadata[i]->key && strcmp(u->metadata[i]->key, key) == 0)
            return slice_of(u->metadata[i]->value);
    return (struct slice){NULL, 0};
}

static uint64_t milliseconds(struct slice text)
{
    uint64_t ms;

    return slice_to_u64(text, &ms) ? ms : 0;
}

enum err micro_update_read(struct micro_update *out, struct slice bytes, struct memory *m,
                           struct why *w)
{
    ProtobufCAllocator allocator = {.alloc = take, .free = keep, .allocator_data = m};
    Micro__Update *u =
        micro__update__unpack(&allocator, bytes.size, (const uint8_t *)bytes.base);

    if (!u)
        return why(w, ERR_BAD_RECORD, "it is no go-micro Update");
    if (u->type != TYPE_SERVICE)
        return why(w, ERR_UNSUPPORTED, "it is not about a service");
    if (!slice_is(pair(u, CONTENT_TYPE), JSON))
        return why(w, ERR_UNSUPPORTED, "its service is not in JSON");
    if (u->action != MICRO_CREATE && u->action != MICRO_DELETE)
        return why(w, ERR_UNSUPPORTED, "it neither creates nor deletes");
    *out = (struct micro_update){
        .ttl_ms = milliseconds(pair(u, TTL)),
        .expires_ns = u->expires,
        .action = (enum micro_action)u->action,
        .member = pair(u, MEMBER),
        .service = {(const char *)u->data.data, u->data.len},
    };
    return ERR_OK;
}

/* --- writing: packed into a text piece by piece --- */

struct sink {
    ProtobufCBuffer base;
    struct text *out;
};

static void append(ProtobufCBuffer *buffer, size_t size, const uint8_t *bytes)
{
    text_add(((struct sink *)buffer)->out, slice_from((const char *)bytes, size));
}

/* protobuf-c wants what it does not change without const. */
static char *lent(struct slice s)
{
    return (char *)(uintptr_t)s.base;
}

enum err micro_update_write(struct text *out, const struct micro_update *u)
{
    struct sink sink = {.base = {.append = append}, .out = out};
    char name[256], number[24];
    Micro__Pair type = MICRO__PAIR__INIT, ttl = MICRO__PAIR__INIT,
                member = MICRO__PAIR__INIT;
    Micro__Pair *pairs[] = {&type, &ttl, &member};
    Micro__Update message = MICRO__UPDATE__INIT;

    snprintf(name, sizeof name, "%.*s", (int)u->member.size,
             u->member.base ? u->member.base : "");
    snprintf(number, sizeof number, "%llu", (unsigned long long)u->ttl_ms);
    ttl.key = lent(SLICE(TTL));
    ttl.value = number;
    type.key = lent(SLICE(CONTENT_TYPE));
    type.value = lent(SLICE(JSON));
    member.key = lent(SLICE(MEMBER));
    member.value = name;
    message.expires = u->expires_ns;
    message.type = TYPE_SERVICE;
    message.action = (int)u->action;
    message.metadata = pairs;
    message.n_metadata = u->member.size ? 3 : 2;
    message.data.data = (uint8_t *)lent(u->service);
    message.data.len = u->service.size;
    micro__update__pack_to_buffer(&message, &sink.base);
    return out->failed ? ERR_TOO_LARGE : ERR_OK;
}
