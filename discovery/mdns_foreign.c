#include "discovery/mdns_foreign.h"

enum err mdns_label(char out[MDNS_LABEL_LIMIT + 1], struct slice text)
{
    size_t size = 0;

    for (size_t at = 0; at < text.size; at++) {
        char c = text.base[at];

        if (c == '.' || size == MDNS_LABEL_LIMIT)
            return ERR_BAD_RECORD;
        if (c == '\\' && at + 3 < text.size) {
            c = (char)((text.base[at + 1] - '0') * 100 + (text.base[at + 2] - '0') * 10 +
                       (text.base[at + 3] - '0'));
            at += 3;
        }
        out[size++] = c;
    }
    out[size] = '\0';
    return size ? ERR_OK : ERR_BAD_RECORD;
}

/* Where what tells instances apart begins. */
static size_t end_of_service(const char *label)
{
    static const char *const marks[] = {" (", " #", " [", " @", " on "};
    size_t end = strlen(label);

    for (unsigned i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        const char *at = strstr(label, marks[i]);

        if (at && at > label && (size_t)(at - label) < end)
            end = (size_t)(at - label);
    }
    return end;
}

bool mdns_service_of_label(char out[MDNS_LABEL_LIMIT + 1], const char *label)
{
    size_t size = end_of_service(label);

    memcpy(out, label, size);
    out[size] = '\0';
    for (size_t i = 0; i < size; i++)
        if (!service_name_is_valid(slice_from(out + i, 1)) &&
            (i == 0 || !strchr("._", out[i])))
            out[i] = '-';
    return service_name_is_valid(slice_of(out));
}

static enum err take_pair(struct instance *i, struct slice pair, struct memory *m)
{
    size_t equals = slice_find(pair, '=');
    struct pair *to = &i->metadata.items[i->metadata.count];

    if (equals == 0 || equals == pair.size || i->metadata.count == INSTANCE_PAIRS_LIMIT)
        return ERR_OK;
    to->key = memory_copy(m, slice_first(pair, equals));
    to->value = memory_copy(m, slice_after(pair, equals + 1));
    if (!to->key || !to->value)
        return ERR_NO_MEMORY;
    if (strcmp(to->key, "version") == 0)
        i->version = to->value;
    i->metadata.count++;
    return ERR_OK;
}

enum err mdns_txt_pairs(struct instance *i, struct slice data, struct memory *m)
{
    enum err e = ERR_OK;

    i->version = "";
    i->weight = 1;
    i->metadata.items = memory_take(m, INSTANCE_PAIRS_LIMIT * sizeof(struct pair));
    if (!i->metadata.items)
        return ERR_NO_MEMORY;
    while (data.size > 0 && !e) {
        size_t size = (unsigned char)data.base[0];
        struct slice text = slice_first(slice_after(data, 1), size);

        if (!memchr(text.base, 0, text.size))
            e = take_pair(i, text, m);
        data = slice_after(data, 1 + size);
    }
    return e;
}
