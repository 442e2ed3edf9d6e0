#include "tests/lib/transport/http_expect.h"

#include "tests/lib/test.h"

static const size_t steps[] = {0, 1};

void expect_read(enum http_side side, struct slice wire, const char *text)
{
    for (unsigned i = 0; i < 2; i++) {
        struct http_record r;

        record_init(&r, side);
        assert_string_equal(err_code(record_feed(&r, wire, steps[i])), "ok");
        record_finish(&r);
        assert_string_equal(record_text(&r), text);
        record_fini(&r);
    }
}

void expect_error(enum http_side side, struct slice wire, enum err e)
{
    for (unsigned i = 0; i < 2; i++) {
        struct http_record r;

        record_init(&r, side);
        assert_string_equal(err_code(record_feed(&r, wire, steps[i])), err_code(e));
        assert_true(r.why.text[0] != 0);
        assert_string_equal(err_code(record_feed(&r, SLICE("G"), 0)), err_code(e));
        record_fini(&r);
    }
}

struct http_head expect_head(enum http_side side, struct slice wire)
{
    struct http_head last = {.status = 0};

    for (unsigned i = 0; i < 2; i++) {
        struct http_record r;

        record_init(&r, side);
        assert_string_equal(err_code(record_feed(&r, wire, steps[i])), "ok");
        assert_int_equal(r.heads, 1);
        last = r.last;
        record_fini(&r);
    }
    return last;
}
