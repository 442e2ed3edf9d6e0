#include "tests/lib/test.h"

#include "sidecar/core/base64.h"

/* RFC 4648 §10 */
static const struct {
    const char *bytes, *text;
} vectors[] = {
    {"",       ""        },
    {"f",      "Zg=="    },
    {"fo",     "Zm8="    },
    {"foo",    "Zm9v"    },
    {"foob",   "Zm9vYg=="},
    {"fooba",  "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

static enum err decode(const char *text, struct text *out)
{
    text_init(out, 64);
    return base64_decode(out, slice_of(text));
}

TEST(the_vectors_of_the_standard_hold_both_ways)
{
    for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
        struct text out;

        text_init(&out, 64);
        base64_encode(&out, slice_of(vectors[i].bytes));
        assert_true(slice_is(text_slice(&out), vectors[i].text));
        text_fini(&out);
        assert_int_equal(decode(vectors[i].text, &out), ERR_OK);
        assert_true(slice_is(text_slice(&out), vectors[i].bytes));
        text_fini(&out);
    }
}

TEST(every_byte_survives)
{
    char all[256];
    struct text text, back;

    for (unsigned i = 0; i < sizeof(all); i++)
        all[i] = (char)i;
    text_init(&text, 1024);
    text_init(&back, 1024);
    base64_encode(&text, slice_from(all, sizeof(all)));
    assert_int_equal(base64_decode(&back, text_slice(&text)), ERR_OK);
    assert_true(slice_equals(text_slice(&back), slice_from(all, sizeof(all))));
    text_fini(&text);
    text_fini(&back);
}

TEST(padding_may_be_left_out)
{
    struct text out;

    assert_int_equal(decode("Zm8", &out), ERR_OK);
    assert_true(slice_is(text_slice(&out), "fo"));
    text_fini(&out);
}

TEST(what_is_not_base64_is_refused)
{
    static const char *const wrong[] = {
        "Z", "Zm9vY", "Zm 8", "====", "Z===", "Zm8-", "Zg==Zg=="};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct text out;

        assert_int_equal(decode(wrong[i], &out), ERR_BAD_VALUE);
        text_fini(&out);
    }
}

TEST(more_than_fits_is_said)
{
    struct text out;

    text_init(&out, 4);
    assert_int_equal(base64_decode(&out, SLICE("Zm9vYmFy")), ERR_TOO_LARGE);
    text_fini(&out);
}

TESTS(RUN(the_vectors_of_the_standard_hold_both_ways), RUN(every_byte_survives),
      RUN(padding_may_be_left_out), RUN(what_is_not_base64_is_refused),
      RUN(more_than_fits_is_said))
