#include "transport/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sidecar/core/log.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/test.h"
#include "tests/lib/transport/peer.h"

enum { CLIENTS = 8 };

/* Two listeners that share a set of accepted sockets. */
static struct host {
    struct loop loop;
    struct listener listeners[2];
    struct socket sockets[CLIENTS];
    bool closed[CLIENTS];
    unsigned offered, accepted, limit;
    unsigned by_listener[2];
    struct text in;
    bool listener_closed[2];
} host;

static void on_data(struct stream *s, struct slice bytes)
{
    (void)s;
    text_add(&host.in, bytes);
}

static void on_closed(struct stream *s)
{
    host.closed[container_of(s, struct socket, stream) - host.sockets] = true;
}

static const struct stream_events events = {.data = on_data, .closed = on_closed};

static struct socket *offer(struct listener *l)
{
    struct socket *s = &host.sockets[host.offered];

    if (host.offered == host.limit)
        return NULL;
    host.offered++;
    socket_init(s, l->loop, &events);
    return s;
}

static void on_accepted(struct listener *l, struct socket *s)
{
    (void)s;
    host.accepted++;
    host.by_listener[l - host.listeners]++;
}

static void on_listener_closed(struct listener *l)
{
    host.listener_closed[l - host.listeners] = true;
}

static struct address at(const char *text)
{
    struct address a;

    assert_int_equal(address_parse(&a, slice_of(text), 0, NULL), ERR_OK);
    return a;
}

static void host_open(void)
{
    host = (struct host){.limit = CLIENTS};
    text_init(&host.in, 4096);
    for (int i = 0; i < 2; i++) {
        host.listeners[i].offer = offer;
        host.listeners[i].accepted = on_accepted;
    }
    log_setup(LOG_OFF, LOG_TEXT, 2);
    assert_int_equal(loop_open(&host.loop, 0), ERR_OK);
}

static void stop_listening(int i)
{
    listener_close(&host.listeners[i], on_listener_closed);
    assert_false(host.listener_closed[i]);
    loop_until(&host.loop, &host.listener_closed[i]);
}

static void host_close(void)
{
    for (unsigned i = 0; i < host.offered; i++) {
        stream_close(&host.sockets[i].stream);
        loop_until(&host.loop, &host.closed[i]);
    }
    text_fini(&host.in);
    assert_int_equal(loop_close(&host.loop), ERR_OK);
}

static enum err listen_at(int i, struct address a)
{
    return listener_listen(&host.listeners[i], &host.loop, &a, NULL);
}

static const struct address *where(void)
{
    return &host.listeners[0].address;
}

static bool accepted_as_many(void *wanted)
{
    return host.accepted == *(unsigned *)wanted;
}

static void until_accepted(unsigned wanted)
{
    loop_until_true(&host.loop, accepted_as_many, &wanted);
}

TEST(takes_a_free_port_and_says_which)
{
    struct address a = at("127.0.0.1:0");
    int fd;

    assert_int_equal(listener_bind(&a, false, &fd, NULL), ERR_OK);
    assert_true(address_port(&a) > 0);
    close(fd);
}

TEST(accepts_and_reads_in_the_same_turn)
{
    struct peer peer;

    host_open();
    assert_int_equal(listen_at(0, at("127.0.0.1:0")), ERR_OK);
    peer_connect(&peer, &host.loop, where());
    assert_int_equal(send(peer.fd, "hello", 5, 0), 5);
    uv_run(&host.loop.uv, UV_RUN_ONCE);
    assert_int_equal(host.accepted, 1);
    assert_string_equal(host.in.base, "hello");
    peer_close(&peer);
    stop_listening(0);
    host_close();
}

TEST(turns_away_what_nobody_wants)
{
    struct peer wanted, unwanted;

    host_open();
    host.limit = 1;
    assert_int_equal(listen_at(0, at("[::1]:0")), ERR_OK);
    peer_connect(&wanted, &host.loop, where());
    until_accepted(1);
    peer_connect(&unwanted, &host.loop, where());
    peer_expect_end(&unwanted);
    assert_int_equal(host.accepted, 1);
    peer_close(&wanted);
    peer_close(&unwanted);
    stop_listening(0);
    host_close();
}

/* So many that the next one has no place in libuv's table yet; returns how many. */
static int use_up_places(int *open, int limit)
{
    int count = 0;

    do
        open[count] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    while ((unsigned)open[count++] < host.loop.uv.nwatchers && count < limit);
    return count;
}

