#include "transport/tls_session.h"

#include <stdlib.h>

#include "transport/address.h"
#include "transport/tls_client.h"

struct tls_session {
    SSL *ssl;
    BIO *in, *out;        /* the SSL's */
    const char *expected; /* name in the certificate; within `name` */
    char name[256];
};

static bool is_ip(const char *host)
{
    struct address a;

    return address_from_ip(&a, slice_of(host), 1) == ERR_OK;
}

/* Brackets belong to URLs, not to addresses; the root's dot to look-ups, not to certificates (RFC 6066 §3). */
static void keep_name(struct tls_session *s, const char *host)
{
    struct slice name = slice_of(host);

    if (name.size > 1 && name.base[0] == '[')
        name = slice_first(slice_after(name, 1), name.size - 2);
    if (name.size > 1 && name.base[name.size - 1] == '.')
        name.size--;
    name = slice_first(name, sizeof(s->name) - 1);
    memcpy(s->name, name.base, name.size);
    s->name[name.size] = '\0';
}

/* RFC 9525: an address must stand in the certificate as one; no partial wildcards. For OpenSSL no name is any name. */
static bool expect_name(struct tls_session *s)
{
    X509_VERIFY_PARAM *param = openssl.SSL_get0_param(s->ssl);

    if (!s->name[0])
        return false;
    openssl.X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (is_ip(s->name))
        return openssl.X509_VERIFY_PARAM_set1_ip_asc(param, s->name) == 1;
    openssl.SSL_ctrl(s->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                     s->name);
    return openssl.X509_VERIFY_PARAM_set1_host(param, s->name, 0) == 1;
}

static bool make_ssl(struct tls_session *s, SSL_CTX *context)
{
    s->ssl = openssl.SSL_new(context);
    s->in = openssl.BIO_new(openssl.BIO_s_mem());
    s->out = openssl.BIO_new(openssl.BIO_s_mem());
    if (!s->ssl || !s->in || !s->out)
        return false;
    /* An empty input is "later", not the end. */
    openssl.BIO_ctrl(s->in, BIO_C_SET_BUF_MEM_EOF_RETURN, -1, NULL);
    openssl.BIO_ctrl(s->out, BIO_C_SET_BUF_MEM_EOF_RETURN, -1, NULL);
    openssl.SSL_set_bio(s->ssl, s->in, s->out);
    openssl.SSL_set_connect_state(s->ssl);
    return expect_name(s);
}

enum err tls_session_open(struct tls_session **out, struct tls_client *c, uint64_t now_ms,
                          const char *host, struct why *w)
{
    struct tls_session *s = calloc(1, sizeof(*s));
    const char *name = tls_client_server_name(c);

    if (s)
        keep_name(s, name && *name ? name : host);
    if (s && make_ssl(s, tls_client_context(c, now_ms))) {
        *out = s;
        return ERR_OK;
    }
    if (s)
        tls_session_close(s);
    return why(w, ERR_NO_MEMORY, "%s", err_text(ERR_NO_MEMORY));
}

void tls_session_close(struct tls_session *s)
{
    if (s->ssl)
        openssl.SSL_free(s->ssl); /* and its BIOs */
    openssl.ERR_clear_error();
    free(s);
}

enum err tls_session_feed(struct tls_session *s, struct slice bytes)
{
    while (bytes.size > 0) {
        int size = bytes.size > 1 << 20 ? 1 << 20 : (int)bytes.size;

        if (openssl.BIO_write(s->in, bytes.base, size) != size)
            return ERR_NO_MEMORY;
        bytes = slice_after(bytes, (size_t)size);
    }
    return ERR_OK;
}

/* --- what went wrong --- */

static enum err refuse_certificate(const struct tls_session *s, long result,
                                   struct why *w)
{
    const char *text = openssl.X509_verify_cert_error_string(result);

    openssl.ERR_clear_error();
    if (result == X509_V_ERR_HOSTNAME_MISMATCH ||
        result == X509_V_ERR_IP_ADDRESS_MISMATCH)
        return why(w, ERR_DENIED,
                   "its certificate is not for %s (registry.tls.server_name)", s->name);
    if (result == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
        result == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
        result == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT)
        return why(
            w, ERR_DENIED,
            "its certificate is of an unknown authority: %s (registry.tls.ca_file)",
            text);
    return why(w, ERR_DENIED, "its certificate is refused: %s", text);
}

/* Alerts of the other side have "alert" in their names (RFC 8446 §6.2); those about certificates refuse us. */
static enum err explain(struct tls_session *s, enum err otherwise, struct why *w)
{
    long result = openssl.SSL_get_verify_result(s->ssl);
    const char *reason;

    if (result != X509_V_OK)
        return refuse_certificate(s, result, w);
    reason = openssl_reason();
    if (strstr(reason, "alert") &&
        (strstr(reason, "certificate") || strstr(reason, "unknown ca") ||
         strstr(reason, "access denied") || strstr(reason, "handshake failure")))
        return why(w, ERR_DENIED, "it refuses us: %s (registry.tls.cert_file)", reason);
    return why(w, otherwise, "TLS: %s", reason);
}

enum err tls_session_handshake(struct tls_session *s, struct why *w)
{
    int result;

    openssl.ERR_clear_error();
    result = openssl.SSL_do_handshake(s->ssl);
    if (result == 1)
        return ERR_OK;
    switch (openssl.SSL_get_error(s->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return ERR_LATER;
    default:
        return explain(s, ERR_CONNECT_FAILED, w);
    }
}

/* --- bytes --- */

enum err tls_session_read(struct tls_session *s, char *buffer, size_t size, size_t *got,
                          struct why *w)
{
    openssl.ERR_clear_error();
    if (openssl.SSL_read_ex(s->ssl, buffer, size, got) == 1)
        return ERR_OK;
    *got = 0;
    switch (openssl.SSL_get_error(s->ssl, 0)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return ERR_LATER;
    case SSL_ERROR_ZERO_RETURN:
        return ERR_CLOSED;
    default:
        return explain(s, ERR_RESET, w);
    }
}

enum err tls_session_write(struct tls_session *s, struct slice bytes)
{
    size_t written;

    openssl.ERR_clear_error();
    if (bytes.size == 0 ||
        openssl.SSL_write_ex(s->ssl, bytes.base, bytes.size, &written) == 1)
        return ERR_OK;
    openssl.ERR_clear_error();
    return ERR_RESET;
}

void tls_session_finish(struct tls_session *s)
{
    openssl.ERR_clear_error();
    openssl.SSL_shutdown(s->ssl);
    openssl.ERR_clear_error();
}

size_t tls_session_take(struct tls_session *s, char *buffer, size_t size)
{
    int got = openssl.BIO_read(s->out, buffer, size > 1 << 20 ? 1 << 20 : (int)size);

    return got > 0 ? (size_t)got : 0;
}
