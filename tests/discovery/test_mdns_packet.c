/* DNS messages: go-micro's own bytes (captured from v2.9.1), and what no honest peer
 * sends. */
#include "tests/lib/test.h"

#include <stdio.h>

#include "discovery/mdns_packet.h"

static uint8_t buffer[MDNS_PACKET_LIMIT];
static struct mdns_reader reader;
static struct mdns_header header;
static struct mdns_entry entry;

/* Hex digits, blanks ignored, to bytes in `buffer`. */
static struct slice bytes(const char *hex)
{
    size_t size = 0;
    unsigned value;

    for (; *hex; hex++)
        if (*hex != ' ' && sscanf(hex++, "%2x", &value) == 1)
            buffer[size++] = (uint8_t)value;
    return slice_from((const char *)buffer, size);
}

static enum err read_all(const char *hex)
{
    enum err e = mdns_read_header(&reader, bytes(hex), &header);

    while (!e)
        e = mdns_read(&reader, &entry);
    return e;
}

#define NAME(n) slice_from((n).text, (n).size)
#define assert_slice(slice, literal) assert_true(slice_is(slice, literal))

static const char question[] =
    "9705 0000 0001 0000 0000 0000 0767726565746572 056d6963726f 00 000c 0001";
static const char answer[] =
    "0000 8400 0001 0004 0000 0000 0767726565746572 056d6963726f 00 000c 0001"
    "c00c 000c 0001 00000078 000c 09 677265657465722d31 c00c"
    "c02b 0021 0001 00000078 000a 000a 0001 2382 02766d00"
    "c049 0001 0001 00000078 0004 7f000001"
    "c02b 0010 0001 00000078 0006 05 3738396362";

TEST(reads_the_question_of_go_micro)
{
    assert_int_equal(mdns_read_header(&reader, bytes(question), &header), ERR_OK);
    assert_int_equal(header.id, 0x9705);
    assert_int_equal(mdns_read(&reader, &entry), ERR_OK);
    assert_slice(NAME(entry.name), "greeter.micro.");
    assert_int_equal(entry.type, MDNS_PTR);
    assert_false(entry.top_bit);
    assert_int_equal(mdns_read(&reader, &entry), ERR_NOT_FOUND);
}

TEST(writes_the_question_of_go_micro_byte_for_byte)
{
    char out[64];
    struct mdns_writer w;
    struct slice packet;

    mdns_write_header(&w, out, sizeof(out), 0x9705, 0);
    mdns_write_question(&w, SLICE("greeter.micro."), MDNS_PTR, false);
    assert_int_equal(mdns_written(&w, &packet), ERR_OK);
    assert_true(slice_equals(packet, bytes(question)));
}

static enum err write_answer(char *out, size_t size, struct slice *packet)
{
    struct slice service = SLICE("greeter.micro."),
                 instance = SLICE("greeter-1.greeter.micro.");
    struct mdns_writer w;

    mdns_write_header(&w, out, size, 0, MDNS_RESPONSE | MDNS_AUTHORITATIVE);
    mdns_write_question(&w, service, MDNS_PTR, false);
    mdns_write_ptr(&w, service, 120, instance);
    mdns_write_srv(&w, instance, 120, 9090, SLICE("vm."));
    mdns_write_ip(&w, SLICE("vm."), 120, slice_from("\x7f\0\0\1", 4));
    mdns_write_txt(&w, instance, 120, SLICE("789cb"));
    return mdns_written(&w, packet);
}

TEST(writes_the_answer_of_go_micro_byte_for_byte)
{
    char out[512];
    struct slice packet;

    assert_int_equal(write_answer(out, sizeof(out), &packet), ERR_OK);
    assert_true(slice_equals(packet, bytes(answer)));
}

TEST(finds_records_by_type_and_name)
{
    struct slice packet = bytes(answer), instance = SLICE("greeter-1.greeter.micro.");

    assert_int_equal(mdns_find(packet, MDNS_SRV, instance, &entry), ERR_OK);
    assert_int_equal(entry.port, 9090);
    assert_slice(NAME(entry.target), "vm.");
    assert_int_equal(mdns_find(packet, MDNS_A, SLICE("vm."), &entry), ERR_OK);
    assert_memory_equal(entry.data.base, "\x7f\0\0\1", 4);
    assert_int_equal(mdns_find(packet, MDNS_AAAA, SLICE("vm."), &entry), ERR_NOT_FOUND);
    assert_int_equal(
        mdns_find(packet, MDNS_SRV, SLICE("Greeter-1.greeter.micro."), &entry),
        ERR_NOT_FOUND);
}

