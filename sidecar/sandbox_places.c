/* Where a sidecar reads and writes, by its settings and its environment. A rule holds for a folder, not for a file: files are
 * replaced, and what a link leads to may stand elsewhere. */
#define _GNU_SOURCE /* realpath */
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "discovery/registry_options.h"
#include "sidecar/sandbox_parts.h"
#include "sidecar/sources.h"

/* Of the system: resolver and hosts, authorities, libraries that are loaded late, devices, ourselves. */
static const char *const of_system[] = {
    "/etc",  "/usr", "/lib",     "/lib64",       "/nix/store",
    "/proc", "/dev", "/opt/lib", "/run/secrets", "/sys/devices/system/cpu",
};

/* Links there lead elsewhere, or a variable names them. */
static const char *const system_files[] = {"/etc/resolv.conf", "/etc/hosts",
                                           "/etc/ssl/certs/ca-certificates.crt"};
static const char *const named_by[] = {"SSL_CERT_FILE", "SSL_CERT_DIR",
                                       "LD_LIBRARY_PATH"};

#define EACH(i, table) (unsigned i = 0; i < sizeof(table) / sizeof((table)[0]); i++)

/* ---- the list ---- */

static bool has_room(struct sandbox_places *p)
{
    unsigned room = p->room ? 2 * p->room : 32;
    struct sandbox_place *items;

    if (p->count < p->room)
        return true;
    items = realloc(p->items, room * sizeof(*items));
    if (!items)
        return false;
    p->items = items;
    p->room = room;
    return true;
}

/* What is not there is left as it was written, and its folder followed. */
static bool resolve(const char *path, char out[PATH_MAX])
{
    char above[PATH_MAX], real[PATH_MAX];
    const char *name = strrchr(path, '/');

    if (realpath(path, out))
        return true;
    if (!name || name == path || name - path >= PATH_MAX)
        return snprintf(out, PATH_MAX, "%s", path) < PATH_MAX;
    snprintf(above, sizeof(above), "%.*s", (int)(name - path), path);
    return resolve(above, real) && snprintf(out, PATH_MAX, "%s%s", real, name) < PATH_MAX;
}

void sandbox_place_add(struct sandbox_places *p, const char *path, unsigned rights)
{
    char real[PATH_MAX];
    char *copy;

    if (!path || !*path || !resolve(path, real))
        return;
    copy = has_room(p) ? slice_dup(slice_of(real)) : NULL;
    if (copy)
        p->items[p->count++] = (struct sandbox_place){copy, rights};
    else
        p->failed = true;
}

static void add_folder_of(struct sandbox_places *p, const char *file, unsigned rights)
{
    char path[PATH_MAX];

    if (file && *file && snprintf(path, sizeof(path), "%s", file) < PATH_MAX)
        sandbox_place_add(p, dirname(path), rights);
}

/* Its folder, and that of the file where it is a link. */
static void add_file(struct sandbox_places *p, const char *file, unsigned rights)
{
    char real[PATH_MAX];

    add_folder_of(p, file, rights);
    if (file && realpath(file, real))
        add_folder_of(p, real, rights);
}

static bool is_below(const char *path, const char *folder)
{
    size_t size = strlen(folder);

    if (size == 1)
        return true; /* "/" */
    return strncmp(path, folder, size) == 0 && (!path[size] || path[size] == '/');
}

bool sandbox_places_cover(const struct sandbox_places *p, const struct sandbox_place *one)
{
    for (unsigned i = 0; i < p->count; i++)
        if (is_below(one->path, p->items[i].path) && !(one->rights & ~p->items[i].rights))
            return true;
    return false;
}

void sandbox_places_fini(struct sandbox_places *p)
{
    for (unsigned i = 0; i < p->count; i++)
        free((char *)p->items[i].path);
    free(p->items);
    *p = (struct sandbox_places){0};
}

/* ---- what strict reads ---- */

static void add_system(struct sandbox_places *p)
{
    for
        EACH(i, of_system)
    sandbox_place_add(p, of_system[i], SANDBOX_READ);
    for
        EACH(i, system_files)
    add_file(p, system_files[i], SANDBOX_READ);
    for
        EACH(i, named_by)
    add_file(p, getenv(named_by[i]), SANDBOX_READ);
}

