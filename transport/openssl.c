#include "transport/openssl.h"

#include <dlfcn.h>
#include <stdbool.h>

#define TEXT_OF(version) #version
#define LIBRARY(name, version) "lib" name ".so." TEXT_OF(version)

/* Filled once: constant from then on. */
struct openssl openssl;

static bool is_loaded;

struct entry {
    const char *name;
    void **function;
};

#define ENTRY(name) {#name, (void **)&openssl.name},
static const struct entry ssl_entries[] = {
    OPENSSL_SSL_FUNCTIONS(ENTRY){NULL, NULL}
};
static const struct entry crypto_entries[] = {
    OPENSSL_CRYPTO_FUNCTIONS(ENTRY){NULL, NULL}
};
#undef ENTRY

static enum err load(const char *library, const struct entry *entries, struct why *w)
{
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);

    if (!handle)
        return why(w, ERR_UNSUPPORTED, "%s is needed for it: %s", library, dlerror());
    for (; entries->name; entries++) {
        *entries->function = dlsym(handle, entries->name);
        if (!*entries->function)
            return why(w, ERR_UNSUPPORTED, "%s has no %s", library, entries->name);
    }
    return ERR_OK;
}

enum err openssl_load(struct why *w)
{
    enum err e;

    if (is_loaded)
        return ERR_OK;
    e = load(LIBRARY("crypto", OPENSSL_SHLIB_VERSION), crypto_entries, w);
    if (!e)
        e = load(LIBRARY("ssl", OPENSSL_SHLIB_VERSION), ssl_entries, w);
    is_loaded = !e;
    return e;
}

const char *openssl_reason(void)
{
    unsigned long code = openssl.ERR_get_error();
    const char *text = code ? openssl.ERR_reason_error_string(code) : NULL;

    openssl.ERR_clear_error();
    return text ? text : "no reason given";
}
