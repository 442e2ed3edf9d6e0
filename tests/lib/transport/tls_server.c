#include "tests/lib/test.h"

#include "tests/lib/transport/tls_server.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];

static void run(const char *format, const char *a, const char *b, const char *c)
{
    char command[2048], line[1024];

    snprintf(line, sizeof(line), format, a, b, c);
    snprintf(command, sizeof(command), "cd %s && exec >>log 2>&1 && %s", folder, line);
    if (system(command) != 0)
        fail_msg("%s", command);
}

#define KEY "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"

static void make_authority(const char *name)
{
    run("openssl req -x509 " KEY " -days 30 -subj /CN=%s -keyout %s.key -out %s.pem",
        name, name, name);
}

static void make_certificate(const char *name, const char *names, const char *days)
{
    run("openssl req " KEY " -subj /CN=%s -keyout %s.key -out request.pem%s", name, name,
        "");
    run("printf 'subjectAltName=%s\\n' > extensions; openssl x509 -req -in request.pem "
        "-CA "
        "ca.pem -CAkey ca.key -CAcreateserial -extfile extensions -days %s -out %s.pem",
        names, days, name);
}

void tls_certificates_make(void)
{
    strcpy(folder, "/tmp/csidecar-tls-XXXXXX");
    assert_non_null(mkdtemp(folder));
    make_authority("ca");
    make_authority("rogue");
    make_certificate("server", "DNS:localhost,IP:127.0.0.1", "30");
    make_certificate("other", "DNS:other.example", "30");
    make_certificate("expired", "DNS:localhost,IP:127.0.0.1", "-1");
    make_certificate("client", "DNS:client.example", "30");
}

void tls_certificates_remove(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

const char *tls_path(const char *name)
{
    static char paths[8][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, PATH_MAX, "%s/%s", folder, name);
    return path;
}

void tls_replace(const char *name, const char *by)
{
    run("cp %s renewed && mv renewed %s%s", by, name, "");
}

static void become_server(const char *certificate, const char *more, int out)
{
    char command[512];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(out, STDOUT_FILENO);
    snprintf(command, sizeof(command),
             "cd %s && exec openssl s_server -accept 127.0.0.1:0 -rev -cert %s.pem -key "
             "%s.key "
             "-CAfile ca.pem %s </dev/null 2>>log",
             folder, certificate, certificate, more ? more : "");
    execl("/bin/sh", "sh", "-c", command, NULL);
    _exit(127);
}

/* "ACCEPT 127.0.0.1:40123" */
static unsigned read_port(int fd)
{
    char text[4096];
    size_t size = 0;

    for (;;) {
        ssize_t got = read(fd, text + size, sizeof(text) - 1 - size);
        char *at;

        if (got <= 0)
            fail_msg("openssl s_server did not start: see %s/log", folder);
        size += (size_t)got;
        text[size] = '\0';
        at = strstr(text, "ACCEPT 127.0.0.1:");
        if (at && strchr(at, '\n'))
            return (unsigned)atoi(at + strlen("ACCEPT 127.0.0.1:"));
    }
}

void tls_server_start(struct tls_server *s, const char *certificate, const char *more)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid == 0)
        become_server(certificate, more, ends[1]);
    close(ends[1]);
    s->port = read_port(ends[0]);
    close(ends[0]);
}

void tls_server_stop(struct tls_server *s)
{
    if (s->pid <= 0)
        return;
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    s->pid = 0;
}