TEST(turns_away_whom_there_is_no_memory_to_wait_for)
{
    struct peer peer;
    int open[256], count;

    host_open();
    assert_int_equal(listen_at(0, at("127.0.0.1:0")), ERR_OK);
    count = use_up_places(open, 256);
    fault_heap_fail_at(1);
    peer_connect(&peer, &host.loop, where());
    peer_expect_end(&peer);
    assert_true(fault_heap_stop());
    assert_int_equal(host.accepted, 0);
    peer_close(&peer);
    while (count > 0)
        close(open[--count]);
    stop_listening(0);
    host_close();
}

TEST(says_who_holds_the_port)
{
    struct address a = at("127.0.0.1:0");
    struct why w;
    char self[32];
    int fd, other;

    why_init(&w);
    assert_int_equal(listener_bind(&a, true, &fd, NULL), ERR_OK);
    assert_int_equal(listener_bind(&a, true, &other, &w), ERR_ADDRESS_IN_USE);
    assert_int_equal(other, -1);
    snprintf(self, sizeof(self), "(pid %d)", getpid());
    assert_non_null(strstr(w.text, self));
    assert_non_null(strstr(w.text, "127.0.0.1:"));
    close(fd);
}

TEST(the_port_is_free_again_at_once)
{
    struct peer peer;
    struct address a;

    host_open();
    assert_int_equal(listen_at(0, at("127.0.0.1:0")), ERR_OK);
    a = *where();
    peer_connect(&peer, &host.loop, &a);
    until_accepted(1);
    stream_close(&host.sockets[0].stream); /* ours first: TIME_WAIT is on our side */
    loop_until(&host.loop, &host.closed[0]);
    peer_expect_end(&peer);
    peer_close(&peer);
    listener_close(&host.listeners[0], on_listener_closed);
    assert_int_equal(listen_at(1, a), ERR_OK);
    loop_until(&host.loop, &host.listener_closed[0]);
    stop_listening(1);
    host_close();
}

TEST(several_loops_may_share_an_address_bound_for_it)
{
    struct address a = at("127.0.0.1:0");
    struct peer peers[CLIENTS];
    int first, second;

    host_open();
    assert_int_equal(listener_bind(&a, true, &first, NULL), ERR_OK);
    assert_int_equal(listener_bind_shared(&a, &second, NULL), ERR_OK);
    assert_int_equal(listener_open(&host.listeners[0], &host.loop, first, NULL), ERR_OK);
    assert_int_equal(listener_open(&host.listeners[1], &host.loop, second, NULL), ERR_OK);
    for (int i = 0; i < CLIENTS; i++)
        peer_connect(&peers[i], &host.loop, &a);
    until_accepted(CLIENTS);
    for (int i = 0; i < CLIENTS; i++)
        peer_close(&peers[i]);
    stop_listening(0);
    stop_listening(1);
    host_close();
}

TEST(an_address_bound_alone_is_not_shared)
{
    struct address a = at("127.0.0.1:0");
    int fd, second;

    assert_int_equal(listener_bind(&a, false, &fd, NULL), ERR_OK);
    assert_int_equal(listener_bind_shared(&a, &second, NULL), ERR_ADDRESS_IN_USE);
    close(fd);
}

TEST(ipv6_does_not_take_the_ipv4_port)
{
    struct address v6 = at("[::]:0"), v4 = at("0.0.0.0:1");
    int fd6, fd4;

    assert_int_equal(listener_bind(&v6, false, &fd6, NULL), ERR_OK);
    address_set_port(&v4, address_port(&v6));
    assert_int_equal(listener_bind(&v4, false, &fd4, NULL), ERR_OK);
    close(fd6);
    close(fd4);
}

TEST(tells_an_address_of_another_host)
{
    struct address a = at("192.0.2.1:0");
    struct why w;
    int fd;

    why_init(&w);
    assert_int_equal(listener_bind(&a, false, &fd, &w), ERR_UNAVAILABLE);
    assert_non_null(strstr(w.text, "192.0.2.1"));
}

/* --- paths --- */

static struct address a_path(void)
{
    char text[64];

    snprintf(text, sizeof(text), "unix:/tmp/csidecar-listen-%d", getpid());
    unlink(text + 5);
    return at(text);
}

TEST(replaces_a_path_that_nobody_listens_on)
{
    struct address a = a_path();
    int fd;

    assert_int_equal(listener_bind(&a, false, &fd, NULL), ERR_OK);
    close(fd); /* as a process that was killed leaves it */
    assert_int_equal(access(a.path.sun_path, F_OK), 0);
    assert_int_equal(listener_bind(&a, false, &fd, NULL), ERR_OK);
    close(fd);
    unlink(a.path.sun_path);
}

