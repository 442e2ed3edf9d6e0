/* How many instructions a request head and a response head cost, llhttp's share included:
 *
 *     make build/release/tests/bench/reader_bench
 *     valgrind --tool=callgrind --toggle-collect=both build/release/tests/bench/reader_bench 1000
 *
 * divides by the rounds. Heads of about 170 bytes each, as in reference measurements of parsers alone. */
#include <stdio.h>
#include <stdlib.h>

#include "transport/http_reader.h"

static const char request[] = "GET /orders/items/7?x=1 HTTP/1.1\r\n"
                              "Host: 127.0.0.1:8081\r\n"
                              "User-Agent: python-requests/2.28.1\r\n"
                              "Accept-Encoding: gzip, deflate\r\n"
                              "Accept: */*\r\n"
                              "Connection: keep-alive\r\n\r\n";

static const char response[] =
    "HTTP/1.1 200 OK\r\n"
    "Server: gunicorn/20.1.0\r\n"
    "Date: Wed, 25 Nov 2026 10:00:00 GMT\r\n"
    "Connection: keep-alive\r\n"
    "Content-Type: application/json\r\n"
    "Content-Length: 128\r\n\r\n"
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static unsigned long ends;

static enum err on_head(struct http_reader *r, const struct http_head *h)
{
    (void)r;
    return h->count == 5 ? ERR_OK : ERR_IO;
}

static enum err on_body(struct http_reader *r, struct slice bytes)
{
    (void)r;
    return bytes.size == 128 ? ERR_OK : ERR_IO;
}

static enum err on_end(struct http_reader *r)
{
    (void)r;
    ends++;
    return ERR_OK;
}

static const struct http_reader_events events = {on_head, on_body, NULL, on_end};

__attribute__((noinline)) static void both(struct http_reader *in,
                                           struct http_reader *out)
{
    size_t used;

    if (reader_feed(in, slice_from(request, sizeof(request) - 1), &used, NULL) ||
        reader_feed(out, slice_from(response, sizeof(response) - 1), &used, NULL))
        abort();
}

int main(int count, char **arguments)
{
    unsigned long rounds = count > 1 ? strtoul(arguments[1], NULL, 10) : 100000;
    static struct http_scratch scratch;
    struct http_reader in, out;

    reader_init(&in, HTTP_REQUESTS, &events, &scratch);
    reader_init(&out, HTTP_RESPONSES, &events, &scratch);
    for (unsigned long i = 0; i < rounds; i++)
        both(&in, &out);
    printf("%lu messages, %zu and %zu bytes\n", ends, sizeof(request) - 1,
           sizeof(response) - 1);
    return ends == 2 * rounds ? 0 : 1;
}
