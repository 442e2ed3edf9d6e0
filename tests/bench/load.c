/* load.c - an HTTP/1.1 load generator for paired runs; one thread.
 *
 *   closed loop (default)  n requests over c connections, the next one when the answer is complete
 *   open loop (-r RATE)    Poisson arrivals of a fixed seed; a request's time counts from when it was due,
 *                          so a proxy that stalls is charged for the queue behind it
 *   -K                     a new connection for each request
 *   -i                     idle: each connection makes one request, then waits
 *
 * After the warm-up it prints READY and waits for a line; runs; prints one line of JSON; waits for a line:
 * "again" repeats the run with the same connections, anything else ends it.
 */
#include <math.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>

#include "tests/bench/load_options.h"
#include "tests/bench/load_response.h"
#include "tests/bench/net.h"

enum { BUFFER = 256 * 1024, EVENTS = 512, TIME_LIMIT_S = 60, SOURCES = 200 };

struct connection {
    int fd; /* -1: none */
    bool busy, retried;
    uint64_t begun_ns;
    size_t written;
    struct response response;
};

static struct options options;

static struct {
    uint64_t issued, done, target, errors, reconnects, bytes;
    uint64_t *latency; /* ns of each answer; NULL while warming up */
    uint64_t latencies;
} run;

/* The open loop: when the next request is due, and those due before that found no free connection. */
static struct {
    bool on;
    double next_ns;
    unsigned short seed[3];
    uint64_t *due;
    uint64_t first, last;
    int *free;
    int free_count;
} arrivals;

static struct connection *connections;
static char *request, buffer[BUFFER];
static size_t request_size;
static int epoll;

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Many source addresses: TIME_WAIT must not use up the ports of one. */
static void spread_source(int fd)
{
    static unsigned turn;
    struct sockaddr_in from = {.sin_family = AF_INET};
    int one = 1;

    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + turn++ % SOURCES);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&from, sizeof(from)))
        fail("bind");
}

static void connection_open(struct connection *c)
{
    c->fd = tcp_socket();
    if (options.close)
        spread_source(c->fd);
    connect_to(c->fd, options.port);
    watch(epoll, c->fd, c);
    c->written = 0;
    response_begin(&c->response);
}

