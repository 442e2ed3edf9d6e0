#include "sidecar/worker_letters.h"

#include <stdlib.h>
#include <unistd.h>

#include "sidecar/handover.h"

/* One form for all: what is not used is zero. */
struct worker_letter {
    struct letter letter;
    void (*act)(struct worker *w, struct worker_letter *l);
    struct worker *worker; /* of letters to the control loop */
    struct settings *settings;
    struct instance_list *list;
    struct report *report;
    struct worker_letter *answer; /* memory for it, so that one always comes */
    int fd;
    unsigned listening;
    enum gateway_kind kind;
    bool refuse;
    char service[SERVICE_NAME_LIMIT + 1];
    char instance[INSTANCE_ID_LIMIT + 1];
};

static void keep_text(char *out, size_t size, struct slice s)
{
    size_t count = s.size < size - 1 ? s.size : size - 1;

    memcpy(out, s.base ? s.base : "", count);
    out[count] = '\0';
}

/* ---- to the worker ---- */

static void on_letter(struct letter *letter, void *owner)
{
    struct worker_letter *l = container_of(letter, struct worker_letter, letter);

    l->act(owner, l);
    free(l);
}

static struct worker_letter *letter_new(void (*act)(struct worker *,
                                                    struct worker_letter *))
{
    struct worker_letter *l = calloc(1, sizeof(*l));

    if (!l)
        return NULL;
    list_init(&l->letter.node);
    l->letter.deliver = on_letter;
    l->act = act;
    l->fd = -1;
    return l;
}

static enum err post(struct worker *w, struct worker_letter *l)
{
    mailbox_post(&w->mailbox, &l->letter);
    return ERR_OK;
}

static void act_update(struct worker *w, struct worker_letter *l)
{
    worker_take_list(w, l->list);
    instance_list_unref(l->list);
}

enum err worker_update(struct worker *w, struct instance_list *list)
{
    struct worker_letter *l = letter_new(act_update);

    if (!l)
        return ERR_NO_MEMORY;
    l->list = instance_list_ref(list);
    return post(w, l);
}

static void act_update_app(struct worker *w, struct worker_letter *l)
{
    worker_take_app(w, l->list);
    instance_list_unref(l->list);
}

enum err worker_update_app(struct worker *w, struct instance_list *list)
{
    struct worker_letter *l = letter_new(act_update_app);

    if (!l)
        return ERR_NO_MEMORY;
    l->list = instance_list_ref(list);
    return post(w, l);
}

static void act_forget(struct worker *w, struct worker_letter *l)
{
    worker_take_forget(w, slice_of(l->service));
}

enum err worker_forget(struct worker *w, const char *service)
{
    struct worker_letter *l = letter_new(act_forget);

    if (!l)
        return ERR_NO_MEMORY;
    keep_text(l->service, sizeof(l->service), slice_of(service));
    return post(w, l);
}

static void act_configure(struct worker *w, struct worker_letter *l)
{
    worker_take_settings(w, l->settings);
    settings_unref(l->settings);
}

enum err worker_configure(struct worker *w, struct settings *settings)
{
    struct worker_letter *l = letter_new(act_configure);

    if (!l)
        return ERR_NO_MEMORY;
    l->settings = settings_ref(settings);
    return post(w, l);
}

static void act_eject(struct worker *w, struct worker_letter *l)
{
    struct service *s = map_get(&w->services, slice_of(l->service));

    if (s)
        service_eject(s, slice_of(l->instance));
}

enum err worker_eject(struct worker *w, struct slice service, struct slice instance)
{
    struct worker_letter *l = letter_new(act_eject);

    if (!l)
        return ERR_NO_MEMORY;
    keep_text(l->service, sizeof(l->service), service);
    keep_text(l->instance, sizeof(l->instance), instance);
    return post(w, l);
}

static void act_drain(struct worker *w, struct worker_letter *l)
{
    worker_take_drain(w, l->refuse);
}

enum err worker_drain(struct worker *w, bool refuse)
{
    struct worker_letter *l = letter_new(act_drain);

    if (!l)
        return ERR_NO_MEMORY;
    l->refuse = refuse;
    return post(w, l);
}

static void act_unlisten(struct worker *w, struct worker_letter *l)
{
    worker_close_listenings(w, &l->kind);
}

enum err worker_unlisten(struct worker *w, enum gateway_kind kind)
{
    struct worker_letter *l = letter_new(act_unlisten);

    if (!l)
        return ERR_NO_MEMORY;
    l->kind = kind;
    return post(w, l);
}

static void act_listen(struct worker *w, struct worker_letter *l)
{
    struct why why;

    why_init(&why);
    if (listening_open(w, l->fd, l->kind, l->service, l->list, &why))
        worker_post_failed(w, why.text);
}

