#include "sidecar/cli_show.h"

#include <stdarg.h>
#include <stdlib.h>

#include "sidecar/cli.h"
#include "sidecar/core/utf8.h"

enum { CELL = 512 };

static void add(struct show *s, const char *text)
{
    if (s->count == s->capacity) {
        unsigned capacity = s->capacity ? s->capacity * 2 : 64;
        char **grown = realloc(s->cells, capacity * sizeof(*grown));

        if (!grown) {
            s->failed = 1;
            return;
        }
        s->cells = grown;
        s->capacity = capacity;
    }
    s->cells[s->count] = strdup(text);
    if (s->cells[s->count])
        s->count++;
    else
        s->failed = 1;
}

void show_init(struct show *s, ...)
{
    const char *name;
    va_list args;

    *s = (struct show){0};
    va_start(args, s);
    while ((name = va_arg(args, const char *))) {
        s->columns++;
        add(s, name);
    }
    va_end(args);
}

static void make_harmless(char *text)
{
    for (; *text; text++)
        for (size_t size = utf8_control_size(text); size > 0; size--)
            text[size - 1] = '?';
}

void show_cell(struct show *s, const char *format, ...)
{
    char text[CELL];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    make_harmless(text);
    add(s, text[0] ? text : "-");
}

/* Characters, not bytes (RFC 3629): continuation bytes take no room. */
static unsigned width_of(const char *text)
{
    unsigned width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void measure(const struct show *s, unsigned widths[SHOW_COLUMNS])
{
    for (unsigned i = 0; i < s->count; i++) {
        unsigned width = width_of(s->cells[i]);

        if (width > widths[i % s->columns])
            widths[i % s->columns] = width;
    }
}

static void print_cell(const struct show *s, unsigned at, const unsigned *widths,
                       FILE *out)
{
    unsigned column = at % s->columns;
    unsigned pad = widths[column] - width_of(s->cells[at]);

    if (column + 1 == s->columns)
        fprintf(out, "%s\n", s->cells[at]);
    else
        fprintf(out, "%s%*s", s->cells[at], (int)pad + 2, "");
}

int show_print(struct show *s, FILE *out)
{
    unsigned widths[SHOW_COLUMNS] = {0};

    if (!s->failed) {
        measure(s, widths);
        for (unsigned i = 0; i < s->count; i++)
            print_cell(s, i, widths, out);
    }
    for (unsigned i = 0; i < s->count; i++)
        free(s->cells[i]);
    free(s->cells);
    return s->failed ? cli_no_memory() : CLI_DONE;
}

const char *show_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

json_int_t show_number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

int show_json(json_t *value)
{
    int failed = !value || json_dumpf(value, stdout, JSON_INDENT(2));

    json_decref(value);
    if (failed)
        return cli_no_memory();
    putchar('\n');
    return CLI_DONE;
}

char *show_ago(char out[48], json_int_t ms)
{
    static const struct {
        json_int_t ms;
        char letter;
    } units[] = {
        {86400000, 'd'},
        {3600000,  'h'},
        {60000,    'm'},
        {1000,     's'},
    };

    for (unsigned i = 0; i < 4; i++) {
        json_int_t whole = ms / units[i].ms;
        json_int_t rest = i < 3 ? ms % units[i].ms / units[i + 1].ms : 0;

        if (whole && rest && whole < 10)
            snprintf(out, 48, "%lld%c%lld%c", (long long)whole, units[i].letter,
                     (long long)rest, units[i + 1].letter);
        else if (whole)
            snprintf(out, 48, "%lld%c", (long long)whole, units[i].letter);
        if (whole)
            return out;
    }
    snprintf(out, 48, "%lldms", (long long)ms);
    return out;
}

char *show_bytes(char out[48], json_int_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    unsigned unit = 0;

    while (value >= 1024 && unit < 4) {
        value /= 1024;
        unit++;
    }
    snprintf(out, 48, unit && value < 10 ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return out;
}