static void connection_close(struct connection *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

static void write_request(struct connection *c)
{
    while (c->written < request_size) {
        ssize_t n =
            send(c->fd, request + c->written, request_size - c->written, MSG_NOSIGNAL);

        if (n < 0)
            return; /* later; a broken connection is seen when it is read */
        c->written += (size_t)n;
    }
}

static void begin(struct connection *c, uint64_t at_ns)
{
    c->busy = true;
    c->retried = false;
    c->begun_ns = at_ns;
    c->written = 0;
    response_begin(&c->response);
    if (c->fd >= 0) {
        write_request(c);
        return;
    }
    run.reconnects += !options.close;
    connection_open(c);
}

static void next(struct connection *c, uint64_t at_ns)
{
    if (!arrivals.on) {
        if (run.issued < run.target) {
            run.issued++;
            begin(c, at_ns);
        }
    } else if (arrivals.first < arrivals.last) {
        begin(c, arrivals.due[arrivals.first++]);
    } else {
        arrivals.free[arrivals.free_count++] = (int)(c - connections);
    }
}

static void finish(struct connection *c, bool right)
{
    uint64_t at_ns = now();

    run.errors += !right;
    if (!right || options.close || c->response.close)
        connection_close(c);
    c->busy = false;
    run.done++;
    if (run.latency && run.latencies < options.requests)
        run.latency[run.latencies++] = at_ns - c->begun_ns;
    next(c, at_ns);
}

/* Closed while idle, or before it answered at all: tried once more. */
static void on_closed(struct connection *c)
{
    connection_close(c);
    if (!c->busy)
        return;
    if (options.close || c->retried || c->response.state != RESPONSE_HEAD ||
        c->response.kept) {
        finish(c, false);
        return;
    }
    c->retried = true;
    run.reconnects++;
    connection_open(c);
}

static void on_bytes(struct connection *c, size_t size)
{
    run.bytes += size;
    if (!c->busy) {
        run.errors++;
        connection_close(c);
        return;
    }
    switch (response_feed(&c->response, buffer, size)) {
    case RESPONSE_DONE:
        finish(c, options.expected == UINT64_MAX || options.expected == c->response.got);
        break;
    case RESPONSE_BAD:
        finish(c, false);
        break;
    default:
        break;
    }
}

static void on_event(struct connection *c, uint32_t events)
{
    ssize_t n = BUFFER;

    if (c->fd >= 0 && c->busy && (events & EPOLLOUT))
        write_request(c);
    if (!(events & ~(uint32_t)EPOLLOUT))
        return;
    /* A short read has emptied the socket, unless an end stands behind the bytes. */
    while (c->fd >= 0 && (n == BUFFER || (events & (EPOLLRDHUP | EPOLLHUP)))) {
        n = recv(c->fd, buffer, BUFFER, 0);
        if (n > 0)
            on_bytes(c, (size_t)n);
        else if (n == 0 || errno != EAGAIN)
            on_closed(c);
        else
            return;
    }
}

static void take_arrivals(uint64_t at_ns)
{
    while (run.issued < run.target && (uint64_t)arrivals.next_ns <= at_ns) {
        uint64_t due_ns = (uint64_t)arrivals.next_ns;

        run.issued++;
        arrivals.next_ns += -log(1 - erand48(arrivals.seed)) * 1e9 / options.rate;
        if (arrivals.free_count > 0)
            begin(&connections[arrivals.free[--arrivals.free_count]], due_ns);
        else
            arrivals.due[arrivals.last++] = due_ns;
    }
}

static struct timespec time_to_arrival(void)
{
    int64_t left = arrivals.on && run.issued < run.target
                       ? (int64_t)arrivals.next_ns - (int64_t)now()
                       : 1000000000;

    left = left > 0 ? left : 0;
    return (struct timespec){left / 1000000000, left % 1000000000};
}

static void loop(void)
{
    uint64_t end_ns = now() + TIME_LIMIT_S * 1000000000ULL;
    struct epoll_event events[EVENTS];

    while (run.done < run.target && now() < end_ns) {
        struct timespec left;
        int count;

        if (arrivals.on)
            take_arrivals(now());
        left = time_to_arrival();
        count = epoll_pwait2(epoll, events, EVENTS, &left, NULL);
        for (int i = 0; i < count; i++)
            on_event(events[i].data.ptr, events[i].events);
    }
}

/* Not all at once: no listen queue is that long. */
static void open_all(int count)
{
    for (int at = 0; at < count; at += 64) {
        int end = at + 64 < count ? at + 64 : count;

        run.target = run.issued = (uint64_t)end;
        for (int i = at; i < end; i++)
            begin(&connections[i], now());
        loop();
    }
}

static void warm_up(void)
{
    open_all(options.connections);
    if (options.idle || options.warm <= run.done)
        return;
    run.target = options.warm;
    for (int i = 0; i < options.connections; i++)
        next(&connections[i], now());
    loop();
    if (run.done < run.target)
        fail("the warm-up did not finish");
}

static void start_arrivals(void)
{
    arrivals.on = true;
    arrivals.next_ns = (double)now();
    arrivals.first = arrivals.last = 0;
    memcpy(arrivals.seed, (unsigned short[]){1, 2, 3}, sizeof(arrivals.seed));
    arrivals.free_count = options.connections;
    for (int i = 0; i < options.connections; i++)
        arrivals.free[i] = i;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static double percentile_us(double part)
{
    uint64_t at = (uint64_t)(part * (double)run.latencies);

    if (run.latencies == 0)
        return 0;
    return (double)run.latency[at < run.latencies ? at : run.latencies - 1] / 1000;
}

static void print_run(double seconds)
{
    qsort(run.latency, run.latencies, sizeof(*run.latency), compare);
    printf("{\"n\": %lu, \"errors\": %lu, \"unfinished\": %lu, \"reconnects\": %lu, "
           "\"seconds\": %.6f, "
           "\"rps\": %.1f, \"mbps\": %.1f, \"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, "
           "\"p999\": %.1f}\n",
           run.done, run.errors, run.target - run.done, run.reconnects, seconds,
           (double)run.done / seconds, (double)run.bytes / seconds / 1e6,
           percentile_us(.5), percentile_us(.9), percentile_us(.99), percentile_us(.999));
    fflush(stdout);
}

static void measure(void)
{
    uint64_t begun_ns = now(), *latency = run.latency;

    memset(&run, 0, sizeof(run));
    run.latency = latency;
    run.target = options.requests;
    if (options.rate > 0)
        start_arrivals();
    else
        for (int i = 0; i < options.connections; i++)
            next(&connections[i], begun_ns);
    loop();
    print_run((double)(now() - begun_ns) / 1e9);
}

static void prepare(void)
{
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_TIMERSLACK, 1);
    request = options_request(&options, &request_size);
    epoll = epoll_create1(0);
    connections = memory((size_t)options.connections * sizeof(*connections));
    arrivals.free = memory((size_t)options.connections * sizeof(*arrivals.free));
    arrivals.due = memory((options.requests + 1) * sizeof(*arrivals.due));
    for (int i = 0; i < options.connections; i++)
        connections[i].fd = -1;
}

int main(int argc, char **argv)
{
    char line[64];

    options_read(&options, argc, argv);
    prepare();
    warm_up();
    printf("READY %lu\n", run.errors);
    fflush(stdout);
    run.latency = memory(options.requests * sizeof(*run.latency));
    while (fgets(line, sizeof(line), stdin) && !options.idle) {
        measure();
        if (!fgets(line, sizeof(line), stdin) || line[0] != 'a')
            break;
        ungetc('\n', stdin);
    }
    return 0;
}
