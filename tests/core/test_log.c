#define _GNU_SOURCE
#include "sidecar/core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sidecar/core/random.h"
#include "tests/lib/test.h"

static int reader, writer;
static char line[70000];

static int test_setup(void **state)
{
    int ends[2];

    (void)state;
    if (pipe(ends))
        return -1;
    reader = ends[0];
    writer = ends[1];
    log_setup(LOG_INFO, LOG_TEXT, writer);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    log_setup(LOG_INFO, LOG_TEXT, STDERR_FILENO);
    if (reader >= 0)
        close(reader);
    close(writer);
    return 0;
}

static bool something_to_read(void)
{
    struct pollfd p = {.fd = reader, .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

/* What was written, terminated. */
static const char *written(void)
{
    ssize_t size = something_to_read() ? read(reader, line, sizeof(line) - 1) : 0;

    line[size > 0 ? size : 0] = '\0';
    return line;
}

/* Behind the time and the level. */
static const char *rest(void)
{
    return strlen(written()) > 31 ? line + 31 : "";
}

TEST(a_line_has_time_level_event_and_pairs)
{
    log_warn("instance.down", "service=%s code=%d", "orders", 7);
    assert_string_equal(rest(), "instance.down service=orders code=7\n");
    assert_int_equal(line[10], 'T');
    assert_int_equal(line[23], 'Z');
    assert_memory_equal(line + 24, " WARN  ", 7);
}

TEST(below_the_level_nothing_is_written)
{
    log_debug("detail", "%s", "");
    assert_string_equal(written(), "");
    log_setup(LOG_ERROR, LOG_TEXT, writer);
    log_warn("detail", "%s", "");
    assert_string_equal(written(), "");
    log_error("detail", "%s", "");
    assert_string_equal(rest(), "detail\n");
}

TEST(off_is_off)
{
    log_setup(LOG_OFF, LOG_TEXT, writer);
    log_error("detail", "%s", "");
    assert_string_equal(written(), "");
    assert_false(log_enabled(LOG_ERROR));
}

TEST(a_line_stays_one_line)
{
    log_info("event", "reason=%s", "a\nb\r\x1b[31mc\x7f");
    assert_string_equal(rest(), "event reason=a b  [31mc \n");
}

TEST(too_long_a_line_is_cut)
{
    log_info("event", "reason=%8000d", 1);
    assert_true(strlen(written()) <= PIPE_BUF);
    assert_int_equal(line[strlen(line) - 1], '\n');
}

static const char *member(json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static json_t *written_json(void)
{
    json_t *object = json_loads(written(), 0, NULL);

    assert_non_null(object);
    return object;
}

TEST(the_json_form_has_the_pairs_as_members)
{
    json_t *o;

    log_setup(LOG_INFO, LOG_JSON, writer);
    log_warn("instance.down",
             "service=orders reason=\"not \\\"well\\\"\" port=80 on=true");
    o = written_json();
    assert_string_equal(member(o, "level"), "warn");
    assert_string_equal(member(o, "event"), "instance.down");
    assert_string_equal(member(o, "service"), "orders");
    assert_string_equal(member(o, "reason"), "not \"well\"");
    assert_int_equal(json_integer_value(json_object_get(o, "port")), 80);
    assert_true(json_is_true(json_object_get(o, "on")));
    json_decref(o);
}

TEST(what_only_looks_like_a_number_is_text)
{
    json_t *o;

    log_setup(LOG_INFO, LOG_JSON, writer);
    log_info("e", "a=007 b=1.2.3.4 c=12345678901234567890 d=1s e= f=\"5\" g=-2.50");
    o = written_json();
    assert_string_equal(member(o, "a"), "007");
    assert_string_equal(member(o, "b"), "1.2.3.4");
    assert_string_equal(member(o, "c"), "12345678901234567890");
    assert_string_equal(member(o, "d"), "1s");
    assert_string_equal(member(o, "e"), "");
    assert_string_equal(member(o, "f"), "5");
    assert_true(json_is_real(json_object_get(o, "g")));
    json_decref(o);
}

TEST(escapes_count_between_quotes_alone)
{
    json_t *o;

    log_setup(LOG_INFO, LOG_JSON, writer);
    log_info("e", "%s", "k\\u0000=1 bare=a\\nb quoted=\"a\\nb\" half=\"\\ud800\"");
    o = written_json();
    assert_int_equal(json_integer_value(json_object_get(o, "k\\u0000")), 1);
    assert_string_equal(member(o, "bare"), "a\\nb");
    assert_string_equal(member(o, "quoted"), "a\nb");
    assert_string_equal(member(o, "half"), "\\ud800");
    json_decref(o);
}

TEST(any_pairs_make_good_json)
{
    static const char alphabet[] = "ab=\" \\\x01\xff\xc3\xa9nu0.-5t";
    struct random r;

    random_init(&r, 9);
    log_setup(LOG_INFO, LOG_JSON, writer);
    for (int i = 0; i < 5000; i++) {
        char pairs[40] = "";

        for (size_t at = random_below(&r, sizeof(pairs)); at-- > 0;)
            pairs[at] = alphabet[random_below(&r, sizeof(alphabet) - 1)];
        log_info("e", "%s", pairs);
        json_decref(written_json());
    }
}

TEST(too_long_a_json_line_is_still_json)
{
    log_setup(LOG_INFO, LOG_JSON, writer);
    log_info("e", "kept=1 long=\"%08000d\" after=2", 0);
    json_decref(written_json());
    log_info("e", "kept=1 \\=%s", "\"\x01\\\\\\\\\\\\");
    json_decref(written_json());
}

TEST(quoted_values_survive_the_way_through_json)
{
    static const char raw[] = "say \"hi\"\\ \n\r\t\x01 é end";
    char quoted[100];
    json_t *o;

    log_setup(LOG_INFO, LOG_JSON, writer);
    log_info("e", "v=\"%s\"",
             log_quote(quoted, sizeof(quoted), SLICE("say \"hi\"\\ \n\r\t\x01 é end")));
    o = written_json();
    assert_string_equal(member(o, "v"), raw);
    json_decref(o);
}

TEST(quoting_never_overflows_and_never_cuts_an_escape)
{
    char out[8];

    assert_string_equal(log_quote(out, 8, SLICE("abcdefghij")), "abcdefg");
    assert_string_equal(log_quote(out, 8, SLICE("abc\x01")), "abc");
    assert_string_equal(log_quote(out, 8, SLICE("\n\n\n\n")), "\\n\\n\\n");
    assert_string_equal(log_quote(out, 8, SLICE("abcdef\xC3\xA9")), "abcdef");
    assert_string_equal(log_quote(out, 8, SLICE("\xff")), "\\ufffd");
    assert_string_equal(log_quote(out, 8, slice_from("nrt", 3)), "nrt");
    assert_string_equal(log_quote(out, 1, SLICE("a")), "");
}

static void fill_the_pipe(void)
{
    int flags = fcntl(writer, F_GETFL);

    fcntl(writer, F_SETFL, flags | O_NONBLOCK);
    while (write(writer, line, 4096) > 0)
        continue;
    fcntl(writer, F_SETFL, flags);
}

TEST(a_full_output_drops_the_line_and_counts_it)
{
    uint64_t before = log_dropped();

    fill_the_pipe();
    log_info("event", "%s", "");
    assert_int_equal(log_dropped(), before + 1);
    while (strlen(written()) > 0)
        continue;
    log_info("event", "%s", "");
    assert_string_equal(rest(), "event\n");
}

TEST(an_output_without_a_reader_drops_the_line_and_does_not_kill)
{
    uint64_t before = log_dropped();

    close(reader);
    reader = -1;
    log_info("event", "%s", "");
    assert_int_equal(log_dropped(), before + 1);
}

TEST(a_closed_descriptor_drops_the_line)
{
    uint64_t before = log_dropped();

    log_setup(LOG_INFO, LOG_TEXT, 9999);
    log_info("event", "%s", "");
    assert_int_equal(log_dropped(), before + 1);
}

TEST(a_failed_write_is_counted_and_leaves_errno_alone)
{
    uint64_t before = log_dropped();
    int full = open("/dev/full", O_WRONLY);

    log_setup(LOG_INFO, LOG_TEXT, full);
    errno = ENOENT;
    log_info("event", "%s", "");
    assert_int_equal(errno, ENOENT);
    assert_int_equal(log_dropped(), before + 1);
    close(full);
}

TEST(finished_lines_are_written_as_they_are)
{
    log_write(SLICE("one\ntwo\n"));
    assert_string_equal(written(), "one\ntwo\n");
}

TEST(a_large_batch_is_written_in_order)
{
    static char batch[50000];

    for (size_t i = 0; i < sizeof(batch); i++)
        batch[i] = i % 100 == 99 ? '\n' : (char)('a' + i % 26);
    log_write(slice_from(batch, sizeof(batch)));
    assert_int_equal(strlen(written()), sizeof(batch));
    assert_memory_equal(line, batch, sizeof(batch));
}

enum { THREADS = 4, LINES_EACH = 100 };

static void *writes_lines(void *name)
{
    for (int i = 0; i < LINES_EACH; i++)
        log_info("thread", "name=%s name=%s name=%s", (char *)name, (char *)name,
                 (char *)name);
    return NULL;
}

TEST(lines_of_many_threads_do_not_mix)
{
    char names[THREADS][8] = {"aaaaaaa", "bbbbbbb", "ccccccc", "ddddddd"};
    struct slice lines;
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, writes_lines, names[i]);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    lines = slice_of(written());
    for (int i = 0; i < THREADS * LINES_EACH; i++) {
        struct slice one = slice_next(&lines, '\n');

        assert_int_equal(one.size, 31 + strlen("thread") + 3 * strlen(" name=aaaaaaa"));
        assert_memory_equal(one.base + one.size - 7, one.base + one.size - 20, 7);
    }
}

static void assert_time(uint64_t ms, const char *text)
{
    char out[25];

    log_timestamp(out, ms);
    assert_string_equal(out, text);
}

TEST(times_are_written_as_rfc_3339_says)
{
    assert_time(0, "1970-01-01T00:00:00.000Z");
    assert_time(UINT64_C(951782399999), "2000-02-28T23:59:59.999Z");
    assert_time(UINT64_C(951782400000), "2000-02-29T00:00:00.000Z");
    assert_time(UINT64_C(1795600800123), "2026-11-25T10:00:00.123Z");
    assert_time(UINT64_C(4107542400000), "2100-03-01T00:00:00.000Z");
}

TEST(times_agree_with_the_c_library)
{
    struct random r;

    random_init(&r, 1);
    for (int i = 0; i < 10000; i++) {
        time_t seconds = (time_t)(random_next(&r) % UINT64_C(253402300800));
        char text[32];
        struct tm tm;

        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.000Z", gmtime_r(&seconds, &tm));
        assert_time((uint64_t)seconds * 1000, text);
    }
}

TESTS(RUN_WITH(a_line_has_time_level_event_and_pairs),
      RUN_WITH(below_the_level_nothing_is_written), RUN_WITH(off_is_off),
      RUN_WITH(a_line_stays_one_line), RUN_WITH(too_long_a_line_is_cut),
      RUN_WITH(the_json_form_has_the_pairs_as_members),
      RUN_WITH(what_only_looks_like_a_number_is_text),
      RUN_WITH(escapes_count_between_quotes_alone), RUN_WITH(any_pairs_make_good_json),
      RUN_WITH(too_long_a_json_line_is_still_json),
      RUN_WITH(quoted_values_survive_the_way_through_json),
      RUN_WITH(quoting_never_overflows_and_never_cuts_an_escape),
      RUN_WITH(a_full_output_drops_the_line_and_counts_it),
      RUN_WITH(an_output_without_a_reader_drops_the_line_and_does_not_kill),
      RUN_WITH(a_closed_descriptor_drops_the_line),
      RUN_WITH(a_failed_write_is_counted_and_leaves_errno_alone),
      RUN_WITH(finished_lines_are_written_as_they_are),
      RUN_WITH(a_large_batch_is_written_in_order),
      RUN_WITH(lines_of_many_threads_do_not_mix), RUN(times_are_written_as_rfc_3339_says),
      RUN(times_agree_with_the_c_library))
