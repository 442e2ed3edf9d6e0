#include "discovery/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sidecar/core/log.h"

enum { FILE_LIMIT = 256 << 20 };

/* A FIFO would hold us up, and more than anybody's state would fill our memory. */
static FILE *open_regular(const char *path, json_error_t *error)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat s;
    bool is_fit =
        fd >= 0 && !fstat(fd, &s) && S_ISREG(s.st_mode) && s.st_size <= FILE_LIMIT;
    FILE *file = is_fit ? fdopen(fd, "r") : NULL;

    *error = (json_error_t){0};
    if (!file)
        snprintf(error->text, sizeof error->text, "%s",
                 fd < 0 || is_fit ? strerror(errno) : "no file, or too large");
    if (!file && fd >= 0)
        close(fd);
    return file;
}

json_t *state_file_read(const char *path)
{
    json_error_t error;
    FILE *file = open_regular(path, &error);
    json_t *root = file ? json_loadf(file, 0, &error) : NULL;
    char reason[256];

    if (!root && access(path, F_OK) == 0)
        log_warn("state.unreadable", "file=%s line=%d reason=\"%s\"", path, error.line,
                 log_quote(reason, sizeof reason, slice_of(error.text)));
    if (file)
        fclose(file);
    return root;
}

static void make_folder(const char *path)
{
    char folder[4096];
    char *slash;

    snprintf(folder, sizeof folder, "%s", path);
    slash = strrchr(folder, '/');
    if (!slash || slash == folder)
        return;
    *slash = 0;
    mkdir(folder, 0700);
}

static int write_all(int fd, const char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        ssize_t wrote = write(fd, text, left);

        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return -errno;
        text += wrote;
        left -= (size_t)wrote;
    }
    return 0;
}

static int write_temporary(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    int result;

    if (fd < 0)
        return -errno;
    result = write_all(fd, text);
    if (close(fd) && !result)
        result = -errno;
    return result;
}

int state_file_write(const char *path, const char *text)
{
    char temporary[4096];
    int result;

    if (snprintf(temporary, sizeof temporary, "%s.%ld", path, (long)getpid()) >=
        (int)sizeof temporary)
        return -ENAMETOOLONG;
    make_folder(path);
    result = write_temporary(temporary, text);
    if (!result && rename(temporary, path))
        result = -errno;
    if (result)
        unlink(temporary);
    return result;
}