TEST(leaves_a_path_that_somebody_listens_on)
{
    struct address a = a_path();
    struct why w;
    int fd, other;

    why_init(&w);
    assert_int_equal(listener_bind(&a, false, &fd, NULL), ERR_OK);
    assert_int_equal(listener_bind(&a, false, &other, &w), ERR_ADDRESS_IN_USE);
    assert_int_equal(access(a.path.sun_path, F_OK), 0);
    close(fd);
    unlink(a.path.sun_path);
}

TEST(leaves_a_path_that_is_no_socket)
{
    struct address a = a_path();
    int fd, file = open(a.path.sun_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    assert_int_equal(listener_bind(&a, false, &fd, NULL), ERR_ADDRESS_IN_USE);
    assert_int_equal(access(a.path.sun_path, F_OK), 0);
    close(file);
    unlink(a.path.sun_path);
}

TEST(removes_its_path_when_it_closes)
{
    struct address a = a_path();

    host_open();
    assert_int_equal(listen_at(0, a), ERR_OK);
    assert_int_equal(access(a.path.sun_path, F_OK), 0);
    stop_listening(0);
    assert_int_not_equal(access(a.path.sun_path, F_OK), 0);
    host_close();
}

/* --- failures --- */

TEST(owns_the_descriptor_even_when_it_cannot_be_listened_on)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    host_open();
    assert_int_not_equal(listener_open(&host.listeners[0], &host.loop, fd, NULL), ERR_OK);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    stop_listening(0);
    host_close();
}

static void limit_descriptors(rlim_t limit)
{
    struct rlimit r;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
    r.rlim_cur = limit ? limit : r.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &r), 0);
}

/* So that not one descriptor more can be opened. */
static void use_up_descriptors(void)
{
    int next = dup(0);

    close(next);
    limit_descriptors((rlim_t)next);
}

TEST(turns_away_when_descriptors_ran_out_and_recovers)
{
    struct peer refused, served;

    host_open();
    assert_int_equal(listen_at(0, at("127.0.0.1:0")), ERR_OK);
    peer_connect(&refused, &host.loop, where());
    use_up_descriptors();
    peer_expect_end(&refused);
    assert_int_equal(host.accepted, 0);
    limit_descriptors(0);
    peer_connect(&served, &host.loop, where());
    until_accepted(1);
    peer_close(&refused);
    peer_close(&served);
    stop_listening(0);
    host_close();
}

/* libuv's own reserve gets lost when another thread is quicker. */
static void lose_the_reserve(void)
{
    close(host.loop.uv.emfile_fd);
    host.loop.uv.emfile_fd = -1;
}

static void open_without_descriptors(struct peer *waiting)
{
    host_open();
    assert_int_equal(listen_at(0, at("127.0.0.1:0")), ERR_OK);
    peer_connect(waiting, &host.loop, where());
    lose_the_reserve();
    use_up_descriptors();
    loop_settle(&host.loop);
}

TEST(pauses_when_even_the_reserve_is_gone_and_serves_later)
{
    struct peer waiting;

    open_without_descriptors(&waiting);
    assert_false(host.listeners[0].open);
    limit_descriptors(0);
    until_accepted(1);
    assert_false(peer_has(&waiting, "x") || waiting.ended);
    peer_close(&waiting);
    stop_listening(0);
    host_close();
}

TEST(can_be_closed_while_it_pauses)
{
    struct peer waiting;

    open_without_descriptors(&waiting);
    stop_listening(0);
    limit_descriptors(0);
    peer_expect_end(&waiting);
    peer_close(&waiting);
    host_close();
}

TESTS(RUN(takes_a_free_port_and_says_which), RUN(accepts_and_reads_in_the_same_turn),
      RUN(turns_away_what_nobody_wants),
      RUN(turns_away_whom_there_is_no_memory_to_wait_for), RUN(says_who_holds_the_port),
      RUN(the_port_is_free_again_at_once),
      RUN(several_loops_may_share_an_address_bound_for_it),
      RUN(an_address_bound_alone_is_not_shared), RUN(ipv6_does_not_take_the_ipv4_port),
      RUN(tells_an_address_of_another_host), RUN(replaces_a_path_that_nobody_listens_on),
      RUN(leaves_a_path_that_somebody_listens_on), RUN(leaves_a_path_that_is_no_socket),
      RUN(removes_its_path_when_it_closes),
      RUN(owns_the_descriptor_even_when_it_cannot_be_listened_on),
      RUN(turns_away_when_descriptors_ran_out_and_recovers),
      RUN(pauses_when_even_the_reserve_is_gone_and_serves_later),
      RUN(can_be_closed_while_it_pauses))
