/* A configuration of any bytes: refused with its place, or settings that print as YAML and JSON
 * which give the same settings again. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "sidecar/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PRINTED = 8 << 20 };

static void must(bool true_claim)
{
    if (!true_claim)
        abort();
}

static char *print(const struct settings *s,
                   void (*printer)(const struct field *fields, const void *settings,
                                   struct text *out))
{
    struct text out;

    text_init(&out, PRINTED);
    printer(settings_fields, s, &out);
    return text_take(&out);
}

/* Secrets do not survive printing; a file they stood in is not asked for again. */
static bool has_secrets(const struct settings *s)
{
    return s->proxy.secret || s->admin.secret || s->registry.secret;
}

/* Default ports give way to others; once printed they are asked for like these. */
static bool is_port_conflict(const struct why *w)
{
    return strstr(w->text, " is taken by ") || strstr(w->text, ": is where ");
}

static void reads_back(const struct settings *s)
{
    char *yaml = print(s, settings_print_yaml);
    struct settings *again;
    struct why w;
    char *second;

    if (!yaml)
        return;
    if (settings_parse(&again, slice_of(yaml), "again", &w)) {
        must(is_port_conflict(&w));
        free(yaml);
        return;
    }
    second = print(again, settings_print_yaml);
    must(second && strcmp(yaml, second) == 0);
    settings_unref(again);
    free(second);
    free(yaml);
}

static void is_json(const struct settings *s)
{
    char *text = print(s, settings_print_json);
    json_t *json = text ? json_loads(text, 0, NULL) : NULL;

    must(!text || json);
    json_decref(json);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice yaml = slice_from((const char *)data, size);
    struct settings *s;
    struct why w;

    why_init(&w);
    if (settings_parse(&s, yaml, "fuzz.yaml", &w)) {
        must(w.text[0] && !s);
        return 0;
    }
    if (!has_secrets(s))
        reads_back(s);
    is_json(s);
    settings_unref(s);
    return 0;
}
