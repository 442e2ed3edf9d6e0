#define _GNU_SOURCE
#include "tests/lib/test.h"

#include "tests/lib/discovery/local_world.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HELD = 64 };

static char folder[64];
static int held[HELD];
static unsigned held_count;

const char *local_world_begin(void)
{
    snprintf(folder, sizeof folder, "/tmp/csidecar-local-XXXXXX");
    assert_non_null(mkdtemp(folder));
    return folder;
}

void local_world_end(void)
{
    char command[128];

    while (held_count > 0)
        close(held[--held_count]);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

void local_world_run(const char *command)
{
    char text[512];

    snprintf(text, sizeof text, "cd %s && %s", folder, command);
    assert_int_equal(system(text), 0);
}

const char *local_world_path(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

int local_world_write(const char *service, unsigned n, struct slice bytes)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char temporary[128], path[256];
    int fd;

    snprintf(temporary, sizeof temporary, "%s/registry/.new-%u", folder, n);
    snprintf(path, sizeof path, "%s/registry/%s@written-%u.json", folder, service, n);
    fd = open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes.base, bytes.size), bytes.size);
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
    assert_int_equal(rename(temporary, path), 0);
    assert_true(held_count < HELD);
    held[held_count++] = fd;
    return fd;
}

static void write_huge(const char *service, unsigned n)
{
    int fd = local_world_write(service, n, SLICE("{"));

    assert_int_equal(ftruncate(fd, 1 << 30), 0);
}

bool local_world_odd(const char *service, unsigned n)
{
    static const char *const commands[] = {
        "ln -s /etc/passwd registry/%s@odd-0.json",
        "mkfifo registry/%s@odd-1.json",
        "mkdir registry/%s@odd-2.json",
        "ln -s %s@odd-3.json registry/x; mv registry/x registry/_bad@odd-3.json",
        "touch registry/%s@odd-4.json",
        "touch 'registry/%s@' 'registry/@.json' registry/.json registry/..@.json",
    };
    char command[256];

    if (n >= sizeof commands / sizeof *commands) {
        if (n == sizeof commands / sizeof *commands)
            write_huge(service, 1000);
        return n == sizeof commands / sizeof *commands;
    }
    snprintf(command, sizeof command, commands[n], service);
    local_world_run(command);
    return true;
}
