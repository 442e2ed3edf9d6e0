/* Whom we believe and who we are: an SSL_CTX, made again when its files have changed. */
#include "transport/tls_client.h"

#include <stdlib.h>

#include "sidecar/core/log.h"

enum { LOOK_MS = 1000, FILES = 3 };

struct tls_client {
    struct tls_settings settings; /* copies */
    SSL_CTX *context;
    struct stat seen[FILES];
    uint64_t looked_ms;
};

/* --- files --- */

static const char *file_of(const struct tls_client *c, int at)
{
    const char *files[FILES] = {c->settings.ca_file, c->settings.cert_file,
                                c->settings.key_file};

    return files[at];
}

static void look(const struct tls_client *c, struct stat seen[FILES])
{
    for (int i = 0; i < FILES; i++)
        if (!file_of(c, i) || stat(file_of(c, i), &seen[i]))
            seen[i] = (struct stat){0};
}

/* By the time of its last change of any kind: that of its content may be set, and stays when it becomes readable. */
static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* --- a context --- */

static enum err refuse(struct why *w, const char *key, const char *file)
{
    return why(w, ERR_BAD_CONFIG, "%s: %s can't be used: %s", key, file ? file : "",
               openssl_reason());
}

static enum err load_authorities(const struct tls_client *c, SSL_CTX *context,
                                 struct why *w)
{
    const char *file = c->settings.ca_file;

    if (file && openssl.SSL_CTX_load_verify_file(context, file) != 1)
        return refuse(w, "ca_file", file);
    if (!file && openssl.SSL_CTX_set_default_verify_paths(context) != 1)
        return why(w, ERR_BAD_CONFIG, "the system has no authorities: set ca_file");
    return ERR_OK;
}

static enum err load_certificate(const struct tls_client *c, SSL_CTX *context,
                                 struct why *w)
{
    const char *cert = c->settings.cert_file, *key = c->settings.key_file;

    if (!cert && !key)
        return ERR_OK;
    if (!cert || !key)
        return why(w, ERR_BAD_CONFIG, "cert_file and key_file belong together");
    if (openssl.SSL_CTX_use_certificate_chain_file(context, cert) != 1)
        return refuse(w, "cert_file", cert);
    if (openssl.SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        return refuse(w, "key_file", key);
    if (openssl.SSL_CTX_check_private_key(context) != 1)
        return why(w, ERR_BAD_CONFIG, "%s is not the key of %s", key, cert);
    return ERR_OK;
}

/* An encrypted key would be asked for on the terminal. */
static int no_password(char *buffer, int size, int writing, void *owner)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)owner;
    return 0;
}

static enum err fill_context(const struct tls_client *c, SSL_CTX *context, struct why *w)
{
    enum err e;

    openssl.SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, NULL);
    openssl.SSL_CTX_ctrl(context, SSL_CTRL_MODE,
                         SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY, NULL);
    openssl.SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    openssl.SSL_CTX_set_default_passwd_cb(context, no_password);
    openssl.SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    e = load_authorities(c, context, w);
    return e ? e : load_certificate(c, context, w);
}

static enum err make_context(const struct tls_client *c, SSL_CTX **out, struct why *w)
{
    SSL_CTX *context = openssl.SSL_CTX_new(openssl.TLS_client_method());
    enum err e = context ? fill_context(c, context, w)
                         : why(w, ERR_NO_MEMORY, "%s", err_text(ERR_NO_MEMORY));

    openssl.ERR_clear_error();
    if (e)
        openssl.SSL_CTX_free(context);
    else
        *out = context;
    return e;
}

/* What is half written, or does not fit together, is looked at again when it changes again. */
static void reload(struct tls_client *c, uint64_t now_ms)
{
    struct stat now[FILES];
    SSL_CTX *context;
    struct why w;
    bool same = true;

    if (now_ms - c->looked_ms < LOOK_MS)
        return;
    c->looked_ms = now_ms;
    look(c, now);
    for (int i = 0; i < FILES; i++)
        same = same && same_file(&c->seen[i], &now[i]);
    if (same)
        return;
    memcpy(c->seen, now, sizeof(now));
    why_init(&w);
    if (make_context(c, &context, &w)) {
        log_warn("tls.files_refused", "reason=\"%s\" kept=last_good", w.text);
        return;
    }
    openssl.SSL_CTX_free(c->context); /* sessions that use it hold on to it */
    c->context = context;
    log_info("tls.files_reloaded", "cert_file=%s ca_file=%s",
             c->settings.cert_file ? c->settings.cert_file : "-",
             c->settings.ca_file ? c->settings.ca_file : "-");
}

SSL_CTX *tls_client_context(struct tls_client *c, uint64_t now_ms)
{
    reload(c, now_ms);
    return c->context;
}

const char *tls_client_server_name(const struct tls_client *c)
{
    return c->settings.server_name;
}

/* --- life --- */

static enum err copy(const char **out, const char *text)
{
    *out = text ? slice_dup(slice_of(text)) : NULL;
    return text && !*out ? ERR_NO_MEMORY : ERR_OK;
}

static enum err copy_settings(struct tls_settings *to, const struct tls_settings *from)
{
    enum err e = copy(&to->ca_file, from->ca_file);

    if (!e)
        e = copy(&to->cert_file, from->cert_file);
    if (!e)
        e = copy(&to->key_file, from->key_file);
    return e ? e : copy(&to->server_name, from->server_name);
}

enum err tls_client_open(struct tls_client **out, const struct tls_settings *s,
                         struct why *w)
{
    struct tls_client *c;
    enum err e = openssl_load(w);

    if (e)
        return e;
    c = calloc(1, sizeof(*c));
    if (!c)
        return why(w, ERR_NO_MEMORY, "%s", err_text(ERR_NO_MEMORY));
    e = copy_settings(&c->settings, s);
    look(c, c->seen);
    if (!e)
        e = make_context(c, &c->context, w);
    if (e)
        tls_client_close(c);
    else
        *out = c;
    return e;
}

void tls_client_close(struct tls_client *c)
{
    if (!c)
        return;
    if (c->context)
        openssl.SSL_CTX_free(c->context);
    free((char *)c->settings.ca_file);
    free((char *)c->settings.cert_file);
    free((char *)c->settings.key_file);
    free((char *)c->settings.server_name);
    free(c);
}
