/* A reload: new settings or none. SIGHUP, POST /reload, or the file changed. */
#include <stdio.h>
#include <sys/stat.h>

#include "sidecar/control_parts.h"
#include "sidecar/core/log.h"

enum { CONFIG_QUIET_MS = 200 }; /* editors write in several steps */

void control_warn(const struct settings *s)
{
    if (s->is_open_config)
        log_warn("config.open",
                 "file=%s reason=\"a token or password stands in it, and every user of "
                 "this host can "
                 "read it: chmod o= it, or use token_file\"",
                 s->config);
}

/* Nothing was changed until the last step that can fail has not. */
static enum err take(struct control *c, struct settings *settings, struct why *w)
{
    struct sources sources;
    enum err e = sources_make(&sources, settings, w);

    if (!e)
        e = apps_configure(c->apps, settings, w);
    if (!e)
        e = catalog_reload(c->catalog, &sources.catalog, w);
    if (e) {
        sources_fini(&sources);
        (void)apps_configure(c->apps, c->settings, NULL);
        return e;
    }
    sources_fini(&c->sources);
    c->sources = sources;
    for (unsigned i = 0; i < c->worker_count; i++)
        if (worker_configure(&c->workers[i], settings))
            log_error("reload.partial", "worker=%u reason=\"out of memory\"", i);
    log_setup((enum log_level)settings->log.level, (enum log_format)settings->log.format,
              2);
    return ERR_OK;
}

static enum err reload(struct control *c, struct why *w)
{
    struct settings *settings;
    struct settings_input input = *c->input; /* its `at` moves */
    enum err e = settings_reload(&settings, c->settings, &input, w);

    if (e)
        return e;
    e = apps_choose_port(settings, &c->app_port, w);
    if (!e)
        e = sandbox_allows(&c->sandbox, settings, w);
    if (!e)
        e = take(c, settings, w);
    if (e) {
        settings_unref(settings);
        return e;
    }
    settings_unref(c->settings);
    c->settings = settings;
    return ERR_OK;
}

enum err control_reload(struct control *c, struct why *w)
{
    enum err e;

    if (drain_is_on(&c->drain) || c->ending)
        e = why(w, ERR_CLOSED, "this sidecar is shutting down");
    else
        e = reload(c, w);
    control_memory_note_settings(c);
    c->reloads += !e;
    c->reloads_failed += e != ERR_OK;
    if (e) {
        char text[1024];

        log_error("reload.failed", "reason=\"%s\" note=\"the old settings stay\"",
                  log_quote(text, sizeof(text), slice_of(w->text)));
    } else {
        log_info("reload.done", "file=%s",
                 c->settings->config ? c->settings->config : "-");
        control_warn(c->settings);
    }
    return e;
}

/* ---- --watch-config ---- */

/* Not there: as it was, until it is back. */
static void look_at_config(const struct control *c, struct file_mark *mark)
{
    struct stat s;

    if (stat(c->settings->config, &s))
        return;
    *mark = (struct file_mark){
        .device = s.st_dev, .inode = s.st_ino, .size = s.st_size, .changed = s.st_mtim};
}

static bool is_same(const struct file_mark *a, const struct file_mark *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec;
}

static void look_soon(struct control *c)
{
    if (!timer_active(&c->config_timer))
        timer_start(&c->config_timer, &c->loop.clock, CONFIG_QUIET_MS);
}

/* One that looks the same twice is read, once. */
static void on_quiet(struct timer *t)
{
    struct control *c = container_of(t, struct control, config_timer);
    struct file_mark before = c->config_seen;
    struct why w;

    look_at_config(c, &c->config_seen);
    if (!is_same(&before, &c->config_seen)) {
        look_soon(c);
        return;
    }
    if (is_same(&c->config_seen, &c->config_loaded))
        return;
    c->config_loaded = c->config_seen;
    why_init(&w);
    (void)control_reload(c, &w);
}

/* The directory is watched: a rename over the file, or a symlink that turns, is a change too. So is everything else
 * that happens in there, which is not for us. */
static void on_changed(uv_fs_event_t *handle, const char *name, int events, int status)
{
    struct control *c = handle->data;

    (void)name;
    (void)events;
    loop_touch(&c->loop);
    if (status == 0)
        look_soon(c);
}

static void directory_of(char *out, size_t size, const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        snprintf(out, size, ".");
    else
        snprintf(out, size, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

enum err control_watch_config(struct control *c, struct why *w)
{
    char directory[512];

    if (!c->settings->watch_config || !c->settings->config)
        return ERR_OK;
    directory_of(directory, sizeof(directory), c->settings->config);
    timer_init(&c->config_timer, on_quiet);
    look_at_config(c, &c->config_loaded);
    c->config_seen = c->config_loaded;
    uv_fs_event_init(&c->loop.uv, &c->config_watch);
    c->config_watch.data = c;
    c->config_watched = true;
    if (uv_fs_event_start(&c->config_watch, on_changed, directory, 0))
        return why(w, ERR_IO, "can't watch %s", directory);
    return ERR_OK;
}

void control_unwatch_config(struct control *c)
{
    timer_stop(&c->config_timer, &c->loop.clock);
    if (c->config_watched)
        uv_close((uv_handle_t *)&c->config_watch, NULL);
    c->config_watched = false;
}
