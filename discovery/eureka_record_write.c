#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "discovery/eureka_record.h"
#include "discovery/micro_service.h"

/* Clients make URLs of host names. */
static void write_host(char out[ADDRESS_TEXT], const struct registration *r)
{
    char ip[ADDRESS_TEXT];
    bool is_v6 = strchr(address_ip(&r->address, ip), ':') != NULL;

    snprintf(out, ADDRESS_TEXT, is_v6 ? "[%.100s]" : "%.100s", ip);
}

void eureka_record_id(struct text *out, const struct registration *r,
                      enum eureka_shape shape)
{
    char address[ADDRESS_TEXT];

    if (shape == EUREKA_MICRO)
        text_addf(out, "%s:", address_format(&r->address, address));
    text_add(out, slice_of(r->id));
}

static void add(struct text *out, const char *before, const char *key, const char *value)
{
    text_addf(out, "%s\"%s\":", before, key);
    text_add_json(out, slice_of(value));
}

static uint64_t seconds(uint64_t ms)
{
    return ms > 1000 ? (ms + 999) / 1000 : 1;
}

/* --- metadata --- */

static bool has_pair(const struct registration *r, const char *key)
{
    for (unsigned i = 0; i < r->metadata.count; i++)
        if (strcmp(r->metadata.items[i].key, key) == 0)
            return true;
    return false;
}

static void write_spring_metadata(struct text *out, const struct registration *r,
                                  struct slice own)
{
    text_addf(out, ",\"metadata\":{");
    if (r->version && *r->version && !has_pair(r, "version")) {
        add(out, "", "version", r->version);
        text_addf(out, ",");
    }
    if (r->endpoints && !has_pair(r, "endpoints")) {
        add(out, "", "endpoints", r->endpoints);
        text_addf(out, ",");
    }
    text_add(out, slice_after(own, 1)); /* it has a pair in any case: protocol */
}

/* What Go's ParseFloat or ParseBool would take is no text for the plugin. */
static bool looks_like_a_number(const char *version)
{
    static const char *const truths[] = {"t", "f", "true", "false"};
    char *end;

    for (size_t i = 0; i < sizeof truths / sizeof *truths; i++)
        if (slice_equals_nocase(slice_of(version), slice_of(truths[i])))
            return true;
    strtod(version, &end);
    return *end == 0;
}

static void write_micro_metadata(struct text *out, const struct registration *r,
                                 struct slice own, bool is_twin)
{
    const char *version = r->version && *r->version ? r->version : "latest";
    bool is_number = looks_like_a_number(version);
    char marked[INSTANCE_ID_LIMIT + 2];

    snprintf(marked, sizeof marked, "%s%.*s", is_number ? "v" : "", INSTANCE_ID_LIMIT,
             version);
    add(out, ",\"metadata\":{", "version", marked);
    if (is_number)
        add(out, ",", "csidecar.version", version);
    if (is_twin)
        add(out, ",", "csidecar.twin", r->id);
    add(out, ",", "instanceId", r->id);
    add(out, ",", "endpoints", r->endpoints ? r->endpoints : "[]");
    text_addf(out, ",\"metadata\":");
    text_add_json(out, own);
    text_addf(out, "}");
}

static void write_metadata(struct text *out, const struct registration *r,
                           enum eureka_shape shape, bool is_twin)
{
    const struct instance i = registration_instance(r);
    struct text own;

    text_init(&own, out->limit);
    micro_metadata_write(&own, &i);
    if (own.failed)
        out->failed = true;
    else if (shape == EUREKA_MICRO)
        write_micro_metadata(out, r, text_slice(&own), is_twin);
    else
        write_spring_metadata(out, r, text_slice(&own));
    text_fini(&own);
}

/* --- the rest --- */

static void write_names(struct text *out, const struct registration *r,
                        enum eureka_shape shape)
{
    char host[ADDRESS_TEXT], ip[ADDRESS_TEXT];
    const char *vip = r->service;

    write_host(host, r);
    address_ip(&r->address, ip);
    if (shape == EUREKA_MICRO) {
        address_format(&r->address, host);
        memcpy(ip, host, sizeof ip);
        vip = host;
    }
    add(out, ",", "app", r->service);
    add(out, ",", "hostName", host);
    add(out, ",", "ipAddr", ip);
    add(out, ",", "vipAddress", vip);
    add(out, ",", "secureVipAddress", vip);
}

static void write_lease(struct text *out, const struct registration *r)
{
    text_addf(out,
              ",\"leaseInfo\":{\"renewalIntervalInSecs\":%llu,\"durationInSecs\":%llu}",
              (unsigned long long)seconds(r->heartbeat_ms),
              (unsigned long long)seconds(r->ttl_ms / 2));
}

enum err eureka_record_write(struct text *out, const struct registration *r,
                             enum eureka_shape shape, bool is_twin, uint64_t dirty_ms)
{
    struct text id;

    text_init(&id, 2 * INSTANCE_ID_LIMIT);
    eureka_record_id(&id, r, shape);
    text_addf(out, "{\"instance\":{\"instanceId\":");
    text_add_json(out, text_slice(&id));
    text_fini(&id);
    write_names(out, r, shape);
    text_addf(out, ",\"status\":\"%s\"", r->draining ? "OUT_OF_SERVICE" : "UP");
    text_addf(out, ",\"port\":{\"$\":%u,\"@enabled\":\"true\"}",
              address_port(&r->address));
    text_addf(out, ",\"securePort\":{\"$\":443,\"@enabled\":\"false\"}");
    text_addf(out, ",\"dataCenterInfo\":{\"@class\":\"com.netflix.appinfo.InstanceInfo$"
                   "DefaultDataCenterInfo\",\"name\":\"MyOwn\"}");
    write_lease(out, r);
    text_addf(out, ",\"lastDirtyTimestamp\":\"%llu\"", (unsigned long long)dirty_ms);
    write_metadata(out, r, shape, is_twin);
    text_addf(out, "}}");
    return out->failed ? ERR_TOO_LARGE : ERR_OK;
}
