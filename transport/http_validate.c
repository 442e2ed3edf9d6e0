#include "transport/http_validate.h"

#include <arpa/inet.h>

enum { TOKEN = 1, TARGET = 2, NAME = 4, VALUE = 8, DIGIT = 16, HEXADECIMAL = 32 };

#define ALL(bits) ((bits) | VALUE)
#define LETTER ALL(TOKEN | TARGET | NAME)
#define HEX_LETTER (LETTER | HEXADECIMAL)
#define NUMBER (LETTER | DIGIT | HEXADECIMAL)
#define IN_TOKEN ALL(TOKEN | TARGET)
#define VISIBLE ALL(TARGET)

/* clang-format off */
static const uint8_t classes[256] = {
    ['\t'] = VALUE, [' '] = VALUE, ['#'] = ALL(TOKEN),
    ['0' ... '9'] = NUMBER,
    ['A' ... 'F'] = HEX_LETTER, ['G' ... 'Z'] = LETTER,
    ['a' ... 'f'] = HEX_LETTER, ['g' ... 'z'] = LETTER,
    ['-'] = LETTER, ['.'] = LETTER, ['_'] = LETTER, ['~'] = LETTER,
    ['!'] = IN_TOKEN, ['$'] = IN_TOKEN, ['%'] = IN_TOKEN, ['&'] = IN_TOKEN, ['\''] = IN_TOKEN,
    ['*'] = IN_TOKEN, ['+'] = IN_TOKEN, ['^'] = IN_TOKEN, ['`'] = IN_TOKEN, ['|'] = IN_TOKEN,
    ['"'] = VISIBLE, ['('] = VISIBLE, [')'] = VISIBLE, [','] = VISIBLE, ['/'] = VISIBLE,
    [':'] = VISIBLE, [';'] = VISIBLE, ['<'] = VISIBLE, ['='] = VISIBLE, ['>'] = VISIBLE,
    ['?'] = VISIBLE, ['@'] = VISIBLE, ['['] = VISIBLE, ['\\'] = VISIBLE, [']'] = VISIBLE,
    ['{'] = VISIBLE, ['}'] = VISIBLE,
    [0x80 ... 0xff] = VALUE,
};
/* clang-format on */

static bool is(char c, unsigned class)
{
    return classes[(unsigned char)c] & class;
}

static bool all_are(struct slice s, unsigned class)
{
    for (size_t i = 0; i < s.size; i++)
        if (!is(s.base[i], class))
            return false;
    return true;
}

bool http_char_is_token(char c)
{
    return is(c, TOKEN);
}

bool http_is_token(struct slice s)
{
    return s.size > 0 && all_are(s, TOKEN);
}

/* Eight bytes at once: the high bit of each byte that is a control, or 0x7f. May report a
 * byte beside a real one, never miss one (bit tricks of Hacker's Delight §6-1). */
static uint64_t controls(uint64_t x)
{
    const uint64_t ones = UINT64_MAX / 255, highs = ones * 0x80;
    uint64_t del = x ^ ones * 0x7f;

    return (((x - ones * 0x20) & ~x) | ((del - ones) & ~del)) & highs;
}

static uint64_t eight(const char *p)
{
    uint64_t x;

    memcpy(&x, p, sizeof(x));
    return x;
}

bool http_is_value(struct slice s)
{
    uint64_t found = 0;

    if (s.size < 8)
        return all_are(s, VALUE);
    for (size_t i = 0; i + 8 < s.size; i += 8)
        found |= controls(eight(s.base + i));
    found |= controls(eight(s.base + s.size - 8));
    return !found || all_are(s, VALUE); /* it may have been a tab */
}

static bool name_is_valid(struct slice name)
{
    for (size_t i = 0; i < name.size; i++) {
        if (is(name.base[i], NAME))
            continue;
        if (name.base[i] != '%' || i + 2 >= name.size ||
            !is(name.base[i + 1], HEXADECIMAL) || !is(name.base[i + 2], HEXADECIMAL))
            return false;
        i += 2;
    }
    return name.size > 0;
}

static bool ipv6_is_valid(struct slice inside)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;

    if (inside.size >= sizeof(text) || memchr(inside.base, 0, inside.size))
        return false;
    memcpy(text, inside.base, inside.size);
    text[inside.size] = 0;
    return inet_pton(AF_INET6, text, &address) == 1;
}

/* RFC 3986 §3.2.3: *DIGIT, so ":" alone is a port not given. */
static bool port_is_valid(struct slice port)
{
    uint64_t value = 0;

    return port.size == 0 || (slice_to_u64(port, &value) && value <= 65535);
}

const char *http_host_problem(struct slice host)
{
    bool bracketed = host.size > 0 && host.base[0] == '[';
    size_t end = slice_find(host, bracketed ? ']' : ':');
    struct slice rest = slice_after(host, end + bracketed);

    if (host.size == 0)
        return "the host is empty";
    if (bracketed ? end == host.size || !ipv6_is_valid(slice_from(host.base + 1, end - 1))
                  : !name_is_valid(slice_first(host, end)))
        return "the host is malformed";
    if (rest.size && (rest.base[0] != ':' || !port_is_valid(slice_after(rest, 1))))
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
    if (!all_are(target, TARGET))
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

bool http_field_may_trail(const struct http_field *f)
{
    static const struct slice others[] = {
        {"cookie",              6 },
        {"cache-control",       13},
        {"content-encoding",    16},
        {"content-range",       13},
        {"range",               5 },
        {"www-authenticate",    16},
        {"age",                 3 },
        {"vary",                4 },
        {"if-match",            8 },
        {"if-none-match",       13},
        {"if-modified-since",   17},
        {"if-unmodified-since", 19},
        {"if-range",            8 },
        {"pragma",              6 },
        {"expires",             7 },
    };
    const uint64_t harmless =
        1ull << FIELD_OTHER | BIT(TRACEPARENT) | BIT(ORIGIN) | BIT(RETRY_AFTER);

    if (!(harmless >> f->id & 1))
        return false;
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (slice_equals_nocase(f->name, others[i]))
            return false;
    return true;
}
