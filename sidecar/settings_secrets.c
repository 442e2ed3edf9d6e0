/* Secrets, and the files they stand in. A file that every user of the host can read keeps none.
 *
 * Orchestrators hand secrets over as files of mode 0644 or 0444, in a place that only the container sees: Kubernetes'
 * volumes (reached through a link to a folder "..2026_01_02_..."), files mounted one by one (Docker, subPath), and
 * /run/secrets (Docker, Podman). Those are taken as they are. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "discovery/registry_options.h"
#include "sidecar/settings_finish.h"

enum { TOKEN_SIZE = 8192, OTHERS = S_IROTH | S_IWOTH };

/* ---- who can read it ---- */

static bool is_mounted(const char *real, const struct stat *file)
{
    char folder[PATH_MAX];
    struct stat s;

    snprintf(folder, sizeof(folder), "%s", real);
    return stat(dirname(folder), &s) == 0 && s.st_dev != file->st_dev;
}

static bool is_delivered(const char *file, const struct stat *s)
{
    char real[PATH_MAX];

    if (!realpath(file, real))
        return false;
    return strstr(real, "/..") ||
           slice_starts_with(slice_of(real), SLICE("/run/secrets/")) ||
           is_mounted(real, s);
}

static bool is_open(const char *file, const struct stat *s)
{
    return (s->st_mode & OTHERS) && !is_delivered(file, s);
}

static enum err check_file(struct finish *f, const char *path, const char *file,
                           const struct stat *s)
{
    if (f->settings->secret_files == SECRET_FILES_ANY || !is_open(file, s))
        return ERR_OK;
    return settings_refuse(
        f, path,
        "%s is open to every user of this host (mode %04o): chmod o= %s, or say "
        "secret_files: any",
        file, (unsigned)s->st_mode & 07777, file);
}

/* ---- tokens ---- */

static ssize_t read_open(int fd, struct stat *s, char *bytes, size_t size)
{
    ssize_t got = fd < 0 || fstat(fd, s) ? -1 : read(fd, bytes, size);

    if (fd >= 0)
        close(fd);
    return got;
}

static struct slice without_line_end(struct slice s)
{
    while (s.size && strchr(" \t\r\n", s.base[s.size - 1]))
        s.size--;
    return s;
}

static enum err secret_read(struct finish *f, const char *path, const char *file,
                            const char **secret)
{
    char bytes[TOKEN_SIZE];
    struct stat s;
    ssize_t size = read_open(open(file, O_RDONLY | O_CLOEXEC), &s, bytes, sizeof(bytes));
    struct slice token;

    if (size < 0)
        return settings_refuse(f, path, "%s cannot be read: %s", file, strerror(errno));
    token = without_line_end(slice_trim(slice_from(bytes, (size_t)size)));
    if (!token.size || size == sizeof(bytes) || memchr(token.base, '\n', token.size))
        return settings_refuse(f, path, "%s must hold one line with the token", file);
    *secret = memory_copy(&f->settings->memory, token);
    return *secret ? check_file(f, path, file, &s) : settings_no_memory(f);
}

static enum err secret_of(struct finish *f, const char *group, const char *token,
                          const char *file, const char **secret)
{
    char path[64];

    snprintf(path, sizeof(path), "%s.token_file", group);
    *secret = token;
    if (token && file)
        return settings_refuse(f, path, "token and token_file exclude each other");
    return file ? secret_read(f, path, file, secret) : ERR_OK;
}

/* One that is not there is for TLS to complain of. */
static enum err check_key(struct finish *f, const char *path, const char *file)
{
    struct stat s;

    return file && stat(file, &s) == 0 ? check_file(f, path, file, &s) : ERR_OK;
}

/* ---- the file of the settings, where secrets stand in it ---- */

static bool is_of_file(const struct finish *f, const char *path)
{
    const struct node *n = f->root ? node_at(f->root, path) : NULL;

    return n && n->line && !node_is_null(n);
}

static bool is_open_config(const struct finish *f)
{
    const char *file = f->settings->config;
    struct stat s;

    return file && stat(file, &s) == 0 && is_open(file, &s);
}

enum err settings_url_secrets(struct finish *f, const char *path,
                              const struct registry_url *url)
{
    char file[sizeof(url->storage)];

    if (is_of_file(f, path) && strstr(url->text, "***") && is_open_config(f))
        f->settings->is_open_config = true;
    return registry_option(url, "key_file", file) ? check_key(f, path, file) : ERR_OK;
}

enum err settings_finish_secrets(struct finish *f)
{
    struct settings *s = f->settings;
    enum err e =
        secret_of(f, "proxy", s->proxy.token, s->proxy.token_file, &s->proxy.secret);

    if (!e)
        e = secret_of(f, "admin", s->admin.token, s->admin.token_file, &s->admin.secret);
    if (!e)
        e = secret_of(f, "registry", s->registry.token, s->registry.token_file,
                      &s->registry.secret);
    s->is_open_config = (is_of_file(f, "registry.token") ||
                         is_of_file(f, "proxy.token") || is_of_file(f, "admin.token")) &&
                        is_open_config(f);
    return e ? e : check_key(f, "registry.tls.key_file", s->registry.tls.key_file);
}
