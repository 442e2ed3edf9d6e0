#define _GNU_SOURCE /* memfd_create */
#include "tests/lib/sidecar/scene.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sidecar/core/log.h"
#include "sidecar/worker_letters.h"
#include "tests/lib/test.h"

struct scene scene;

static void on_want(void *owner, struct slice service)
{
    (void)owner;
    (void)service;
    scene.wants++;
}

static void on_ejected(void *owner, struct worker *by, struct slice service,
                       struct slice instance)
{
    (void)owner;
    (void)by;
    (void)service;
    snprintf(scene.ejected, sizeof(scene.ejected), "%.*s", (int)instance.size,
             instance.base);
}

static void on_reported(void *owner, struct worker *by, struct report *r)
{
    (void)owner;
    (void)by;
    report_free(scene.report);
    scene.report = r;
}

static const struct worker_events events = {
    .want = on_want, .ejected = on_ejected, .reported = on_reported};

static struct settings *parse(const char *yaml)
{
    struct settings *s = NULL;
    struct why why;

    why_init(&why);
    if (settings_parse(&s, slice_of(yaml), "test.yaml", &why))
        fail_msg("%s", why.text);
    return s;
}

/* An address that other tests on this machine do not use: a port that they had just now may be ours. */
static void own_loopback(struct address *a)
{
    unsigned pid = (unsigned)getpid();
    char ip[32];

    snprintf(ip, sizeof(ip), "127.%u.%u.%u", 1 + pid / 62500 % 250, 1 + pid / 250 % 250,
             1 + pid % 250);
    assert_int_equal(address_from_ip(a, slice_of(ip), 0), ERR_OK);
}

static enum err listen_on(enum gateway_kind kind, const char *name,
                          struct instance_list *app, struct address *at)
{
    struct why why;
    int fd;

    why_init(&why);
    own_loopback(at);
    assert_int_equal(listener_bind(at, false, &fd, &why), ERR_OK);
    return listening_open(&scene.worker, fd, kind, name, app, &why);
}

static enum err open_worker(unsigned workers)
{
    struct why why;
    enum err e;

    why_init(&why);
    e = worker_open(&scene.worker, 0, workers, scene.settings, "csidecar-test", &events,
                    &scene.control, &scene, &why);
    if (e)
        return e;
    assert_int_equal(mailbox_open(&scene.control, &scene.worker.loop, &scene), ERR_OK);
    e = listen_on(GATEWAY_LOCAL, "", NULL, &scene.address);
    if (e) {
        worker_close_all(&scene.worker);
        mailbox_close(&scene.control, NULL);
        worker_run(&scene.worker);
    }
    return e;
}

static void begin(const char *yaml)
{
    memset(&scene, 0, sizeof(scene));
    scene.log = memfd_create("log", MFD_CLOEXEC);
    log_setup(LOG_OFF, LOG_TEXT, scene.log);
    scene.settings = parse(yaml);
}

static void end(void)
{
    settings_unref(scene.settings);
    report_free(scene.report);
    log_setup(LOG_OFF, LOG_TEXT, STDERR_FILENO);
    close(scene.log);
}

void scene_open_shared(const char *yaml, unsigned workers)
{
    begin(yaml);
    assert_int_equal(open_worker(workers), ERR_OK);
}

void scene_open(const char *yaml)
{
    scene_open_shared(yaml, 1);
}

bool scene_try_open(const char *yaml)
{
    begin(yaml);
    if (!open_worker(1))
        return true;
    end();
    return false;
}

void scene_close(void)
{
    worker_close_all(&scene.worker);
    mailbox_close(&scene.control, NULL);
    worker_run(&scene.worker);
    end();
}

const char *scene_log(void)
{
    ssize_t size;

    access_log_flush(&scene.worker.access_log);
    size = pread(scene.log, scene.log_text, sizeof(scene.log_text) - 1, 0);
    scene.log_text[size > 0 ? size : 0] = '\0';
    return scene.log_text;
}

void scene_configure(const char *yaml)
{
    settings_unref(scene.settings);
    scene.settings = parse(yaml);
    worker_take_settings(&scene.worker, scene.settings);
}

static void give_list(const char *service, const struct site *sites, unsigned count,
                      bool known)
{
    struct instance instances[8] = {0};
    char ids[8][160];
    struct instance_list *l;
    enum err e;

    assert_non_null(worker_service(&scene.worker, slice_of(service), &e));
    for (unsigned i = 0; i < count; i++) {
        snprintf(ids[i], sizeof(ids[i]), "%s-%u", service, i);
        instances[i] = (struct instance){.id = ids[i],
                                         .version = "",
                                         .address = sites[i].address,
                                         .weight = 1,
                                         .index = i,
                                         .source = "test"};
    }
    l = instance_list_new(service, instances, count);
    assert_non_null(l);
    l->known = known;
    l->answered = true;
    l->places = count;
    worker_take_list(&scene.worker, l);
    instance_list_unref(l);
}

void scene_list(const char *service, const struct site *sites, unsigned count)
{
    give_list(service, sites, count, true);
}

void scene_list_unknown(const char *service)
{
    give_list(service, NULL, 0, false);
}

void scene_ingress(const struct site *app)
{
    struct instance one = {.id = "app",
                           .version = "",
                           .address = app->address,
                           .weight = 1,
                           .source = "test"};
    struct instance_list *l = instance_list_new("app", &one, 1);

    assert_non_null(l);
    l->known = l->answered = true;
    l->places = 1;
    assert_int_equal(listen_on(GATEWAY_INGRESS, "app", l, &scene.ingress), ERR_OK);
}

void scene_client(struct peer *client)
{
    peer_connect(client, &scene.worker.loop, &scene.address);
}

void scene_slow_client(struct peer *client)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), size = 4096;

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
    assert_int_equal(connect(fd, &scene.address.any, address_size(&scene.address)), 0);
    peer_adopt(client, &scene.worker.loop, fd);
}

void scene_wait(uint64_t ms)
{
    struct clock *c = &scene.worker.loop.clock;

    loop_settle(&scene.worker.loop);
    clock_advance(c, clock_now(c) + ms);
    loop_settle(&scene.worker.loop);
}

static bool is_idle(void *context)
{
    (void)context;
    return worker_busy_outbound(&scene.worker) == 0 &&
           worker_busy_inbound(&scene.worker) == 0;
}

void scene_expect_idle(void)
{
    loop_until_true(&scene.worker.loop, is_idle, NULL);
}

void site_open(struct site *s)
{
    socklen_t size = sizeof(s->address);

    memset(&s->address, 0, sizeof(s->address));
    own_loopback(&s->address);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(s->fd, &s->address.any, address_size(&s->address)), 0);
    assert_int_equal(listen(s->fd, 64), 0);
    assert_int_equal(getsockname(s->fd, &s->address.any, &size), 0);
}

void site_close(struct site *s)
{
    close(s->fd);
}

bool site_is_called(const struct site *s)
{
    struct pollfd p = {.fd = s->fd, .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

static bool is_called(void *context)
{
    return site_is_called(context);
}

void site_accept(struct site *s, struct peer *server)
{
    int fd;

    loop_until_true(&scene.worker.loop, is_called, s);
    fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    peer_adopt(server, &scene.worker.loop, fd);
}
