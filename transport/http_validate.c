#include "transport/http_validate.h"

#include <arpa/inet.h>

#include "transport/http_text.h"

enum { TOKEN = 1, NAME = 2, DIGIT = 4, HEXADECIMAL = 8 };

#define LETTER (TOKEN | NAME)
#define HEX_LETTER (LETTER | HEXADECIMAL)
#define NUMBER (LETTER | DIGIT | HEXADECIMAL)

/* clang-format off */
static const uint8_t classes[256] = {
    ['0' ... '9'] = NUMBER,
    ['A' ... 'F'] = HEX_LETTER, ['G' ... 'Z'] = LETTER,
    ['a' ... 'f'] = HEX_LETTER, ['g' ... 'z'] = LETTER,
    ['-'] = LETTER, ['.'] = LETTER, ['_'] = LETTER, ['~'] = LETTER,
    ['!'] = TOKEN, ['#'] = TOKEN, ['$'] = TOKEN, ['%'] = TOKEN, ['&'] = TOKEN, ['\''] = TOKEN,
    ['*'] = TOKEN, ['+'] = TOKEN, ['^'] = TOKEN, ['`'] = TOKEN, ['|'] = TOKEN,
};
/* clang-format on */

static bool is(char c, unsigned class)
{
    return classes[(unsigned char)c] & class;
}

bool http_char_is_token(char c)
{
    return is(c, TOKEN);
}

bool http_is_token(struct slice s)
{
    for (size_t i = 0; i < s.size; i++)
        if (!is(s.base[i], TOKEN))
            return false;
    return s.size > 0;
}

bool http_is_unusual_value(struct slice s)
{
    for (size_t i = 0; i < s.size; i++)
        if (((unsigned char)s.base[i] < 0x20 && s.base[i] != '\t') || s.base[i] == 0x7f)
            return false;
    return true;
}

static bool is_encoded(struct slice s, size_t at)
{
    return s.base[at] == '%' && at + 2 < s.size && is(s.base[at + 1], HEXADECIMAL) &&
           is(s.base[at + 2], HEXADECIMAL);
}

/* How many bytes at the beginning can be a name. */
static size_t name_size(struct slice s)
{
    size_t i = 0;

    do {
        while (i < s.size && is(s.base[i], NAME))
            i++;
    } while (i < s.size && is_encoded(s, i) && (i += 3));
    return i;
}

/* The same for an address in brackets, or 0. */
static size_t ipv6_size(struct slice s)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    size_t end = slice_find(s, ']');

    if (end == s.size || end - 1 >= sizeof(text) || memchr(s.base, 0, end))
        return 0;
    memcpy(text, s.base + 1, end - 1);
    text[end - 1] = 0;
    return inet_pton(AF_INET6, text, &address) == 1 ? end + 1 : 0;
}

/* RFC 3986 §3.2.3: *DIGIT, so ":" alone is a port not given. */
static bool port_is_valid(struct slice port)
{
    uint64_t value = 0;

    return port.size == 0 || (slice_to_u64(port, &value) && value <= 65535);
}

const char *http_host_problem(struct slice host)
{
    size_t end = host.size && host.base[0] == '[' ? ipv6_size(host) : name_size(host);
    struct slice rest = slice_after(host, end);

    if (host.size == 0)
        return "the host is empty";
    if (end == 0 || (rest.size && rest.base[0] != ':'))
        return "the host is malformed";
    if (rest.size && !port_is_valid(slice_after(rest, 1)))
        return "the host's port is malformed";
    return NULL;
}

static bool scheme_is_valid(struct slice scheme)
{
    return scheme.size > 0 && (is(scheme.base[0], NAME) && !is(scheme.base[0], DIGIT)) &&
           http_is_token(scheme);
}

static const char *absolute_problem(struct slice target)
{
    size_t colon = slice_find(target, ':');
    struct slice rest = slice_after(target, colon);
    size_t end = 3;

    if (!slice_starts_with(rest, SLICE("://")) ||
        !scheme_is_valid(slice_first(target, colon)))
        return "the request target has none of the forms of HTTP";
    while (end < rest.size && rest.base[end] != '/' && rest.base[end] != '?')
        end++;
    return http_host_problem(slice_from(rest.base + 3, end - 3));
}

const char *http_target_problem(enum http_method method, struct slice target)
{
    if (!text_is_plain(target.base, target.size) ||
        memchr(target.base, ' ', target.size) || memchr(target.base, '#', target.size))
        return "the request target holds a character that must be encoded";
    if (method == METHOD_CONNECT)
        return http_host_problem(target);
    if (target.size > 0 && target.base[0] == '/')
        return NULL;
    if (method == METHOD_OPTIONS && slice_equals(target, SLICE("*")))
        return NULL;
    return absolute_problem(target);
}

#define BIT(id) (1ull << FIELD_ID_##id)

/* Without an id, as nothing else here asks for them. */
static const struct slice not_in_trailers[] = {
#define WORD(text) {text, sizeof(text) - 1},
    /* clang-format off */
    WORD("cookie") WORD("cache-control") WORD("pragma") WORD("expires") WORD("age") WORD("vary")
    WORD("content-encoding") WORD("content-range") WORD("range") WORD("if-range")
    WORD("if-match") WORD("if-none-match") WORD("if-modified-since") WORD("if-unmodified-since")
    WORD("www-authenticate")
/* clang-format on */
#undef WORD
};

bool http_field_may_trail(const struct http_field *f)
{
    const uint64_t harmless =
        1ull << FIELD_OTHER | BIT(TRACEPARENT) | BIT(ORIGIN) | BIT(RETRY_AFTER);

    if (!(harmless >> f->id & 1))
        return false;
    for (unsigned i = 0; i < sizeof(not_in_trailers) / sizeof(not_in_trailers[0]); i++)
        if (slice_equals_nocase(f->name, not_in_trailers[i]))
            return false;
    return true;
}
