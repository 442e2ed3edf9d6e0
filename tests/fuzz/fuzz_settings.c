/* All the ways settings come in: a file, variables and flags, ended by a zero byte each; what begins with CSIDECAR_ is a
 * variable, the rest are words of the command line. Refused with a reason; or settings that print, come out the same a second
 * time, and are no change to themselves. */
#define _GNU_SOURCE /* memfd_create */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sidecar/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS = 16, PRINTED = 8 << 20 };

struct given {
    char *argv[WORDS + 2];
    char *environment[WORDS + 1];
    int argc, variables;
    int fd;
    char path[32];
};

static void must(bool true_claim)
{
    if (!true_claim)
        abort();
}

/* Other files than the one of this input are not the input's business. */
static bool names_a_file(struct slice word)
{
    for (size_t i = 0; i + 1 < word.size; i++)
        if (slice_starts_with(slice_after(word, i), SLICE("config")) ||
            slice_starts_with(slice_after(word, i), SLICE("CONFIG")) ||
            slice_starts_with(slice_after(word, i), SLICE("-c")) ||
            slice_starts_with(slice_after(word, i), SLICE("file")) ||
            slice_starts_with(slice_after(word, i), SLICE("FILE")))
            return true;
    return false;
}

static void add_word(struct given *g, struct slice word)
{
    if (names_a_file(word) || g->argc > WORDS || g->variables == WORDS)
        return;
    if (slice_starts_with(word, SLICE("CSIDECAR_")))
        g->environment[g->variables++] = slice_dup(word);
    else
        g->argv[g->argc++] = slice_dup(word);
}

static void make_file(struct given *g, struct slice yaml)
{
    g->fd = memfd_create("csidecar.yaml", MFD_CLOEXEC);
    must(g->fd >= 0 && write(g->fd, yaml.base, yaml.size) == (ssize_t)yaml.size);
    snprintf(g->path, sizeof(g->path), "/proc/self/fd/%d", g->fd);
}

static void make(struct given *g, struct slice s)
{
    struct slice yaml = slice_first(s, slice_find(s, 0));

    *g = (struct given){.argv = {(char *)(uintptr_t) "csidecar"}, .argc = 1, .fd = -1};
    if (yaml.size > 0)
        make_file(g, yaml);
    s = slice_after(s, yaml.size + 1);
    while (s.size > 0) {
        size_t end = slice_find(s, 0);

        add_word(g, slice_first(s, end));
        s = slice_after(s, end + 1);
    }
}

static void drop(struct given *g)
{
    for (int i = 1; i < g->argc; i++)
        free(g->argv[i]);
    for (int i = 0; i < g->variables; i++)
        free(g->environment[i]);
    if (g->fd >= 0)
        close(g->fd);
}

static struct settings_input input_of(struct given *g)
{
    const char *file = g->fd < 0 ? NULL : g->path;

    return (struct settings_input){g->argc, g->argv, 1, g->environment, file, NULL};
}

static char *print(const struct settings *s)
{
    struct text out;

    text_init(&out, PRINTED);
    settings_print_yaml(settings_fields, s, &out);
    return text_take(&out);
}

static void is_json(const struct settings *s)
{
    struct text out;
    json_t *json;

    text_init(&out, PRINTED);
    settings_print_json(settings_fields, s, &out);
    must(!out.failed);
    json = json_loadb(out.base, out.size, 0, NULL);
    must(json != NULL);
    json_decref(json);
    text_fini(&out);
}

static void is_no_change(struct given *g, const struct settings *s)
{
    struct settings_input in = input_of(g);
    struct settings *again;
    char *one, *other;
    struct why w;

    why_init(&w);
    if (settings_reload(&again, s, &in, &w)) {
        must(strstr(w.text, "taken")); /* a port, meanwhile */
        return;
    }
    one = print(s);
    other = print(again);
    must(one && other && strcmp(one, other) == 0);
    free(one);
    free(other);
    settings_unref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct settings_input in;
    struct settings *s = NULL;
    struct given g;
    struct why w;

    if (size > 64 * 1024)
        return 0;
    make(&g, slice_from((const char *)data, size));
    in = input_of(&g);
    why_init(&w);
    if (settings_load(&s, &in, &w)) {
        must(w.text[0] && !s);
    } else {
        must(in.at >= 1 && in.at <= g.argc);
        is_json(s);
        is_no_change(&g, s);
        settings_unref(s);
    }
    drop(&g);
    return 0;
}
