#include <inttypes.h>

#include "sidecar/core/random.h"
#include "sidecar/core/text.h"
#include "tests/lib/test.h"

static uint64_t duration(const char *text)
{
    uint64_t ms = 0;

    assert_int_equal(duration_parse(slice_of(text), &ms), ERR_OK);
    return ms;
}

static uint64_t size(const char *text)
{
    uint64_t bytes = 0;

    assert_int_equal(size_parse(slice_of(text), &bytes), ERR_OK);
    return bytes;
}

TEST(reads_durations)
{
    assert_int_equal(duration("250ms"), 250);
    assert_int_equal(duration("1.5s"), 1500);
    assert_int_equal(duration("2m"), 120000);
    assert_int_equal(duration("1h"), 3600000);
    assert_int_equal(duration("0"), 0);
    assert_int_equal(duration("0s"), 0);
    assert_int_equal(duration("0.25h"), 900000);
}

TEST(refuses_what_is_no_duration)
{
    const char *const bad[] = {"",
                               "5",
                               "-1s",
                               "+1s",
                               "1",
                               "s",
                               "1x",
                               "1 s",
                               "1.s",
                               ".5s",
                               "1.5",
                               "1d",
                               "0.5ms",
                               "1.0001s",
                               "1ss",
                               "1s ",
                               "1.5.5s",
                               "0.0",
                               "1e3s",
                               "99999999999999999999s",
                               "5124095576030432h",
                               "18446744073709551615s",
                               "0x1s",
                               "1.0000000s"};
    uint64_t ms = 42;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (duration_parse(slice_of(bad[i]), &ms) != ERR_BAD_VALUE)
            fail_msg("\"%s\" was taken", bad[i]);
    assert_int_equal(ms, 42);
}

TEST(reads_sizes)
{
    assert_int_equal(size("512"), 512);
    assert_int_equal(size("0"), 0);
    assert_int_equal(size("64KiB"), 65536);
    assert_int_equal(size("10MiB"), 10485760);
    assert_int_equal(size("1GiB"), 1073741824);
    assert_int_equal(size("1.5KB"), 1500);
    assert_int_equal(size("2MB"), 2000000);
    assert_int_equal(size("7B"), 7);
}

TEST(refuses_what_is_no_size)
{
    const char *const bad[] = {"",
                               "KiB",
                               "-1",
                               "1.5",
                               "1K",
                               "1TiB",
                               "64 KiB",
                               "1.0001KB",
                               "17179869184GiB",
                               "18446744073709551616"};
    uint64_t bytes = 42;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (size_parse(slice_of(bad[i]), &bytes) != ERR_BAD_VALUE)
            fail_msg("\"%s\" was taken", bad[i]);
    assert_int_equal(bytes, 42);
}

static void assert_duration(uint64_t ms, const char *text)
{
    char out[24];

    assert_string_equal(duration_format(out, ms), text);
}

TEST(writes_durations_as_people_do)
{
    assert_duration(0, "0");
    assert_duration(250, "250ms");
    assert_duration(500, "500ms");
    assert_duration(1500, "1.5s");
    assert_duration(1250, "1.25s");
    assert_duration(15000, "15s");
    assert_duration(60000, "1m");
    assert_duration(90000, "90s");
    assert_duration(86400000, "24h");
}

static void assert_size(uint64_t bytes, const char *text)
{
    char out[24];

    assert_string_equal(size_format(out, bytes), text);
}

TEST(writes_sizes_as_people_do)
{
    assert_size(0, "0");
    assert_size(512, "512");
    assert_size(1500, "1500");
    assert_size(65536, "64KiB");
    assert_size(1000000, "1MB");
    assert_size(UINT64_C(1) << 31, "2GiB");
}

TEST(what_is_written_reads_back_as_it_was)
{
    struct random r;
    char out[24];

    random_init(&r, 3);
    for (int i = 0; i < 20000; i++) {
        uint64_t value = random_next(&r) >> random_below(&r, 64);

        value -= random_below(&r, 2) ? value % 1000 : 0;
        assert_true(duration(duration_format(out, value)) == value);
        assert_true(size(size_format(out, value)) == value);
    }
    assert_true(duration(duration_format(out, UINT64_MAX)) == UINT64_MAX);
    assert_true(size(size_format(out, UINT64_MAX)) == UINT64_MAX);
}

TESTS(RUN(reads_durations), RUN(refuses_what_is_no_duration), RUN(reads_sizes),
      RUN(refuses_what_is_no_size), RUN(writes_durations_as_people_do),
      RUN(writes_sizes_as_people_do), RUN(what_is_written_reads_back_as_it_was))