static void add_registry(struct sandbox_places *p, const char *text)
{
    static const char *const options[] = {"ca_file", "cert_file", "key_file", "account"};
    struct registry_url url;
    char value[sizeof(url.storage)];

    if (registry_url_parse(&url, slice_of(text), NULL))
        return;
    for
        EACH(i, options)
    if (registry_option(&url, options[i], value))
        add_file(p, value, SANDBOX_READ);
    if (!slice_is(url.scheme, "file"))
        return;
    snprintf(value, sizeof(value), "%.*s", (int)url.path.size, url.path.base);
    add_file(p, value, SANDBOX_READ);
}

static void add_files(struct sandbox_places *p, const struct settings *s)
{
    const char *const files[] = {
        s->config,
        s->proxy.token_file,
        s->admin.token_file,
        s->registry.token_file,
        s->registry.tls.ca_file,
        s->registry.tls.cert_file,
        s->registry.tls.key_file,
    };

    for
        EACH(i, files)
    add_file(p, files[i], SANDBOX_READ);
    for (unsigned i = 0; i < s->registry.url.count; i++)
        add_registry(p, s->registry.url.items[i]);
}

/* ---- what all write ---- */

/* A folder of ours that somebody removes is made again, where the folder above it allows that. */
static void add_own_folder(struct sandbox_places *p, enum sandbox_mode mode,
                           const char *path, unsigned rights)
{
    if (mode == SANDBOX_STRICT)
        sandbox_place_add(p, path, rights);
    else
        add_folder_of(p, path, rights);
}

/* The folder of a "local:/folder"; false: it is another registry, or the runtime folder. */
static bool local_folder(const char *text, char out[PATH_MAX])
{
    struct registry_url url;

    return !registry_url_parse(&url, slice_of(text), NULL) &&
           slice_is(url.scheme, "local") && url.path.size > 0 &&
           snprintf(out, PATH_MAX, "%.*s", (int)url.path.size, url.path.base) < PATH_MAX;
}

/* Where it can't be had it isn't needed yet; who needs it later says so. */
void sandbox_make_folders(const struct settings *settings)
{
    struct memory memory = {0};
    const char *runtime = sources_runtime_dir(&memory);
    const char *state = sources_state_dir(settings, &memory);
    char folder[PATH_MAX];

    if (runtime)
        (void)mkdir(runtime, 0700);
    if (state)
        (void)mkdir(state, 0700);
    for (unsigned i = 0; i < settings->registry.url.count; i++)
        if (local_folder(settings->registry.url.items[i], folder))
            (void)mkdir(folder, 0700);
    memory_free(&memory);
}

static void add_sockets(struct sandbox_places *p, const struct ports *ports)
{
    for (unsigned i = 0; ports && i < ports->count; i++)
        if (address_is_path(&ports->items[i].address))
            add_folder_of(p, ports->items[i].address.path.sun_path, SANDBOX_SOCKET);
}

static void add_written(struct sandbox_places *p, enum sandbox_mode mode,
                        const struct settings *s)
{
    const unsigned files = SANDBOX_READ | SANDBOX_WRITE;
    struct memory memory = {0};
    char folder[PATH_MAX];

    sandbox_place_add(p, "/dev/null", files);
    add_own_folder(p, mode, sources_runtime_dir(&memory), files | SANDBOX_SOCKET);
    add_own_folder(p, mode, sources_state_dir(s, &memory), files);
    for (unsigned i = 0; i < s->registry.url.count; i++)
        if (local_folder(s->registry.url.items[i], folder))
            add_own_folder(p, mode, folder, files | SANDBOX_SOCKET);
    memory_free(&memory);
}

void sandbox_places_make(struct sandbox_places *p, enum sandbox_mode mode,
                         const struct settings *settings, const struct ports *ports)
{
    if (mode == SANDBOX_STRICT) {
        add_system(p);
        add_files(p, settings);
    } else {
        sandbox_place_add(p, "/", SANDBOX_READ | SANDBOX_EXECUTE);
    }
    add_written(p, mode, settings);
    add_sockets(p, ports);
}
