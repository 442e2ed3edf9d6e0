/* A stranger's datagrams: whatever they are, they are read to an end or refused, and a name or a record that was
 * believed is written and read again as the same. The first byte says what the others are: a packet, or the JSON
 * of a TXT (which a fuzzer could hardly deflate and put into hex himself). */
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#include "discovery/mdns_packet.h"
#include "discovery/mdns_publication.h"
#include "discovery/mdns_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool true_claim)
{
    if (!true_claim)
        abort();
}

static void name_survives(const struct mdns_name *name)
{
    static char out[MDNS_PACKET_LIMIT];
    struct mdns_writer w;
    struct mdns_reader r;
    struct mdns_header h;
    struct mdns_entry again;
    struct slice packet;

    must(strlen(name->text) == name->size);
    if (!mdns_name_is_valid(mdns_name_slice(name)))
        return;
    mdns_write_header(&w, out, sizeof(out), 1, 0);
    mdns_write_question(&w, mdns_name_slice(name), MDNS_PTR, true);
    mdns_write_ptr(&w, mdns_name_slice(name), 1, mdns_name_slice(name));
    must(mdns_written(&w, &packet) == ERR_OK);
    must(mdns_read_header(&r, packet, &h) == ERR_OK);
    must(mdns_read(&r, &again) == ERR_OK && mdns_read(&r, &again) == ERR_OK);
    must(slice_equals(mdns_name_slice(&again.target), mdns_name_slice(name)));
    must(mdns_read(&r, &again) == ERR_NOT_FOUND);
}

static void record_survives(struct slice hex)
{
    struct mdns_record record, again;
    struct registration r;
    struct text out;

    if (mdns_record_decode(&record, hex, NULL))
        return;
    r = (struct registration){.service = record.service,
                              .version = record.instance.version,
                              .weight = record.instance.weight,
                              .metadata = record.instance.metadata};
    text_init(&out, MDNS_TXT_LIMIT);
    if (mdns_record_encode(&r, &out) == ERR_OK &&
        mdns_record_decode(&again, text_slice(&out), NULL) == ERR_OK) {
        must(strcmp(record.service, again.service) == 0);
        mdns_record_fini(&again);
    }
    text_fini(&out);
    mdns_record_fini(&record);
}

static void answer(const struct mdns_entry *question)
{
    static char out[MDNS_PACKET_LIMIT];
    struct registration r = {
        .service = "a", .id = "b", .version = "1", .weight = 1, .ttl_ms = 1000};
    struct mdns_publication p;
    struct slice packet;

    address_from_ip(&r.address, SLICE("127.0.0.1"), 80);
    must(mdns_publication_init(&p, &r, "micro", NULL) == ERR_OK);
    (void)mdns_publication_answer(&p, question, 0, out, sizeof(out), &packet);
    (void)mdns_publication_is_known(&p, question);
    mdns_publication_fini(&p);
}

static void read_entry(const struct mdns_entry *entry, char *joined)
{
    size_t size;

    name_survives(&entry->name);
    if (entry->type == MDNS_PTR && entry->section != MDNS_QUESTIONS)
        name_survives(&entry->target);
    if (entry->section == MDNS_QUESTIONS)
        answer(entry);
    if (entry->type == MDNS_TXT && mdns_txt_join(entry->data, joined, &size) == ERR_OK)
        record_survives(slice_from(joined, size));
}

static void read_packet(struct slice packet)
{
    struct mdns_reader r;
    struct mdns_header h;
    struct mdns_entry entry;
    char *joined = malloc(packet.size + 1);
    enum err e = mdns_read_header(&r, packet, &h);
    unsigned count = 0;

    while (joined && !e) {
        e = mdns_read(&r, &entry);
        if (!e)
            read_entry(&entry, joined);
        must(++count <= MDNS_RECORDS_LIMIT + 1);
    }
    free(joined);
}

static void read_json(struct slice json)
{
    uLongf size = compressBound(json.size);
    uint8_t *deflated = malloc(size);
    struct text hex;

    text_init(&hex, 1 << 20);
    must(deflated &&
         compress(deflated, &size, (const uint8_t *)json.base, json.size) == Z_OK);
    for (uLongf i = 0; i < size; i++)
        text_addf(&hex, "%02x", deflated[i]);
    record_survives(text_slice(&hex));
    text_fini(&hex);
    free(deflated);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice s = {(const char *)data, size};

    if (size > 0 && data[0] == 'j')
        read_json(slice_after(s, 1));
    else if (size > 0)
        read_packet(slice_after(s, 1));
    return 0;
}
