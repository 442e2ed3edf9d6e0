/* settings_print_docs: the tables for people. */
#include <stdio.h>

#include "config/scalar.h"
#include "config/search.h"
#include "config/settings.h"

struct docs {
    struct text *out;
    bool named; /* not inside a list or map: has a variable and a flag */
};

static void print_table(struct docs d, const struct field *fields, const char *prefix);

/* A bar would end the cell. */
static void add_cell(struct text *out, const char *s)
{
    for (; s && *s; s++)
        text_addf(out, *s == '|' ? "\\%c" : "%c", *s);
}

/* "from 1 to 64", "duration from 1ms to 1m", "choice: one of a, b" */
static void print_range(struct docs d, const struct field *f)
{
    struct text range = {.limit = 512};
    bool says_kind = f->kind == FIELD_DURATION || f->kind == FIELD_SIZE;

    if (f->kind != FIELD_BOOL)
        scalar_range(f, &range);
    text_addf(d.out, " ");
    if (!says_kind)
        text_addf(d.out, range.size ? "%s: " : "%s", scalar_kind(f));
    if (range.size)
        add_cell(d.out, range.base + (says_kind ? strlen("a ") : 0));
    text_addf(d.out, " |");
    text_fini(&range);
}

static void print_names(struct docs d, const struct field *f, const char *path)
{
    char variable[NAME_SIZE], flag[NAME_SIZE];

    if (!d.named || f->kind > FIELD_TEXTS) {
        text_addf(d.out, " `--set` |");
        return;
    }
    variable_name(variable, path);
    flag_name(flag, path);
    text_addf(d.out, " `%s` `%s` |", variable, flag);
}

static void print_row(struct docs d, const struct field *f, const char *path)
{
    text_addf(d.out, "| `%s` |", path);
    print_range(d, f);
    text_addf(d.out, f->initial ? " `%s` |" : " |", f->initial);
    print_names(d, f, path);
    text_addf(d.out, " ");
    add_cell(d.out, f->help);
    if (f->flags & FIELD_START_ONLY)
        text_addf(d.out, " (needs a restart)");
    text_addf(d.out, " |\n");
}

static void print_field(struct docs d, const struct field *f, const char *prefix)
{
    /* clang-format off */
    static const char *const ends[] = {[FIELD_LIST] = "[0]", [FIELD_MAP] = ".NAME"};
    /* clang-format on */
    char path[PATH_SIZE];
    const char *end = f->kind >= FIELD_LIST ? ends[f->kind] : "";

    snprintf(path, sizeof(path), "%s%s%s%s", prefix, prefix[0] && f->key[0] ? "." : "",
             f->key, end);
    d.named = d.named && f->kind < FIELD_LIST;
    if (f->fields)
        print_table(d, f->fields, path);
    else
        print_row(d, f, path);
}

static void print_table(struct docs d, const struct field *fields, const char *prefix)
{
    for (const struct field *f = fields; f->key; f++)
        print_field(d, f, prefix);
}

void settings_print_docs(const struct field *fields, struct text *out)
{
    text_addf(out, "| setting | kind | default | variable and flag | meaning |\n"
                   "|---|---|---|---|---|\n");
    print_table((struct docs){.out = out, .named = true}, fields, "");
}
