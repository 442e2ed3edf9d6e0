/* The sealed vectors were written by Go's crypto/cipher, as memberlist uses it. */
#include "tests/lib/test.h"

#include "discovery/gossip_crypt.h"
#include "tests/lib/discovery/hex.h"

#define PING "0082a44e6f6465a162a55365714e6f01"
#define SEALED                                                                           \
    "01d94eee68f428c3dccff564133280e51d8c9ca74def0ff743ccd28fac842c9079da00822082a97b8"  \
    "02b054a9e"

static struct gossip_crypt crypt;
static struct text out;

static int test_setup(void **state)
{
    (void)state;
    text_init(&out, 4096);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    text_fini(&out);
    gossip_crypt_fini(&crypt);
    return 0;
}

static void use(const char *keys)
{
    struct why w;

    why_init(&w);
    if (gossip_crypt_init(&crypt, slice_of(keys), &w))
        fail_msg("%s", w.text);
}

static enum err unseal(const char *digits, struct slice more)
{
    text_clear(&out);
    return gossip_unseal(&crypt, &out, hex(digits), more);
}

static const struct slice nothing = {NULL, 0};

TEST(reads_what_a_member_sealed)
{
    use("micro-gossip-key");
    assert_int_equal(unseal(SEALED, nothing), ERR_OK);
    assert_hex(text_slice(&out), PING);
}

TEST(reads_the_padded_form_of_version_0)
{
    use("micro-gossip-key");
    assert_int_equal(unseal("006e6f6e63652d6f662d3132621ab5bd2f77518586cbb4fe4370f12154bd"
                            "abe7ad0250dc13980e3ae767c71191e9d850a3d77358f002005e7ac07f4b"
                            "65",
                            nothing),
                     ERR_OK);
    assert_hex(text_slice(&out), PING);
}

TEST(keys_have_16_24_or_32_bytes)
{
    static const struct {
        const char *key, *sealed;
    } all[] = {
        {"micro-gossip-key",
         "016e6f6e63652d6f662d3132621ab5bd2f77518586cbb4fe4370f1215408436ea535"
         "272051da12fe83fa80c7ce"},
        {"a key of twenty-four ..!",
         "016e6f6e63652d6f662d3132620dc234b6aa2a5e7f2f9c43191d591933bf0edcf038"
         "98ed9dc875ac7ea46c2aa5"},
        {"a key of thirty-two characters..",
         "016e6f6e63652d6f662d313262174dd1476ce084a705d7ed856d4716cb5645a6d879"
         "0bd12b731ac7fe7786af87"},
    };

    for (unsigned i = 0; i < 3; i++) {
        use(all[i].key);
        assert_int_equal(unseal(all[i].sealed, hex("0a0000002c")), ERR_OK);
        assert_hex(text_slice(&out), PING);
        assert_int_equal(unseal(all[i].sealed, hex("0a0000002d")), ERR_DENIED);
    }
}

TEST(a_key_may_be_in_base64)
{
    use("bWljcm8tZ29zc2lwLWtleQ==");
    assert_int_equal(unseal(SEALED, nothing), ERR_OK);
    use("base64:bWljcm8tZ29zc2lwLWtleQ");
    assert_int_equal(unseal(SEALED, nothing), ERR_OK);
    use("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    assert_int_equal(crypt.keys[0].size, 32);
    use("base64:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    assert_int_equal(crypt.keys[0].size, 24);
}

static void is_no_key(const char *key)
{
    struct why w;

    why_init(&w);
    assert_int_equal(gossip_crypt_init(&crypt, slice_of(key), &w), ERR_BAD_VALUE);
    assert_null(strstr(w.text, key)); /* it is a secret all the same */
}

TEST(other_keys_are_refused)
{
    is_no_key("short");
    is_no_key("micro-gossip-key-with-more");
    is_no_key("base64:****");
    is_no_key("bWljcm8=");
    is_no_key("micro-gossip-key,short");
    is_no_key("1234567890123456,1234567890123456,1234567890123456,1234567890123456,"
              "1234567890123456");
}

TEST(without_a_key_nothing_is_loaded)
{
    use("");
    assert_int_equal(crypt.count, 0);
    assert_null(crypt.cipher);
}

TEST(what_is_sealed_can_be_read_with_the_same_key_only)
{
    struct text sealed;

    use("micro-gossip-key");
    text_init(&sealed, 4096);
    assert_int_equal(gossip_seal_stream(&crypt, &sealed, hex(PING)), ERR_OK);
    assert_int_equal(gossip_sealed_size(text_slice(&sealed)), sealed.size - 5);
    assert_int_equal(gossip_unseal(&crypt, &out, slice_after(text_slice(&sealed), 5),
                                   slice_first(text_slice(&sealed), 5)),
                     ERR_OK);
    assert_hex(text_slice(&out), PING);
    use("another-key-of16");
    assert_int_equal(gossip_unseal(&crypt, &out, slice_after(text_slice(&sealed), 5),
                                   slice_first(text_slice(&sealed), 5)),
                     ERR_DENIED);
    text_fini(&sealed);
}

TEST(older_keys_are_still_read)
{
    use("another-key-of16,micro-gossip-key");
    assert_int_equal(unseal(SEALED, nothing), ERR_OK);
}

TEST(what_was_changed_or_cut_is_refused)
{
    use("micro-gossip-key");
    for (size_t size = 0; size < 45; size++) {
        text_clear(&out);
        assert_int_equal(
            gossip_unseal(&crypt, &out, slice_first(hex(SEALED), size), nothing),
            ERR_DENIED);
    }
    assert_int_equal(unseal("02" SEALED, nothing), ERR_DENIED);
    assert_int_equal(unseal("00" SEALED, nothing), ERR_DENIED);
}

TESTS(RUN_WITH(reads_what_a_member_sealed), RUN_WITH(reads_the_padded_form_of_version_0),
      RUN_WITH(keys_have_16_24_or_32_bytes), RUN_WITH(a_key_may_be_in_base64),
      RUN_WITH(other_keys_are_refused), RUN_WITH(without_a_key_nothing_is_loaded),
      RUN_WITH(what_is_sealed_can_be_read_with_the_same_key_only),
      RUN_WITH(older_keys_are_still_read), RUN_WITH(what_was_changed_or_cut_is_refused))
