#include "tests/lib/discovery/hex.h"

#include <stdio.h>

#include "tests/lib/test.h"

enum { HELD = 16, SIZE = 8192 };

static char held[HELD][SIZE];
static unsigned next;

static unsigned digit(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

struct slice hex(const char *digits)
{
    char *out = held[next++ % HELD];
    size_t size = 0;

    for (; *digits; digits++) {
        if (*digits == ' ')
            continue;
        assert_true(size < SIZE && digits[1]);
        out[size++] = (char)(digit(digits[0]) * 16 + digit(digits[1]));
        digits++;
    }
    return slice_from(out, size);
}

void assert_hex(struct slice bytes, const char *digits)
{
    struct slice wanted = hex(digits);

    if (slice_equals(bytes, wanted))
        return;
    for (size_t i = 0; i < bytes.size; i++)
        print_message("%02x", (unsigned char)bytes.base[i]);
    print_message(" instead of\n%s\n", digits);
    fail();
}