enum err worker_listen(struct worker *w, int fd, enum gateway_kind kind, const char *name,
                       struct instance_list *app)
{
    struct worker_letter *l = letter_new(act_listen);

    if (!l) {
        if (fd >= 0)
            close(fd);
        instance_list_unref(app);
        return ERR_NO_MEMORY;
    }
    l->fd = fd;
    l->kind = kind;
    l->list = app;
    keep_text(l->service, sizeof(l->service), slice_of(name ? name : ""));
    return post(w, l);
}

static void act_give(struct worker *w, struct worker_letter *l)
{
    handover_take(w, l->listening, l->fd);
}

enum err worker_give(struct worker *to, unsigned listening, int fd)
{
    struct worker_letter *l = letter_new(act_give);

    if (!l)
        return ERR_NO_MEMORY;
    l->listening = listening;
    l->fd = fd;
    return post(to, l);
}

static void act_halt(struct worker *w, struct worker_letter *l)
{
    (void)l;
    worker_halt(w);
    uv_sem_post(&w->halted);
}

static void act_end(struct worker *w, struct worker_letter *l)
{
    (void)l;
    worker_end(w);
}

/* Letters that must arrive: embedded memory would do, a retry does too. */
static void post_surely(struct worker *w,
                        void (*act)(struct worker *, struct worker_letter *))
{
    struct worker_letter *l;

    while (!(l = letter_new(act)))
        uv_sleep(1);
    post(w, l);
}

void worker_post_halt(struct worker *w)
{
    post_surely(w, act_halt);
}

void worker_post_end(struct worker *w)
{
    post_surely(w, act_end);
}

/* ---- to the control loop ---- */

static void deliver_want(struct letter *letter, void *owner)
{
    struct worker_letter *l = container_of(letter, struct worker_letter, letter);

    l->worker->events->want(owner, slice_of(l->service));
    free(l);
}

static void deliver_ejected(struct letter *letter, void *owner)
{
    struct worker_letter *l = container_of(letter, struct worker_letter, letter);

    l->worker->events->ejected(owner, l->worker, slice_of(l->service),
                               slice_of(l->instance));
    free(l);
}

static void deliver_report(struct letter *letter, void *owner)
{
    struct worker_letter *l = container_of(letter, struct worker_letter, letter);

    l->worker->events->reported(owner, l->worker, l->report);
    free(l);
}

static struct worker_letter *letter_home(struct worker *w,
                                         void (*deliver)(struct letter *, void *))
{
    struct worker_letter *l = letter_new(NULL);

    if (!l)
        return NULL;
    l->letter.deliver = deliver;
    l->worker = w;
    return l;
}

static void deliver_failed(struct letter *letter, void *owner)
{
    struct worker_letter *l = container_of(letter, struct worker_letter, letter);

    if (l->worker->events->failed)
        l->worker->events->failed(owner, l->worker, l->instance);
    free(l);
}

enum err worker_post_want(struct worker *w, const char *service)
{
    struct worker_letter *l = letter_home(w, deliver_want);

    if (!l)
        return ERR_NO_MEMORY;
    keep_text(l->service, sizeof(l->service), slice_of(service));
    mailbox_post(w->control, &l->letter);
    return ERR_OK;
}

void worker_post_ejected(struct worker *w, const char *service, const char *instance)
{
    struct worker_letter *l = letter_home(w, deliver_ejected);

    if (!l)
        return;
    keep_text(l->service, sizeof(l->service), slice_of(service));
    keep_text(l->instance, sizeof(l->instance), slice_of(instance));
    mailbox_post(w->control, &l->letter);
}

void worker_post_failed(struct worker *w, const char *reason)
{
    struct worker_letter *l = letter_home(w, deliver_failed);

    log_error("listen.failed", "worker=%u reason=\"%s\"", w->number, reason);
    if (!l)
        return;
    keep_text(l->instance, sizeof(l->instance), slice_of(reason));
    mailbox_post(w->control, &l->letter);
}

/* The answer always comes, if need be without a report. */
static void act_report(struct worker *w, struct worker_letter *l)
{
    struct worker_letter *home = l->answer;

    home->report = report_make(w, slice_of(l->service));
    mailbox_post(w->control, &home->letter);
}

enum err worker_ask_report(struct worker *w, struct slice service)
{
    struct worker_letter *l = letter_new(act_report);

    if (l)
        l->answer = letter_home(w, deliver_report);
    if (!l || !l->answer) {
        free(l);
        return ERR_NO_MEMORY;
    }
    keep_text(l->service, sizeof(l->service), service);
    return post(w, l);
}