TEST(a_question_is_not_found_as_a_record)
{
    assert_int_equal(
        mdns_find(bytes(question), MDNS_PTR, SLICE("greeter.micro."), &entry),
        ERR_NOT_FOUND);
}

TEST(fails_when_the_buffer_is_too_small_at_whatever_byte)
{
    char out[512];
    struct slice packet;

    for (size_t size = 0; size < bytes(answer).size; size++)
        assert_int_equal(write_answer(out, size, &packet), ERR_TOO_LARGE);
}

TEST(refuses_a_packet_cut_at_whatever_byte)
{
    struct slice packet = bytes(answer);

    for (size_t size = 0; size < packet.size; size++) {
        enum err e = mdns_read_header(&reader, slice_first(packet, size), &header);

        while (!e)
            e = mdns_read(&reader, &entry);
        assert_int_equal(e, ERR_BAD_RECORD);
    }
}

TEST(cuts_a_long_text_into_strings_of_255)
{
    char out[1024], text[600], joined[1024];
    struct mdns_writer w;
    struct slice packet;
    size_t size;

    memset(text, 'a', sizeof(text));
    mdns_write_header(&w, out, sizeof(out), 0, MDNS_RESPONSE);
    mdns_write_txt(&w, SLICE("x.micro."), 1, slice_from(text, sizeof(text)));
    assert_int_equal(mdns_written(&w, &packet), ERR_OK);
    assert_int_equal(mdns_find(packet, MDNS_TXT, SLICE("x.micro."), &entry), ERR_OK);
    assert_int_equal(entry.data.size, 603);
    assert_int_equal((uint8_t)entry.data.base[512], 90);
    assert_int_equal(mdns_txt_join(entry.data, joined, &size), ERR_OK);
    assert_int_equal(size, 600);
}

TEST(an_empty_text_has_no_string_at_all)
{
    char out[64];
    struct mdns_writer w;
    struct slice packet;

    mdns_write_header(&w, out, sizeof(out), 0, MDNS_RESPONSE);
    mdns_write_txt(&w, SLICE("x."), 1, SLICE(""));
    assert_int_equal(mdns_written(&w, &packet), ERR_OK);
    assert_int_equal(mdns_find(packet, MDNS_TXT, SLICE("x."), &entry), ERR_OK);
    assert_int_equal(entry.data.size, 0);
}

TEST(refuses_a_string_that_ends_past_its_text)
{
    char joined[8];
    size_t size;

    assert_int_equal(mdns_txt_join(SLICE("\x05"
                                         "ab"),
                                   joined, &size),
                     ERR_BAD_RECORD);
}

TEST(refuses_names_that_point_at_themselves_forward_or_at_the_header)
{
    assert_int_equal(read_all("0000 0000 0001 0000 0000 0000 c00c 000c 0001"),
                     ERR_BAD_RECORD);
    assert_int_equal(read_all("0000 0000 0001 0000 0000 0000 c00e 000c 0001"),
                     ERR_BAD_RECORD);
    assert_int_equal(read_all("0000 0000 0001 0000 0000 0000 c002 000c 0001"),
                     ERR_BAD_RECORD);
    assert_int_equal(read_all("0000 0000 0001 0000 0000 0000 0161 c00c 000c 0001"),
                     ERR_BAD_RECORD);
}

TEST(refuses_two_names_that_point_at_each_other)
{
    assert_int_equal(read_all("0000 0000 0002 0000 0000 0000"
                              "0161 c012 000c 0001 0162 c00c 000c 0001"),
                     ERR_BAD_RECORD);
}

TEST(refuses_counts_that_lie)
{
    assert_int_equal(read_all("0000 0000 0002 0000 0000 0000 0161 00 000c 0001"),
                     ERR_BAD_RECORD);
    assert_int_equal(read_all("0000 8400 0000 ffff ffff ffff"), ERR_TOO_LARGE);
    assert_int_equal(read_all("0000 8400 0000 0001 0000 0000"), ERR_BAD_RECORD);
}

TEST(refuses_data_longer_than_the_packet_or_of_the_wrong_length)
{
    assert_int_equal(
        read_all("0000 8400 0000 0001 0000 0000 0161 00 0010 0001 00000001 ffff 00"),
        ERR_BAD_RECORD);
    assert_int_equal(
        read_all("0000 8400 0000 0001 0000 0000 0161 00 0001 0001 00000001 0003 010203"),
        ERR_BAD_RECORD);
    assert_int_equal(
        read_all(
            "0000 8400 0000 0001 0000 0000 0161 00 001c 0001 00000001 0004 01020304"),
        ERR_BAD_RECORD);
    assert_int_equal(
        read_all(
            "0000 8400 0000 0001 0000 0000 0161 00 0021 0001 00000001 0006 000000000050"),
        ERR_BAD_RECORD);
}

