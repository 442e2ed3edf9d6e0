/* What the app's service is called when nobody says. */
#include <stdlib.h>
#include <unistd.h>

#include "discovery/instance.h"
#include "sidecar/settings_finish.h"

static bool is_name_char(char c)
{
    return c &&
           strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_", c);
}

void service_name_make(char out[129], struct slice from)
{
    size_t size = 0;

    for (size_t i = 0; i < from.size && size < 128; i++) {
        char c = is_name_char(from.base[i]) ? from.base[i] : '-';

        if (size == 0 && (c == '.' || c == '_' || c == '-'))
            continue;
        out[size++] = c;
    }
    while (size && out[size - 1] == '-')
        size--;
    out[size] = 0;
    if (!size)
        memcpy(out, "app", 4);
}

static struct slice base_name(struct slice path)
{
    size_t start = path.size;

    while (path.size && path.base[path.size - 1] == '/')
        path.size--;
    start = path.size;
    while (start && path.base[start - 1] != '/')
        start--;
    return slice_after(path, start);
}

/* Their names say nothing about the app. */
static bool is_launcher(struct slice program)
{
    static const char *const known[] = {
        "python", "node",     "nodejs",  "npm",   "npx", "yarn",   "pnpm", "deno", "bun",
        "java",   "ruby",     "php",     "perl",  "go",  "sh",     "bash", "env",  "exec",
        "dotnet", "gunicorn", "uvicorn", "flask", "uv",  "poetry", "nice",
    };

    while (program.size && strchr("0123456789.", program.base[program.size - 1]))
        program.size--;
    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (slice_is(program, known[i]))
            return true;
    return false;
}

static void name_find(const struct settings *s, char out[129])
{
    struct slice program = {NULL, 0};
    char *directory;

    if (s->run.command.count)
        program = base_name(slice_of(s->run.command.items[0]));
    if (program.size && !is_launcher(program)) {
        service_name_make(out, program);
        return;
    }
    directory = s->run.directory ? strdup(s->run.directory) : getcwd(NULL, 0);
    service_name_make(out, base_name(slice_of(directory)));
    free(directory);
}

enum err settings_finish_name(struct finish *f)
{
    struct settings *s = f->settings;
    char name[129];

    if (s->name)
        return ERR_OK;
    name_find(s, name);
    s->name = memory_copy(&s->memory, slice_of(name));
    return s->name ? ERR_OK : settings_no_memory(f);
}
