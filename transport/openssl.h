/* openssl.h - OpenSSL 3, loaded when it is first needed: who configures neither TLS nor a gossip key pays no memory, no
 * start-up time and no relocation for it.
 *
 *     if (openssl_load(&w)) return ...;
 *     openssl.SSL_new(...)
 *
 * One table of functions, of the types that OpenSSL's own headers give them. Macros of OpenSSL that call functions are
 * written out by their users (SSL_CTX_set_min_proto_version is SSL_CTX_ctrl). Loaded once, never unloaded; the
 * control loop loads it, before other threads could look.
 */
#ifndef TRANSPORT_OPENSSL_H
#define TRANSPORT_OPENSSL_H

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "sidecar/core/why.h"

/* clang-format off */
#define OPENSSL_SSL_FUNCTIONS(X)                                                         \
    X(TLS_client_method) X(SSL_CTX_new) X(SSL_CTX_free) X(SSL_CTX_ctrl)                  \
    X(SSL_CTX_set_verify) X(SSL_CTX_load_verify_file) X(SSL_CTX_set_default_verify_paths) \
    X(SSL_CTX_use_certificate_chain_file) X(SSL_CTX_use_PrivateKey_file)                 \
    X(SSL_CTX_check_private_key) X(SSL_CTX_set_options) X(SSL_CTX_set_default_passwd_cb) \
    X(SSL_new) X(SSL_free) X(SSL_ctrl) X(SSL_set_connect_state) X(SSL_set_bio)           \
    X(SSL_get0_param) X(SSL_do_handshake) X(SSL_read_ex) X(SSL_write_ex) X(SSL_shutdown) \
    X(SSL_get_error) X(SSL_get_verify_result)

#define OPENSSL_CRYPTO_FUNCTIONS(X)                                                      \
    X(X509_VERIFY_PARAM_set1_host) X(X509_VERIFY_PARAM_set1_ip_asc)                      \
    X(X509_VERIFY_PARAM_set_hostflags) X(X509_verify_cert_error_string)                  \
    X(ERR_get_error) X(ERR_clear_error) X(ERR_reason_error_string)                       \
    X(BIO_new) X(BIO_s_mem) X(BIO_read) X(BIO_write) X(BIO_ctrl)                         \
    X(EVP_CIPHER_CTX_new) X(EVP_CIPHER_CTX_free) X(EVP_CIPHER_CTX_ctrl)                  \
    X(EVP_aes_128_gcm) X(EVP_aes_192_gcm) X(EVP_aes_256_gcm)                             \
    X(EVP_EncryptInit_ex) X(EVP_EncryptUpdate) X(EVP_EncryptFinal_ex)                    \
    X(EVP_DecryptInit_ex) X(EVP_DecryptUpdate) X(EVP_DecryptFinal_ex)
/* clang-format on */

struct openssl {
#define MEMBER(name) __typeof__(name) *name;
    OPENSSL_SSL_FUNCTIONS(MEMBER) OPENSSL_CRYPTO_FUNCTIONS(MEMBER)
#undef MEMBER
};

extern struct openssl openssl;

/* ERR_UNSUPPORTED: it is not on this machine; w says which file was looked for. */
enum err openssl_load(struct why *w);
/* The reason of the last failed call, and forgets it. */
const char *openssl_reason(void);

#endif