TEST(refuses_a_target_that_does_not_end_where_its_data_ends)
{
    assert_int_equal(
        read_all(
            "0000 8400 0000 0001 0000 0000 0161 00 000c 0001 00000001 0004 0162 00 00"),
        ERR_BAD_RECORD);
    assert_int_equal(
        read_all("0000 8400 0000 0001 0000 0000 0161 00 000c 0001 00000001 0002 0162 00"),
        ERR_BAD_RECORD);
}

TEST(refuses_labels_of_reserved_kinds)
{
    assert_int_equal(read_all("0000 0000 0001 0000 0000 0000 4161 00 000c 0001"),
                     ERR_BAD_RECORD);
    assert_int_equal(read_all("0000 0000 0001 0000 0000 0000 8161 00 000c 0001"),
                     ERR_BAD_RECORD);
}

/* `labels` labels of 63 bytes, then one of `last`, then the end. */
static enum err read_long_name(unsigned labels, unsigned last)
{
    size_t at = 12;

    memset(buffer, 0, sizeof(buffer));
    buffer[5] = 1;
    for (unsigned i = 0; i <= labels; i++) {
        unsigned length = i < labels ? 63 : last;

        buffer[at] = (uint8_t)length;
        memset(buffer + at + 1, 0xff, length);
        at += 1 + length;
    }
    (void)mdns_read_header(&reader, slice_from((char *)buffer, at + 5), &header);
    return mdns_read(&reader, &entry);
}

TEST(a_name_has_255_bytes_and_no_more)
{
    assert_int_equal(read_long_name(3, 61), ERR_OK);
    assert_int_equal(entry.name.size, 4 * (3 * 63 + 61) + 4);
    assert_int_equal(read_long_name(3, 62), ERR_BAD_RECORD);
}

TEST(a_dot_inside_a_label_does_not_pass_for_two_labels)
{
    assert_int_equal(read_all("0000 0000 0001 0000 0000 0000 03612e62 00 000c 0001"),
                     ERR_NOT_FOUND);
    assert_slice(NAME(entry.name), "a\\046b.");
    assert_false(mdns_name_is_valid(NAME(entry.name)));
}

TEST(the_root_is_a_dot)
{
    assert_int_equal(read_all("0000 0000 0001 0000 0000 0000 00 000c 0001"),
                     ERR_NOT_FOUND);
    assert_slice(NAME(entry.name), ".");
}

TEST(refuses_to_write_what_is_no_name)
{
    const char *const wrong[] = {"",     ".",    "a",      "a..b.", ".a.",
                                 "a b.", "a\\.", "a\x01.", "a\xff."};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        char out[64];
        struct mdns_writer w;
        struct slice packet;

        mdns_write_header(&w, out, sizeof(out), 0, 0);
        mdns_write_question(&w, slice_of(wrong[i]), MDNS_PTR, false);
        assert_int_equal(mdns_written(&w, &packet), ERR_TOO_LARGE);
    }
}

TEST(knows_the_top_bit_of_a_class)
{
    (void)mdns_read_header(
        &reader, bytes("0000 0000 0001 0000 0000 0000 0161 00 000c 8001"), &header);
    assert_int_equal(mdns_read(&reader, &entry), ERR_OK);
    assert_true(entry.top_bit);
    assert_int_equal(entry.class, 1);
}

TESTS(RUN(reads_the_question_of_go_micro),
      RUN(writes_the_question_of_go_micro_byte_for_byte),
      RUN(writes_the_answer_of_go_micro_byte_for_byte),
      RUN(finds_records_by_type_and_name), RUN(a_question_is_not_found_as_a_record),
      RUN(fails_when_the_buffer_is_too_small_at_whatever_byte),
      RUN(refuses_a_packet_cut_at_whatever_byte),
      RUN(cuts_a_long_text_into_strings_of_255), RUN(an_empty_text_has_no_string_at_all),
      RUN(refuses_a_string_that_ends_past_its_text),
      RUN(refuses_names_that_point_at_themselves_forward_or_at_the_header),
      RUN(refuses_two_names_that_point_at_each_other), RUN(refuses_counts_that_lie),
      RUN(refuses_data_longer_than_the_packet_or_of_the_wrong_length),
      RUN(refuses_a_target_that_does_not_end_where_its_data_ends),
      RUN(refuses_labels_of_reserved_kinds), RUN(a_name_has_255_bytes_and_no_more),
      RUN(a_dot_inside_a_label_does_not_pass_for_two_labels), RUN(the_root_is_a_dot),
      RUN(refuses_to_write_what_is_no_name), RUN(knows_the_top_bit_of_a_class))
