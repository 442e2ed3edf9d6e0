#include "tests/bench/load_options.h"

#include <getopt.h>

#include "tests/bench/net.h"

static bool read_number(struct options *o, int letter)
{
    switch (letter) {
    case 'p':
        o->port = atoi(optarg);
        return true;
    case 'c':
        o->connections = atoi(optarg);
        return true;
    case 'n':
        o->requests = strtoull(optarg, NULL, 10);
        return true;
    case 'w':
        o->warm = strtoull(optarg, NULL, 10);
        return true;
    case 'e':
        o->expected = strtoull(optarg, NULL, 10);
        return true;
    case 'b':
        o->body = strtoul(optarg, NULL, 10);
        return true;
    case 'r':
        o->rate = atof(optarg);
        return true;
    default:
        return false;
    }
}

static bool read_other(struct options *o, int letter)
{
    switch (letter) {
    case 'u':
        o->path = optarg;
        return true;
    case 'm':
        o->method = optarg;
        return true;
    case 'x':
        o->field = optarg;
        return true;
    case 'K':
        return o->close = true;
    case 'i':
        return o->idle = true;
    default:
        return false;
    }
}

void options_read(struct options *o, int argc, char **argv)
{
    int letter;

    *o = (struct options){.path = "/",
                          .method = "GET",
                          .connections = 1,
                          .requests = 1000,
                          .expected = UINT64_MAX};
    while ((letter = getopt(argc, argv, "p:c:n:w:e:b:r:u:m:x:Ki")) != -1)
        if (!read_number(o, letter) && !read_other(o, letter))
            exit(2);
}

char *options_request(const struct options *o, size_t *size)
{
    size_t room = 1024 + strlen(o->path) + o->body, at;
    char *text = memory(room);

    at = (size_t)snprintf(
        text, room,
        "%s %s HTTP/1.1\r\nHost: bench.local:8080\r\n"
        "User-Agent: bench-load/1.0 (linux x86_64)\r\nAccept: application/json\r\n"
        "X-Request-Id: 7f2c1a52-5d1e-4b0a-9a44-0d6a2f7b9c11\r\n%s%s%s",
        o->method, o->path, o->field ? o->field : "", o->field ? "\r\n" : "",
        o->close ? "Connection: close\r\n" : "");
    if (o->body)
        at += (size_t)snprintf(
            text + at, room - at,
            "Content-Type: application/json\r\nContent-Length: %zu\r\n", o->body);
    at += (size_t)snprintf(text + at, room - at, "\r\n");
    memset(text + at, 'y', o->body);
    *size = at + o->body;
    return text;
}
