#include "sidecar/core/err.h"

#include <errno.h>
#include <stddef.h>

static const struct {
    const char *code;
    const char *text;
    enum blame blame;
    enum again again;
    int status;
} table[] = {
#define X(name, code, blame, again, status, text)                                        \
    [ERR_##name] = {code, text, BLAME_##blame, AGAIN_##again, status},
    ERRORS(X)
#undef X
};

const char *err_code(enum err e)
{
    return table[e].code;
}

const char *err_text(enum err e)
{
    return table[e].text;
}

enum blame err_blame(enum err e)
{
    return table[e].blame;
}

enum again err_again(enum err e)
{
    return table[e].again;
}

int err_status(enum err e)
{
    return table[e].status;
}

/* libuv's numbers that are no errno; core does not include uv.h. */
enum { END_OF_FILE = 4095, RESOLVER_FIRST = 3000, RESOLVER_LAST = 3014 };
enum { RESOLVER_MEMORY = 3006, RESOLVER_NO_DATA = 3007, RESOLVER_NO_NAME = 3008 };

/* clang-format off */
static const struct {
    int number;
    enum err e;
} numbers[] = {
    {ENOMEM,           ERR_NO_MEMORY},
    {ENOBUFS,          ERR_NO_MEMORY},
    {RESOLVER_MEMORY,  ERR_NO_MEMORY},
    {EADDRINUSE,       ERR_ADDRESS_IN_USE},
    {ECONNREFUSED,     ERR_UNAVAILABLE},
    {EHOSTUNREACH,     ERR_UNAVAILABLE},
    {EHOSTDOWN,        ERR_UNAVAILABLE},
    {ENETUNREACH,      ERR_UNAVAILABLE},
    {ENETDOWN,         ERR_UNAVAILABLE},
    {EADDRNOTAVAIL,    ERR_UNAVAILABLE},
    {EAGAIN,           ERR_UNAVAILABLE},
    {ETIMEDOUT,        ERR_TIMEOUT},
    {EACCES,           ERR_DENIED},
    {EPERM,            ERR_DENIED},
    {ENOENT,           ERR_NOT_FOUND},
    {ESRCH,            ERR_NOT_FOUND},
    {RESOLVER_NO_DATA, ERR_NOT_FOUND},
    {RESOLVER_NO_NAME, ERR_NOT_FOUND},
    {EINVAL,           ERR_BAD_VALUE},
    {EMSGSIZE,         ERR_TOO_LARGE},
    {E2BIG,            ERR_TOO_LARGE},
    {EFBIG,            ERR_TOO_LARGE},
    {ENAMETOOLONG,     ERR_TOO_LARGE},
    {ENOTSUP,          ERR_UNSUPPORTED},
    {ENOSYS,           ERR_UNSUPPORTED},
    {EAFNOSUPPORT,     ERR_UNSUPPORTED},
    {EPROTONOSUPPORT,  ERR_UNSUPPORTED},
    {ECANCELED,        ERR_CANCELLED},
    {ECONNRESET,       ERR_RESET},
    {ECONNABORTED,     ERR_RESET},
    {EPIPE,            ERR_RESET},
    {END_OF_FILE,      ERR_CLOSED},
};
/* clang-format on */

enum err err_from_errno(int negative_errno)
{
    int number = -negative_errno;

    if (negative_errno >= 0)
        return ERR_OK;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (numbers[i].number == number)
            return numbers[i].e;
    return number >= RESOLVER_FIRST && number <= RESOLVER_LAST ? ERR_UNAVAILABLE : ERR_IO;
}
